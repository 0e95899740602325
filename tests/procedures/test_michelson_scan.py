"""The Michelson scan on a small table of its own: fringes, order, and light that goes off however it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.delay_scale import LIGHT, DelayScale
from perovskite_meas.core.errors import HardwareFault, ParameterError
from perovskite_meas.core.roles import Count, DelayReading, PowerReading
from perovskite_meas.core.tags import Tags
from perovskite_meas.procedures import MichelsonScan
from perovskite_meas.procedures._michelson_table import SERIES
from perovskite_meas.procedures._michelson_zero import find_zero

T2, PULSE, ZERO, OFFSET_UM = 11.0, 2.0, 0.4, 0.05
"""ps, ps, ps from the calibrated zero, um."""
CYCLE = 0.05
SIGNAL, MONITOR, TRIGGER = 0, 1, 2
QUICK: dict[str, Any] = {
    "delays": "Values(3, 8, 15, 24)",
    "points": 32,
    "dwell": "1 ms",
    "back": "8 ms",
    "sweeps": 10,
    "control_sweeps": 6,
    "reference_delays": 2,
    "background_delays": 2,
    "check_every": 2,
}


class Shutter:
    """Opens and blocks, and writes down both."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log, self.open = name, log, False

    def block(self) -> None:
        self.open = False

    def is_blocking(self) -> bool:
        return not self.open

    @contextmanager
    def exposure(self) -> Iterator[None]:
        self.open = True
        self.log.append(f"open {self.name}")
        try:
            yield
        finally:
            self.open = False
            self.log.append(f"block {self.name}")

    shining = exposure


