"""Sessions of the virtual ASE table with truths redrawn: worlds, runs, and what `threshold` makes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perovskite_meas import load_bench
from perovskite_meas.core.sweeps import Logspace, Sweep
from perovskite_meas.hosts._store import rows_to_xarray
from perovskite_meas.procedures import ASEFluence

TABLE = Path(__file__).parents[2] / "station_configs/virtual_ase"
BENCHES = {1: "virtual_ase", 2: "virtual_ase/bench_2p.yaml", 3: "virtual_ase/bench_3p.yaml"}
PUMPED = {1: "ase_neutral", 2: "ase_two_photon", 3: "ase_three_photon"}
ENDS = {
    1: ("0.5 uJ/cm^2", "30 uJ/cm^2"),
    2: ("3 mJ/cm^2", "30 mJ/cm^2"),
    3: ("2 mJ/cm^2", "12.5 mJ/cm^2"),
}
"""Fluences of a sweep, by photons: 0.1 to 6, 0.25 to 2.5 and 0.4 to 2.4 times the packaged threshold."""
THRESHOLDS = {1: (0.5, 1.5), 2: (0.5, 1.25), 3: (0.6, 1.3)}
"""Over the packaged one; the attenuator's maximum cannot show the knee of a higher one."""
DRAWN = {
    "sample.gain": (315.0, 675.0, "/cm"),
    "sample.loss": (10.0, 30.0, "/cm"),
    "sample.size_spread": (5.0, 15.0, "%"),
    "sample.linewidth": (82.0, 102.0, "meV"),
    "sample.gain_width": (25.0, 45.0, "meV"),
    "sample.gain_shift": (-22.0, -8.0, "meV"),
    "sample.energy": (2.33, 2.35, "eV"),
    "sample.biexciton_ratio": (0.15, 0.45, ""),
    "sample.brightness": (0.5e5, 1.5e5, ""),
    "sample.spontaneous_coupling": (2.5e-3, 7.5e-3, ""),
    "imperfections.spot_scatter": (2.0, 6.0, "%"),
    "imperfections.meter_noise": (0.5, 1.5, "%"),
}
"""Truths drawn anew for every seed, between these numbers; saturation, threshold and optical depth besides.

Jitter and drift of the pulses stay; the film's wear is drawn downwards: it is to come back.
"""
OWN = ("soft_knee", "segmented", "linear_intercept", "narrowing")
"""Estimators whose truth is their own value without noise."""


