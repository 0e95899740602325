"""Sessions of the virtual magneto table with truths redrawn: worlds, runs, and what the analyses make of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perovskite_meas import load_bench
from perovskite_meas.core.sweeps import Linspace, Values
from perovskite_meas.hosts._store import rows_to_xarray
from perovskite_meas.procedures import MagnetoPL

DRAWN = {
    "sample.diamagnetic": (0.5, 1.5, "ueV/T^2"),
    "sample.view_roll": (0.0, 360.0, "deg"),
    "sample.field_azimuth": (0.0, 360.0, "deg"),
    "sample.bright_lifetime": (0.3, 0.9, "ns"),
    "sample.dark_lifetime": (250.0, 500.0, "ns"),
    "sample.linewidth": (50.0, 150.0, "ueV"),
    "sample.phonon_wing": (6.0, 18.0, "%"),
    "sample.phonon_energy": (0.3, 0.9, "meV"),
    "sample.phonon_rate": (0.05, 0.15, "/ns"),
    "sample.diffusion_time": (2.5, 7.5, "s"),
    "sample.energy": (2.297, 2.303, "eV"),
    "sample.brightness": (2.7e4, 4.5e4, "cps"),
    "optics.faraday_rotation": (0.75, 2.25, "deg/T"),
}
"""Truths drawn anew for every seed, between these numbers; levels, g factors and the field's direction besides.

The dark lifetime is drawn downwards: five of it must fit between two pulses.
"""
SHORT = {
    "fields": Linspace("0 T", "7 T", 8),
    "negative": Values("0 T"),
    "down_every": 0,
    "decay": "0 s",
    "faraday_fields": 0,
    "background_fields": 0,
    "lamp_every": 7,
}
"""Settings of a scan of eight fields."""


@dataclass(frozen=True)
class Case:
    """A world, how it is measured, and what must come of it."""

    name: str
    world: dict[str, str] = field(default_factory=dict)
    """`section.key` -> text of the world file; goes before what is drawn."""
    settings: dict[str, Any] = field(default_factory=dict)
    bright: tuple[float, float] = (0.40, 0.25)
    """meV between the lowest and the middle, the middle and the highest bright state, before they are redrawn."""
    dark: float = 2.6
    """meV from the mean of the bright states down to the dark one; negative: from the highest one up."""
    vary: bool = True
    """False: the packaged truths in every seed, session draws alone."""
    share: float = 0.1
    """Seeds, as a part of --statistics-seeds."""
    ground: str = ""
    """Verdict that must come in 95 % of the runs."""
    never: str = ""
    """Verdict that may come in one of 300 runs."""
    honest: tuple[str, ...] = ()
    """Results whose pulls have median 0 and width 1."""
    goals: dict[str, float] = field(default_factory=dict)
    """Largest 68 % half-width of the error, by result, in its unit."""
    check: Callable[[Found], bool] = lambda _: True
    """What must hold in 90 % of the runs besides."""
    always: Callable[[Found], bool] = lambda _: True
    """What must hold in every run."""


@dataclass(frozen=True)
class Found:
    """What one session gave."""

    seed: int
    zeeman: Any
    lines: Any
    """Of `fine_structure`."""
    truths: dict[str, Any]

    def truth(self, name: str) -> float:
        """Return what a result means without the errors of calibrations that the session drew; NaN for a trion."""
        if "bright_dark_splitting" not in self.truths and name not in ("g_sum", "g_diff", "diamagnetic"):
            return math.nan
        if name.startswith("bright_energies."):
            bright = [float(self.truths[f"bright_{axis}"]) for axis in "xyz"]
            return sorted(bright)["xyz".index(name[-1])] - sum(bright) / 3
        return float(self.truths[{"g_diff_lifetime": "g_diff"}.get(name, name)])

    def value(self, name: str) -> Any:
        """Return a result, None where there is none."""
        own, _, axis = name.partition(".")
        found = getattr(self.zeeman, own)
        return found.get(axis) if axis else found

    def factor(self, name: str) -> float:
        """Return by what the coil's scale multiplies a result; the lamp has shown the dispersion."""
        scale = float(self.truths["field_scale"])
        return {"g_sum": scale, "g_diff": scale, "g_diff_lifetime": scale, "diamagnetic": scale**2}.get(name, 1.0)

    def error(self, name: str) -> float:
        """Return result minus truth, the calibrations' errors taken out."""
        value = self.value(name)
        return math.nan if value is None else value.nominal / self.factor(name) - self.truth(name)

    def whole_error(self, name: str) -> float:
        """Return result minus truth."""
        value = self.value(name)
        return math.nan if value is None else value.nominal - self.truth(name)

    def pull(self, name: str) -> float:
        """Return the error over the statistical sigma, calibrations' errors taken out."""
        value = self.value(name)
        if value is None:
            return math.nan
        return self.error(name) / (value.sigma if value.statistical is None else value.statistical)

    def whole_pull(self, name: str) -> float:
        """Return the pull by the whole sigma, calibrations' errors included."""
        value = self.value(name)
        return math.nan if value is None else float(value.pull(self.truth(name)))


