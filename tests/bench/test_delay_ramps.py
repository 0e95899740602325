"""Ramps of the fine axis: none outlives its block, and where the mirror was is what the controller recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core.errors import ReplyError, UsageError
from perovskite_meas.core.ramp import Ramp, RampRecord
from perovskite_meas.core.roles import DelayLine, RunningRamp


def test_it_is_a_delay_line_and_its_ramp_a_running_ramp(line: Any) -> None:
    assert isinstance(line, DelayLine)
    with line.ramping(1.4, 0.128, 0.032) as ramp:
        running: RunningRamp = ramp
        assert (running.period, running.forward) == (pytest.approx(0.16), 0.128)


def test_a_ramp_runs_about_the_middle_and_is_stopped_by_the_end_of_its_block(line: Any, lab: Any) -> None:
    with line.ramping(1.4, 0.128, 0.032):
        assert lab["piezo.ramping"].value is True
        ramp = lab["piezo.ramp"].value
    assert (ramp.low, ramp.high, ramp.forward, ramp.back) == pytest.approx((6.8, 8.2, 0.128, 0.032))
    assert lab.log[-2:] == [("piezo.ramping", False), ("piezo.position", 7.5)]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError])
def test_a_ramp_is_stopped_whatever_ends_its_block(line: Any, lab: Any, stop: type[BaseException]) -> None:
    with pytest.raises(stop), line.ramping(1.4, 0.128, 0.032):
        raise stop
    assert lab["piezo.ramping"].value is False
    assert lab["piezo.position"].value == 7.5


def test_a_ramp_that_fails_to_start_is_stopped(line: Any, lab: Any) -> None:
    lab["piezo.ramp"].refuse = OSError("line is dead")
    with pytest.raises(OSError, match="line is dead"), line.ramping(1.4, 0.128, 0.032):
        pytest.fail("got into the block")
    assert lab["piezo.ramping"].value is False
    assert lab["piezo.position"].value == 7.5
    assert line.fine_to(1.0).fine == 1.0


def test_a_ramp_that_cannot_be_stopped_does_not_keep_the_axis_from_its_middle_nor_hide_the_first_error(
    line: Any, lab: Any
) -> None:
    def scan() -> None:
        with line.ramping(1.4, 0.128, 0.032):
            lab["piezo.ramping"].refuse = OSError("line is dead")
            raise ZeroDivisionError("first")

    with pytest.raises(ZeroDivisionError, match="first") as caught:
        scan()
    assert caught.value.__notes__ == ["and then the ramp could not be stopped: OSError: line is dead"]
    assert lab.log[-1] == ("piezo.position", 7.5)
    with pytest.raises(UsageError, match="a ramp is running"):
        line.move_to(1.0)
    lab["piezo.ramping"].refuse = None
    line.rest()
    line.move_to(1.0)


def test_a_ramp_that_runs_on_is_a_fault_also_at_the_end_of_the_run(make_line: Callable[..., Any], lab: Any) -> None:
    bench = make_line()
    lab["piezo.ramping"].answer = lambda: True
    (problem,) = bench.make_safe()
    assert "step 3 (delay.rest): HardwareFault" in problem
    assert "piezo.ramping was told to stop but still runs" in problem
    assert lab["piezo.position"].value == 7.5


def test_nothing_else_moves_while_a_ramp_runs(line: Any, lab: Any) -> None:
    with line.ramping(1.4, 0.128, 0.032):
        for action in (lambda: line.move_to(1.0), lambda: line.fine_to(1.0), lambda: line.ramping(1.0, 0.1, 0.1)):
            with pytest.raises(UsageError, match="end its `with` block before anything else moves"):
                action()
        assert lab["piezo.ramping"].value is True


def test_a_line_without_ramps_says_so(make_line: Callable[..., Any]) -> None:
    line = make_line({", ramp: piezo.ramp, ramping: piezo.ramping": "", "recorded: piezo.recorded, ": ""}).roles[
        "delay"
    ]
    line.begin()
    with pytest.raises(UsageError, match="names no ramp of the fine axis; state `ramp` and `ramping`"):
        line.ramping(1.0, 0.1, 0.03)


def test_positions_are_the_mean_of_the_recorded_cycles_without_the_first(line: Any, lab: Any) -> None:
    times = np.arange(0, 0.64, 1e-3)
    cycle = np.floor(times / 0.16)
    lag = np.where(cycle == 0, 0.5, 0.01 * cycle)  # um: the first cycle is another matter
    shape = Ramp(6.8, 8.2, 0.128, 0.032)
    lab["piezo.recorded"].value = RampRecord(times, shape.at(times) - lag)
    asked = np.linspace(0.001, 0.127, 64)
    with line.ramping(1.4, 0.128, 0.032) as ramp:
        found = ramp.positions(asked)
        assert lab.clock.now() >= 3 * 0.16
        ramp.positions(asked)
        assert lab["piezo.recorded"].asked == 1
    assert found == pytest.approx(shape.at(asked) - 7.5 - 0.02, abs=1e-9)


def test_positions_are_the_commanded_ones_where_nothing_is_recorded(make_line: Callable[..., Any]) -> None:
    line = make_line({"recorded: piezo.recorded, ": ""}).roles["delay"]
    line.begin()
    with line.ramping(1.4, 0.128, 0.032) as ramp:
        assert ramp.positions(np.array([0.0, 0.064, 0.128])) == pytest.approx([-0.7, 0.0, 0.7])
        with pytest.raises(UsageError, match=r"known from 0 s to 0.128 s of its cycle"):
            ramp.positions(np.array([0.13]))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (RampRecord(np.arange(0, 0.2, 1e-3), np.zeros(200)), r"holds 0.199 s, but a whole cycle after the first one"),
        (RampRecord(np.empty(0), np.empty(0)), "holds nothing"),
        ([1, 2], "is to give a RampRecord; got list"),
    ],
)
def test_a_recorder_that_holds_too_little_is_named(line: Any, lab: Any, record: Any, message: str) -> None:
    lab["piezo.recorded"].value = record
    with pytest.raises(ReplyError, match=message), line.ramping(1.4, 0.128, 0.032) as ramp:
        ramp.positions(np.array([0.01]))
    assert lab["piezo.ramping"].value is False


def test_a_controller_that_keeps_another_ramp_is_believed(line: Any, lab: Any) -> None:
    lab["piezo.ramp"].answer = lambda: Ramp(6.8, 8.2, 0.13, 0.03)
    with line.ramping(1.4, 0.128, 0.032) as ramp:
        assert ramp.forward == 0.13
