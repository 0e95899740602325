import statistics
import time

import pytest
import pyvisa
from pyvisa.constants import BufferOperation, SerialTermination, StatusCode
from pyvisa.errors import VisaIOError

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.wire.address import place

METER = "USB0::0x1313::0x8078::P0000001::INSTR"


def test_a_table_that_does_not_exist_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="neither a packaged virtual table"):
        pyvisa.ResourceManager("no_such_table@twin")


@pytest.mark.parametrize(
    ("question", "table"),
    [
        ("ASRL3", "ASRL3::INSTR"),
        ("asrl3::instr", "ASRL3::INSTR"),
        ("GPIB::23", "GPIB0::23::INSTR"),
        ("gpib0::23", "GPIB0::23::INSTR"),
        ("USB::0x1313::0x8078::P0000001", "USB0::0x1313::0x8078::P0000001::0::INSTR"),
        ("USB0::4883::32888::p0000001::INSTR", "USB0::0x1313::0x8078::P0000001::0::INSTR"),
    ],
)
def test_every_way_to_write_an_address_means_the_same_place(question, table, manager):
    assert place(question) == place(table)
    assert manager.open_resource(question).session


def test_an_address_where_nothing_is_wired_is_refused_with_the_known_ones(manager):
    with pytest.raises(VisaIOError) as caught:
        manager.open_resource("GPIB0::5::INSTR")
    assert caught.value.error_code == StatusCode.error_resource_not_found
    assert "ASRL3::INSTR, USB0::0x1313" in caught.value.__notes__[0]


def test_an_address_that_is_none_is_refused(manager):
    with pytest.raises(VisaIOError, match="VI_ERROR_INV_RSRC_NAME"):
        manager.open_resource("my power meter")


def test_listing_honours_the_expression(manager):
    assert manager.list_resources("ASRL?*") == ("ASRL3::INSTR", "ASRL5::INSTR")
    assert len(manager.list_resources()) == 4
    assert manager.list_resources("VXI?*") == ()


def test_a_question_is_answered_and_takes_simulated_time(meter, lab):
    assert meter.query("*IDN?") == "THORLABS,PM100D,P0000001,2.4.0"
    assert 0 < lab.clock.now() < 0.1


def test_a_read_jumps_to_the_reply_that_is_due(ell, lab):
    ell.query("0ho0")
    ell.timeout = 30_000
    start, wall = lab.clock.now(), time.perf_counter()
    ell.query("0sv0A")
    ell.query("0ma00023000")
    assert lab.clock.now() - start > 8
    assert time.perf_counter() - wall < 1


def test_a_timeout_passes_in_simulated_time(ell, lab):
    ell.timeout = 5000
    start = lab.clock.now()
    with pytest.raises(VisaIOError) as caught:
        ell.query("7gs")
    assert caught.value.error_code == StatusCode.error_timeout
    assert lab.clock.now() - start == pytest.approx(5, abs=0.1)
    assert "ASRL3::INSTR: no whole reply within 5 s" in caught.value.__notes__[0]


def test_a_reply_later_than_the_timeout_waits_for_the_next_read(ell):
    ell.query("0ho0")
    ell.timeout = 50
    with pytest.raises(VisaIOError, match="VI_ERROR_TMO"):
        ell.query("0ma00023000")
    ell.timeout = 30_000
    assert ell.read().startswith("0PO")


def test_an_endless_wait_for_nothing_ends(ell):
    del ell.timeout
    with pytest.raises(VisaIOError, match="VI_ERROR_TMO"):
        ell.read()


def test_serial_reads_stop_at_the_termination_character_or_the_count(manager):
    shutter = manager.open_resource("ASRL5", write_termination="\r", read_termination="\r")
    shutter.write("ens?")
    assert shutter.read() == "ens?"
    assert shutter.read_bytes(2) == b"0\r"
    assert shutter.read_bytes(2) == b"> "
    shutter.end_input = SerialTermination.none
    shutter.read_termination = None
    shutter.write("ens?")
    assert shutter.read_bytes(9) == b"ens?\r0\r> "


def test_a_message_is_read_to_its_end_in_pieces_of_any_size(meter):
    meter.chunk_size = 7
    assert meter.query("*IDN?") == "THORLABS,PM100D,P0000001,2.4.0"


def test_each_reply_on_the_bus_is_a_message_of_its_own(counter):
    counter.write("NP;CM")
    assert counter.read() == "1"
    assert counter.read() == "0"


