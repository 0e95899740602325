"""The driver of Gentec's meters on the twin, and against transcripts of what the twin does not do."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, ReplyError
from perovskite_meas.drivers import GentecMaestro
from perovskite_meas.testing import check_driver

_SPEC = importlib.util.spec_from_file_location("pulse_lab", Path(__file__).parents[1] / "sim" / "pulse_lab.py")
LAB = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(LAB)
METER = LAB.METER
GREETING = [
    (b"*CSU", None),
    (b"*VER", b"MAESTRO Version 1.00.18\r\n"),
    (b"*GUM", b"User Multiplier: 1.0000000e+00\r\n"),
    (b"*GUO", b"User Offset : 0 \r\n"),
    (b"*GZO", b"Zero : 0 \r\n"),
]


@pytest.fixture
def make(tmp_path):
    """Return a function that opens a meter on a table of its own, with more words in its wiring."""
    (tmp_path / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    library = pyvisa.ResourceManager(f"{tmp_path}@twin").visalib

    def opened(**wiring):
        library.adopt(LAB.World(**wiring))
        opened.world, opened.device = library.world, library.device(METER)
        return GentecMaestro("pickoff", METER, visalib=f"{tmp_path}@twin")

    opened.visalib = f"{tmp_path}@twin"
    yield opened
    Instrument.close_all()


@pytest.fixture
def meter(make):
    return make()


@pytest.fixture(params=["MAESTRO", "BLU"])
def either(make, request):
    return make(model=request.param)


def fallen(world):
    """Pulses so far."""
    return math.floor((world.clock.now() - world.head.start) * world.head.rate + 1e-9)


def test_it_keeps_the_contract_of_a_driver(make):
    make().close()
    check_driver(GentecMaestro, address=METER, visalib=make.visalib)


def test_what_it_is(make):
    assert make().get_idn() == {"vendor": "Gentec-EO", "model": "MAESTRO", "serial": None, "firmware": "1.00.18"}
    Instrument.close_all()
    assert make(model="BLU").get_idn()["model"] == "Blu"


def test_an_energy_is_that_of_the_next_pulse_and_not_of_one_before(either, make):
    make.world.clock.sleep(1.23)
    before = fallen(make.world)
    assert either.new_value() is True
    assert either.energy() == pytest.approx(1e-6 + 1e-9 * (before + 1), rel=1e-6)
    assert make.world.clock.now() - make.world.head.start == pytest.approx((before + 1) / 10, abs=0.02)
    assert either.new_value() is False
    assert either.energy() == pytest.approx(1e-6 + 1e-9 * (before + 2), rel=1e-6)


def test_a_stream_has_every_pulse_in_order(either, make):
    make.world.clock.jump_to(make.world.head.start + 0.95)
    either.start_stream()
    make.world.clock.jump_to(make.world.head.start + 1.95)
    assert either.read_stream() == pytest.approx([1e-6 + 1e-9 * number for number in range(10, 20)], rel=1e-6)
    assert either.read_stream() == []
    assert either.read_stream(0.5) == pytest.approx([1.02e-6], rel=1e-6)
    assert make.world.clock.now() - make.world.head.start == pytest.approx(2.005, abs=0.006)
    either.stop_stream()
    either.stop_stream()
    assert either.energy() > 1e-6


def test_nothing_else_can_be_asked_or_set_while_it_streams(meter):
    meter.start_stream()
    with pytest.raises(HardwareFault, match=r"\*NVU cannot be asked while it streams; call stop_stream"):
        meter.new_value()
    with pytest.raises(HardwareFault, match=r"\*SAS0 cannot be sent while it streams"):
        meter.auto_scale(False)
    meter.stop_stream()
    with pytest.raises(HardwareFault, match="no stream runs"):
        meter.read_stream()


def test_a_stream_that_another_program_left_running_is_stopped_at_opening(meter, make):
    meter.start_stream()
    meter._streaming = False
    meter.close()
    make.world.clock.sleep(1)
    again = GentecMaestro("again", METER, visalib=make.visalib)
    assert again.wavelength() == 1064


def test_closing_ends_the_stream(meter, make):
    meter.start_stream()
    meter.close()
    make.world.clock.sleep(1)
    assert make.device.poll(make.world.clock.now()) == []


def test_settings_are_read_back(either):
    either.scale(20e-6)
    assert (either.scale(), either.auto_scale()) == (30e-6, False)
    either.auto_scale(True)
    assert either.auto_scale() is True
    either.trigger_level(15.4)
    assert either.trigger_level() == 15.4
    either.trigger_level(0.5)
    assert either.trigger_level() == 0.5
    either.wavelength(400)
    assert either.wavelength() == 400
    either.mode("single-shot energy")
    assert either.mode() == "single-shot energy"
    either.mode("energy")
    assert either.mode() == "energy"
    assert (either.multiplier(), either.offset()) == (1, 0)
    assert "Joulemeter" in either.head()


def test_what_the_head_cannot_is_told(meter):
    assert (meter.scales()[0], meter.scales()[-1], len(meter.scales())) == (1e-9, 0.3, 18)
    with pytest.raises(HardwareFault, match=r"pickoff \(GentecMaestro at ASRL7.*highest scale is 0\.3 J, below 1 J"):
        meter.scale(1)
    with pytest.raises(HardwareFault, match="wavelength is 1064 nm after setting 5000 nm"):
        meter.wavelength(5000)
    with pytest.raises(HardwareFault, match="mode is 1 after setting 0"):
        meter.mode("power")
    with pytest.raises(ValueError, match="trigger_level"):
        meter.trigger_level(100)


def test_a_pulse_below_the_trigger_is_not_seen_and_the_error_says_what_was_waited_for(meter, make):
    meter.scale(10e-6)
    meter.trigger_level(50)
    with pytest.raises(HardwareFault, match=r"no pulse above the trigger level \(50 % of 1e-05 J\) came within 3 s"):
        meter.energy()
    make.world.head.first = 6e-6
    assert meter.energy() > 6e-6


def test_a_pulse_beyond_the_scale_is_a_fault(meter):
    meter.scale(0.8e-6)
    assert meter.scale() == 1e-6
    meter.energy()  # 5 % more are shown
    meter.scale(0.3e-6)
    with pytest.raises(HardwareFault, match="a pulse was beyond the scale; set a higher"):
        meter.energy()


def test_a_pulse_beyond_the_scale_stays_counted_in_a_stream(meter, make):
    meter.scale(1e-6)
    make.world.head.step = 20e-9
    meter.start_stream()
    make.world.clock.sleep(0.001)
    first = fallen(make.world) + 1
    make.world.clock.sleep(1.0)
    for _ in range(2 * 10):
        try:
            values = meter.read_stream()
            break
        except HardwareFault:
            continue
    assert len(values) == fallen(make.world) + 1 - first
    assert all(value == math.inf for value in values if value > 1.05e-6)
    assert values.count(math.inf) == sum(1e-6 + 20e-9 * (first + n) > 1.05e-6 for n in range(len(values))) > 0


def test_a_value_that_cannot_be_read_stays_counted_in_a_stream(meter, make):
    meter.start_stream()
    make.device.faults.garble()
    make.world.clock.sleep(1.0)
    with pytest.raises(ReplyError, match=r"'\*CAU' was answered by"):
        meter.read_stream()
    values = meter.read_stream()
    assert math.isnan(values[0])
    assert len(values) in (10, 11)
    assert not any(map(math.isnan, values[1:]))


def test_a_missing_head_is_a_fault(meter, make):
    meter.start_stream()
    make.device.faults.no_head()
    make.world.clock.sleep(1)
    assert meter.read_stream() == []
    with pytest.raises(HardwareFault, match="no head is connected; plug the head in"):
        meter.read_stream(0.3)
    make.device.faults.head()
    assert len(meter.read_stream(0.3)) == 1
    meter.stop_stream()
    make.device.faults.no_head()
    assert meter.mode() == "no head"
    with pytest.raises(HardwareFault, match="no head"):
        meter.energy()
    with pytest.raises(HardwareFault, match="no head"):
        meter.start_stream()


def test_a_stream_without_pulses_is_empty_after_its_time(meter, make):
    make.world.head.holes = [(0, 1e9)]
    meter.start_stream()
    before = make.world.clock.now()
    assert meter.read_stream(0.4) == []
    assert make.world.clock.now() - before == pytest.approx(0.4, abs=0.1)


def test_the_rate_of_the_pulses(meter, make):
    assert meter.rate() == 0
    make.world.clock.sleep(1)
    assert meter.rate() == pytest.approx(10, rel=1e-3)
    make.world.head.holes = [(0, 1e9)]
    make.world.clock.sleep(1)
    assert meter.rate() == 0


def test_a_zero_offset_is_taken_from_the_present_value(meter):
    meter.energy()
    meter.zero_offset(True)
    assert meter.zero_offset() is True
    assert meter.energy() == pytest.approx(1e-9, rel=1e-3)
    meter.zero_offset(False)
    assert meter.energy() > 1e-6


def test_unplugging_is_a_communication_error(meter, make):
    make.device.faults.unplug()
    with pytest.raises(CommunicationError, match=r"no reply in time to '\*GMD'"):
        meter.energy()


def test_a_snapshot_reads_no_pulse(meter, make):
    make.world.head.holes = [(0, 1e9)]
    snapshot = meter.snapshot(update=True)
    assert snapshot["parameters"]["energy"]["value"] is None
    assert snapshot["parameters"]["mode"]["value"] == "energy"


def test_another_instrument_is_refused(visa):
    visa.scripts[METER] = [(b"*CSU", None), (b"*VER", b"OPHIR NOVA 2\r\n")]
    with pytest.raises(IdentityError, match=r"found 'OPHIR NOVA 2', expected a Gentec-EO MAESTRO or BLU"):
        GentecMaestro("pickoff", METER)


def test_corrections_left_at_the_meter_are_warned_of(visa, caplog):
    visa.scripts[METER] = [*GREETING[:2], (b"*GUM", b"User Multiplier: 2.5\r\n"), *GREETING[3:]]
    GentecMaestro("pickoff", METER)
    assert "has a user multiplier set at the meter (2.5)" in caplog.text


def test_a_thermal_head_in_power_mode_reads_no_energies(visa, transcript):
    visa.scripts[METER] = list(GREETING)
    meter = GentecMaestro("pickoff", METER)
    with transcript(METER, [(b"*GMD", b"Mode: 0\r\n")]), pytest.raises(HardwareFault, match="it measures power, not"):
        meter.energy()
    with transcript(METER, [(b"*SSE1", None), (b"*GMD", b"Mode: 2\r\n")]):
        meter.mode("single-shot energy")


@pytest.mark.parametrize(
    ("question", "name", "reply", "value"),
    [
        (b"*GTL", "trigger_level", b"Trigger level: 15.4% (4.6 Watts) of max power: 30 Watts\r\n", 15.4),
        (b"*GTL", "trigger_level", b"Trigger Level: 2.0\r\n", 2.0),
        (b"*GCR", "scale", b"Range : 10 \r\n", 100e-9),
        (b"*GAS", "auto_scale", b"AutoScale : 1 \r\n", True),
    ],
)
def test_replies_of_several_firmwares_are_understood(visa, transcript, question, name, reply, value):
    visa.scripts[METER] = list(GREETING)
    meter = GentecMaestro("pickoff", METER)
    with transcript(METER, [(question, reply)]):
        assert meter.parameters[name]() == pytest.approx(value)
    with (
        transcript(METER, [(question, b"Command Not Found\r\n")]),
        pytest.raises(ReplyError, match="Command Not Found"),
    ):
        meter.parameters[name]()
