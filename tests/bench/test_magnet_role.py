"""The magnet: its legs, its settling, what it refuses, and that it holds whenever a ramp does not end well."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.bench import Bench, read_bench
from perovskite_meas.bench.rehearsal import PlanningClock
from perovskite_meas.bench.roles.ramp import legs
from perovskite_meas.core.errors import BenchError, HardwareFault, UsageError
from perovskite_meas.core.roles import Magnet

SEGMENTS = ((3.0, 0.3), (7.0, 0.2))
ROLE = "  magnet: {use: ami.field, segments: [[3 T, 0.3 T/min], [7 T, 0.2 T/min]], maximum: 6.5 T, settle: 5 s}\n"


class Ami:
    """An AMI 430 as its QCoDeS driver shows it, with a coil that moves on the clock of the test."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.coil = self.supply = 0.0
        self.target = 0.0
        self.rate = 0.001
        self.begun: tuple[float, float] | None = None
        self.switch, self.heater, self.turning = False, True, -math.inf
        self.tesla, self.minutes, self.quenched = True, False, False
        self.quench_at = self.stuck_at = math.inf
        self.limit, self.offset, self.parallel_rate = 0.02, 0.0, 0.0
        self.sent: list[str] = []
        self.rates: list[tuple[float, float]] = []
        self.alive: Callable[[], None] = lambda: None

    def _now(self) -> float:
        now = self.clock.now()
        if self.begun is not None:
            began, start = self.begun
            rate = self.rate if self.heater else self.parallel_rate
            way = min(rate * (now - began), abs(self.target - start))
            self.supply = start + math.copysign(way, self.target - start)
            if abs(self.supply) >= self.stuck_at:
                self.supply = math.copysign(self.stuck_at, self.supply)
            if self.supply == self.target:
                self.begun = None
            if self.heater:
                self.coil = self.supply
            if abs(self.coil) >= self.quench_at:
                self.quenched, self.begun, self.coil, self.supply = True, None, 0.0, 0.0
        return now

    def state(self) -> int:
        now = self._now()
        if self.quenched:
            return 7
        if now < self.turning:
            return 9 if self.heater else 10
        return 1 if self.begun is not None else 2

    def ask(self, question: str) -> str:
        self.alive()
        self._now()
        unit = 1.0 if self.tesla else 10.0
        answers: dict[str, Any] = {
            "STATE?": self.state, "FIELD:MAG?": lambda: (self.coil + self.offset) * unit, "COIL?": lambda: 0.1 * unit,
            "CURR:LIMIT?": lambda: 90.0, "CURR:SUPP?": lambda: self.supply / 0.1,
            "FIELD:UNITS?": lambda: int(self.tesla),
            "RAMP:RATE:UNITS?": lambda: int(self.minutes), "FIELD:TARG?": lambda: self.target * unit,
            "PS:INST?": lambda: int(self.switch), "PS?": lambda: int(self.heater), "PS:HTIME?": lambda: 20,
            "PS:CTIME?": lambda: 30,
        }  # fmt: skip
        return f"{answers[question]()}"

    def write(self, command: str) -> None:
        now = self._now()
        self.sent.append(command)
        word, _, value = command.rpartition(" ")
        if command == "PAUSE":
            self.begun = None
        elif command == "RAMP":
            self.begun = (now, self.supply)
        elif word == "CONF:FIELD:TARG":
            self.target = float(value) / (1.0 if self.tesla else 10.0)
        elif word == "CONF:PS:PSRR":
            self.parallel_rate = float(value) * 0.1
        elif word == "PS":
            assert value == "0" or self.supply == pytest.approx(self.coil, abs=2e-3), "a magnet would quench here"
            self.heater, self.turning = value == "1", now + (20 if value == "1" else 30)
        else:
            raise AssertionError(command)

    def ramp_rate(self, rate: float | None = None) -> float:
        """In the unit of the instrument, as the driver's parameter."""
        factor = (1.0 if self.tesla else 0.1) / (60.0 if self.minutes else 1.0)
        if rate is not None:
            self.rate = rate * factor
            self.rates.append((self.coil, self.rate))
        return self.rate / factor

    def field_ramp_limit(self) -> float:
        return self.limit * (1.0 if self.tesla else 10.0) * (60.0 if self.minutes else 1.0)

    def set_field(self, value: float, *, block: bool = True) -> None:
        assert not block
        for command in ("PAUSE", f"CONF:FIELD:TARG {value}", "RAMP"):
            self.write(command)


class AMIModel430(Ami):
    """Recognised by its name."""


