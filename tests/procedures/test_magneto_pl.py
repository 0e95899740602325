"""Magneto-PL on a small table of its own: order, controls, finding the emitter, and light that goes off."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.errors import HardwareFault, ParameterError
from perovskite_meas.core.roles import Count, CryostatReading, MagnetReading, PowerReading, Spectrum
from perovskite_meas.core.tags import Tags
from perovskite_meas.procedures import MagnetoPL
from perovskite_meas.procedures._magneto_identity import CODES, Identity
from perovskite_meas.procedures._magneto_order import stops
from perovskite_meas.procedures._magneto_roles import SERIES

WAIST, DEPTH = 0.4, 1.2
"""um: 1/e^2 radius of the spot, and of the count rate along the focus."""
QUICK: dict[str, Any] = {
    "fields": "Values(0, 2, 4, 6)",
    "negative": "Values(-6)",
    "frames": 2,
    "polar_frames": 1,
    "darks": 1,
    "background_frames": 1,
    "faraday_fields": 2,
    "lamp_every": 3,
    "decay": "0.05 s",
}
PIXELS = 400
WAVELENGTH = np.linspace(538.0, 540.0, PIXELS)
LIT = [SERIES[name] for name in ("on", "polar", "check", "background", "decay")]


class Light:
    """A shutter: one light, one log."""

    def __init__(self, name: str, table: Table) -> None:
        self.name, self.table, self.open, self.dead = name, table, False, False

    def block(self) -> None:
        self.open = False

    def is_blocking(self) -> bool:
        return not self.open

    @contextmanager
    def exposure(self) -> Iterator[None]:
        assert not any(light.open for light in self.table.lights), "one light at a time"
        self.open = True
        self.table.opened.append(self.name)
        try:
            yield
        finally:
            self.open = False

    shining = exposure


class Table:
    """All roles over one emitter that walks with the field."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.main, self.neon, self.laser = (Light(name, self) for name in ("main", "lamp", "reference"))
        self.lights = (self.main, self.neon, self.laser)
        self.opened: list[str] = []
        self.time, self.tesla, self.watt, self.degrees = 0.0, 0.3, 0.0, 0.0
        self.state, self.drift, self.kelvin = "holding", 0.0, 4.0
        self.visited: list[float] = []
        self.origin, self.spot, self.z = (0.0, 0.0), (0.0, 0.0), 0.0
        self.walk, self.jump = (0.03, -0.02, 0.06), 0.0
        self.brightness, self.energy, self.pulses = 5e3, 2.3, 0.4e6
        self.full = 1e9

    def require_dark(self) -> None:
        assert not any(light.open for light in self.lights)

    # clock and ledger
    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def dose(self) -> float:
        return 1e-6 * self.time

    # magnet and cryostat
    def span(self) -> tuple[float, float]:
        return -7.0, 7.0

    def ramp_to(self, tesla: float) -> MagnetReading:
        self.require_dark()
        self.time += abs(tesla - self.tesla) * 200
        self.tesla = tesla
        self.visited.append(tesla)
        return self.field()

    def field(self) -> MagnetReading:
        self.tesla += self.drift
        return MagnetReading(self.tesla, self.state)

    def hold(self) -> None: ...

    def temperature(self) -> CryostatReading:
        return CryostatReading(self.kelvin, 80.0)

    def settle_at(self, kelvin: float) -> CryostatReading:
        self.require_dark()
        return self.temperature()

    def require_steady(self, kelvin: float) -> CryostatReading:
        if abs(self.kelvin - kelvin) > 0.02:
            raise HardwareFault(f"{self.kelvin} K is not {kelvin} K")
        return self.temperature()

    # power and polarisation
    def set_power(self, watt: float) -> float:
        self.require_dark()
        self.watt = watt
        return watt

    def minimum(self) -> None:
        self.watt = 0.0

    def metered(self, seconds: float) -> PowerReading:
        return PowerReading(1.01 * self.watt, 10 * self.watt)

    def set_angle(self, degrees: float) -> float:
        self.require_dark()
        self.degrees = degrees
        return degrees + 0.01

    # scanner
    def move_to(self, x: float, y: float) -> None:
        self.require_dark()
        self.spot = (self.origin[0] + x, self.origin[1] + y)

    def on_emitter(self) -> None:
        self.move_to(0, 0)

    def off_emitter(self) -> None:
        self.move_to(20, 0)

    def position(self) -> tuple[float, float]:
        return self.spot[0] - self.origin[0], self.spot[1] - self.origin[1]

    def centre_on(self, x: float, y: float) -> None:
        self.origin = (self.origin[0] + x, self.origin[1] + y)

    def focus(self) -> float:
        return self.z

    def focus_to(self, z: float) -> float:
        self.require_dark()
        self.z = z
        return z

    def focus_span(self) -> tuple[float, float]:
        return -5.0, 5.0

    # photons
    def emitter(self) -> tuple[float, float, float]:
        x, y, z = (axis * self.tesla for axis in self.walk)
        return x + self.jump, y, z

    def rate(self) -> float:
        if not self.main.open:
            return 100.0
        x, y, z = self.emitter()
        away = (self.spot[0] - x) ** 2 + (self.spot[1] - y) ** 2
        seen = math.exp(-2 * away / WAIST**2 - 2 * (self.z - z) ** 2 / DEPTH**2)
        return 100.0 + self.brightness * self.watt / 1e-7 * seen

    def count(self, dwell: float) -> Count:
        self.time += dwell
        return Count(float(self.rng.poisson(self.rate() * dwell)), dwell)

    def expose(self, seconds: float) -> Spectrum:
        self.time += seconds
        middle = 1239.8419843320026 / self.energy
        if self.neon.open:
            middle, strength = 538.3, 2e4
        elif self.laser.open:
            middle, strength = 538.6, 3e4 * math.cos(math.radians(self.degrees + 3 * self.tesla)) ** 2
        else:
            strength = (self.rate() - 100) * 0.25 * seconds
        strength *= not ((self.neon.open and self.neon.dead) or (self.laser.open and self.laser.dead))
        line = strength * np.exp(-0.5 * ((WAVELENGTH - middle) / 0.02) ** 2) / 10
        counts = 500 + self.rng.poisson(line) + self.rng.normal(0, 4, PIXELS)
        return Spectrum(np.minimum(counts, self.full), seconds, int((counts >= self.full).sum()), -80.0)

    def sync_rate(self) -> float:
        return self.pulses

    def acquire(self, seconds: float, mark: int = 1) -> Tags:
        assert mark == 1 + SERIES["decay"]
        self.time += seconds
        number = self.rng.poisson(self.rate() * seconds)
        pulses = np.sort(self.rng.integers(0, max(1, int(seconds * self.pulses)), number))
        dtimes = self.rng.exponential(5e5, number).astype(np.int32)
        period = 1e12 / self.pulses
        times = np.rint(pulses * period + dtimes).astype(np.int64)
        channels = np.zeros(number, np.uint8)
        return Tags(times, channels, round(seconds * 1e12), pulses=pulses, dtimes=dtimes, period=period)


