"""Net gains over many sessions of the virtual ASE table, through its drivers: values recovered, sigmas honest.

Every seed is a session with its own draws (meters, spot, filters, places of the film) and its own film. The truth is
the film's gain at the fluence that really fell, on the place where it fell.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from perovskite_meas import load_bench
from perovskite_meas.analyses.gain import GainResult, gain
from perovskite_meas.core.sweeps import Values
from perovskite_meas.hosts._store import rows_to_xarray
from perovskite_meas.procedures import VariableStripe
from perovskite_meas.sim.world.ase.film import Film
from perovskite_meas.sim.world.ase.film_sample import FilmSample

pytestmark = pytest.mark.slow

TABLE = Path(__file__).parents[2] / "station_configs/virtual_ase/world.yaml"
ORIGIN = 10.0
"""mm: where the table's stage stands across the line when a run starts."""
DRAWN = {
    "gain": (225.0, 675.0, "/cm"),
    "loss": (10.0, 30.0, "/cm"),
    "size_spread": (5.0, 15.0, "%"),
    "linewidth": (82.0, 102.0, "meV"),
    "gain_width": (28.0, 42.0, "meV"),
    "gain_shift": (-22.0, -8.0, "meV"),
    "energy": (2.33, 2.35, "eV"),
    "biexciton_ratio": (0.15, 0.45, ""),
    "brightness": (0.5e5, 1.5e5, ""),
    "optical_depth": (0.0, 0.5, ""),
    "threshold_fluence": (2.5, 7.5, "uJ/cm^2"),
}
"""Truths drawn anew for every seed, between these numbers; saturation and coupling besides."""
SCALES = {"%": 1e-2, "uJ/cm^2": 1e-6}


class Found(NamedTuple):
    """What one session gave."""

    result: GainResult
    net: float
    """Truth, 1/cm."""
    loss: float
    """Truth, 1/cm."""


class Case(NamedTuple):
    """Sessions of one kind."""

    name: str
    over: tuple[float, float]
    """Fluence over the threshold, between these."""
    coupling: tuple[float, float]
    settings: dict[str, Any]
    share: float
    """Sessions, as a part of --statistics-seeds."""
    claimed: float
    """Part of the sessions that must claim a gain."""


CASES = (
    Case("per shot", (1.2, 3.0), (5e-3, 0.5), {}, 0.4, 0.7),
    Case("per point", (1.2, 3.0), (5e-3, 0.5), {"recording": "per point"}, 0.2, 0.5),
    Case("below transparency", (0.5, 0.95), (0.1, 0.5), {}, 0.1, 0.0),
)


def one(case: Case, seed: int, folder: Path) -> Found:
    """Return what one session gives."""
    rng = np.random.default_rng([seed, sum(case.name.encode())])
    drawn: dict[str, tuple[float, str]] = {
        key: (float(rng.uniform(low, high)), unit) for key, (low, high, unit) in DRAWN.items()
    }
    drawn["saturation"] = 3 * math.exp(rng.uniform(math.log(0.3), math.log(10.0))), ""
    drawn["spontaneous_coupling"] = math.exp(rng.uniform(*np.log(case.coupling))), ""
    tree = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    tree["sample"] |= {key: f"{value:.6g} {unit}".strip() for key, (value, unit) in drawn.items()}
    path = folder / f"gain_{sum(case.name.encode())}_{seed}.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    asked = 1e-6 * drawn["threshold_fluence"][0] * rng.uniform(*case.over)
    procedure = VariableStripe(fluences=Values(f"{asked} J/cm^2"), **case.settings)
    with load_bench("virtual_ase", world=path, seed=seed) as bench:
        rows = list(procedure.measure(**bench.bind(procedure)))
        conditions = bench.conditions()
        truths = dict(next(iter(bench.libraries.values())).world.truths())
    data = rows_to_xarray(rows, VariableStripe.columns)
    depth = drawn["optical_depth"][0]
    conditions["sample"]["expect"]["optical_depth"] = {"value": depth, "sigma": 0.1 * depth + 0.01, "unit": "1"}
    data.attrs["conditions"] = conditions
    data.attrs["parameters"] = dict(procedure.parameters())
    result = gain(data)
    sample = FilmSample(
        **{key: value * SCALES.get(unit, 1.0) for key, (value, unit) in drawn.items()}, spot_scatter=0.04
    )
    film = Film(sample, seed)
    stripe = next(row for row in rows if row["series"] == VariableStripe.columns[0].codes["stripe"])  # type: ignore[index]
    place = film.ageing.place(1e-3 * stripe["x"], ORIGIN + 1e-3 * stripe["y"])
    assert result.fluence is not None
    fallen = result.fluence.nominal / float(truths["fluence_scale"]) / place
    return Found(result, float(film.net_gain(np.array([fallen]))[0]), sample.loss)


def spread(pulls: list[float]) -> tuple[float, float]:
    """Return median and half of the distance between the 16 % and 84 % quantiles."""
    low, middle, high = np.percentile(pulls, (16, 50, 84))
    return float(middle), float(high - low) / 2


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_gains_lie_where_their_sigmas_say(
    case: Case, tmp_path: Path, statistics_seeds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = max(3, round(case.share * statistics_seeds))
    found = [one(case, seed, tmp_path) for seed in range(1, seeds + 1)]
    net = [part.result.net_gain.pull(part.net) for part in found if part.result.net_gain is not None]
    loss = [part.result.loss.pull(part.loss) for part in found if part.result.loss is not None]
    with capsys.disabled():
        print(f"\n{case.name:20} {seeds}: net gain of {len(net)}, loss of {len(loss)}")
        for name, pulls in (("net gain", net), ("loss", loss)):
            if pulls:
                middle, width = spread(pulls)
                print(f"    {name:10} pulls {middle:+.2f} +- {width:.2f}, at most {np.max(np.abs(pulls)):.1f}")
    slack = 2.0 / math.sqrt(seeds)
    assert len(net) >= case.claimed * seeds
    for pulls in (net, loss):
        if len(pulls) > 2:
            assert abs(spread(pulls)[0]) < 0.5 + slack
            assert spread(pulls)[1] < 1.3 + slack
            assert np.mean(np.abs(pulls) > 3) <= 0.05 + slack / 4
    for part in found:
        if part.result.upper_limit is not None:
            assert part.result.upper_limit > part.net - 0.5 * abs(part.net)