@pytest.fixture
def ami(lab: Any) -> AMIModel430:
    found = AMIModel430(lab.clock)
    lab.parameters["ami.field"] = type(lab["sc10.state"])("ami.field", found, lab, 0.0)
    return found


@pytest.fixture
def magnet(make: Callable[..., Bench], ami: AMIModel430) -> Callable[..., Any]:
    def made(**options: str) -> Any:
        text = ROLE.replace("}\n", "".join(f", {key}: {value}" for key, value in options.items()) + "}\n")
        return make({"  scanner:": text + "  scanner:"}).roles["magnet"]

    return made


@pytest.mark.parametrize(
    ("start", "target", "wanted"),
    [
        (0, 5, [(3, 0.3), (5, 0.2)]),
        (5, 0, [(3, 0.2), (0, 0.3)]),
        (2, -2.5, [(-2.5, 0.3)]),
        (4, -4, [(3, 0.2), (-3, 0.3), (-4, 0.2)]),
        (-8, 0, [(-3, 0.2), (0, 0.3)]),
        (1, 1, []),
        (3, 3.5, [(3.5, 0.2)]),
    ],
)
def test_every_leg_has_the_rate_of_its_segment(start: float, target: float, wanted: list[tuple[float, float]]) -> None:
    found = legs(start, target, SEGMENTS)
    assert [(leg.target, pytest.approx(leg.rate * 60)) for leg in found] == wanted
    assert sum(leg.length for leg in found) == pytest.approx(abs(target - start))


def test_a_ramp_goes_in_legs_and_takes_their_time(magnet: Any, ami: AMIModel430, lab: Any) -> None:
    role = magnet()
    assert isinstance(role, Magnet)
    role.begin()
    found = role.ramp_to(5.0)
    assert found.field == pytest.approx(5.0, abs=1e-3)
    assert found.state == "holding"
    assert [pytest.approx(rate * 60) for _, rate in ami.rates] == [0.3, 0.2]
    assert ami.rates[1][0] == pytest.approx(3.0, abs=1e-3)
    assert 1200 <= lab.clock.now() <= 1200 + 5 + 5
    role.ramp_to(-1.0)
    assert role.read().field == pytest.approx(-1.0)
    assert role.span() == (-6.5, 6.5)


@pytest.mark.parametrize(("tesla", "minutes"), [(True, True), (False, True), (False, False)])
def test_units_at_the_panel_do_not_matter(magnet: Any, ami: AMIModel430, tesla: bool, minutes: bool) -> None:
    ami.tesla, ami.minutes = tesla, minutes
    role = magnet()
    role.begin()
    assert role.ramp_to(-4.0).field == pytest.approx(-4.0, abs=1e-3)
    assert [pytest.approx(rate * 60) for _, rate in ami.rates] == [0.3, 0.2]


@pytest.mark.parametrize("field", [6.6, -7.0, math.nan, math.inf])
def test_a_field_beyond_the_maximum_is_refused_before_anything_is_sent(magnet: Any, ami: Ami, field: float) -> None:
    with pytest.raises(UsageError, match=r"magnet \(ami.field.*(beyond -6.5 T to 6.5 T|state a finite field)"):
        magnet().ramp_to(field)
    assert ami.sent == []


def test_it_settles_by_several_readings_over_the_time(magnet: Any, ami: Ami, lab: Any) -> None:
    role = magnet(tolerance="2 mT")
    role.ramp_to(0.1)
    start = lab.clock.now()
    ami.offset = 0.001
    role.ramp_to(0.1)
    assert 5.0 <= lab.clock.now() - start <= 9
    ami.alive = lambda: setattr(ami, "offset", 0.003 if lab.clock.now() % 4 < 1 else 0.0)
    with pytest.raises(HardwareFault, match=r"did not settle at 100 mT within .*up to 3 mT off.*2 mT for 5 s"):
        role.ramp_to(0.1)
    assert ami.sent[-1] == "PAUSE"


def test_a_quench_is_a_fault_after_which_only_hold_is_sent(magnet: Any, ami: Ami) -> None:
    role = magnet()
    ami.quench_at = 2.0
    with pytest.raises(HardwareFault, match=r"reports a quench at 0 T on the way to 3 T.*by hand"):
        role.ramp_to(5.0)
    after = ami.sent[ami.sent.index("RAMP") + 1 :]
    assert set(after) == {"PAUSE"}
    assert role.read().state == "quench"
    count = len(ami.sent)
    with pytest.raises(HardwareFault, match="quench"):
        role.ramp_to(0.0)
    assert set(ami.sent[count:]) <= {"PAUSE"}