class Face:
    """Some methods of the table under the names of one role, and no others."""

    def __init__(self, table: Table, **methods: str) -> None:
        for name, own in methods.items():
            setattr(self, name, getattr(table, own))


class Camera:
    """A spectrometer without a grating to turn."""

    def __init__(self, table: Table) -> None:
        self.expose = table.expose

    def pixels(self) -> int:
        return PIXELS

    def wavelengths(self) -> NDArray[np.float64]:
        return WAVELENGTH


def roles(table: Table, *without: str) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(
        ("clock", "ledger", "attenuator", "analyser", "scanner", "counter", "tagger"), table
    )
    found |= {
        "shutter": table.main,
        "lamp": table.neon,
        "reference": table.laser,
        "magnet": Face(table, ramp_to="ramp_to", read="field", hold="hold", span="span"),
        "cryostat": Face(table, read="temperature", settle_at="settle_at", require_steady="require_steady"),
        "meter": Face(table, read="metered"),
        "spectrometer": Camera(table),
    }
    return {name: None if name in without else role for name, role in found.items()}


def measured(table: Table, *without: str, **parameters: Any) -> list[dict[str, Any]]:
    scan = MagnetoPL(**QUICK | parameters)
    check = RowCheck(scan.columns)
    found = []
    for row in scan.measure(**roles(table, *without)):
        table.require_dark()
        found.append(check(row))
    return found


def of(rows: list[dict[str, Any]], series: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["series"] == SERIES[series]]


