"""The pulsed laser: held and released by its gate, divided in rate, and refused where it is not as stated."""

from __future__ import annotations

import pytest

from perovskite_meas.core.errors import BenchError, CommunicationError, HardwareFault, LimitError, UsageError
from perovskite_meas.core.roles import Pulse

NO_GATE = {"use: laser.output, ": ""}
NO_DIVIDER = {"divider: laser.divider, base: laser.base, ": ""}


def output(lab):
    return [value for name, value in lab.log if name == "laser.output"]


def test_a_run_begins_with_the_pulses_held_and_confirmed(make_pulses, lab):
    pulse = make_pulses().roles["pulse"]
    assert isinstance(pulse, Pulse)
    pulse.begin()
    assert output(lab) == ["closed"]
    assert pulse.guard.pulses.held
    pulse.begin()
    assert output(lab) == ["closed"], "a gate that reports that it holds is not told again"


def test_pulses_are_released_for_a_block_and_held_however_it_ends(pulses, lab):
    pulse = pulses.roles["pulse"]
    with pulse.releasing():
        assert lab["laser.output"].value == "open"
        assert not pulses.guard.pulses.held
    assert output(lab) == ["open", "closed"]
    with pytest.raises(KeyboardInterrupt), pulse.releasing():
        raise KeyboardInterrupt
    assert lab["laser.output"].value == "closed"
    assert pulses.guard.pulses.held


def test_a_picker_that_does_not_hold_is_a_fault_that_says_so(pulses, lab):
    pulse = pulses.roles["pulse"]
    lab["laser.output"].answer = lambda: "open"
    with pytest.raises(HardwareFault, match=r"pulse \(laser.output, bench.yaml:4\) was told 'closed' but reports 'open'"
                       ": the picker does not hold, and pulses may go on; block"):  # fmt: skip
        pulse.hold()
    assert not pulses.guard.pulses.held
    with pytest.raises(HardwareFault, match="the picker does not hold"), pulse.releasing():
        pass


def test_a_gate_that_does_not_open_is_a_fault_and_held_again(pulses, lab):
    lab["laser.output"].answer = lambda: "closed"
    with pytest.raises(HardwareFault, match="no pulses come; switch the laser's output on"):
        pulses.roles["pulse"].releasing().__enter__()
    assert output(lab) == ["open", "closed"]


def test_words_of_a_gate_can_be_those_of_any_driver(make_pulses, lab):
    bench = make_pulses({"maximum_rate: 50 Hz": "open: true, closed: false, settle: 5 ms"})
    lab["laser.output"].value = True
    bench.roles["pulse"].begin()
    assert output(lab) == [False]
    assert lab.clock.time == pytest.approx(0.005)


def test_a_laser_without_a_gate_is_never_held_and_says_so(make_pulses, lab):
    pulse = make_pulses(NO_GATE).roles["pulse"]
    pulse.begin()
    pulse.hold()
    with pulse.releasing():
        pass
    assert not pulse.gated()
    assert not pulse.guard.pulses.held
    assert output(lab) == []
    assert pulse.facts()["gated"] is False


@pytest.mark.parametrize(
    ("asked", "divider", "rate"), [(10, 100, 10), (333.3334, 20, 50), (7, 143, 1000 / 143), (1000 / 30, 30, 1000 / 30)]
)
def test_the_rate_is_the_highest_not_above_what_was_asked_for_and_what_the_bench_allows(
    pulses, lab, asked, divider, rate
):
    assert pulses.roles["pulse"].set_rate(asked) == pytest.approx(rate)
    assert lab["laser.divider"].value == divider
    assert pulses.guard.pulses.rate == pytest.approx(rate)


def test_the_rate_is_set_in_the_dark_only_and_read_back(pulses, lab):
    pulse = pulses.roles["pulse"]
    lab["laser.divider"].answer = lambda: 99
    with pytest.raises(HardwareFault, match=r"laser.divider was set to 100 but reads 99; see which dividers"):
        pulse.set_rate(10)
    lab["sc10.state"].value = "open"
    with pytest.raises(UsageError, match=r"the rate of pulse .* moves only in the dark, but shutter"):
        pulse.set_rate(10)
    with pytest.raises(UsageError, match="0 Hz is no rate of pulses"):
        pulse.set_rate(0)


def test_a_rate_that_laser_and_divider_tell_differently_is_a_fault(pulses, lab):
    lab["laser.rate"].value = 25.0
    with pytest.raises(HardwareFault, match="the laser tells 25 Hz but base over divider is 10 Hz"):
        pulses.roles["pulse"].set_rate(10)