def test_the_end_of_a_message_on_the_bus_ends_a_command(manager):
    plain = manager.open_resource(METER)
    plain.write_raw(b"*IDN?")
    assert plain.read_raw().startswith(b"THORLABS")


def test_clear_and_flush_drop_what_was_not_read(meter, ell):
    meter.write("*IDN?")
    meter.clear()
    ell.write("0gs")
    ell.visalib.clock.sleep(1)
    assert ell.bytes_in_buffer == 7
    ell.flush(BufferOperation.discard_read_buffer_no_io)
    assert ell.bytes_in_buffer == 0
    assert meter.query("SYST:ERR?") == '+0,"No error"'


def test_the_status_byte_tells_of_a_waiting_message(meter, lab):
    assert meter.read_stb() == 0
    meter.write("*IDN?")
    lab.clock.sleep(0.1)
    assert meter.read_stb() & 16


@pytest.mark.parametrize(
    ("address", "code"), [(METER, StatusCode.error_connection_lost), ("GPIB::23", StatusCode.error_no_listeners)]
)
def test_a_bus_notices_at_once_that_nobody_is_there(manager, address, code):
    resource = manager.open_resource(address)
    manager.visalib.device(address).faults.unplug()
    with pytest.raises(VisaIOError) as caught:
        resource.write("NP")
    assert caught.value.error_code == code


def test_a_serial_line_does_not_notice(manager, ell):
    manager.visalib.device("ASRL3").faults.unplug()
    with pytest.raises(VisaIOError, match="VI_ERROR_TMO"):
        ell.query("0gs")


def test_attributes_follow_the_specification(manager, meter, counter, ell):
    assert counter.primary_address == 23
    assert meter.manufacturer_id == 0x1313
    assert meter.serial_number == "P0000001"
    assert ell.baud_rate == 9600
    ell.baud_rate = 115200
    assert ell.baud_rate == 115200
    assert meter.timeout == 2000
    assert ell.resource_name == "ASRL3::INSTR"
    assert ell.interface_type.name == "asrl"


def test_the_wiring_table_may_not_name_one_place_twice(manager, lab):
    lab.config.instruments["asrl3"] = lab.config.instruments["ASRL5::INSTR"]
    with pytest.raises(UsageError, match="asrl3: the wiring table has this address twice"):
        manager.visalib.adopt(lab)


def test_a_device_that_is_not_simulated_is_refused_with_a_suggestion(manager, lab):
    lab.config.instruments["ASRL9::INSTR"] = {"device": "ELL41", "port": "mount"}
    with pytest.raises(UsageError, match="no simulated device 'ELL41'; did you mean 'ELL14'"):
        manager.visalib.adopt(lab)


def test_one_question_costs_well_below_a_hundred_microseconds(meter):
    costs = []
    for _ in range(500):
        start = time.perf_counter()
        meter.query("SENS:CORR:WAV?")
        costs.append(time.perf_counter() - start)
    assert statistics.median(costs) < 100e-6


@pytest.fixture
def table():
    manager = pyvisa.ResourceManager("virtual_confocal@twin")
    manager.visalib.reset(seed=5, speed=0)
    yield manager
    manager.close()


def test_the_packaged_table_answers_at_all_its_addresses(table):
    assert len(table.list_resources()) == 6
    meter = table.open_resource(METER, read_termination="\n", write_termination="\n")
    assert 0 < float(meter.query("MEAS:POW?")) < 2e-3


def test_the_same_seed_gives_the_same_readings(table):
    def play():
        table.visalib.reset(seed=7, speed=0)
        meter = table.open_resource(METER, read_termination="\n", write_termination="\n")
        counter = table.open_resource("GPIB::23", read_termination="\n", write_termination="\n")
        shutter = table.open_resource("ASRL5", write_termination="\r")
        shutter.write("ens")
        counter.write("CP2,1E6;CS")
        table.visalib.clock.sleep(1)
        return [meter.query("MEAS:POW?") for _ in range(3)], counter.query("QA"), table.visalib.clock.now()

    assert play() == play()


def test_a_world_of_ones_own_is_laid_over_the_table(table, tmp_path):
    (tmp_path / "world.yaml").write_text("seed: 42\n", encoding="utf-8")
    table.visalib.reset(world=tmp_path, speed=0)
    assert table.visalib.world.seed == 42
    table.visalib.reset(world=tmp_path / "world.yaml", seed=3, speed=0)
    assert table.visalib.world.seed == 3