def test_a_run_goes_up_down_and_to_the_other_polarity_and_keeps_every_row() -> None:
    table = Table()
    rows = measured(table)
    assert table.visited == [0, 2, 4, 6, 2, 0, -6, 0]
    on, check = of(rows, "on"), of(rows, "check")
    assert [row["field_set"] for row in on[::2]] == [0, 2, 4, 6, 2, -6]
    assert [row["branch"] for row in on[::2]] == [0, 1, 1, 1, -1, 1]
    assert [row["field_set"] for row in check] == [0, 0, 0, 0]
    assert {row["branch"] for row in check} == {-1}
    assert [row["analyser"] for row in on[:2]] == pytest.approx([0.01, 90.01])
    assert {row["identity"] for row in on} == {CODES["same"]}
    assert [row["power"] for row in on] == pytest.approx([1.01e-7] * len(on))
    assert [row["field_set"] for row in of(rows, "lamp")] == [0, 6, -6, 0]
    assert len(of(rows, "polar")) == 4
    assert len(of(rows, "faraday")) == 12, "at the ends of the first branch and at the field farthest the other way"
    assert len(of(rows, "background")) == 3
    assert len(of(rows, "dark")) == 2
    assert len(of(rows, "decay")) == 8
    for row in rows:
        assert row["temperature"] == 4.0
        if row["series"] not in LIT:
            assert row["power"] == 0 or row["series"] == SERIES["refocus"]
    assert set(table.opened) == {"main", "lamp", "reference"}


def test_the_spot_follows_the_emitter_and_the_field_never_moves_for_it() -> None:
    table = Table()
    rows = measured(table)
    for row in of(rows, "on"):
        x, y, z = (axis * row["field_set"] for axis in table.walk)
        assert (row["x"], row["y"]) == pytest.approx((x, y), abs=0.03)
        assert row["z"] == pytest.approx(z, abs=0.15)
    found = of(rows, "refocus")
    last = {(row["field_set"], row["branch"]): row["identity"] for row in found}
    assert set(last.values()) == {CODES["same"]}
    assert {row["power_set"] for row in found} == {50e-9}
    assert len(found) < 20
    assert all(not row["spectrum"].any() for row in found)


def test_decays_are_binned_over_the_whole_period_and_elsewhere_empty() -> None:
    rows = measured(Table(), decay_bin=10_000)
    (first, *_) = of(rows, "decay")
    assert first["decay"].shape == (250,)
    assert first["decay"].sum() == pytest.approx(5100 * 0.05, rel=0.3)
    assert first["live_time"] == pytest.approx(0.05)
    assert not of(rows, "on")[0]["decay"].any()


def test_an_emitter_that_jumped_is_found_on_the_grid() -> None:
    table = Table()
    seen = []
    for row in MagnetoPL(**QUICK).measure(**roles(table)):
        seen.append(dict(row))
        if row["field_set"] == 4:
            table.jump = 0.8
    found = [row["identity"] for row in of(seen, "refocus")]
    assert CODES["lost"] in found, "before the wide search"
    assert found[-1] == CODES["same"]
    assert of(seen, "on")[-1]["identity"] == CODES["same"]


def test_an_emitter_that_bleached_ends_the_run_with_its_rows_and_the_field_as_it_is() -> None:
    table = Table()
    rows = MagnetoPL(**QUICK).measure(**roles(table))
    for row in rows:
        if row["field_set"] == 4 and row["series"] == SERIES["decay"]:
            break
    table.brightness = 0.0
    seen: list[Any] = []
    with pytest.raises(HardwareFault, match=r"the emitter is lost at 6 T: the best place within 0\.9 um gives"):
        deque(map(seen.append, rows), 0)
    table.require_dark()
    assert seen[-1]["series"] == SERIES["refocus"]
    assert seen[-1]["identity"] == CODES["lost"]
    assert table.tesla == 6


def test_an_emitter_that_walks_too_far_is_not_followed() -> None:
    table = Table()
    with pytest.raises(HardwareFault, match=r"more than the 0\.1 um of `reach`"):
        measured(table, reach="0.1 um")
    table.require_dark()


def test_a_line_that_jumps_is_suspect() -> None:
    table = Table()
    rows = []
    for row in MagnetoPL(**QUICK).measure(**roles(table)):
        rows.append(dict(row))
        if row["field_set"] == 4:
            table.energy = 2.303
    codes = {row["field_set"]: row["identity"] for row in of(rows, "on")}
    assert codes[6.0] == CODES["suspect"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state": "quench"}, "the magnet says 'quench' at 2 T where it should hold 2 T"),
        ({"kelvin": 4.1}, "4.1 K is not 4"),
        ({"drift": 0.002}, "the field went by 2 mT within one exposure"),
        ({"full": 501.0}, "pixels of the camera were at full scale in 4 s"),
    ],
)
def test_what_goes_wrong_ends_the_run_in_the_dark(change: dict[str, Any], says: str) -> None:
    table = Table()
    rows = MagnetoPL(**QUICK).measure(**roles(table))
    for row in rows:
        if row["field_set"] == 2 and row["series"] == SERIES["on"]:
            break
    vars(table).update(change)
    with pytest.raises(HardwareFault, match=says):
        list(rows)
    table.require_dark()


