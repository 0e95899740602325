"""A table of single laser pulses without physics to speak of, that keeps a log of every pulse on the sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import PulseState, Shots, Spectrum

PIXELS, FULL, OFFSET = 60, 65_535.0, 300.0
WAVELENGTH = np.linspace(515.0, 545.0, PIXELS)
WAISTS = 0.15, 0.01
"""cm: of the focus along the line and across."""
AREA = math.pi * WAISTS[0] * WAISTS[1] / 2


class StruckError(RuntimeError):
    """Thrown by a test."""


class Recording:
    def __init__(self, table: PulseTable, of: list[tuple[float, float]]) -> None:
        self.table, self.of, self.first, self.seen = table, of, len(of), 0

    def wait(self, shots: int, timeout: float) -> int:
        self.table.step("wait")
        until = self.table.time + timeout
        while len(self.shots().times) < shots:
            if self.table.time > until:
                raise HardwareFault("no pulses came")
            self.table.advance(0.004)
        return self.seen

    def shots(self) -> Shots:
        if self.table.unplugged:
            raise HardwareFault("the head is unplugged")
        own = np.array(self.of[self.first :]).reshape(-1, 2)
        self.seen = len(own)
        return Shots(own[:, 0], own[:, 1], 10 * own[:, 1])


class PulseTable:
    """All roles at once; `step` is called before everything that a role does.

    Attributes:
        film: every pulse on the sample: time, fluence, spot, and whether an exposure was declared.
        strike: number of the step that fails; 0 for none.
    """

    def __init__(self, *, picker: bool = True, trigger: bool = True, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.picker, self.trigger = picker, trigger
        self.time, self.hertz, self.next = 0.0, 10.0, 0.05
        self.open = self.declared = self.released = self.stuck = self.unplugged = False
        self.joule, self.step_of_filter, self.spot = 1e-12, 0, (0.0, 0.0)
        self.film: list[tuple[float, float, tuple[float, float], bool]] = []
        self.seen: list[tuple[float, float]] = []
        self.behind: list[tuple[float, float]] = []
        self.booked: list[tuple[float, int]] = []
        self.camera: dict[str, Any] | None = None
        self.blades = {"slit": 0.5, "near": 0.0, "edge_x": 0.0, "edge_y": 0.0}
        self.steps: list[str] = []
        self.strike = 0
        self.threshold, self.toughness, self.bright = 5e-6, math.inf, 1.0
        self.fault = ""
        self.opening = 0.02

    # time ---------------------------------------------------------------------------------------------
    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.advance(max(seconds, 0.0))

    def step(self, what: str, seconds: float = 0.002) -> None:
        self.steps.append(what)
        self.advance(seconds)
        if len(self.steps) == self.strike:
            raise StruckError(what)

    def advance(self, seconds: float) -> None:
        until = self.time + seconds
        while self.next <= until:
            self.time = self.next
            self.next += 1 / self.hertz
            if self.released or self.stuck or not self.picker:
                self.pulse_leaves()
        self.time = until

    def pulse_leaves(self) -> None:
        joule = self.joule * float(self.rng.lognormal(0, 0.1))
        self.seen.append((self.time, joule))
        fluence = joule / AREA
        if self.open:
            self.film.append((self.time, fluence, self.spot, self.declared))
            passed = math.prod(
                0.5 * (1 - math.erf(math.sqrt(2) * (self.blades[f"edge_{axis}"] - 12) / (10 * waist)))
                for axis, waist in zip("xy", WAISTS, strict=True)
            )
            if passed > 0.01:
                self.behind.append((self.time, joule * passed * float(self.rng.normal(1, 0.01))))
        if self.camera is not None:
            light = self.emission(fluence) if self.open else np.zeros(PIXELS)
            if self.camera["triggered"]:
                self.camera["frames"].append(self.framed(light))
            elif self.time <= self.camera["until"]:
                self.camera["sum"] += light

    def emission(self, fluence: float) -> NDArray[np.float64]:
        taken = sum(one[1] for one in self.film if one[2] == self.spot)
        length = max(self.blades["slit"] - self.blades["near"], 0) / 0.5
        x = fluence / self.threshold
        gained = 60 * 0.05 * math.log1p(math.exp((x - 1) / 0.05)) * length
        wide = np.exp(-((WAVELENGTH - 530) ** 2) / 2 / 8**2)
        narrow = np.exp(-((WAVELENGTH - 533) ** 2) / 2 / 2**2)
        found = 3000 * self.bright * (x * length * wide + gained * narrow) * math.exp(-taken / self.toughness)
        return np.asarray(found * float(self.rng.normal(1, 0.03)))

    def framed(self, light: NDArray[np.float64]) -> Spectrum:
        counts = OFFSET + self.transmissions()[self.step_of_filter] * light + self.rng.normal(0, 3, PIXELS)
        counts = np.minimum(counts, FULL)
        return Spectrum(counts, 0.005, int((counts >= FULL).sum()), -70.0)

    def dark(self, what: str, seconds: float = 0.05) -> None:
        assert not self.open, f"{what} moves with the shutter open"
        assert not (self.released and self.picker), f"{what} moves while pulses come"
        self.step(what, seconds)

    # shutter ------------------------------------------------------------------------------------------
    def block(self) -> None:
        self.step("block")
        self.advance(self.opening)
        self.open = False

    def is_blocking(self) -> bool:
        return not self.open

    @contextmanager
    def exposure(self) -> Iterator[None]:
        self.step("open")
        self.declared = self.open = True
        try:
            self.advance(self.opening)
            yield
        finally:
            try:
                self.block()
            finally:
                self.declared = False

    # pulse --------------------------------------------------------------------------------------------
    def state(self) -> PulseState:
        self.step("state")
        if self.fault:
            raise HardwareFault(self.fault)
        return PulseState(self.hertz, 100.0, 400.0)

    def set_rate(self, hertz: float) -> float:
        self.dark("rate")
        self.hertz = 1000 / math.ceil(1000 / hertz)
        self.next = self.time + 0.5 / self.hertz
        return self.hertz

    def gated(self) -> bool:
        return self.picker

    def hold(self) -> None:
        self.step("hold")
        self.released = False

    @contextmanager
    def releasing(self) -> Iterator[None]:
        self.step("release")
        self.released = True
        try:
            yield
        finally:
            self.released = False
            self.step("held")

    # meters -------------------------------------------------------------------------------------------
    def expect(self, joule: float) -> None:
        self.dark("range", 0.01)

    def fastest(self) -> float:
        return 100.0

    @contextmanager
    def recording(self) -> Iterator[Recording]:
        self.step("record")
        yield Recording(self, self.seen)

    @contextmanager
    def recording_behind(self) -> Iterator[Recording]:
        yield Recording(self, self.behind)

    # attenuator, filter, scanner, stages, analyser ----------------------------------------------------
    def set_energy(self, joule: float) -> float:
        self.dark("attenuator")
        self.joule = joule
        return joule

    def set_fluence(self, fluence: float) -> float:
        return self.set_energy(fluence * AREA) / AREA

    def span(self) -> tuple[float, float]:
        return 1e-9, 160e-9

    def fluence(self, joule: float) -> float:
        return joule / AREA

    def minimum(self) -> None:
        self.set_energy(1e-12)

    def transmissions(self) -> tuple[float, ...]:
        return (1.0, 0.1, 0.01)

    def insert(self, step: int) -> float:
        self.dark("filter", 0.5)
        self.step_of_filter = step
        return self.transmissions()[step]

    def move_to(self, x: float, y: float) -> None:
        self.dark("film")
        self.spot = (x, y)

    def on_emitter(self) -> None:
        self.move_to(0.0, 0.0)

    def off_emitter(self) -> None: ...

    def set_angle(self, degrees: float) -> float:
        self.dark("analyser")
        return degrees

    # ledger -------------------------------------------------------------------------------------------
    def fired(self, joules: float, shots: int) -> None:
        self.booked.append((joules, shots))

    def dose(self) -> float:
        return sum(joules for joules, _ in self.booked) / AREA

    def shots(self) -> int:
        return sum(shots for _, shots in self.booked)

    # what tests ask -----------------------------------------------------------------------------------
    def stray(self) -> list[float]:
        """Return the times of pulses on the sample outside declared exposures."""
        return [one[0] for one in self.film if not one[3]]

    def roles(self, *names: str, **others: Any) -> dict[str, Any]:
        """Return the table under these names of roles."""
        return dict.fromkeys(("pulse", "shutter", "attenuator", "clock", "ledger", "meter", *names), self) | others


class Camera:
    """A spectrometer that can be armed."""

    def __init__(self, table: PulseTable) -> None:
        self.table = table

    def pixels(self) -> int:
        return PIXELS

    def wavelengths(self) -> NDArray[np.float64]:
        return WAVELENGTH

    def triggerable(self) -> bool:
        return self.table.trigger

    def frame_time(self) -> float:
        return 0.002

    @contextmanager
    def armed(self, frames: int, seconds: float, *, triggered: bool) -> Iterator[Camera]:
        table = self.table
        table.step("arm")
        until = table.time + frames * seconds
        table.camera = {"triggered": triggered, "frames": [], "sum": np.zeros(PIXELS), "until": until, "of": frames}
        try:
            yield self
        finally:
            table.camera = None

    def taken(self) -> int:
        return len(self.read())

    def read(self) -> list[Spectrum]:
        table = self.table
        table.step("read")
        assert table.camera is not None
        if table.camera["triggered"]:
            return list(table.camera["frames"][: table.camera["of"]])
        table.advance(max(0.0, table.camera["until"] - table.time))
        number = table.camera["of"]
        return [table.framed(table.camera["sum"]) for _ in range(number)]


class Blade:
    """One stage of the table."""

    def __init__(self, table: PulseTable, name: str, span: tuple[float, float]) -> None:
        self.table, self.name, self.ends = table, name, span

    def move_to(self, millimetre: float) -> float:
        assert self.ends[0] <= millimetre <= self.ends[1]
        self.table.dark(self.name)
        self.table.blades[self.name] = millimetre
        return millimetre

    def span(self) -> tuple[float, float]:
        return self.ends


class Behind:
    """The head at the sample's place."""

    def __init__(self, table: PulseTable) -> None:
        self.expect, self.fastest, self.recording = table.expect, table.fastest, table.recording_behind


@pytest.fixture
def pulse_table() -> Callable[..., PulseTable]:
    """Return what makes a table; its parts are made with `parts`."""
    return PulseTable


@pytest.fixture
def parts() -> Callable[[PulseTable], dict[str, Any]]:
    """Return what makes the roles of a table that have names of their own."""

    def make(table: PulseTable) -> dict[str, Any]:
        return {
            "spectrometer": Camera(table),
            "sample_meter": Behind(table),
            "slit": Blade(table, "slit", (0.0, 2.0)),
            "near": Blade(table, "near", (0.0, 2.0)),
            "edge_x": Blade(table, "edge_x", (0.0, 25.0)),
            "edge_y": Blade(table, "edge_y", (0.0, 25.0)),
        }

    return make


@pytest.fixture
def struck() -> type[StruckError]:
    """Return the error that a step of the table raises."""
    return StruckError
