"""The delay line: where it goes, how it arrives, what it refuses, also in a dry run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core import Clock
from perovskite_meas.core.delay_scale import LIGHT
from perovskite_meas.core.errors import BenchError, HardwareFault, UsageError
from perovskite_meas.core.roles import DelayLine

PS_PER_MM = 2 * 1.00027 / LIGHT


def moves(lab: Any, name: str) -> list[Any]:
    return [value for named, value in lab.log if named == name]


def test_a_run_begins_with_the_fine_axis_in_its_middle_and_no_ramp(make_line: Callable[..., Any], lab: Any) -> None:
    line = make_line().roles["delay"]
    lab["piezo.ramping"].value = True
    lab["piezo.servo"].value = False
    line.begin()
    assert lab.log == [("piezo.ramping", False), ("piezo.servo", True), ("piezo.position", 7.5)]
    lab["piezo.position"].value = 2.0  # by hand
    line.begin()
    assert lab["piezo.position"].value == 7.5


def test_a_delay_is_two_passes_through_air_from_the_calibrated_zero(line: Any, lab: Any) -> None:
    found = line.move_to(10.0)
    assert lab["esp.position"].value == pytest.approx(12.5 + 10.0 / PS_PER_MM)
    assert found.delay == pytest.approx(10.0)
    assert found.coarse == lab["esp.position"].value
    assert found.fine == 0.0
    assert line.scale().per_length == pytest.approx(PS_PER_MM)
    assert line.move_to(-10.0).coarse == pytest.approx(12.5 - 10.0 / PS_PER_MM)


def test_the_coarse_axis_arrives_from_below_from_either_side(line: Any, lab: Any) -> None:
    line.move_to(10.0)
    line.move_to(30.0)
    line.move_to(20.0)
    line.move_to(20.0)
    to = {delay: 12.5 + delay / PS_PER_MM for delay in (10.0, 20.0, 30.0)}
    wanted = [to[10.0] - 0.02, to[10.0], to[30.0], to[20.0] - 0.02, to[20.0], to[20.0] - 0.02, to[20.0]]
    assert moves(lab, "esp.position") == pytest.approx(wanted)


def test_the_span_keeps_room_for_the_approach(line: Any) -> None:
    first, last = line.span()
    assert first == pytest.approx(-12.48 * PS_PER_MM)
    assert last == pytest.approx(12.5 * PS_PER_MM)
    line.move_to(first)
    line.move_to(last)


@pytest.mark.parametrize("delay", [-83.4, 83.5, float("nan")])
def test_a_delay_beyond_the_coarse_range_is_refused_before_anything_moves(line: Any, lab: Any, delay: float) -> None:
    with pytest.raises(UsageError, match=r"delay \(esp.position.*may go from 0 mm to 25 mm.*that is -83.28 ps to 83."):
        line.move_to(delay)
    assert lab.log == []


def test_a_coarse_axis_that_misses_is_a_fault(line: Any, lab: Any) -> None:
    lab["esp.position"].answer = lambda: 13.0
    with pytest.raises(HardwareFault, match=r"sent to 13.99856 mm for 10 ps but stands at 13.00000 mm, more than 1 um"):
        line.move_to(10.0)


class Stage:
    """A stage that wants to be referenced."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.referenced = lab, False

    def reference(self) -> None:
        self.lab.log.append(("esp", "reference"))
        self.referenced = True


def test_a_stage_that_has_lost_its_place_is_referenced_before_its_first_move(line: Any, lab: Any) -> None:
    lab["esp.position"].owner = Stage(lab)
    line.move_to(1.0)
    line.move_to(2.0)
    assert lab.log[0] == ("esp", "reference")
    assert lab.log.count(("esp", "reference")) == 1


def test_it_settles_after_every_move(line: Any, lab: Any) -> None:
    start = lab.clock.now()
    line.move_to(1.0)
    assert lab.clock.now() - start == pytest.approx(0.1)
    line.fine_to(1.0)
    assert lab.clock.now() - start == pytest.approx(0.11)


def test_the_fine_axis_counts_from_its_middle_and_adds_to_the_delay(line: Any, lab: Any) -> None:
    line.move_to(10.0)
    found = line.fine_to(-2.5)
    assert lab["piezo.position"].value == 5.0
    assert found.fine == pytest.approx(-2.5)
    assert found.delay == pytest.approx(10.0 - 2.5e-3 * PS_PER_MM)
    assert line.read() == found
    assert line.fine_span() == 13.0


def test_a_coarse_move_brings_the_fine_axis_back_to_its_middle_first(line: Any, lab: Any) -> None:
    line.fine_to(2.0)
    lab.log.clear()
    line.move_to(5.0)
    assert lab.log[0] == ("piezo.position", 7.5)
    assert line.read().fine == 0.0


def test_fine_travel_beyond_the_range_is_refused(line: Any, lab: Any) -> None:
    with pytest.raises(UsageError, match=r"cannot go 6.6 um from the middle .* only -6.5 um to 6.5 um \(fine_range 1 "):
        line.fine_to(6.6)
    with pytest.raises(UsageError, match=r"a ramp over 13.5 um does not fit into the 13 um of the fine axis"):
        line.ramping(13.5, 0.1, 0.03)
    assert lab.log == []


