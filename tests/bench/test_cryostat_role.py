"""The cryostat: what it takes for a valid and for a steady temperature, and how its set point moves."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from perovskite_meas.bench import Bench, read_bench
from perovskite_meas.bench.guard import Guard
from perovskite_meas.bench.rehearsal import PlanningClock
from perovskite_meas.bench.roles import Table
from perovskite_meas.core.errors import BenchError, HardwareFault, ReplyError, UsageError
from perovskite_meas.core.roles import Cryostat

ROLE = """  cryostat: {use: lakeshore.A.temperature, setpoint: lakeshore.output_1.setpoint, helium: level.percent,
             minimum: 3 K, maximum: 320 K, rate: 5 K/min, settle: 10 s, timeout: 5 min}
"""


class LakeshoreModel336Channel:
    """Sensor A as QCoDeS shows it; follows the set point with a time constant."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.status = clock, "OK"
        self.kelvin = self.setpoint = 4.0
        self.at = 0.0

    def sensor_status(self) -> str:
        return self.status

    def now(self) -> float:
        passed = self.clock.now() - self.at
        self.at += passed
        self.kelvin += (self.setpoint - self.kelvin) * (1 - math.exp(-passed / 5))
        return self.kelvin


class Output:
    """An output as QCoDeS shows it, with a ramp of its own."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def setpoint_ramp_rate(self, value: float) -> None:
        self.told.append(("rate", value))

    def setpoint_ramp_enabled(self, value: bool) -> None:
        self.told.append(("enabled", value))


@pytest.fixture
def sensor(lab: Any) -> LakeshoreModel336Channel:
    found = LakeshoreModel336Channel(lab.clock)
    kind = type(lab["sc10.state"])
    names = {"lakeshore.A.temperature": found, "lakeshore.output_1.setpoint": object(), "level.percent": object()}
    lab.parameters.update({name: kind(name, owner, lab, 60.0) for name, owner in names.items()})
    lab["lakeshore.A.temperature"].answer = found.now
    setpoint = lab["lakeshore.output_1.setpoint"]
    real = setpoint.set

    def moved(value: float) -> None:
        found.now()
        real(value)
        found.setpoint = value

    setpoint.set = moved
    return found


@pytest.fixture
def cryostat(make: Callable[..., Bench], sensor: Any) -> Callable[..., Any]:
    def made(replace: dict[str, str] | None = None) -> Any:
        text = ROLE
        for old, new in (replace or {}).items():
            assert old in text
            text = text.replace(old, new)
        return make({"  scanner:": text + "  scanner:"}).roles["cryostat"]

    return made


def setpoints(lab: Any) -> list[float]:
    return [value for name, value in lab.log if name.endswith("setpoint")]


def test_it_reads_temperature_and_helium(cryostat: Any) -> None:
    role = cryostat()
    assert isinstance(role, Cryostat)
    assert role.read() == (4.0, 60.0)
    assert cryostat({", helium: level.percent": ""}).read().helium == -1.0


@pytest.mark.parametrize("status", ["Invalid Reading", "Temp Underrange, Sensor Units Zero"])
def test_an_invalid_sensor_is_a_fault_whatever_it_reads(cryostat: Any, sensor: Any, status: str) -> None:
    role = cryostat()
    sensor.status = status
    with pytest.raises(HardwareFault, match=rf"says '{status}' of the sensor behind lakeshore.A.temperature"):
        role.read()
    with pytest.raises(HardwareFault):
        role.settle_at(10.0)


@pytest.mark.parametrize("kelvin", [0.0, -1.0, math.nan, 1e4])
def test_a_reading_that_no_sample_has_is_a_fault(cryostat: Any, lab: Any, kelvin: float) -> None:
    lab["lakeshore.A.temperature"].answer = lambda: kelvin
    with pytest.raises(HardwareFault, match="which no sample has"):
        cryostat().read()


def test_steady_means_within_the_tolerance_and_enough_helium(cryostat: Any, lab: Any) -> None:
    role = cryostat()
    assert role.require_steady(4.015).temperature == 4.0
    with pytest.raises(HardwareFault, match=r"at 4.0000 K, 30 mK below the 4.03 K of this run.*tolerance is 20 mK"):
        role.require_steady(4.03)
    lab["level.percent"].value = 9.0
    with pytest.raises(HardwareFault, match=r"helium is at 9.0 %, below the 10 %"):
        role.require_steady(4.0)
    lab["level.percent"].value = 640.0
    with pytest.raises(ReplyError, match="expected a level in percent"):
        role.read()


def test_the_set_point_moves_at_its_rate_in_steps_and_the_sample_settles(cryostat: Any, lab: Any) -> None:
    role = cryostat()
    found = role.settle_at(6.0)
    assert found.temperature == pytest.approx(6.0, abs=0.02)
    told = setpoints(lab)
    steps = [b - a for a, b in pairwise(told)]
    assert max(steps) <= 5 / 60 * 1.001
    assert told[-1] == 6.0
    assert 24 + 10 <= lab.clock.now() <= 24 + 10 + 40


def test_an_instrument_that_ramps_itself_is_told_the_rate(cryostat: Any, lab: Any) -> None:
    output = lab["lakeshore.output_1.setpoint"].owner = Output()
    role = cryostat()
    role.settle_at(5.0)
    assert output.told == [("enabled", False), ("rate", pytest.approx(5.0)), ("enabled", True)]
    assert setpoints(lab) == [4.0, 5.0]


def test_an_interrupted_change_stops_where_the_set_point_is(cryostat: Any, lab: Any, sensor: Any) -> None:
    role = cryostat()
    real = sensor.now

    def stop() -> float:
        if lab.clock.now() >= 12:
            raise KeyboardInterrupt
        return float(real())

    lab["lakeshore.A.temperature"].answer = stop
    with pytest.raises(KeyboardInterrupt):
        role.settle_at(10.0)
    assert setpoints(lab)[-1] == pytest.approx(5.0, abs=0.1)


def test_hold_leaves_everything_as_it_is(cryostat: Any, lab: Any) -> None:
    role = cryostat()
    role.settle_at(5.0)
    lab.log.clear()
    role.hold()
    assert lab.log == []


@pytest.mark.parametrize("kelvin", [2.0, 321.0, math.nan])
def test_a_temperature_beyond_the_caps_is_refused_before_anything_is_set(
    cryostat: Any, lab: Any, kelvin: float
) -> None:
    with pytest.raises(UsageError, match="is outside 3 K to 320 K"):
        cryostat().settle_at(kelvin)
    assert lab.log == []


def test_a_sample_that_does_not_come_is_a_fault(cryostat: Any, lab: Any, sensor: Any) -> None:
    role = cryostat()
    lab["lakeshore.A.temperature"].answer = lambda: 4.0
    with pytest.raises(HardwareFault, match=r"did not settle at 4.5 K within .*look at heater range"):
        role.settle_at(4.5)


def test_the_least_helium_is_stated_in_percent(cryostat: Any) -> None:
    role = cryostat({"settle: 10 s": "minimum_helium: 61 %"})
    assert role.facts()["minimum_helium"] == {"value": pytest.approx(61.0), "sigma": 0.0, "unit": "percent"}
    with pytest.raises(HardwareFault, match=r"helium is at 60.0 %, below the 61 %"):
        role.require_steady(4.0)


def test_without_a_set_point_it_only_waits_where_it_is(cryostat: Any, lab: Any) -> None:
    role = cryostat({"setpoint: lakeshore.output_1.setpoint, ": "", "maximum: 320 K, rate: 5 K/min, ": ""})
    assert role.settle_at(4.0).temperature == 4.0
    with pytest.raises(UsageError, match="names no set point to bring it to 5 K"):
        role.settle_at(5.0)


def test_a_set_point_needs_its_caps(cryostat: Any) -> None:
    with pytest.raises(BenchError, match="a set point needs its caps"):
        cryostat({"rate: 5 K/min, ": ""})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("maximum: 320 K", "maximum: 2 K", "must be above the minimum of 3 K"),
        ("settle: 10 s", "tolerance: 0 K", "must be above 0 K"),
        ("settle: 10 s", "minimum_helium: 20", "must be at most 100 %"),
    ],
)
def test_what_cannot_be_is_refused_when_the_bench_is_read(write: Any, old: str, new: str, words: str) -> None:
    with pytest.raises(BenchError) as caught:
        read_bench(write(replace={"  scanner:": ROLE.replace(old, new) + "  scanner:"}))
    assert words in str(caught.value)


class Bridged:
    """PyMeasure's LakeShore3xx behind the bridge."""

    class _Driver:
        status = "0"

        def ask(self, question: str) -> str:
            assert question == "RDGST? A"
            return self.status + "\r\n"

    def __init__(self) -> None:
        self.driver = self._Driver()


