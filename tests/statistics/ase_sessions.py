"""Sessions of the virtual ASE table: runs, and what `threshold` makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase_worlds import Case, redrawn, stated, sweep, written

from perovskite_meas import load_bench
from perovskite_meas.hosts._store import rows_to_xarray
from perovskite_meas.procedures import ASEFluence

BENCHES = {1: "virtual_ase", 2: "virtual_ase/bench_2p.yaml", 3: "virtual_ase/bench_3p.yaml"}
OWN = ("soft_knee", "segmented", "linear_intercept", "narrowing")
"""Estimators whose truth is their own value without noise."""
SESSION = ("energy", "zero", "spot", "spot_to_spot")
"""Causes of systematic errors that are known in a virtual session: its draws are taken out."""
QUIET: dict[str, Any] = {
    "recording": "per point", "shots": 2, "down": False, "check_every": 0, "fresh_spots": 0, "polarised": 0
}  # fmt: skip
"""Settings of a run without noise."""


@dataclass(frozen=True)
class Found:
    """What one session gave."""

    seed: int
    result: Any
    reference: Any
    """The same world without noise; None where not measured."""
    truths: Mapping[str, Any]
    astray: str
    """Where rows and the world's log of pulses differ; empty."""

    def truth(self, name: str) -> float:
        """Return what an estimator means on this spot in the fluence as it is measured in this session, J/cm^2."""
        return self.measured(float(self.truths["threshold_fluence"])) if name == "gain_model" else self.noiseless(name)

    def noiseless(self, name: str) -> float:
        """Return what an estimator gives without noise, J/cm^2; NaN where it is not known."""
        if self.reference is None or name not in self.reference.thresholds:
            return math.nan
        return self.measured(float(self.reference.thresholds[name].nominal))

    def measured(self, fluence: float) -> float:
        """Return how this session's meter shows a threshold of the film (J/cm^2) on the main spot."""
        return as_shown(fluence * float(self.truths["spot_scatter"]), self.truths)

    def error(self, name: str) -> float:
        """Return the relative error of an estimator; NaN where it was refused."""
        value = self.result.thresholds.get(name)
        return math.nan if value is None else value.nominal / self.truth(name) - 1.0

    def moved(self, name: str) -> float:
        """Return by how much an estimator differs from its value without noise."""
        value = self.result.thresholds.get(name)
        return math.nan if value is None else value.nominal / self.noiseless(name) - 1.0

    def statistical(self, name: str) -> float:
        """Return the relative statistical sigma."""
        value = self.result.thresholds.get(name)
        return math.nan if value is None else value.statistical / value.nominal

    def own(self, name: str) -> float:
        """Return the relative sigma without that of the fluences' scale and of the spots."""
        parts = self.result.systematics.get(name, {})
        own = [part for cause, part in parts.items() if cause not in SESSION]
        return math.hypot(self.statistical(name), *own)

    def naive(self, name: str) -> float:
        """Return by how much the estimate from averages by set point differs from the value without noise."""
        value, truths = self.result.naive.get(name), self.truths
        if value is None or math.isnan(self.noiseless(name)):
            return math.nan
        # Set points know the spot's nominal size and nothing of the meter.
        area = truths["waist"] * truths["waist_y"] / (truths["optics.waist"] * truths["optics.waist_y"])
        alone = self.reference.thresholds[name].nominal * truths["spot_scatter"] * area
        return float(value.nominal / alone - 1.0)


def one(case: Case, seed: int, folder: Path) -> Found:
    """Return what one session gives."""
    from perovskite_meas.analyses.threshold import threshold

    data, truths, astray = measured(case, seed, folder)
    noiseless = threshold(measured(case, seed, folder, noisy=False)[0]) if case.reference else None
    return Found(seed, threshold(data), noiseless, truths, astray)


def measured(case: Case, seed: int, folder: Path, *, noisy: bool = True) -> tuple[Any, dict[str, Any], str]:
    """Return rows and truths of one session, and where its rows miss a pulse that fell on the film.

    `noisy`: False for the same film without any imperfection, many fluences going up.
    """
    drawn = redrawn(case, seed)
    settings = {"photons": case.photons, "fluences": sweep(case, 28), **case.settings}
    if not noisy:
        settings |= QUIET | {"fluences": sweep(case, 56)}
    procedure = ASEFluence(**settings)
    with opened(case, seed, folder, noisy=noisy) as bench:
        rows = list(procedure.measure(**bench.bind(procedure)))
        conditions = stated(case, bench.conditions(), drawn, seed)
        world = next(iter(bench.libraries.values())).world
        truths, shots = dict(world.truths()), world.shots()
    data = rows_to_xarray(rows, ASEFluence.columns)
    data.attrs["conditions"] = conditions
    data.attrs["parameters"] = dict(procedure.parameters())
    return data, truths, astray(rows, shots, truths)


def opened(case: Case, seed: int, folder: Path, *, noisy: bool = True) -> Any:
    """Return the bench of one session."""
    path = folder / f"hidden_{sum(case.name.encode())}_{seed}.yaml"
    path.write_text(written(case, redrawn(case, seed), noisy=noisy), encoding="utf-8")
    return load_bench(BENCHES[case.photons], world=path, seed=seed)


def aborted(case: Case, seed: int, folder: Path, rows: int) -> str:
    """Return where a session that is given up after so many rows misses a pulse on the film, also afterwards."""
    procedure = ASEFluence(photons=case.photons, fluences=sweep(case, 28))
    with opened(case, seed, folder) as bench:
        running = procedure.measure(**bench.bind(procedure))
        seen = [next(running) for _ in range(rows)]
        running.close()
        library = next(iter(bench.libraries.values()))
        library.clock.sleep(10.0)
        return astray(seen, library.world.shots(), dict(library.world.truths()))


def astray(rows: Sequence[Mapping[str, Any]], shots: list[Any], truths: Mapping[str, Any]) -> str:
    """Return where the pulses of the rows, one by one, are not those that the world saw on the film; else nothing."""
    booked = np.concatenate([row["fluences"][: row["shots"]] for row in rows])
    if len(booked) != len(shots):
        return f"{len(shots)} pulses on the film, {len(booked)} in the rows"
    if uncertain := sum(row["uncertain"] for row in rows):
        return f"{uncertain} uncertain pulses behind a picker"
    fallen = np.array([as_shown(shot.fluence, truths) for shot in shots])
    # The meter drifts by a few per mille an hour and scatters.
    off = np.abs(booked / fallen - 1.0)
    worst = int(np.argmax(off))
    if off[worst] > 0.02 + 6.0 * truths["imperfections.meter_noise"]:
        return f"pulse {worst} was {fallen[worst]:.3g} J/cm^2 and is booked as {booked[worst]:.3g}"
    return ""


def as_shown(fluence: float, truths: Mapping[str, Any]) -> float:
    """Return how this session's meter shows a fluence in J/cm^2: calibration and zero of the head, size of the spot."""
    area = math.pi / 2.0 * truths["waist"] * truths["waist_y"] * 1e-8
    zero = truths["pickoff.zero"] / truths["pickoff_ratio"] / area
    return float(truths["fluence_scale"]) * (fluence + float(zero))