@dataclass(frozen=True)
class Case:
    """A world, how it is measured, what the bench states of it, and what must come of it."""

    name: str
    photons: int = 1
    world: Mapping[str, Any] = field(default_factory=dict)
    """`section.key` -> text of the world file; goes before what is drawn."""
    base: str = ""
    """Packaged world under it; empty: by the photons."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    ends: tuple[str, str] | None = None
    """First and last fluence; None: by the photons."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """`section.key` -> condition that the bench states beside what it knows of the film; None: nothing."""
    vary: bool = True
    """False: the packaged truths in every seed, session draws alone."""
    share: float = 0.1
    """Seeds, as a part of --statistics-seeds."""
    reference: bool = True
    """Whether the same world is also measured without noise."""
    reversible: str = ""
    """Verdict that must come in 95 % of the runs."""
    lasing: str = ""
    """The same."""
    goals: Mapping[str, float] = field(default_factory=dict)
    """Largest relative 68 % half-width of the error, by estimator."""
    honest: tuple[str, ...] = ()
    """Estimators whose pulls have median 0 and width 1."""
    order: float = 0.0
    """Largest 68 % half-width of the error of the order; 0: not asked."""
    refused: tuple[str, ...] = ()
    """Estimators that must be refused in every run."""
    check: Callable[[Found], bool] = lambda _: True
    """What must hold in 95 % of the runs besides."""


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
        own = [part for cause, part in parts.items() if cause not in ("energy", "spot", "spot_to_spot")]
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
    path = folder / f"hidden_{sum(case.name.encode())}_{seed}.yaml"
    drawn = redrawn(case, seed)
    path.write_text(written(case, drawn, noisy=noisy), encoding="utf-8")
    settings = {"photons": case.photons, "fluences": sweep(case, 28), **case.settings}
    if not noisy:
        settings |= QUIET | {"fluences": sweep(case, 56)}
    procedure = ASEFluence(**settings)
    with load_bench(BENCHES[case.photons], world=path, seed=seed) as bench:
        rows = list(procedure.measure(**bench.bind(procedure)))
        conditions = stated(case, bench.conditions(), drawn, seed)
        world = next(iter(bench.libraries.values())).world
        truths, shots = dict(world.truths()), world.shots()
    data = rows_to_xarray(rows, ASEFluence.columns)
    data.attrs["conditions"] = conditions
    data.attrs["parameters"] = dict(procedure.parameters())
    return data, truths, astray(rows, shots, truths)


QUIET: dict[str, Any] = {
    "recording": "per point", "shots": 2, "down": False, "check_every": 0, "fresh_spots": 0, "polarised": 0
}  # fmt: skip
"""Settings of a run without noise."""


def sweep(case: Case, points: int) -> Sweep:
    """Return so many fluences."""
    return Logspace(*(case.ends or ENDS[case.photons]), points)


def astray(rows: list[dict[str, Any]], shots: list[Any], truths: Mapping[str, Any]) -> str:
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


def redrawn(case: Case, seed: int) -> dict[str, Any]:
    """Return truths of one seed: +-50 % about the packaged ones where the table can show them (PHYSICS 5)."""
    packaged = base(case)
    if not case.vary:
        return dict(case.world)
    rng = np.random.default_rng([seed, sum(case.name.encode())])
    drawn: dict[str, Any] = {key: f"{rng.uniform(low, high):.6g} {unit}".strip() for key, (low, high, unit) in DRAWN.items()}
    nominal, unit = str(packaged["sample"]["threshold_fluence"]).split(" ")
    drawn["sample.threshold_fluence"] = f"{float(nominal) * rng.uniform(*THRESHOLDS[case.photons]):.6g} {unit}"
    drawn["sample.saturation"] = f"{3.0 * math.exp(rng.uniform(math.log(0.3), math.log(10.0))):.6g}"
    depth = rng.uniform(0.0, 0.5)
    if case.photons == 1:
        drawn["sample.optical_depth"] = f"{depth:.6g}"
    wear, unit = str(packaged["sample"]["degradation_dose"]).split(" ")
    drawn["sample.degradation_dose"] = f"{float(wear) * rng.uniform(1.0, 2.0):.6g} {unit}"
    return drawn | dict(case.world)


def base(case: Case) -> dict[str, Any]:
    """Return the packaged world under a case, the table's own file below it."""
    tree = yaml.safe_load((TABLE / "world.yaml").read_text(encoding="utf-8"))
    name = case.base or PUMPED[case.photons]
    if name != "ase_neutral":
        _laid(tree, yaml.safe_load((TABLE / f"worlds/{name}.yaml").read_text(encoding="utf-8")))
    return dict(tree)


def _laid(tree: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, entry in over.items():
        if isinstance(entry, dict) and isinstance(tree.get(key), dict):
            _laid(tree[key], entry)
        else:
            tree[key] = entry


def written(case: Case, drawn: Mapping[str, Any], *, noisy: bool) -> str:
    """Return the text of a world file: the packaged one with dotted keys changed."""
    tree = base(case)
    for path, text in drawn.items():
        *parents, key = path.split(".")
        node = tree
        for parent in parents:
            node = node[parent]
        node[key] = text
    if not noisy:
        tree["imperfections"] = "off"
    return json.dumps(tree)


def stated(case: Case, conditions: dict[str, Any], drawn: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return conditions with what a laboratory knows of this film: its optical depth is measured to 10 %."""
    rng = np.random.default_rng([seed, 4, sum(case.name.encode())])
    expect = conditions["sample"]["expect"]
    if "sample.optical_depth" in drawn and case.photons == 1:
        depth = float(drawn["sample.optical_depth"])
        seen = max(depth + max(0.1 * depth, 0.01) * rng.standard_normal(), 0.0)
        expect["optical_depth"] = {"value": seen, "sigma": max(0.1 * seen, 0.01), "unit": "1"}
    for path, found in case.stated.items():
        *parents, key = path.split(".")
        node = conditions
        for parent in parents:
            node = node.setdefault(parent, {})
        if found is None:
            node.pop(key, None)
        else:
            node[key] = found
    # Until the analysis reads them among the parameters.
    recording = case.settings.get("recording", "per shot")
    return conditions | {"photons": case.photons, "recording": recording}
