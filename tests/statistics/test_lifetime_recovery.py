"""Lifetimes over many seeds, from photons drawn one by one: bias, pulls, and the goals at the stated budgets.

Truths are redrawn for every seed by up to +-50 % of the lifetime.
"""

import importlib.util
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.lifetime import lifetime


def _forward() -> ModuleType:
    path = Path(__file__).parents[1] / "analyses" / "decay_forward.py"
    spec = importlib.util.spec_from_file_location("decay_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


F = _forward()
DEAD_TIME = {"tagger": {"dead_time": {"value": 45.0, "sigma": 0.0, "unit": "ns"}}}
SHORT = {"period": 12_500.0, "cables": (2_000.0, 3_200.0)}
REAL = {"dark": 100.0, "background": 0.03, "fast": 0.004, "drift": (20.0, -30.0)}


@dataclass(frozen=True)
class Case:
    """One row of the table; goals are relative."""

    name: str
    truth: Any
    goals: tuple[float, ...]
    spread: float = 0.5
    """Relative range of the truths about the default."""
    total: bool = True
    """Whether the total sigma is judged; that of pile-up allows for a dead time and a light that are known here."""


CASES = (
    Case("mono 10 ns, 1e5", F.Truth(lifetimes=(10_000.0,), **REAL), (0.01,)),
    Case("mono 10 ns, 1e4", F.Truth(lifetimes=(10_000.0,), counts=1e4, **REAL), (0.025,)),
    Case("mono 20 ns, 2e4 cps, single photons", F.Truth(lifetimes=(20_000.0,), single=True, dead_time=45_000.0,
         afterpulsing=0.01, rate=2e-3, stated=DEAD_TIME, **REAL), (0.01,)),
    Case("mono 210 ps, response 100 ps", F.Truth(lifetimes=(210.0,), jitter=(100.0, 100.0), tail=0.0, bin_width=10.0,
         dark=100.0, **SHORT), (0.01,), spread=0.3),
    Case("mono 20 ns wrapped at 12.5 ns", F.Truth(lifetimes=(20_000.0,), bin_width=50.0, dark=100.0, **SHORT),
         (0.05,), spread=0.2),
    Case("bi 1 + 10 ns, 1:1", F.Truth(lifetimes=(10_000.0, 1_000.0), photons=(0.5, 0.5), bin_width=50.0, dark=100.0,
         period=100_000.0), (0.02, 0.02), spread=0.3),
    Case("pile-up 1 %", F.Truth(rate=0.01, one_per_period=True), (0.01,), total=False),
    Case("pile-up 5 %", F.Truth(rate=0.05, one_per_period=True), (0.01,), total=False),
    Case("pile-up 10 %", F.Truth(rate=0.1, one_per_period=True), (0.01,), total=False),
)  # fmt: skip


def half_width(values: np.ndarray) -> float:
    """Half of the central 68 %."""
    low, high = np.percentile(values, (16, 84))
    return float(high - low) / 2


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lifetimes_are_unbiased_and_their_sigmas_honest(
    case: Case, statistics_seeds: int, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pulls, errors, chi2, agreement = [], [], [], []
    for seed in range(statistics_seeds):
        rng = np.random.default_rng(5_000 + seed)
        factor = rng.uniform(1 - case.spread, 1 + case.spread)
        truth = replace(case.truth, lifetimes=tuple(tau * factor for tau in case.truth.lifetimes))
        # Each case has its own stream: with the same one their pulls would be the same.
        result = lifetime(F.simulate(truth, [zlib.crc32(case.name.encode()), seed]))
        assert len(result.components) == len(truth.lifetimes), f"seed {seed}: {result.model}"
        found = [tau for _, tau in result.components]
        wanted = [tau * 1e-3 for tau in truth.lifetimes]
        sigmas = [v.sigma if case.total else v.statistical for v in found]
        pulls.append([v.pull(t, sigma=s) for v, t, s in zip(found, wanted, sigmas, strict=True)])
        errors.append([v.nominal / t - 1 for v, t in zip(found, wanted, strict=True)])
        chi2.append(result.chi2)
        agreement.append(result.agreement)
    for k, goal in enumerate(case.goals):
        own, error = np.array(pulls)[:, k], np.array(errors)[:, k]
        line = (
            f"{case.name} [{k}]: pull {own.mean():+.2f} +- {own.std():.2f}, error {100 * np.median(error):+.2f} % "
            f"+- {100 * half_width(error):.2f} %, chi2 {np.mean(chi2):.3f}, agreement {np.std(agreement):.2f}"
        )
        record_property(f"line_{k}", line)
        with capsys.disabled():
            print(f"\n{line}", end="")
        assert half_width(error) < goal
        assert 0.8 < own.std() < 1.25
        assert abs(own.mean()) < 0.5
    assert 0.9 < np.mean(chi2) < 1.1
    assert np.std(agreement) < 1.3