class Ramp:
    """Runs from -um/2 to um/2; the mirror really moves `stretch` times that."""

    def __init__(self, um: float, forward: float, back: float) -> None:
        self.um, self.forward, self.period = um, forward, forward + back

    def positions(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.um * (np.asarray(times) / self.forward - 0.5)


class Optics:
    """Delay line, tagger, attenuator, meter, scanner, clock and ledger over one dot with a known T2."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.log: list[str] = []
        self.main, self.a, self.b, self.light = (Shutter(name, self.log) for name in ("main", "a", "b", "reference"))
        self.time, self.tau, self.um = 0.0, 0.0, 0.0
        self.ramp: Ramp | None = None
        self.watt, self.beside = 0.0, False
        self.brightness, self.dead, self.stretch = 4e4, False, 1.0
        self.laser, self.reference, self.leak = 1e5, 2e5, 150.0
        self.least = 0.0
        self.wires = {"signal": SIGNAL, "monitor": MONITOR, "trigger": TRIGGER}
        self.moves: list[float] = []
        self.reach = (-50.0, 60.0)

    # clock and ledger
    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def dose(self) -> float:
        return 1e-6 * self.time

    # delay line
    def scale(self) -> DelayScale:
        return DelayScale()

    def span(self) -> tuple[float, float]:
        return self.reach

    def fine_span(self) -> float:
        return 10.0

    def move_to(self, delay: float) -> DelayReading:
        assert not self.main.open
        assert self.ramp is None
        self.tau = delay
        self.moves.append(delay)
        return self.read()

    def read(self) -> DelayReading:
        fine = self.um + OFFSET_UM
        return DelayReading(self.tau + self.scale().delay(fine) * 1e-3, 12.5 + self.scale().travel(self.tau), fine)

    def fine_to(self, um: float) -> DelayReading:
        assert self.ramp is None
        self.um = um
        self.time += 0.005
        return self.read()

    @contextmanager
    def ramping(self, um: float, forward: float, back: float) -> Iterator[Ramp]:
        assert not self.main.open
        self.ramp = Ramp(um, forward, back)
        try:
            yield self.ramp
        finally:
            self.ramp = None

    # power
    def set_power(self, watt: float) -> float:
        assert not self.main.open
        self.watt = watt
        return watt

    def minimum(self) -> None:
        assert not self.main.open
        self.watt = self.least

    def read_power(self, seconds: float) -> PowerReading:
        return PowerReading(1.01 * self.watt, 10 * self.watt)

    # scanner
    def on_emitter(self) -> None:
        assert not self.main.open
        self.beside = False

    def off_emitter(self) -> None:
        assert not self.main.open
        self.beside = True

    def position_to(self, x: float, y: float) -> None: ...

    # light
    def rates(self, um: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rates of signal and monitor where the mirror is, in cps."""
        travel = self.scale().delay(1.0) * um
        tau = self.tau - ZERO + travel * 1e-3
        fringe = np.cos(2 * math.pi * (self.tau * 1e3 + travel) / (696.54e-3 / LIGHT))
        arms = self.a.open + self.b.open
        both = float(arms == 2)
        signal = np.full_like(um, 100.0)
        if self.main.open:
            shown = 0.0 if self.beside else self.brightness * min(self.watt / 0.2e-6, 4.0) / 2
            signal += shown * arms * (1 + both * 0.8 * np.exp(-np.abs(tau) / T2) * fringe) + self.leak
        overlap = 0.9 * np.exp(-math.log(2) * (tau / PULSE) ** 2)
        monitor = 100 + self.laser * self.watt / 0.2e-6 * arms * (1 + both * overlap * fringe)
        if self.light.open:
            monitor += self.reference * arms * (1 + both * 0.97 * np.cos(2 * math.pi * travel / (632.816e-3 / LIGHT)))
        return signal, monitor

    # detectors
    def inputs(self) -> dict[str, int]:
        return self.wires

    def sync_rate(self) -> float:
        return 0.0

    def acquire(self, seconds: float, mark: int = 1) -> Tags:
        begun, self.time = self.time, self.time + seconds
        self.log.append(f"record {mark}")
        if self.dead:
            return Tags(np.empty(0, np.int64), np.empty(0, np.uint8), round(seconds * 1e12))
        grid = np.arange(0, seconds, 5e-5)
        if self.ramp is None:
            um, triggers = np.full_like(grid, self.um), np.empty(0)
        else:
            phase = np.mod(begun + grid, self.ramp.period)
            up = self.ramp.um * (phase / self.ramp.forward - 0.5)
            back = self.ramp.um * (0.5 - (phase - self.ramp.forward) / (self.ramp.period - self.ramp.forward))
            um = self.stretch * np.where(phase <= self.ramp.forward, up, back)
            triggers = np.arange(-(begun % self.ramp.period), seconds, self.ramp.period)[1:]
        made = [
            np.repeat(grid, counts) + 5e-5 * self.rng.random(counts.sum())
            for counts in (self.rng.poisson(rate * 5e-5) for rate in self.rates(um))
        ]
        times = np.round(1e12 * np.concatenate([*made, triggers])).astype(np.int64)
        channels = np.repeat(
            np.array([SIGNAL, MONITOR, TRIGGER], np.uint8), [len(made[0]), len(made[1]), len(triggers)]
        )
        order = np.argsort(times, kind="stable")
        return Tags(times[order], channels[order], round(seconds * 1e12))

    def count(self, dwell: float) -> Count:
        self.time += dwell
        rate = float(self.rates(np.array([self.stretch * self.um]))[0][0])
        return Count(float(self.rng.poisson(rate * dwell)), dwell)

    def is_dark(self) -> bool:
        return not any(shutter.open for shutter in (self.main, self.a, self.b, self.light)) and self.ramp is None


class Meter:
    """The table's pick-off head."""

    def __init__(self, optics: Optics) -> None:
        self.read = optics.read_power


def roles(optics: Optics, **changes: Any) -> dict[str, Any]:
    there = dict.fromkeys(("delay", "clock", "ledger", "attenuator", "tagger", "scanner"), optics)
    shutters = {"shutter": optics.main, "shutter_a": optics.a, "shutter_b": optics.b, "reference": optics.light}
    return {**there, **shutters, "meter": Meter(optics), **changes}


def measured(optics: Optics, *, without: tuple[str, ...] = (), **parameters: Any) -> list[dict[str, Any]]:
    procedure = MichelsonScan(**QUICK | parameters)
    check = RowCheck(procedure.columns)
    return [check(row) for row in procedure.measure(**roles(optics, **dict.fromkeys(without)))]


def of(rows: list[dict[str, Any]], *series: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["series"] in [SERIES[name] for name in series]]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return measured(Optics())


def test_the_live_visibilities_are_those_of_the_dot(rows: list[dict[str, Any]]) -> None:
    for row in of(rows, "on", "check"):
        tau = row["delay"] - ZERO
        # A point of 1/8 fringe averages over it.
        truth = 0.8 * math.exp(-tau / T2) * np.sinc(1 / 8)
        assert row["visibility_running"] == pytest.approx(truth, abs=4.5 * row["visibility_sigma"])
        assert row["visibility_sigma"] < 0.05


def test_zero_delay_is_found_on_the_monitor_and_the_delays_are_counted_from_it(rows: list[dict[str, Any]]) -> None:
    on = of(rows, "on")
    assert on[0]["zero"] == pytest.approx(ZERO, abs=4 * on[0]["zero_sigma"])
    assert 0 < on[0]["zero_sigma"] < 0.02
    found = sorted(row["delay"] - row["zero"] for row in on)
    assert found == pytest.approx([3, 8, 15, 24], abs=1e-9)
    assert {row["zero_sigma"] for row in of(rows, "zero", "reference")} == {-1.0}


def test_controls_come_first_and_last_and_checks_in_between(rows: list[dict[str, Any]]) -> None:
    names = {code: name for name, code in SERIES.items()}
    seen = [names[row["series"]] for row in rows]
    assert seen[:3] == ["dark", "reference", "reference"]
    rest = [name for name in seen[3:] if name != "zero"]
    assert rest == [
        *["power"] * 3, "arm_a", "arm_b", "off_emitter", "off_emitter",
        "check", "on", "on", "check", "on", "on", "check",
        "arm_a", "arm_b", "dark",
    ]  # fmt: skip


def test_the_fixed_delay_is_always_the_same_and_never_counts_as_a_point(rows: list[dict[str, Any]]) -> None:
    assert {round(row["delay"] - row["zero"], 9) for row in of(rows, "check")} == {6.0}
    assert len(of(rows, "on")) == 4


def test_the_dot_sees_no_light_before_the_pulse_pair_is_known(rows: list[dict[str, Any]]) -> None:
    for row in of(rows, "dark", "reference", "zero"):
        assert row["counts"].sum() < 1.3 * 100 * row["exposure"] * 32 * 6 + 30
    assert min(row["monitor"].sum() for row in of(rows, "reference", "zero")) > 1000
    assert of(rows, "dark")[0]["power_set"] == 0
    assert {row["power_set"] for row in of(rows, "zero")} == {0.2e-6}


def test_arm_a_alone_is_seen_at_three_powers(rows: list[dict[str, Any]]) -> None:
    power = of(rows, "power")
    assert [row["power_set"] for row in power] == pytest.approx([0.2e-6, 0.8e-6, 3.2e-6])
    assert power[1]["power"] == pytest.approx(1.01 * 0.8e-6)
    assert power[1]["counts"].sum() == pytest.approx(4 * power[0]["counts"].sum(), rel=0.1)


def test_rows_hold_whole_sweeps_padded_to_one_shape(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        used = 10 if row["series"] in (0, 1) else 6
        assert row["sweeps"] == used
        assert row["counts"].shape == row["monitor"].shape == (10, 32)
        assert not row["counts"][used:].any()
        assert np.diff(row["sweep_start"][:used]) == pytest.approx(0.04)
        assert row["exposure"] == pytest.approx(1e-3)
        np.testing.assert_allclose(row["fine_delay"], row["position"] * DelayScale().per_length)
        assert row["fine"] == pytest.approx(OFFSET_UM)


def test_the_main_shutter_opens_last_and_blocks_first_and_only_for_a_burst() -> None:
    optics = Optics()
    measured(optics)
    log = optics.log
    for before, after in pairwise(log):
        if after == "open main":
            assert before in ("open a", "open b")
        if before == "open main":
            assert after.startswith("record")
        if before.startswith("record") and after.startswith("block"):
            lit = int(before.split()[1]) - 1 in (0, 1, 5, 6, 7, 8)
            assert (after == "block main") == lit


BRIEF: dict[str, Any] = {"sweeps": 2, "control_sweeps": 2, "delays": "Values(3, 15)", "reference_delays": 1}


def test_between_any_two_rows_everything_is_dark_and_at_rest() -> None:
    optics = Optics()
    for number, _ in enumerate(MichelsonScan(**QUICK | BRIEF).measure(**roles(optics))):
        assert optics.is_dark(), number


@pytest.mark.parametrize("how", ["close", "throw"])
@pytest.mark.parametrize("row", [1, 2, 5, 13, 16, 18, 20, 22, 24])
def test_a_run_that_ends_after_any_row_leaves_everything_dark_and_the_spot_on_the_emitter(row: int, how: str) -> None:
    optics = Optics()
    generator = MichelsonScan(**QUICK | BRIEF).measure(**roles(optics))
    for _ in range(row):
        next(generator)
    if how == "close":
        generator.close()
    else:
        with pytest.raises(RuntimeError, match="struck"):
            generator.throw(RuntimeError("struck"))
    assert optics.is_dark()
    assert not optics.beside


def test_a_recording_that_fails_leaves_everything_dark_and_the_ramp_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    for fails in range(1, 24, 3):
        optics, calls = Optics(), 0
        plain = optics.acquire

        def acquire(seconds: float, mark: int = 1, *, at: int = fails, plain: Any = plain, self: Any = optics) -> Tags:
            nonlocal calls
            calls += 1
            if calls == at:
                assert self.ramp is not None
                raise HardwareFault("lost")
            found: Tags = plain(seconds, mark)
            return found

        monkeypatch.setattr(optics, "acquire", acquire)
        with pytest.raises(HardwareFault, match="lost"):
            measured(optics, **BRIEF)
        assert optics.is_dark()
        assert not optics.beside


def test_the_random_order_is_fixed_by_its_seed_and_stored() -> None:
    def visited(**parameters: Any) -> list[float]:
        chosen: dict[str, Any] = {"delays": "Linspace(3, 30, 8)", "sweeps": 1, "control_sweeps": 1}
        chosen |= {"zero_span": 0, "check_delay": None}
        return [round(row["delay"], 6) for row in of(measured(Optics(), **chosen | parameters), "on")]

    given = visited(order="given")
    assert given == sorted(given)
    assert visited(seed=3) == visited(seed=3) != visited(seed=4)
    assert sorted(visited(seed=3)) == given
    assert visited(order="interleaved") == given[::2] + given[1::2][::-1]
    assert MichelsonScan(seed=3).to_json()["seed"] == 3


def test_each_delay_is_repeated_until_its_visibility_is_precise() -> None:
    rows = of(measured(Optics(), delays="Values(3, 20)", bursts=30, precision=0.006, check_delay=None), "on")
    near = [row for row in rows if row["delay"] - row["zero"] < 10]
    far = [row for row in rows if row["delay"] - row["zero"] > 10]
    for bursts in (near, far):
        assert bursts[-1]["visibility_sigma"] <= 0.006
        assert all(row["visibility_sigma"] > 0.006 for row in bursts[:-1])
        assert 2 < len(bursts) < 30


def test_a_bleached_dot_ends_the_scan_but_not_its_last_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    optics = Optics()
    generator = MichelsonScan(**QUICK | {"delays": "Linspace(3, 30, 12)", "check_delay": None}).measure(**roles(optics))
    rows = []
    for row in generator:
        rows.append(dict(row))
        if len(of(rows, "on")) == 2:
            optics.brightness = 0.0
    assert len(of(rows, "on")) == 5
    assert rows[-1]["series"] == SERIES["dark"]


def test_an_open_loop_piezo_of_another_scale_does_not_spoil_the_live_estimate() -> None:
    optics = Optics()
    optics.stretch = 0.86
    rows = measured(optics, delays="Values(3, 8)", sweeps=20, check_delay=None)
    for row in of(rows, "on"):
        truth = 0.8 * math.exp(-(row["delay"] - ZERO) / T2)
        assert row["visibility_running"] == pytest.approx(truth, abs=0.05)


@pytest.mark.parametrize("zero", [-11.3, 0.0, 6.2])
def test_zero_is_found_wherever_it_is_within_the_span(zero: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ZERO", zero)
    rows = measured(Optics(), delays="Values(3)", sweeps=2, check_delay=None)
    assert of(rows, "on")[0]["zero"] == pytest.approx(zero, abs=0.03)
    assert len(of(rows, "zero")) < 30


def test_without_fringes_on_the_monitor_the_scan_ends_before_any_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ZERO", 45.0)
    optics = Optics()
    with pytest.raises(HardwareFault, match="no fringes of the laser on the monitor within 20 ps of the calibrated"):
        measured(optics)
    assert "open main" not in optics.log
    assert optics.is_dark()


def test_strong_fringes_that_an_open_loop_axis_bends_are_fringes_and_few_photons_are_not() -> None:
    def searched(visibility: float, sigma: float, photons: float) -> int:
        """Return how many bursts a search of 3 ps takes that sees the same everywhere near zero."""
        taken: list[float] = []

        def take(delay: float) -> tuple[dict[str, Any], bool]:
            taken.append(delay)
            shown = {"visibility_running": visibility * math.exp(-(delay**2) / 6), "visibility_sigma": sigma}
            return {
                **shown,
                "delay": delay,
                "monitor": np.full((2, 16), photons / 32),
                "sweeps": 2,
                "exposure": 2e-3,
            }, False

        list(find_zero(take, lambda row: None, 2.0, 3.0, (-50.0, 50.0)))
        return len(taken)

    # Seen with a KPZ101 that was never linearised: 2 sweeps of 16 points, 7535 photons.
    assert searched(0.833, 0.105, 7535) > 3
    for faint in ((0.833, 0.2, 100), (0.2, 0.03, 7535)):
        with pytest.raises(HardwareFault, match="no fringes of the laser"):
            searched(*faint)


@pytest.mark.parametrize(
    ("dead", "changes", "says"),
    [
        ("reference", {}, r"the reference laser gives monitor \(input 1\) nothing above its dark counts: \d+ photons "
         r"in 192 ms, where \d+ come in the dark: .*reference_delays = 0 goes on without it"),
        ("reference", {"least": 2e-9, "control_sweeps": 60}, r"monitor \(input 1\) shows no fringes of the reference "
         r"laser at (15|24) ps, only other light: .*reference_delays = 0 goes on without it"),
        ("laser", {}, r"^the laser gives monitor \(input 1\) nothing above its dark counts: .*its light is on"),
        ("laser", {"reference_delays": 0}, r"monitor's detector, power and cable; zero_span = 0 goes on without"),
    ],
)  # fmt: skip
def test_a_monitor_that_sees_dark_counts_alone_ends_the_scan_before_any_light_on_the_dot(
    dead: str, changes: dict[str, Any], says: str
) -> None:
    optics = Optics()
    setattr(optics, dead, 0.0)
    optics.least = changes.get("least", 0.0)
    with pytest.raises(HardwareFault, match=says):
        measured(optics, **{name: value for name, value in changes.items() if name != "least"})
    assert "open main" not in optics.log
    assert optics.is_dark()


def test_light_without_fringes_on_the_monitor_is_told_from_no_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ZERO", 45.0)
    with pytest.raises(HardwareFault, match=r"though it sees light \(\d+ photons in 13 bursts, 2e\+05 cps\)"):
        measured(Optics())


@pytest.mark.parametrize("without", [(), ("attenuator",), ("shutter_a", "shutter_b")])
def test_an_emitter_that_shows_nothing_takes_one_burst_and_no_more(without: tuple[str, ...]) -> None:
    optics = Optics()
    optics.brightness = optics.leak = 0.0
    optics.watt = 0.2e-6
    optics.a.open = optics.b.open = "shutter_a" in without
    scan = MichelsonScan(**QUICK)
    rows: list[dict[str, Any]] = []
    says = r"first burst on the emitter gives signal \(input 0\) nothing above .*fading = 0 goes on"
    with pytest.raises(HardwareFault, match=says):
        rows.extend(dict(row) for row in scan.measure(**roles(optics, **dict.fromkeys(without))))
    assert optics.log.count("open main") == 1
    assert rows[-1]["series"] in [SERIES[name] for name in ("power", "arm_a", "off_emitter")]
    assert not optics.main.open
    assert not optics.beside
    optics = Optics()
    optics.brightness = optics.leak = 0.0
    assert len(of(measured(optics, fading=0), "on")) == 4


def test_a_power_that_area_powers_asks_for_is_told_by_that_name() -> None:
    scan = MichelsonScan(power="5 uW")
    assert scan.why_power(80e-6).startswith("area_powers asks for 16 x power = 16 x 5 uW at the sample (choose smaller")
    assert scan.why_power(5e-6) == ""
    assert MichelsonScan(power="5 uW", area_powers="1").why_power(5e-6) == ""


def test_a_zero_that_leaves_no_room_for_the_delays_is_refused_before_any_light() -> None:
    optics = Optics()
    optics.reach = (-50.0, 24.2)
    with pytest.raises(
        ParameterError, match=r"delays of 24 ps lie beyond the coarse axis, .* zero delay found at 0\.[34]"
    ):
        measured(optics)
    assert "open main" not in optics.log


def test_a_tagger_that_falls_silent_is_a_fault_and_one_that_never_spoke_is_a_dry_run() -> None:
    optics = Optics()
    generator = MichelsonScan(**QUICK).measure(**roles(optics))
    next(generator)
    optics.dead = True
    with pytest.raises(HardwareFault, match="the tagger recorded nothing at all, not even a trigger"):
        list(generator)
    planned = Optics()
    planned.dead = True
    rows = measured(planned)
    assert len(of(rows, "on")) == 4
    assert 8 <= len(of(rows, "zero")) <= 12
    assert {row["visibility_running"] for row in rows} == {-1.0}


def test_what_the_table_lacks_costs_its_own_rows_alone() -> None:
    quick: dict[str, Any] = {"delays": "Values(3, 9)", "sweeps": 1, "control_sweeps": 1}
    assert not of(measured(Optics(), without=("scanner",), **quick), "off_emitter")
    assert not of(measured(Optics(), without=("reference",), **quick), "reference")
    armless_table = Optics()
    armless_table.b.open = True
    armless = measured(armless_table, without=("shutter_b",), **quick)
    assert not of(armless, "arm_a", "power")
    assert len(of(armless, "arm_b")) == 2
    unmetered_table = Optics()
    unmetered_table.watt = 0.2e-6
    unmetered = measured(unmetered_table, without=("meter", "attenuator"), **quick)
    assert not of(unmetered, "power")
    assert {row["power"] for row in of(unmetered, "on")} == {0.2e-6}
    optics = Optics()
    del optics.wires["monitor"]
    blind = measured(optics, **quick)
    assert not of(blind, "zero", "reference")
    assert {row["zero_sigma"] for row in blind} == {-1.0}
    assert not any(row["monitor"].any() for row in blind)


STEPPED: dict[str, Any] = {"mode": "stepped", "dwell": "20 ms", "delays": "Values(3, 12)", "check_delay": None}


@pytest.mark.parametrize("missing", ["tagger", "counter"])
def test_software_steps_where_there_is_no_trigger_or_no_tagger(missing: str) -> None:
    optics = Optics()
    del optics.wires["trigger"]
    optics.brightness = 2e5
    changes = {"counter": None if missing == "counter" else optics, "tagger": None if missing == "tagger" else optics}
    check = RowCheck(MichelsonScan.columns)
    rows = [check(row) for row in MichelsonScan(**QUICK | STEPPED).measure(**roles(optics, **changes))]
    assert {row["counts"].shape for row in rows} == {(1, 32)}
    assert {row["sweeps"] for row in rows} == {1}
    assert bool(of(rows, "zero")) == (missing == "counter"), "only a tagger hears the monitor"
    for row in of(rows, "on"):
        assert np.all(np.diff(row["position"]) > 0)
        assert np.diff(row["point_time"]) == pytest.approx(0.025)
        truth = 0.8 * math.exp(-(row["delay"] - ZERO) / T2)
        assert row["visibility_running"] == pytest.approx(truth, abs=5 * row["visibility_sigma"])
    assert optics.um == 0.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"points": 12}, "points = 12 over fringes = 4 are 3 points per fringe: Nyquist wants more than 2"),
        ({"fringes": 1.5}, "fringes = 1.5 is outside 2"),
        ({"mode": "stepped"}, "software sets and counts no faster than 20 ms per point, and a dot that blinks"),
        ({"precision": 0.01}, "has no effect with bursts = 1"),
        ({"order": "sorted"}, "order"),
    ],
)
def test_parameters_that_do_not_fit_each_other_are_refused_with_what_to_set(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        MichelsonScan(**wrong)


def test_what_the_table_cannot_do_is_refused_all_at_once_before_anything_moves() -> None:
    optics = Optics()
    optics.wires = {"monitor": 1}
    with pytest.raises(ParameterError) as refused:
        measured(optics, delays="Values(-80, 5, 70)", fringes=40, points=400)
    text = str(refused.value)
    assert "the tagger has no input named 'trigger'" in text
    assert "the tagger has no input named 'signal'" in text
    assert "the fringes take 13.93 um of mirror travel, but the fine axis has 10 um" in text
    assert "delays of -80, 70 ps lie beyond the coarse axis, which reaches from -50 to 60 ps" in text
    assert optics.log == []
    assert optics.moves == []
    with pytest.raises(ParameterError, match="this bench has no tagger"):
        measured(optics, without=("tagger",))
    with pytest.raises(ParameterError, match="this bench has neither a tagger nor a counter"):
        measured(optics, without=("tagger",), **STEPPED)