@pytest.mark.parametrize(
    ("light", "says"), [("neon", "the lamp shows no line"), ("laser", "the reference laser shows")]
)
def test_light_that_is_missing_is_told_before_the_emitter_sees_any(light: str, says: str) -> None:
    table = Table()
    getattr(table, light).dead = True
    with pytest.raises(HardwareFault, match=says):
        measured(table)
    assert "main" not in table.opened


def test_what_the_table_cannot_do_is_refused_at_once_and_before_anything_moves() -> None:
    table = Table()
    with pytest.raises(ParameterError) as refused:
        measured(table, "analyser", "tagger", fields="Values(0, 9)")
    first, second, third = refused.value.problems
    assert first.startswith("fields of 9 T lie beyond the magnet, which the bench allows from -7 to 7 T")
    assert "no analyser" in second
    assert "set decay to 0 s" in third
    for signs in ({"negative": "Values(2)"}, {"fields": "Values(-1, 1)"}):
        with pytest.raises(ParameterError, match="must all be of the other polarity"):
            measured(table, **signs)
    table.pulses = 1e6
    with pytest.raises(ParameterError, match="5 dark lifetimes of 500 ns are needed"):
        measured(table)
    assert len(of(measured(table, dark_lifetime=None), "decay")) == 8
    table.pulses = 0.0
    with pytest.raises(ParameterError, match="no laser pulses on the sync"):
        measured(table)


def test_the_least_table_measures_with_one_angle_and_no_decay() -> None:
    optional = ("attenuator", "meter", "analyser", "lamp", "reference", "scanner", "counter", "tagger")
    table = Table()
    table.watt = 1e-7
    table.walk = (0.0, 0.0, 0.0)
    rows = measured(table, *optional, angles="Values(0)", decay=0)
    assert {row["series"] for row in rows} == {SERIES["on"], SERIES["check"], SERIES["dark"]}
    assert {row["analyser"] for row in rows} == {-1000}
    assert {row["rate"] for row in rows} == {-1}
    assert rows[0]["decay"].shape == (1,)
    assert {row["identity"] for row in of(rows, "on")} == {CODES["same"]}


def test_other_orders_visit_every_field_once_and_zero_in_between() -> None:
    some: dict[str, Any] = {"lamp_every": 0, "faraday": 0, "background": 0}
    for order in ("random", "interleaved"):
        found = stops([0, 1, 2, 3], [-3], order, 1, 2, **some)
        assert sorted(stop.field for stop in found if not stop.check) == [-3, 0, 1, 2, 3]
        assert [number for number, stop in enumerate(found) if stop.check] == [3, 6]
        assert {stop.branch for stop in found} == {0}
    assert [stop.field for stop in stops([0, 1], [0], "up_down", 1, 0, **some)] == [0, 1, 0]


def test_the_rate_of_one_field_is_judged_by_its_neighbour() -> None:
    identity = Identity(suspect=0.5, lost=0.2, shift=1.0)
    identity.dark = 100.0
    assert identity.judge_rate(0.0, 300.0, 0.25) == CODES["same"]  # not centred yet
    assert identity.judge_rate(0.0, 1100.0, 0.25) == CODES["same"]
    identity.learn_rate(0.0, 1100.0)
    assert identity.judge_rate(7.0, 2600.0, 0.25) == CODES["same"]  # a dark line may have brightened on the way
    assert identity.judge_rate(1.0, 2600.0, 0.25) == CODES["suspect"]
    assert identity.judge_rate(1.0, 500.0, 0.25) == CODES["suspect"]
    assert identity.judge_rate(-1.0, 250.0, 0.25) == CODES["lost"]
    assert identity.judge_rate(1.0, math.nan, 0.25) == CODES["unknown"]
    assert identity.judge_rate(1.0, 900.0, 0.25) == CODES["same"]
    identity.learn_rate(1.0, 900.0)
    assert identity.expected_rate(2.0) == 900.0
