"""The PM100 driver against transcripts of the meter's SCPI."""

import pytest

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError
from perovskite_meas.drivers import PM100

USB = "USB0::0x1313::0x8078::P0000001::INSTR"
FINE = (b"SYST:ERR?\n", b'+0,"No error"\n')
HEAD = (b"SYST:SENS:IDN?\n", b"S130C,12345678,04-Nov-2024,1,18,33\n")
NO_HEAD = (b"SYST:SENS:IDN?\n", b"no sensor,0,0,0,0,0\n")
SAMPLES = (b"SENS:AVER:COUN?\n", b"100\n")
IDENTITY = (b"*IDN?\n", b"THORLABS,PM100D,P0000001,2.4.0\n")
GREETING = [
    IDENTITY,
    FINE,
    HEAD,
    SAMPLES,
    (b"SENS:POW:UNIT W\n", None),
    FINE,
    (b"SENS:CORR:WAV? MIN\n", b"4.00E+02\n"),
    (b"SENS:CORR:WAV? MAX\n", b"1.10E+03\n"),
]


@pytest.fixture
def meter(visa):
    visa.scripts[USB] = list(GREETING)
    return PM100("pickoff", USB)


def test_opening_asks_who_it_is_and_which_head_it_has(meter):
    assert meter.get_idn() == {"vendor": "THORLABS", "model": "PM100D", "serial": "P0000001", "firmware": "2.4.0"}


