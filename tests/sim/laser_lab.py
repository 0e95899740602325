"""A World that holds a laser and a filter wheel, and remembers what they did."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyvisa

from perovskite_meas.sim.clock import SimClock

LASER, WHEEL = "TCPIP0::192.168.0.30::20020::SOCKET", "ASRL12::INSTR"
TITANIUM, CHAMELEON = "ASRL13::INSTR", "ASRL14::INSTR"


class Laser:
    """A laser of 1 kHz and 1 W; a setting holds from its time on and cancels what was planned for later."""

    base_rate, duration, limits = 1000.0, 190.0, (690.0, 1040.0)

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        first = {"release": True, "divide": 100, "lock": True, "emit": True, "open": True, "transmit": 1.0}
        self._steps: dict[str, list[tuple[float, Any]]] = {name: [(-1.0, value)] for name, value in first.items()}
        self.paths = [(-1.0, 800.0, -1.0, 800.0)]

    def put(self, name: str, value: Any, t: float) -> None:
        self._steps[name] = [step for step in self._steps[name] if step[0] < t] + [(t, value)]

    def at(self, name: str, t: float | None = None) -> Any:
        now = self._clock.now() if t is None else t
        return [value for when, value in self._steps[name] if when <= now][-1]

    def release(self, on: bool, t: float) -> None:
        self.put("release", on, t)

    def divide(self, n: int, t: float) -> None:
        self.put("divide", n, t)

    def lock(self, locked: bool, t: float) -> None:
        self.put("lock", locked, t)

    def emit(self, on: bool, t: float) -> None:
        self.put("emit", on, t)

    def open(self, on: bool, t: float) -> None:
        self.put("open", on, t)

    def transmit(self, fraction: float, t: float) -> None:
        self.put("transmit", fraction, t)

    def tune(self, t0: float, nm0: float, t1: float, nm1: float) -> None:
        assert t1 >= t0
        assert abs(self.wavelength(t0) - nm0) < 1e-6, "the wavelength jumped"
        self.paths = [path for path in self.paths if path[0] < t0] + [(t0, nm0, t1, nm1)]

    def divider(self, t: float) -> int:
        return int(self.at("divide", t))

    def rate(self, t: float) -> float:
        return self.base_rate / self.divider(t)

    def locked(self, t: float) -> bool:
        return bool(self.at("lock", t))

    def transmission(self, t: float) -> float:
        return float(self.at("transmit", t))

    def watts(self, t: float) -> float:
        return 1.0 if self.at("emit", t) else 0.0

    def wavelength(self, t: float) -> float:
        t0, nm0, t1, nm1 = [path for path in self.paths if path[0] <= t][-1]
        return float(np.interp(t, [t0, t1], [nm0, nm1])) if t1 > t0 else nm1

    def shines(self, t: float | None = None) -> bool:
        """Whether pulses leave at this time, s, or now."""
        return all(self.at(name, t) for name in ("release", "emit", "open"))


class Wheel:
    """A wheel; nothing is known of its place while it turns."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, float, float]] = [(1, -1.0, -1.0)]

    def turn(self, position: int, t0: float, t1: float) -> None:
        assert t1 > t0 >= self.turns[-1][2], "it turns already"
        self.turns.append((position, t0, t1))

    def position(self, t: float) -> int:
        return self.turns[-1][0]


class World:
    """What wire devices need of a World; each of the three lasers is its own."""

    def __init__(self, *, speed: float = 0.0, **wiring: dict[str, Any]) -> None:
        self.clock = SimClock(speed=speed)
        self.lock = threading.RLock()
        self.ports: dict[str, Any] = {name: Laser(self.clock) for name in ("laser", "titanium", "chameleon")}
        self.ports["filter"] = Wheel()
        table = {
            LASER: {"device": "LightConversion", "port": "laser", **wiring.get("laser", {})},
            WHEEL: {"device": "FW102C", "port": "filter"},
            TITANIUM: {"device": "MaiTai", "port": "titanium", **wiring.get("titanium", {})},
            CHAMELEON: {"device": "Chameleon", "port": "chameleon", **wiring.get("chameleon", {})},
        }
        self.config = SimpleNamespace(instruments=table)

    def port(self, name: str) -> Any:
        return self.ports[name]

    def rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng([len(name), *name.encode()])


class Table:
    """A virtual table of its own, for drivers: `visalib` is its name, `world` what stands on it."""

    def __init__(self, folder: Path, **wiring: dict[str, Any]) -> None:
        (folder / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
        self.visalib = f"{folder}@twin"
        self.library: Any = pyvisa.ResourceManager(self.visalib).visalib
        self.world = World(**wiring)
        self.library.adopt(self.world)

    @property
    def laser(self) -> Laser:
        found: Laser = self.world.ports["laser"]
        return found

    def faults(self, address: str) -> Any:
        return self.library.device(address).faults