def one(case: Case, seed: int, folder: Path) -> Found:
    """Return what one session gives."""
    from perovskite_meas.analyses.fine_structure import fine_structure
    from perovskite_meas.analyses.zeeman import zeeman

    data, truths = measured(case, seed, folder)
    return Found(seed, zeeman(data), fine_structure(data), truths)


def measured(case: Case, seed: int, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Return rows and truths of one session."""
    path = folder / f"hidden_{sum(case.name.encode())}_{seed}.yaml"
    path.write_text(written((redrawn(case, seed) if case.vary else {}) | case.world), encoding="utf-8")
    with load_bench("virtual_magneto", world=path, seed=seed) as bench:
        procedure = MagnetoPL(**case.settings)
        rows = list(procedure.measure(**bench.bind(procedure)))
        conditions = bench.conditions()
        truths = dict(next(iter(bench.libraries.values())).world.truths())
    data = rows_to_xarray(rows, MagnetoPL.columns)
    data.attrs["conditions"] = conditions
    return data, truths


def redrawn(case: Case, seed: int) -> dict[str, str]:
    """Return truths of one seed: +-50 % about the packaged ones within PHYSICS 3.7, any direction of the field."""
    rng = np.random.default_rng([seed, sum(case.name.encode())])
    drawn = {key: f"{rng.uniform(low, high):.6g} {unit}" for key, (low, high, unit) in DRAWN.items()}
    first, second = (gap * rng.uniform(0.5, 1.5) for gap in case.bright)
    levels = (-(2 * first + second) / 3, (first - second) / 3, (first + 2 * second) / 3)
    away = case.dark * rng.uniform(0.5, 1.5)
    dark = -away if away > 0 else levels[2] - away
    electron, hole = _factors(rng)
    return drawn | {
        "sample.field_polar": f"{math.degrees(math.acos(rng.uniform(-1, 1))):.3f} deg",
        "sample.dark": f"{dark:.6f} meV",
        **{f"sample.bright_{axis}": f"{level:.6f} meV" for axis, level in zip("xyz", levels, strict=True)},
        "sample.g_electron": f"{electron:.4f}",
        "sample.g_hole": f"{hole:.4f}",
    }


def _factors(rng: np.random.Generator) -> tuple[float, float]:
    """Return g factors of electron and hole; their sum is 1.5 to 4 (PHYSICS 3.7)."""
    while True:
        electron, hole = 1.9 * rng.uniform(0.5, 1.5), 0.55 * rng.uniform(0.5, 1.5)
        if 1.5 < electron + hole < 4:
            return float(electron), float(hole)


def written(tree: dict[str, str]) -> str:
    """Return the text of a world file from dotted keys."""
    nested: dict[str, Any] = {"table": "magneto"}
    for path, text in tree.items():
        *parents, key = path.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
        node[key] = text
    return json.dumps(nested)