class GaveUpError(Exception):
    """Somebody else's error."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, GaveUpError])
def test_it_is_paused_within_a_second_however_a_ramp_is_interrupted(
    magnet: Any, ami: Ami, lab: Any, kind: type[BaseException]
) -> None:
    role, raised = magnet(), []

    def stop() -> None:
        if lab.clock.now() > 100 and not raised:
            raised.append(lab.clock.now())
            raise kind

    ami.alive = stop
    with pytest.raises(kind):
        role.ramp_to(5.0)
    assert ami.sent[-1] == "PAUSE"
    assert ami.state() == 2
    assert lab.clock.now() - raised[0] <= 1.0
    stood = ami.coil
    lab.clock.sleep(100)
    assert role.read().field == pytest.approx(stood)
    assert stood == pytest.approx(0.5, abs=0.02)


def test_it_never_sleeps_longer_than_a_second(magnet: Any, ami: Ami, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    role, slept = magnet(), []
    real = lab.clock.sleep
    monkeypatch.setattr(lab.clock, "sleep", lambda seconds: (slept.append(seconds), real(seconds)))
    role.ramp_to(0.5)
    assert max(slept) <= 1.0


def test_a_pause_at_the_panel_and_a_stall_are_noticed(magnet: Any, ami: Ami, lab: Any) -> None:
    role = magnet()
    ami.alive = lambda: setattr(ami, "begun", None) if 50 < lab.clock.now() < 53 else None
    with pytest.raises(HardwareFault, match=r"says 'holding' at .*somebody else has paused it"):
        role.ramp_to(2.0)
    ami.alive = lambda: None
    ami.stuck_at = 1.0
    with pytest.raises(HardwareFault, match=r"stalled at 1 T on the way to 2 T at 0.3 T/min.*voltage limit"):
        role.ramp_to(2.0)


def test_a_ramp_begun_by_hand_is_stopped_first(magnet: Any, ami: Ami, lab: Any) -> None:
    role = magnet()
    ami.target, ami.begun = 3.0, (0.0, 0.0)
    lab.clock.sleep(300)
    role.ramp_to(0.5)
    assert ami.sent[0] == "PAUSE"
    assert role.read().field == pytest.approx(0.5, abs=1e-3)


def test_hold_stops_and_says_so_where_it_cannot(magnet: Any, ami: Ami, monkeypatch: pytest.MonkeyPatch) -> None:
    role = magnet()
    role.hold()
    assert ami.sent == ["PAUSE"]
    monkeypatch.setattr(ami, "state", lambda: 1)
    with pytest.raises(HardwareFault, match="told to hold but goes on ramping"):
        role.hold()


def test_never_refuses_a_persistent_magnet_before_anything_is_sent(magnet: Any, ami: Ami) -> None:
    ami.switch, ami.heater, ami.coil = True, False, 2.0
    with pytest.raises(UsageError, match=r"persistent at 2 T.*persistent: never; bring it out"):
        magnet().ramp_to(1.0)
    assert ami.sent == []


def test_a_coil_without_a_switch_is_stated_where_its_supply_cannot_tell(magnet: Any, ami: Ami) -> None:
    ami.switch, ami.heater = True, False
    with pytest.raises(UsageError, match="switch: false where the coil has no switch"):
        magnet().ramp_to(1.0)
    assert magnet(switch="false").read().state == "holding"


def test_a_switch_on_its_way_is_waited_for_by_hand(magnet: Any, ami: Ami, lab: Any) -> None:
    ami.switch, ami.turning = True, 100.0
    with pytest.raises(HardwareFault, match="warming or cooling; wait"):
        magnet().ramp_to(1.0)


def test_allowed_matches_the_leads_heats_and_ramps(magnet: Any, ami: Ami, lab: Any) -> None:
    ami.switch, ami.heater, ami.coil = True, False, 2.0
    role = magnet(persistent="allowed", leads_rate="1 T/min")
    role.ramp_to(1.0)
    assert [line for line in ami.sent if line.startswith("PS")] == ["PS 1"]
    assert ami.parallel_rate == pytest.approx(1 / 60, rel=1e-5)
    assert ami.coil == pytest.approx(1.0, abs=1e-3)
    assert lab.clock.now() >= 120 + 20 + 200


def test_park_leaves_the_coil_persistent_and_the_leads_empty(magnet: Any, ami: Ami) -> None:
    ami.switch = True
    role = magnet(persistent="park", leads_rate="1 T/min")
    found = role.ramp_to(1.0)
    assert found.state == "persistent"
    assert found.field == pytest.approx(1.0, abs=1e-3)
    assert abs(ami.supply) <= 1e-3
    found = role.ramp_to(1.5)
    assert found.state == "persistent"
    assert [line for line in ami.sent if line.startswith("PS")] == ["PS 0", "PS 1", "PS 0"]


def test_leads_that_do_not_follow_keep_the_switch_cold(magnet: Any, ami: Ami) -> None:
    ami.switch, ami.heater, ami.coil, ami.stuck_at = True, False, 2.0, 1.5
    with pytest.raises(HardwareFault, match=r"stalled at 1\.5 T"):
        magnet(persistent="allowed", leads_rate="1 T/min").ramp_to(1.0)
    assert "PS 1" not in ami.sent


def test_the_drivers_own_limits_are_checked_at_the_start_of_a_run(magnet: Any, ami: Ami) -> None:
    ami.limit = 0.001
    with pytest.raises(UsageError, match=r"asks for 0.3 T/min but the driver allows 0.06 T/min"):
        magnet().begin()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[3 T, 0.3 T/min], [7 T, 0.2 T/min]]", "[[3 T, 0.3 T/min], [2 T, 0.2 T/min]]", "must rise"),
        ("[[3 T, 0.3 T/min], [7 T, 0.2 T/min]]", "[[3 T, 0.3], [7 T, 0.2 T/min]]", "'0.3' has no unit"),
        ("[[3 T, 0.3 T/min], [7 T, 0.2 T/min]]", "[[3 T]]", "must hold two quantities, in T and T/min; got 1"),
        ("[[3 T, 0.3 T/min], [7 T, 0.2 T/min]]", "[]", "at least one pair"),
        ("[[3 T, 0.3 T/min], [7 T, 0.2 T/min]]", "0.3 T/min", "must be a list"),
        ("maximum: 6.5 T", "maximum: 8 T", "8 T is beyond the last of the segments"),
        ("segments: [[3 T, 0.3 T/min], [7 T, 0.2 T/min]], ", "", "needs 'segments'"),
        (", maximum: 6.5 T", "", "needs 'maximum'"),
        ("settle: 5 s", "persistent: sometimes", "must be never | allowed | park; got 'sometimes'"),
        ("settle: 5 s", "persistent: park", "state how fast, e.g. leads_rate"),
    ],
)
def test_what_cannot_be_is_refused_when_the_bench_is_read(write: Any, ami: Ami, old: str, new: str, words: str) -> None:
    assert old in ROLE
    with pytest.raises(BenchError) as caught:
        read_bench(write(replace={"  scanner:": ROLE.replace(old, new) + "  scanner:"}))
    assert words in str(caught.value)


def test_an_unknown_supply_is_named_with_those_that_are_known(make: Any, lab: Any) -> None:
    role = ROLE.replace("ami.field", "sr400.port_1")
    with pytest.raises(BenchError, match=r"belongs to a object, which is no magnet supply known here.*AMIModel430"):
        make({"  scanner:": role + "  scanner:"})


def test_another_parameter_than_the_field_is_refused(make: Any, lab: Any, ami: Ami) -> None:
    lab.parameters["ami.setpoint"] = type(lab["sc10.state"])("ami.setpoint", ami, lab, 0.0)
    with pytest.raises(BenchError, match="'setpoint' is not the field of a AMIModel430; name field"):
        make({"  scanner:": ROLE.replace("ami.field", "ami.setpoint") + "  scanner:"})


def test_a_run_carries_supply_rates_and_tolerance(magnet: Any) -> None:
    facts = magnet().facts()
    assert facts["supply"] == "ami430"
    assert facts["maximum"] == {"value": 6.5, "sigma": 0.0, "unit": "T"}
    assert facts["tolerance"]["value"] == 1e-3
    assert [part["rate"]["value"] for part in facts["segments"]] == [0.3, 0.2]


def test_the_dry_run_takes_the_planned_time_and_notes_what_is_beyond(make: Any, ami: Ami, points: Any) -> None:
    bench = make({"  scanner:": ROLE + "  scanner:", "shutter.block, ": "shutter.block, magnet.hold, "})
    noted: list[str] = []
    from perovskite_meas.bench.guard import Guard
    from perovskite_meas.bench.roles import Table

    clock = PlanningClock()
    real = bench.guard
    guard = Guard(bench.limits, real._beam, real.ledger, lambda what, far, text, watt: noted.append(text))
    spec = bench.spec.roles["magnet"]
    twin = spec.adapter.twin(spec, Table(None, guard, clock, {}, {}))
    twin.begin()
    twin.ramp_to(5.0)
    assert 1205 < clock.now() < 1220
    twin.ramp_to(7.0)
    assert "7 T is beyond -6.5 T to 6.5 T" in noted[0]
    assert twin.read().field == 7.0
    assert ami.sent == []
    bench.rehearse(points())
    bench.make_safe()
    assert ami.sent == ["PAUSE"]