def test_a_laser_without_divider_has_one_rate(make_pulses, lab):
    pulse = make_pulses(NO_DIVIDER).roles["pulse"]
    lab["sc10.state"].value = "closed"
    assert pulse.set_rate(20) == 10, "nominal where it tells 0 Hz"
    lab["laser.rate"].value = 10.05
    assert pulse.set_rate(10) == 10.05
    with pytest.raises(LimitError, match=r"the laser gives 10.05 Hz and has no `divider`, so there is no rate of 5 Hz"):
        pulse.set_rate(5)
    lab["laser.rate"].value = 100.0
    with pytest.raises(LimitError, match=r"no rate of 100 Hz or less \(`maximum_rate`: 50 Hz\)"):
        pulse.set_rate(100)


def test_the_base_rate_can_be_stated_where_the_laser_does_not_tell(make_pulses, lab):
    pulse = make_pulses({"base: laser.base": "base_rate: 2 kHz"}).roles["pulse"]
    lab["sc10.state"].value = "closed"
    assert pulse.set_rate(10) == 10
    assert lab["laser.divider"].value == 200
    assert pulse.facts()["base_rate"] == {"value": 2000.0, "sigma": 0.0, "unit": "Hz"}
    with pytest.raises(BenchError, match="`divider` divides a rate that must be known: name the parameter"):
        make_pulses({"base: laser.base, ": ""})


def test_a_sound_laser_tells_its_pulses(pulses, lab):
    lab["laser.divider"].value = 100
    assert pulses.roles["pulse"].state() == (10.0, 100.0, 400.6)
    assert pulses.guard.pulses.rate == 10


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("laser.errors", ["interlock is open", "chiller"], "reports 'interlock is open', 'chiller'; clear it at"),
        ("laser.errors", "Mode lock lost", "the laser reports 'Mode lock lost'"),
        ("laser.errors", 7, "the laser reports fault 7"),
        ("laser.locked", False, r"not mode-locked \(laser.locked says False\), so its pulses are long and weak"),
        ("laser.locked", 2, "not mode-locked"),
        ("laser.locked", "cw", "not mode-locked"),
        ("laser.wavelength", 690.0, r"is at 690 nm but calibrations.pulse \(bench.yaml:\d+\) states 400 nm, 2 nm "
         r"either way \(option `tolerance`\): it was not tuned there, or clamped to the end of its range; tune it"),
        ("laser.duration", 200.0, r"pulses of 200 fs leave the laser but .* states 100 fs, 50 % either way"),
        ("laser.base", 0.0, "laser.base reads 0 Hz, which is no rate"),
    ],
)  # fmt: skip
def test_a_laser_that_is_not_as_stated_is_refused_by_name(pulses, lab, name, value, text):
    lab[name].value = value
    with pytest.raises(HardwareFault if name != "laser.base" else Exception, match=text):
        pulses.roles["pulse"].state()


@pytest.mark.parametrize("value", [None, "", "None", "no errors.", "OK", 0, (), [""]])
def test_no_fault_has_many_words(pulses, lab, value):
    lab["laser.errors"].value = value
    assert pulses.roles["pulse"].state().duration == 100


def test_a_dead_line_is_told_in_the_role_s_words(pulses, lab):
    lab["laser.output"].refuse = OSError("connection reset")
    with pytest.raises(CommunicationError, match=r"pulse \(laser.output, bench.yaml:4\): connection reset; check"):
        pulses.roles["pulse"].hold()


def test_what_cannot_be_is_refused_with_the_file(make_pulses):
    with pytest.raises(BenchError, match=r"bench.yaml:4: .*`closed` is the same word as `open`, 'closed'"):
        make_pulses({"maximum_rate: 50 Hz": "open: closed"})
    with pytest.raises(BenchError, match="must be above 0 Hz"):
        make_pulses({"maximum_rate: 50 Hz": "maximum_rate: 0 Hz"})
    with pytest.raises(BenchError, match=r"a pulsed laser is held to its nominal pulses: state calibrations\.pulse"):
        make_pulses({"  pulse: {date": "  other: {kind: pulse, date", "fluence: 40 uJ/cm^2, ": "",
                     "peak_irradiance: 1e9 W/cm^2, ": ""})  # fmt: skip


def test_the_facts_of_the_laser_stand_with_those_of_its_pulses(make_pulses):
    pulse = make_pulses().conditions()["pulse"]
    assert pulse["repetition_rate"] == {"value": 10.0, "sigma": 0.0, "unit": "Hz"}
    assert pulse["gated"] is True
    assert pulse["maximum_rate"]["value"] == 50
    other = make_pulses({"  pulse: {use": "  pump: {kind: pulse, use", "pulse.hold": "pump.hold"}).conditions()
    assert other["pulse"] == pulse
    assert "pump" not in other
