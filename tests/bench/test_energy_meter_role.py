"""The energy meter: every pulse, by a stream or one by one, in a range with room, and faults in clear words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.bench.roles import kind_of
from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError, HardwareFault, ReplyError, UsageError
from perovskite_meas.core.roles import EnergyMeter

ROLE = """  energy_meter: {use: gentec.energy, range: gentec.scale, calibration: energy_at_sample, accuracy: 3 %,
          noise: 1 %, fastest: 100 Hz}
"""
CALIBRATION = "  energy_at_sample: {date: 2026-11-02, ratio: 0.1 +- 3 %, zero: 1 nJ +- 0.1 nJ}\n"
SCALES = (1e-7, 3e-7, 1e-6)


class Head:
    """A head that sees a pulse every 0.1 s from 0.05 s on, of 100 nJ, 101 nJ, ...; `last` of them."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.last, self.streaming = lab, 10**6, False
        self.energy: Callable[[int], float] = lambda number: (100 + number) * 1e-9
        self.told, self.waited = 0, 0.0
        self.why: BaseException | None = None

    def come(self) -> int:
        return min(self.last, int(self.lab.clock.time / 0.1 + 0.5))

    def start_stream(self) -> None:
        self.streaming, self.told = True, self.come()

    def stop_stream(self) -> None:
        self.streaming = False

    def read_stream(self, timeout: float = 0.0) -> list[float]:
        assert self.streaming
        self.lab.clock.sleep(0.001)
        if timeout and self.why is not None:
            raise self.why
        first, self.told = self.told, self.come()
        return [self.energy(number) for number in range(first, self.told)]

    def next_one(self) -> float:
        self.told = self.come() + 1
        self.lab.clock.time = max(self.lab.clock.time, (self.told - 0.5) * 0.1)
        return self.energy(self.told - 1)


@pytest.fixture
def head(lab: Any) -> Head:
    return Head(lab)


@pytest.fixture
def make_meter(make: Callable[..., Any], lab: Any, head: Head) -> Callable[..., Any]:
    kind = type(lab["sc10.state"])
    for name in ("energy", "scale", "stream", "streaming", "new"):
        lab.parameters[f"gentec.{name}"] = kind(f"gentec.{name}", head, lab, 0.0)
    scale = lab["gentec.scale"]
    scale.answer = lambda: next((one for one in SCALES if one >= scale.value), SCALES[-1])
    lab["gentec.energy"].answer = head.next_one

    def made(replace: dict[str, str] | None = None) -> Any:
        role = ROLE
        for old, new in (replace or {}).items():
            assert old in role
            role = role.replace(old, new)
        bench = make({"  scanner:": role + "  scanner:", "  spot:": CALIBRATION + "  spot:"})
        bench.roles["energy_meter"].begin()
        return bench

    return made


@pytest.fixture
def meter(make_meter: Callable[..., Any]) -> Any:
    return make_meter().roles["energy_meter"]


def test_every_pulse_of_a_stream_is_there_with_its_time_and_its_energy_at_the_sample(
    meter: Any, lab: Any, head: Head
) -> None:
    assert isinstance(meter, EnergyMeter)
    lab.clock.time = 7.0
    with meter.recording() as recording:
        assert recording.wait(5, 2.0) == 5
        assert 7.4 < lab.clock.time < 7.47
        lab.clock.sleep(0.1)
        found = recording.shots()
    assert found.heads == pytest.approx((170 + np.arange(6)) * 1e-9)
    assert found.energies == pytest.approx((found.heads - 1e-9) * 0.1)
    assert found.times[:5] == pytest.approx(7.05 + 0.1 * np.arange(5), abs=0.02)
    assert not head.streaming
    lab.clock.sleep(1.0)
    assert len(recording.shots().times) == 6
    with pytest.raises(UsageError, match="has ended"):
        recording.wait(7, 1.0)


def test_pulses_before_the_recording_do_not_count_and_none_is_none(meter: Any, lab: Any) -> None:
    lab.clock.time = 0.3
    with meter.recording() as recording:
        found = recording.shots()
        assert found.times.shape == found.energies.shape == found.heads.shape == (0,)


def test_the_head_is_not_asked_all_the_time(meter: Any, lab: Any, head: Head) -> None:
    looks, read = [], head.read_stream

    def counted(timeout: float = 0.0) -> list[float]:
        looks.append(timeout)
        return read(timeout)

    head.read_stream = counted  # type: ignore[method-assign]
    with meter.recording() as recording:
        recording.wait(40, 10.0)
    assert len(looks) < 40 * 8


