import pytest

from perovskite_meas.sim.wire.faults import Faults

USB = "USB0::0x1313::0x8078::P0000001::INSTR"


@pytest.fixture
def meter(host):
    return host(USB)


def test_an_unplugged_instrument_is_silent_until_it_is_plugged_in_again(meter):
    meter.send(b"*IDN?\n")
    meter.device.faults.unplug()
    assert meter.listen() == b""
    assert meter.ask(b"*IDN?\n") == b""
    meter.device.faults.replug()
    meter.device.clear()
    assert meter.ask(b"*IDN?\n").startswith(b"THORLABS")


def test_a_garbled_reply_keeps_its_end_and_the_next_is_sound(meter):
    meter.device.faults.garble()
    spoiled = meter.ask(b"*IDN?\n")
    assert spoiled.endswith(b"\n")
    assert b"THORLABS" not in spoiled
    assert meter.ask(b"*IDN?\n").startswith(b"THORLABS")


def test_dropped_replies_never_come(meter):
    meter.device.faults.drop(n=2)
    assert meter.ask(b"*IDN?\n") == b""
    assert meter.ask(b"*IDN?\n") == b""
    assert meter.ask(b"*IDN?\n") != b""


def test_a_delayed_reply_comes_late(meter, lab):
    meter.device.faults.delay(5.0)
    start = lab.clock.now()
    assert meter.ask(b"*IDN?\n").startswith(b"THORLABS")
    assert lab.clock.now() - start == pytest.approx(5.0, abs=0.01)


def test_a_fault_can_strike_after_so_many_exchanges(meter):
    meter.device.faults.after(exchanges=2).unplug()
    assert meter.ask(b"*IDN?\n") != b""
    assert meter.ask(b"*IDN?\n") != b""
    assert meter.ask(b"*IDN?\n") == b""


def test_an_instruments_own_faults_can_be_put_off_as_well(host, lab):
    shutter = host("ASRL5::INSTR")
    shutter.device.faults.after(exchanges=1).stick()
    shutter.ask(b"ens\r")
    shutter.ask(b"ens\r")
    lab.clock.sleep(0.1)
    assert lab.ports["shutter"].is_open(lab.clock.now())


def test_a_fault_that_does_not_exist_is_not_armed():
    with pytest.raises(AttributeError, match="explode"):
        Faults().after(exchanges=1).explode()


def test_all_faults_can_be_forgotten(meter):
    faults = meter.device.faults
    faults.drop()
    faults.after(exchanges=0).unplug()
    faults.clear()
    assert meter.ask(b"*IDN?\n") != b""