def test_the_status_of_a_bridged_lake_shore_is_asked_for(make: Any, lab: Any, sensor: Any) -> None:
    owner = Bridged()
    lab.parameters["ls.input_A_kelvin"] = type(lab["sc10.state"])("ls.input_A_kelvin", owner, lab, 4.2)
    role = make({"  scanner:": "  cryostat: ls.input_A_kelvin\n  scanner:"}).roles["cryostat"]
    assert role.read().temperature == 4.2
    owner.driver.status = "129"
    with pytest.raises(HardwareFault, match="says 'invalid reading, sensor over range'"):
        role.read()


def test_the_dry_run_knows_the_time_of_a_change_and_notes_what_is_beyond(make: Any, sensor: Any, lab: Any) -> None:
    bench = make({"  scanner:": ROLE + "  scanner:"})
    noted: list[str] = []
    clock = PlanningClock()
    guard = Guard(bench.limits, bench.guard._beam, bench.ledger, lambda what, far, text, watt: noted.append(text))
    spec = bench.spec.roles["cryostat"]
    twin = spec.adapter.twin(spec, Table(None, guard, clock, {}, {}))
    assert twin.settle_at(4.0).temperature == 4.0
    assert clock.now() < 11
    assert twin.settle_at(14.0).helium == 100.0
    assert clock.now() > 10 + 120 + 120
    assert twin.require_steady(14.0).temperature == 14.0
    twin.settle_at(400.0)
    assert "400 K is outside 3 K to 320 K" in noted[0]
    twin.hold()
    assert twin.remarks() == []
    assert lab.log == []


def test_the_dry_run_says_which_temperature_must_be_set_by_hand(make: Any, sensor: Any) -> None:
    bench = make({"  scanner:": "  cryostat: lakeshore.A.temperature\n  scanner:"})
    noted: list[str] = []
    guard = Guard(bench.limits, bench.guard._beam, bench.ledger, lambda what, far, text, watt: noted.append(text))
    spec = bench.spec.roles["cryostat"]
    twin = spec.adapter.twin(spec, Table(None, guard, PlanningClock(), {}, {}))
    assert twin.remarks() == []
    twin.settle_at(10.0)
    assert twin.remarks() == ["the sample is at 10 K already (cryostat has no setpoint to bring it there)"]
    assert noted == []
    twin.settle_at(20.0)
    assert "no set point brings the sample from 10 K to 20 K" in noted[0]