def test_pulses_that_do_not_come_are_a_fault(meter: Any, lab: Any, head: Head) -> None:
    head.last = 3
    with meter.recording() as recording, pytest.raises(HardwareFault, match=r"saw 3 of 5 pulses within 2 s: see that"):
        recording.wait(5, 2.0)
    assert not head.streaming
    assert lab.clock.time == pytest.approx(2.0, abs=0.1)


def test_what_the_driver_knows_of_its_head_comes_first(meter: Any, head: Head) -> None:
    head.last, head.why = 0, HardwareFault("no head is connected")
    with meter.recording() as recording, pytest.raises(HardwareFault, match="no head"):
        recording.wait(1, 1.0)


def test_the_last_look_may_still_find_them(meter: Any, lab: Any, head: Head) -> None:
    with meter.recording() as recording:
        assert recording.wait(0, 0.0) == 0
        lab.clock.time = 1.0
        assert recording.wait(10, 0.0) == 10


def test_the_range_has_room_for_twice_the_energy_and_is_set_once(meter: Any, lab: Any) -> None:
    meter.expect(12e-9)  # 121 nJ on the head
    assert lab["gentec.scale"].get() == 3e-7
    lab.log.clear()
    meter.expect(12e-9)
    assert lab.log == []
    meter.expect(2e-9)
    assert lab["gentec.scale"].get() == 1e-7
    meter.begin()
    meter.expect(2e-9)
    assert len(lab.log) == 2
    with pytest.raises(HardwareFault, match=r"set for 1.202 uJ on the head but reads 1 uJ; take a head"):
        meter.expect(60e-9)
    with pytest.raises(UsageError, match="0 J is no energy"):
        meter.expect(0.0)


def test_the_range_stays_while_pulses_are_recorded(meter: Any) -> None:
    meter.expect(12e-9)
    with meter.recording():
        meter.expect(12e-9)
        with pytest.raises(UsageError, match="cannot change while"):
            meter.expect(1e-9)
        with pytest.raises(UsageError, match="recorded already"), meter.recording():
            pass
    with meter.recording():
        pass


@pytest.mark.parametrize("reading", [9.9e37, math.inf, math.nan, 3.5e-7])
def test_a_pulse_over_the_range_is_a_fault(meter: Any, head: Head, reading: float) -> None:
    meter.expect(12e-9)
    head.energy = lambda number: reading if number == 2 else 100e-9
    with meter.recording() as recording:
        with pytest.raises(HardwareFault, match=r"in its range of 300 nJ, which means over range"):
            recording.wait(5, 2.0)
        assert len(recording.shots().times) >= 2
    assert not head.streaming


def test_a_head_without_a_stream_is_asked_for_each_pulse(make_meter: Callable[..., Any], lab: Any) -> None:
    lab["gentec.energy"].owner = object()
    meter = make_meter().roles["energy_meter"]
    with meter.recording() as recording:
        assert recording.wait(3, 1.0) == 3
        assert lab.clock.time == pytest.approx(0.25)
        found = recording.shots()  # which must not wait for another
    assert found.times == pytest.approx([0.05, 0.15, 0.25])
    assert lab.clock.time == pytest.approx(0.25)


def test_a_head_that_says_whether_there_is_a_new_one_is_asked_only_then(
    make_meter: Callable[..., Any], lab: Any, head: Head
) -> None:
    meter = make_meter({"use: gentec.energy": "use: gentec.energy, new: gentec.new"}).roles["energy_meter"]
    lab["gentec.new"].answer = lambda: head.come() > head.told

    def latest() -> float:
        head.told = head.come()
        return head.energy(head.told - 1)

    lab["gentec.energy"].answer = latest
    lab.clock.time = 0.3
    with meter.recording() as recording:
        assert recording.wait(3, 1.0) == 3
        assert len(recording.shots().times) == 3
        lab.clock.sleep(0.1)
        assert recording.shots().heads == pytest.approx([103e-9, 104e-9, 105e-9, 106e-9])