def test_a_fine_axis_that_misses_or_is_not_held_is_a_fault(line: Any, lab: Any) -> None:
    lab["piezo.position"].answer = lambda: 8.0
    with pytest.raises(HardwareFault, match=r"sent 2 um from its middle \(9.5 um\) but stands at 0.5 um, more than"):
        line.fine_to(2.0)
    lab["piezo.overflow"].value = True
    with pytest.raises(HardwareFault, match=r"piezo.overflow says that the amplifier is at its limit"):
        line.fine_to(0.5)
    lab["piezo.servo"].value = False
    with pytest.raises(HardwareFault, match=r"piezo.servo is off"):
        line.fine_to(0.5)


def test_a_fine_axis_in_volts_goes_by_its_scale(make_line: Callable[..., Any], lab: Any) -> None:
    line = make_line(
        {"fine_range: [1 um, 14 um]": "fine_range: [5 V, 70 V], fine_tolerance: 20 nm"},
        "  delay: {date: 2026-11-02, zero: 12.5 mm, fine_scale: 1 um/um +- 0.5 %}\n".replace(
            "1 um/um +- 0.5 %", "0.2 um/V +- 2 %"
        ),
    ).roles["delay"]
    line.begin()
    assert lab["piezo.position"].value == 37.5
    assert line.fine_span() == pytest.approx(13.0)
    assert line.fine_to(2.0).fine == pytest.approx(2.0)
    assert lab["piezo.position"].value == pytest.approx(47.5)
    with line.ramping(1.0, 0.1, 0.03):
        ramp = lab["piezo.ramp"].value
    assert (ramp.low, ramp.high) == pytest.approx((35.0, 40.0))
    assert line.facts()["fine_scale"] == {"value": 0.2, "sigma": pytest.approx(0.004), "unit": "um/V"}


def test_a_range_in_another_unit_than_the_scale_is_refused(make_line: Callable[..., Any]) -> None:
    with pytest.raises(BenchError, match=r"fine_range is in V, but calibration 'delay' states fine_scale in um/um"):
        make_line({"fine_range: [1 um, 14 um]": "fine_range: [5 V, 70 V]"})


def test_ranges_that_cannot_be_are_reported_together_with_everything_else(make_line: Callable[..., Any]) -> None:
    changes = {
        "coarse_range: [0 mm, 25 mm]": "coarse_range: [24.5 mm, 0.5 mm], setle: 1 s",
        "fine_range: [1 um, 14 um]": "fine_range: [5 V, 70 V]",
    }
    with pytest.raises(BenchError) as caught:
        make_line(changes)
    told = "\n".join(caught.value.problems)
    assert "roles.delay.coarse_range: must rise, by more than the approach of 0.02 mm; got 24.5 to 0.5 mm" in told
    assert "roles.delay.fine_range: fine_range is in V, but calibration 'delay'" in told
    assert "did you mean 'settle'?" in told
    with pytest.raises(BenchError) as caught:
        make_line({"[0 mm, 25 mm]": "[25 mm, 0 mm]", "fine_range: [1 um, 14 um]": "fine_range: [5 kg, 70 kg]"})
    assert {problem.split(": ")[1] for problem in caught.value.problems} == {
        "roles.delay.coarse_range",
        "roles.delay.fine_range.0",
        "roles.delay.fine_range.1",
    }


# dry run --------------------------------------------------------------------------------------------------


@pytest.fixture
def twin(make_line: Callable[..., Any], points: Any) -> tuple[Any, Any]:
    bench = make_line()

    class Scan(points):  # type: ignore[misc]
        def measure(self, *, delay: DelayLine, clock: Clock) -> Any:
            yield {}

    rehearsal = bench.rehearse(Scan())
    return rehearsal.arguments["delay"], rehearsal


def test_a_dry_run_takes_its_time_and_touches_nothing(twin: tuple[Any, Any], lab: Any) -> None:
    line, rehearsal = twin
    assert line.move_to(30.0).delay == pytest.approx(30.0)
    first = rehearsal.clock.now()
    assert 2.0 < first < 10.0
    line.move_to(29.9)
    assert rehearsal.clock.now() - first < 1.0
    assert line.fine_to(3.0).fine == pytest.approx(3.0)
    with line.ramping(1.4, 0.128, 0.032) as ramp:
        assert ramp.positions(np.array([0.0, 0.128])) == pytest.approx([-0.7, 0.7])
    assert rehearsal.problems == []
    assert lab.log == []
    assert lab["piezo.ramping"].asked == 0


def test_a_dry_run_lists_what_would_be_refused_and_goes_on(twin: tuple[Any, Any]) -> None:
    line, rehearsal = twin
    for delay in (90.0, 100.0, 95.0):
        assert line.move_to(delay).delay == pytest.approx(delay)
    line.fine_to(7.0)
    with line.ramping(14.0, 0.1, 0.03):
        pass
    coarse, fine = rehearsal.problems
    assert "100 ps needs the coarse axis at 27.4" in coarse
    assert "cannot go 7 um" in fine or "over 14 um" in fine
