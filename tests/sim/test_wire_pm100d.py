import pytest

from perovskite_meas.sim.wire import wire_up

USB = "USB0::0x1313::0x8078::P0000001::INSTR"


@pytest.fixture
def meter(host):
    return host(USB)


def test_the_golden_transcript_of_the_facts_page(meter):
    assert meter.ask(b"*IDN?\n") == b"THORLABS,PM100D,P0000001,2.4.0\n"
    assert meter.ask(b"SYST:SENS:IDN?\n") == b"S120C,12345678,01-Jan-2024,1,18,33\n"
    assert meter.ask(b"SYST:ERR?\n") == b'+0,"No error"\n'
    assert float(meter.ask(b"SENS:CORR:WAV? MIN\n")) == 400
    assert float(meter.ask(b"SENS:CORR:WAV? MAX\n")) == 1100
    assert float(meter.ask(b"MEAS:POW?\n")) == pytest.approx(1e-4)


@pytest.mark.parametrize(
    "header",
    ["SENS:CORR:WAV", "sense:correction:wavelength", ":SENSe:CORRection:WAVelength", "CORR:WAV", "Corr:Wavelength"],
)
def test_every_spelling_of_the_standard_means_the_same(meter, header):
    meter.send(f"{header} 633.5\n".encode())
    assert float(meter.ask(f"{header}?\r\n".encode())) == 633.5
    assert meter.ask(b"SYST:ERR?\n") == b'+0,"No error"\n'


def test_a_chain_of_questions_is_one_answer(meter):
    assert meter.ask(b"SENS:CORR:WAV 800;LOSS 3;WAV?;:AVER:COUN?;*IDN?\n").count(b";") == 2


def test_a_chain_goes_on_where_it_was(meter):
    reply = meter.ask(b"SENS:POW:RANG:AUTO 0;UPP 0.001;AUTO?;UPP?\n")
    assert reply.split(b";")[0] == b"0"
    assert float(reply.split(b";")[1]) == pytest.approx(5e-3)


def test_a_header_that_does_not_exist_is_error_113_and_no_answer(meter):
    assert meter.ask(b"SENS:COLOUR?\n") == b""
    assert meter.ask(b"SYST:ERR?\n") == b'-113,"Undefined header"\n'
    assert meter.ask(b"SYST:ERR?\n") == b'+0,"No error"\n'


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (b"SENS:CORR:WAV 2000", b"-222"),
        (b"SENS:CORR:WAV red", b"-104"),
        (b"SENS:POW:UNIT PINT", b"-224"),
        (b"MEAS:ENER?", b"-221"),
    ],
)
def test_settings_that_make_no_sense_are_refused_and_queued(meter, command, error):
    assert meter.ask(command + b"\n") == b""
    assert meter.ask(b"SYST:ERR?\n").startswith(error)
    assert float(meter.ask(b"SENS:CORR:WAV?\n")) == 800


def test_errors_queue_in_order_and_cls_forgets_them(meter):
    meter.send(b"NONSENSE\nSENS:CORR:WAV 2000\n")
    assert meter.ask(b"SYST:ERR?\n").startswith(b"-113")
    assert meter.ask(b"SYST:ERR?\n").startswith(b"-222")
    meter.send(b"NONSENSE\n*CLS\n")
    assert meter.ask(b"SYST:ERR?\n").startswith(b"+0")


def test_a_reading_takes_three_milliseconds_for_each_sample_and_covers_exactly_them(meter, lab):
    meter.send(b"SENS:AVER:COUN 100;:SENS:CORR:WAV 810\n")
    start = lab.clock.now()
    meter.ask(b"MEAS:POW?\n")
    assert lab.clock.now() - start == pytest.approx(0.3, abs=0.005)
    assert lab.ports["head"].readings == [(start, pytest.approx(start + 0.3), 810.0)]


def test_the_light_counts_at_the_time_of_the_reading_and_not_of_the_question(meter, lab):
    meter.send(b"SENS:AVER:COUN 100;:MEAS:POW?\n")
    lab.ports["head"].power = 2e-4
    assert float(meter.listen()) == pytest.approx(2e-4)


def test_init_and_fetch_return_one_and_the_same_reading(meter, lab):
    meter.send(b"CONF:POW\nINIT\n")
    first = meter.ask(b"FETC?\n")
    lab.ports["head"].power = 5.0
    assert meter.ask(b"FETC?\n") == first
    assert len(lab.ports["head"].readings) == 1
    assert meter.ask(b"READ?\n") != first


def test_too_much_for_the_range_reads_9_9e37_and_auto_range_finds_a_way(meter):
    meter.send(b"SENS:POW:RANG 4E-5\n")
    assert float(meter.ask(b"MEAS:POW?\n")) == 9.9e37
    meter.send(b"SENS:POW:RANG:AUTO 1\n")
    assert float(meter.ask(b"MEAS:POW?\n")) == pytest.approx(1e-4)
    assert float(meter.ask(b"SENS:POW:RANG?\n")) == pytest.approx(5e-4)


def test_the_unit_may_be_dbm(meter):
    assert float(meter.ask(b"SENS:POW:UNIT DBM;:MEAS:POW?\n")) == pytest.approx(-10)


def test_zeroing_takes_a_second_and_is_then_subtracted(meter, lab):
    lab.ports["head"].power = 3e-8
    meter.send(b"SENS:CORR:COLL:ZERO:INIT\n")
    assert meter.ask(b"SENS:CORR:COLL:ZERO:STAT?\n") == b"1\n"
    lab.clock.sleep(1)
    assert meter.ask(b"SENS:CORR:COLL:ZERO:STAT?\n") == b"0\n"
    assert float(meter.ask(b"SENS:CORR:COLL:ZERO:MAGN?\n")) == pytest.approx(3e-8)
    lab.ports["head"].power = 1e-4
    assert float(meter.ask(b"MEAS:POW?\n")) == pytest.approx(1e-4 - 3e-8)


def test_a_meter_without_its_head_says_so(meter):
    meter.device.faults.no_sensor()
    assert meter.ask(b"SYST:SENS:IDN?\n").startswith(b"no sensor")
    assert float(meter.ask(b"MEAS:POW?\n")) == 9.9e37


def test_a_second_question_before_the_first_answer_mixes_the_answers(meter):
    meter.send(b"SENS:AVER:COUN 300;:MEAS:POW?\n")
    reading, identity = meter.ask(b"*IDN?\n").splitlines()
    assert float(reading) == pytest.approx(1e-4)
    assert identity.startswith(b"THORLABS")


def test_each_meter_has_the_serial_number_of_its_address(lab):
    other = USB.replace("P0000001", "P0000002")
    meters = [wire_up(lab, address, lab.config.instruments[USB]) for address in (USB, other)]
    named = wire_up(lab, other, {**lab.config.instruments[USB], "serial": "M00123456"})
    replies = []
    for meter in (*meters, named):
        meter.feed(b"*IDN?\n", lab.clock.now())
        lab.clock.sleep(1)
        replies += meter.poll(lab.clock.now())
    assert [reply.split(b",")[2] for reply in replies] == [b"P0000001", b"P0000002", b"M00123456"]