def test_a_stream_may_be_parameters(make_meter: Callable[..., Any], lab: Any, head: Head) -> None:
    options = {"use: gentec.energy": "use: gentec.energy, stream: gentec.stream, streaming: gentec.streaming"}
    meter = make_meter(options).roles["energy_meter"]

    def since() -> Any:
        first, head.told = head.told, head.come()
        return np.array([head.energy(number) for number in range(first, head.told)])

    lab["gentec.stream"].answer = since
    lab.clock.time = 0.3
    with meter.recording() as recording:
        assert lab["gentec.streaming"].value is True
        assert recording.wait(2, 1.0) == 2
        assert recording.shots().heads == pytest.approx([103e-9, 104e-9])
        lab["gentec.stream"].answer = lambda: np.zeros((2, 2))
        with pytest.raises(ReplyError, match=r"shape \(2, 2\)"):
            recording.shots()
        lab["gentec.stream"].answer = since
    assert lab["gentec.streaming"].value is False


def test_a_head_that_keeps_one_pulse_is_looked_at_while_another_meter_waits(meter: Any, lab: Any) -> None:
    beside, head = type(meter)(meter.role, meter.table), Head(lab)
    beside.handles["use"] = type(lab["sc10.state"])("b.energy", head, lab, 0.0)
    read = head.read_stream
    head.read_stream = lambda timeout=0.0: read(timeout)[-1:]  # type: ignore[method-assign]
    with beside.recording() as behind, meter.recording() as recording:
        recording.wait(6, 2.0)
        assert behind.shots().heads == pytest.approx(recording.shots().heads)
    with meter.recording() as recording:
        recording.wait(2, 2.0)
    assert len(behind.shots().times) == 6


def test_an_interrupted_recording_ends_and_its_pulses_remain(meter: Any, head: Head) -> None:
    recordings = []

    def interrupted() -> None:
        with meter.recording() as recording:
            recordings.append(recording)
            recording.wait(2, 1.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (recording,) = recordings
    assert not head.streaming
    assert len(recording.shots().times) == 2


def test_a_stream_that_was_left_running_is_ended_at_the_start_of_a_run(meter: Any, head: Head) -> None:
    head.start_stream()
    meter.begin()
    assert not head.streaming


def test_without_a_calibration_the_head_itself_is_told(make_meter: Callable[..., Any]) -> None:
    meter = make_meter({" calibration: energy_at_sample,": ""}).roles["energy_meter"]
    with meter.recording() as recording:
        recording.wait(2, 1.0)
        found = recording.shots()
    assert found.energies.tolist() == found.heads.tolist()
    assert meter.fastest() == 100.0


def test_accuracy_and_noise_are_kept_with_the_data(make_meter: Callable[..., Any]) -> None:
    found = make_meter().conditions()["energy_meter"]
    assert found["accuracy"] == {"value": 0.03, "sigma": 0.0, "unit": "1"}
    assert found["noise"] == {"value": 0.01, "sigma": 0.0, "unit": "1"}


def test_a_longer_kind_in_a_name_counts_more_than_a_shorter_one() -> None:
    names = {
        "energy_meter_b": "energy_meter", "sample_meter": "meter", "pump_pulse_attenuator": "pulse_attenuator",
        "laser_pulse": "pulse",
    }  # fmt: skip
    assert {name: kind_of(name) for name in names} == names
    with pytest.raises(UsageError, match="could be energy_meter or shutter"):
        kind_of("energy_meter_shutter")


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({", fastest: 100 Hz": ""}, "needs 'fastest'"),
        ({"calibration: energy_at_sample": "calibration: power_at_sample"}, "not one for a energy_meter"),
        ({"range: gentec.scale": "streaming: gentec.streaming"}, "state `stream` too"),
    ],
)
def test_a_meter_that_cannot_be_is_refused(
    make_meter: Callable[..., Any], replace: dict[str, str], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        make_meter(replace)


def test_in_a_dry_run_pulses_come_at_the_planned_rate_and_all_meters_see_them(
    make_meter: Callable[..., Any], lab: Any
) -> None:
    class One(Procedure):
        def measure(self, *, energy_meter: EnergyMeter) -> Rows:
            yield {}

    twin: Any = make_meter().rehearse(One()).arguments["energy_meter"]
    lab.log.clear()
    twin.guard.pulses.rate_is(10.0)
    twin.guard.pulses.energy_is(5e-9)
    twin.expect(5e-9)
    other = type(twin)(twin.role, twin.table)
    before = twin.clock.now()
    with twin.recording() as recording, other.recording() as beside:
        assert recording.wait(4, 1.0) == 4
        found, also = recording.shots(), beside.shots()
    assert twin.clock.now() - before == pytest.approx(0.4, abs=0.02)
    assert found.energies == pytest.approx(5e-9) == also.energies
    assert found.heads == pytest.approx(51e-9)
    assert lab.log == []
