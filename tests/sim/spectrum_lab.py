"""A World that holds a monochromator, a camera behind it and a small spectrometer, and remembers what they did."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyvisa

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock

ACTON = "ASRL9::INSTR"


class Spectrograph:
    """A drive that goes along linear paths; nothing may jump."""

    def __init__(self) -> None:
        self.paths = [(-1.0, 500.0, -1.0, 500.0)]
        self.gratings: list[tuple[int, float]] = []

    def path(self, t0: float, nm0: float, t1: float, nm1: float) -> None:
        assert t1 >= t0
        assert abs(self.nm(t0) - nm0) < 1e-6, "the grating jumped"
        self.paths = [path for path in self.paths if path[0] < t0] + [(t0, nm0, t1, nm1)]

    def nm(self, t: float) -> float:
        t0, nm0, t1, nm1 = [path for path in self.paths if path[0] <= t][-1]
        return float(np.interp(t, [t0, t1], [nm0, nm1])) if t1 > t0 else nm1

    def grating(self, index: int, t: float) -> None:
        self.gratings.append((index, t))


class Camera:
    """A camera in steady light: 100 counts of bias and 10 per pixel number and second; cools with 60 s."""

    pixels, full_scale = 8, 65535

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        self.exposures: list[tuple[float, float]] = []
        self.cooling = (0.0, 20.0, 20.0)
        self.cooler: float | None = None

    def spectrum(self, t0: float, t1: float) -> Any:
        assert t1 <= self.clock.now() + 1e-9, "a camera was asked for the future"
        self.exposures.append((t0, t1))
        counts = 100 + np.rint(10 * np.arange(self.pixels) * (t1 - t0))
        return np.minimum(counts, self.full_scale).astype(np.int64)

    def cool(self, celsius: float | None, t: float) -> None:
        self.cooler = celsius
        self.cooling = (t, self.celsius(t), 20.0 if celsius is None else celsius)

    def celsius(self, t: float) -> float:
        start, first, last = self.cooling
        return float(last + (first - last) * np.exp(-(t - start) / 60))


class Ocean(Camera):
    """The same light on 16 pixels."""

    pixels, full_scale = 16, 16383

    def wavelengths(self) -> Any:
        return np.linspace(500.0, 560.0, self.pixels)


class World:
    """What wire devices and stand-ins need of a World."""

    def __init__(self, **wiring: str) -> None:
        self.clock = SimClock(speed=0.0)
        self.lock = threading.RLock()
        self.config = SimpleNamespace(instruments={ACTON: {"device": "SpectraPro", "port": "spectrograph", **wiring}})
        self.ports: dict[str, Any] = {
            "spectrograph": Spectrograph(),
            "camera": Camera(self.clock),
            "ocean": Ocean(self.clock),
        }

    def port(self, name: str) -> Any:
        if name not in self.ports:
            raise UsageError(f"no part {name!r}")
        return self.ports[name]

    def rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([len(name), *name.encode()])


class Table:
    """A virtual table of its own; `serial` is what a driver of a camera is told, `visalib` one of the monochromator."""

    def __init__(self, folder: Path, **wiring: str) -> None:
        (folder / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
        self.serial, self.visalib = str(folder), f"{folder}@twin"
        self.library: Any = pyvisa.ResourceManager(self.visalib).visalib
        self.world = self.replace(**wiring)

    def replace(self, **wiring: str) -> World:
        """Put a new World in place of the one before."""
        self.world = World(**wiring)
        self.library.adopt(self.world)
        return self.world

    @property
    def clock(self) -> SimClock:
        return self.world.clock

    @property
    def camera(self) -> Camera:
        found: Camera = self.world.ports["camera"]
        return found

    @property
    def ocean(self) -> Ocean:
        found: Ocean = self.world.ports["ocean"]
        return found

    @property
    def spectrograph(self) -> Spectrograph:
        found: Spectrograph = self.world.ports["spectrograph"]
        return found

    @property
    def acton_faults(self) -> Any:
        return self.library.device(ACTON).faults