def test_another_instrument_is_refused_by_name(visa):
    visa.scripts[USB] = [(b"*IDN?\n", b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1,C30\n")]
    with pytest.raises(IdentityError, match=r"pickoff \(PM100 at USB0.*MODEL 2400.*Thorlabs PM100"):
        PM100("pickoff", USB)


def test_errors_from_before_are_cleared_at_opening(visa):
    visa.scripts[USB] = [IDENTITY, (b"SYST:ERR?\n", b'-113,"Undefined header"\n'), *GREETING[1:]]
    PM100("pickoff", USB)


def test_the_power_is_read_in_watts(meter, transcript):
    with transcript(USB, [(b"MEAS:POW?\n", b"1.2345E-06\n"), (b"MEAS:POW?\n", b"-2.0E-10\n")]):
        assert [meter.power(), meter.power()] == [1.2345e-6, -2e-10]


def test_the_patience_grows_with_the_averaging(meter, transcript, visa):
    with transcript(USB, [(b"SENS:AVER:COUN 3000\n", None), FINE, (b"SENS:AVER:COUN?\n", b"3000\n")]):
        meter.averaging(3000)
    with transcript(USB, [(b"MEAS:POW?\n", b"1E-6\n")]):
        meter.power()
    assert visa.resource.timeout == pytest.approx(33_000)


def test_an_overload_is_a_hardware_fault(meter, transcript):
    with transcript(USB, [(b"MEAS:POW?\n", b"9.9E37\n"), HEAD]), pytest.raises(HardwareFault, match=r"out of range"):
        meter.power()


@pytest.mark.parametrize("reply", [b"9.9E37\n", b"0.000E+00\n", None])
def test_a_missing_head_is_found_behind_an_odd_reading(meter, transcript, reply):
    with transcript(USB, [(b"MEAS:POW?\n", reply), NO_HEAD]), pytest.raises(HardwareFault, match="no sensor"):
        meter.power()
    with transcript(USB, [NO_HEAD]), pytest.raises(HardwareFault, match="no sensor"):
        meter.power()


def test_a_true_zero_is_a_reading(meter, transcript):
    with transcript(USB, [(b"MEAS:POW?\n", b"0.0\n"), HEAD]):
        assert meter.power() == 0


def test_energy_is_refused_on_a_power_head_and_read_on_an_energy_head(meter, transcript):
    with transcript(USB, [HEAD]), pytest.raises(HardwareFault, match=r"S130C.*measures no energy"):
        meter.energy()
    with transcript(USB, [(HEAD[0], b"ES111C,1,01-Jan-2024,3,1,34\n"), (b"MEAS:ENER?\n", b"1.5E-6\n")]):
        assert meter.energy() == 1.5e-6


def test_the_wavelength_has_the_limits_of_the_head_and_is_confirmed(meter, transcript):
    with transcript(USB, [(b"SENS:CORR:WAV 800\n", None), FINE, (b"SENS:CORR:WAV?\n", b"8.00E+02\n")]):
        meter.wavelength(800)
    with transcript(USB, []), pytest.raises(ValueError, match=r"1200 is invalid"):
        meter.wavelength(1200)
    with (
        transcript(USB, [(b"SENS:CORR:WAV 900\n", None), FINE, (b"SENS:CORR:WAV?\n", b"8.00E+02\n")]),
        pytest.raises(HardwareFault, match="wavelength is 800 nm after setting 900 nm"),
    ):
        meter.wavelength(900)


def test_what_the_meter_refuses_is_told_from_its_queue(meter, transcript):
    queue = [(b"SYST:ERR?\n", b'-222,"Data out of range"\n'), (b"SYST:ERR?\n", b'-113,"Undefined header"\n'), FINE]
    pairs = [(b"SENS:AVER:COUN 9999\n", None), *queue]
    with transcript(USB, pairs), pytest.raises(HardwareFault, match=r"COUN 9999.*-222 Data out of range; -113"):
        meter.averaging(9999)


def test_the_range_must_hold_the_power_asked_for(meter, transcript):
    put = [(b"SENS:POW:RANG:UPP 0.0005\n", None), FINE]
    with transcript(USB, [*put, (b"SENS:POW:RANG:UPP?\n", b"1.3E-3\n")]):
        meter.range(5e-4)
    pairs = [*put, (b"SENS:POW:RANG:UPP?\n", b"1.3E-4\n")]
    with transcript(USB, pairs), pytest.raises(HardwareFault, match=r"highest range"):
        meter.range(5e-4)


def test_the_automatic_range_is_a_switch(meter, transcript):
    with transcript(USB, [(b"SENS:POW:RANG:AUTO 1\n", None), FINE, (b"SENS:POW:RANG:AUTO?\n", b"1\n")]):
        meter.auto_range(True)
        assert meter.auto_range() is True


def test_the_zero_is_waited_for_on_the_clock_and_returned(meter, transcript, visa):
    state = b"SENS:CORR:COLL:ZERO:STAT?\n"
    pairs = [(b"SENS:CORR:COLL:ZERO:INIT\n", None), FINE, (state, b"1\n"), (state, b"1\n"), (state, b"0\n")]
    with transcript(USB, [*pairs, (b"SENS:CORR:COLL:ZERO:MAGN?\n", b"1.1E-9\n")]):
        assert meter.zero() == 1.1e-9
    assert sum(visa.clock.slept) == pytest.approx(0.2)


def test_a_zero_that_is_interrupted_is_aborted(meter, transcript):
    state = (b"SENS:CORR:COLL:ZERO:STAT?\n", KeyboardInterrupt())
    pairs = [(b"SENS:CORR:COLL:ZERO:INIT\n", None), FINE, state, (b"SENS:CORR:COLL:ZERO:ABOR\n", None)]
    with transcript(USB, pairs), pytest.raises(KeyboardInterrupt):
        meter.zero()


def test_a_zero_that_is_never_found_is_aborted_and_a_fault(meter, transcript, visa, monkeypatch):
    monkeypatch.setattr(visa.clock, "sleep", lambda seconds: setattr(visa.clock, "time", visa.clock.time + 1e3))
    state = (b"SENS:CORR:COLL:ZERO:STAT?\n", b"1\n")
    pairs = [(b"SENS:CORR:COLL:ZERO:INIT\n", None), FINE, state, state, (b"SENS:CORR:COLL:ZERO:ABOR\n", None)]
    with transcript(USB, pairs), pytest.raises(HardwareFault, match="no zero was found within 60 s"):
        meter.zero()


def test_the_head_is_named(meter, transcript):
    with transcript(USB, [HEAD, NO_HEAD]):
        assert meter.sensor() == "S130C, serial 12345678, calibrated 04-Nov-2024"
        assert meter.sensor() == "no sensor"


def test_garbage_is_a_reply_error_and_the_next_reading_is_in_step(meter, transcript, visa):
    with transcript(USB, [(b"MEAS:POW?\n", b"1.2.3\n")]), pytest.raises(ReplyError, match=r"MEAS:POW\?.*1\.2\.3"):
        meter.power()
    visa.resource.input += b"stale\n"
    with transcript(USB, [(b"MEAS:POW?\n", b"1E-6\n")]):
        assert meter.power() == 1e-6


def test_an_unplugged_meter_is_a_communication_error(meter, transcript, faults):
    with (
        transcript(USB, [(b"SENS:CORR:WAV?\n", faults.unplugged)]),
        pytest.raises(CommunicationError, match=r"pickoff.*P0000001.*line failed.*SENS:CORR:WAV\?.*check power"),
    ):
        meter.wavelength()


def test_a_snapshot_never_starts_a_reading(meter, transcript):
    settings = [(b"SENS:CORR:WAV?\n", b"800\n"), SAMPLES, (b"SENS:POW:RANG:UPP?\n", b"1E-3\n")]
    settings += [(b"SENS:POW:RANG:AUTO?\n", b"1\n"), HEAD]
    with transcript(USB, settings):
        snapshot = meter.snapshot(update=True)
    assert snapshot["parameters"]["power"]["value"] is None
    assert snapshot["address"] == USB


def test_the_error_queue_is_read_oldest_first_and_emptied(meter, transcript):
    queue = [(b"SYST:ERR?\n", b'-222,"Data out of range"\n'), (b"SYST:ERR?\n", b'-113,"Undefined header"\n'), FINE]
    with transcript(USB, queue):
        assert meter.errors() == ["-222 Data out of range", "-113 Undefined header"]
