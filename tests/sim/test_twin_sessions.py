"""Sessions on the virtual laboratory: shared, locked, closed, and outlived by a reset."""

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from perovskite_meas.core.errors import UsageError

METER = "USB0::0x1313::0x8078::P0000001::INSTR"


def test_two_sessions_share_one_line(manager, ell):
    other = manager.open_resource("ASRL3::INSTR", read_termination="\r\n", write_termination="")
    assert other.query("0gs") == ell.query("0gs")
    other.close()
    assert ell.query("0gs") == "0GS00"


def test_a_lock_keeps_the_other_session_out(manager, ell):
    other = manager.open_resource("ASRL3::INSTR")
    with ell.lock_context(), pytest.raises(VisaIOError, match="VI_ERROR_RSRC_LOCKED"):
        other.write("0gs")
    other.write("0gs")


def test_after_a_reset_open_sessions_say_that_their_laboratory_is_gone(manager, meter, wiring, lab):
    manager.visalib.adopt(type(lab)(wiring))
    with pytest.raises(InvalidSession, match=r"USB0::.*opened before the virtual laboratory was reset"):
        meter.query("*IDN?")
    meter.close()
    again = manager.open_resource(METER, read_termination="\n", write_termination="\n")
    assert again.query("*IDN?").startswith("THORLABS")


def test_closing_twice_is_closing_once(manager, meter):
    meter.close()
    meter.close()
    other = manager.open_resource(METER)
    manager.visalib.reset(speed=0)
    other.close()
    other.close()
    assert manager.visalib.close(12345) == StatusCode.success
    with pytest.raises(InvalidSession):
        meter.read_raw()


def test_a_reset_that_fails_leaves_everything_as_it_was(manager, meter, tmp_path):
    (tmp_path / "wrong.yaml").write_text("instruments: {nowhere: {device: SC10, port: shutter}}", encoding="utf-8")
    with pytest.raises(UsageError, match="nowhere: the wiring table has an address that is none"):
        manager.visalib.reset(tmp_path / "wrong.yaml")
    with pytest.raises(UsageError, match="there is no world file"):
        manager.visalib.reset(tmp_path / "missing.yaml")
    assert meter.query("*IDN?").startswith("THORLABS")


def test_a_session_that_held_the_lock_does_not_block_the_laboratory_after_a_reset(manager, ell):
    ell.lock_excl()
    manager.visalib.reset(speed=0)
    again = manager.open_resource("ASRL3", read_termination="\r\n", write_termination="")
    assert again.query("0gs") == "0GS00"
