"""Recovery of thresholds over many seeds: every estimator, orders, verdicts, and the naive estimates.

Films are those of the virtual laboratory (one guided mode, gain that falls as the light grows) and of an independent
forward model (rays that amplify each on their own); neither is the law that the analysis fits.
"""

import importlib.util
import math
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.threshold import ThresholdResult, threshold
from perovskite_meas.sim.world.ase.film import Film
from perovskite_meas.sim.world.ase.film_sample import FilmSample

THRESHOLDS = {1: 5e-6, 2: 12e-3, 3: 5.2e-3}
SHARED = ("energy", "zero", "spot", "spot_to_spot", "damage")
NAMES = ("soft_knee", "segmented", "linear_intercept", "narrowing", "gain_model")


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).parents[1] / "analyses" / "ase_forward.py"
    spec = importlib.util.spec_from_file_location("ase_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class WorldFilm:
    """A film of the virtual laboratory as the forward model takes it."""

    def __init__(self, sample: FilmSample, even: float) -> None:
        self.axis = np.linspace(490.0, 560.0, forward().PIXELS)
        step = self.axis[1] - self.axis[0]
        self._edges = np.concatenate([self.axis - step / 2, [self.axis[-1] + step / 2]])
        self._film = Film(sample, 1, even=even, spectral_noise=0.05)
        self._fired = 0
        self.noisy = True

    def spectra(self, fluences: Any) -> Any:
        fluences = np.asarray(fluences)
        self._fired += len(fluences)
        if len(fluences) == 1 or not self.noisy:
            return self._film.spectra(fluences, 0.0, 0.5, self._edges)
        numbers = np.arange(self._fired - len(fluences), self._fired)
        return self._film.emission(fluences, 0.0, 0.5, self._edges, numbers=numbers).spectra


@dataclass(frozen=True)
class Case:
    """One world, recorded one way."""

    name: str
    photons: int = 1
    per_shot: bool = True
    own_film: bool = False
    """Of the independent forward model."""
    even: float = 0.0
    sample: dict[str, Any] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)
    segmented: float = 3.0
    """Largest error of `segmented`, %."""


CASES = (
    *(
        Case(f"{n} photons, {'per shot' if per_shot else 'per point'}", n, per_shot)
        for n in (1, 2, 3)
        for per_shot in (True, False)
    ),
    Case("charged", sample={"charged_fraction": 1.0, "threshold_fluence": 1.2e-6}),
    Case("saturation x10", sample={"saturation": 30.0}, segmented=4.0),
    Case("top hat", even=1.0),
    Case("optical depth 0.6", sample={"optical_depth": 0.6}),
    Case("rays, 1 photon, per shot", own_film=True),
    Case("rays, 2 photons, per point", 2, per_shot=False, own_film=True),
    Case("rays, saturation x10", own_film=True, truth={"saturation": 2e5}),
)


def world(case: Case) -> tuple[Any, Any]:
    """Return the hidden truth of a case and its film."""
    model = forward()
    if case.own_film:
        truth = model.Truth(photons=case.photons, per_shot=case.per_shot, **case.truth)
        return truth, model.Film(truth)
    depth = 0.3 if case.photons == 1 else 0.0
    base = {"photon_order": case.photons, "threshold_fluence": THRESHOLDS[case.photons], "optical_depth": depth}
    sample = FilmSample(**(base | case.sample))
    truth = model.Truth(
        photons=case.photons, threshold=sample.threshold_fluence, od=sample.optical_depth, per_shot=case.per_shot,
        profile="top_hat" if case.even == 1.0 else "gauss", charged=sample.charged_fraction, flicker=0.0, **case.truth,
    )  # fmt: skip
    return truth, WorldFilm(sample, case.even)


def own_sigma(result: ThresholdResult, name: str) -> float:
    value = result.thresholds[name]
    parts = [part for cause, part in result.systematics[name].items() if cause not in SHARED]
    return math.hypot(value.statistical or 0.0, value.nominal * math.hypot(*parts))


def half_width(values: np.ndarray) -> float:
    """Half of the central 68 %."""
    low, high = np.quantile(values, [0.16, 0.84])
    return float(high - low) / 2


@dataclass
class Table:
    """What the seeds of a case gave."""

    errors: dict[str, list[float]] = field(default_factory=dict)
    """Relative deviation from the noise-free value, of gain_model from the truth, in %."""
    pulls: dict[str, list[float]] = field(default_factory=dict)
    """Of the same, by the estimator's own sigma."""
    totals: dict[str, list[float]] = field(default_factory=dict)
    """Of the same, by the total sigma."""
    scatter: dict[str, list[float]] = field(default_factory=dict)
    """Deviation from the noise-free value by the statistical sigma."""
    naive: dict[str, list[float]] = field(default_factory=dict)
    orders: list[float] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    lasing: list[str] = field(default_factory=list)


