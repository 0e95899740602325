"""Worlds of the virtual ASE table with truths redrawn, and what its bench states of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perovskite_meas.core.sweeps import Logspace, Sweep

TABLE = Path(__file__).parents[2] / "station_configs/virtual_ase"
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
    naive: bool = False
    """Whether averages by set point must be seen to be off."""
    refused: tuple[str, ...] = ()
    """Estimators that must be refused in every run."""
    check: Callable[[Any], bool] = lambda _: True
    """What must hold in 95 % of the runs besides."""


def sweep(case: Case, points: int) -> Sweep:
    """Return so many fluences."""
    return Logspace(*(case.ends or ENDS[case.photons]), points)


def redrawn(case: Case, seed: int) -> dict[str, Any]:
    """Return truths of one seed: +-50 % about the packaged ones where the table can show them (PHYSICS 5)."""
    packaged = base(case)
    if not case.vary:
        return dict(case.world)
    rng = np.random.default_rng([seed, sum(case.name.encode())])
    drawn: dict[str, Any] = {
        key: f"{rng.uniform(low, high):.6g} {unit}".strip() for key, (low, high, unit) in DRAWN.items()
    }
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