def measure(case: Case, seeds: int) -> Table:
    model = forward()
    truth, film = world(case)
    film.noisy = False
    clean = threshold(model.simulate(model.clean(truth), 0, film))
    film.noisy = True
    table = Table()
    for seed in range(1, seeds + 1):
        result = threshold(model.simulate(truth, seed, film))
        for name, value in result.thresholds.items():
            reference = truth.threshold if name == "gain_model" else clean.thresholds[name].nominal
            table.errors.setdefault(name, []).append(100 * (value.nominal / reference - 1))
            table.pulls.setdefault(name, []).append(value.pull(reference, sigma=own_sigma(result, name)))
            table.totals.setdefault(name, []).append(value.pull(reference))
            own = clean.thresholds[name].nominal
            table.scatter.setdefault(name, []).append(value.pull(own, sigma=value.statistical))
        for name, value in result.naive.items():
            table.naive.setdefault(name, []).append(100 * (value.nominal / clean.thresholds[name].nominal - 1))
        assert result.order is not None
        table.orders.append(result.order.nominal)
        table.verdicts.append(result.reversible)
        table.lasing.append(result.lasing)
    return table


def report(case: Case, table: Table) -> str:
    lines = [
        f"\n{case.name}: {len(table.orders)} seeds, reversible {table.verdicts.count('reversible')}, "
        f"ASE {table.lasing.count('ASE')}, order {np.mean(table.orders):.3f} +- {np.std(table.orders):.3f}"
    ]
    for name in table.errors:
        error, pull = np.array(table.errors[name]), np.array(table.pulls[name])
        naive = f", by set points {np.median(table.naive[name]):+.1f} %" if name in table.naive else ""
        lines.append(
            f"  {name:17s} error {np.median(error):+.2f} %, half-width of 68 % {half_width(error):.2f} %; pull by its "
            f"own sigma {np.median(pull):+.2f}, by the total one {np.median(table.totals[name]):+.2f}; scatter over "
            f"the statistical sigma {np.std(table.scatter[name]):.2f}{naive}"
        )
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_estimators_are_recovered_and_the_naive_ones_are_not(
    case: Case, statistics_seeds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    table = measure(case, min(statistics_seeds, 60))
    with capsys.disabled():
        print(report(case, table))
    for name, largest in (("soft_knee", 3.0), ("segmented", case.segmented)):
        error = np.abs(table.errors[name])
        assert np.quantile(error, 0.68) <= largest, name
    gain = np.abs(table.errors["gain_model"])
    assert np.quantile(gain, 0.68) <= 3.0 or np.quantile(np.abs(table.pulls["gain_model"]), 0.68) <= 1.0
    slack = 2.5 / np.sqrt(2 * len(table.orders))
    for name in NAMES:
        assert abs(np.median(table.totals[name])) <= 0.5 + slack, name
        assert np.quantile(np.abs(table.pulls[name]), 0.68) <= 1.25 + 2 * slack, name
    assert abs(np.median(table.orders) - case.photons) <= 0.1
    assert table.verdicts.count("reversible") >= (0.95 - slack) * len(table.verdicts)
    assert table.lasing.count("ASE") >= 0.9 * len(table.lasing)
    assert np.median(table.naive["gain_model"]) < -2.0


@pytest.mark.slow
def test_a_film_that_lases_is_told_from_one_that_amplifies(statistics_seeds: int) -> None:
    model = forward()
    sample = FilmSample(photon_order=2, threshold_fluence=0.9e-3, optical_depth=0.0, lasing=True)
    for per_shot in (True, False):
        truth = model.Truth(photons=2, threshold=0.9e-3, od=0.0, flicker=0.0, per_shot=per_shot)
        film = WorldFilm(sample, 0.0)
        for seed in range(min(statistics_seeds, 10)):
            assert threshold(model.simulate(truth, seed, film)).lasing == "lasing"


@pytest.mark.slow
def test_a_film_that_wears_is_irreversible(statistics_seeds: int) -> None:
    model = forward()
    for per_shot in (True, False):
        truth = model.Truth(per_shot=per_shot, degrade=1e-4)
        film = model.Film(truth)
        for seed in range(min(statistics_seeds, 20)):
            assert threshold(model.simulate(truth, seed, film)).reversible == "irreversible"
