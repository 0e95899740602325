"""g2(0), lifetime and verdict over a hundred seeds of an independent forward model, with pulls.

Truths are redrawn for every seed. The light is ten times that of a real run for a tenth (continuous: a hundredth) of
its time: as many pairs per peak and per bin, and everything that goes with the light scaled likewise.
"""

import importlib.util
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.g2 import G2Result, g2

pytestmark = pytest.mark.slow

SEEDS = 100
CHUNKED: dict[str, Any] = {
    "rate": 2e5, "chunk": 0.1, "chunks": 30, "dark": 1e3, "laser_rate": 1e5, "off": 3, "darks": 3, "laser": 10,
    "pulses": 30,
}  # fmt: skip
CW: dict[str, Any] = {
    "period": 0.0, "lifetime": 1.2, "q": 0.02, "x": 0.005, "rate": 1e6, "chunk": 0.1, "chunks": 30, "dead_time": 0.0,
    "dark": 1e3, "bin": 0.1, "laser": 5, "laser_rate": 1e5, "off": 4, "darks": 4,
}  # fmt: skip
OVERLAP: dict[str, Any] = {
    "period": 12.5, "rate": 3e5, "chunk": 2.5, "chunks": 10, "dead_time": 0.0, "dark": 100.0, "q": 0.2, "x": 0.005,
    "laser_rate": 1e5, "laser": 1, "off": 1, "darks": 1, "pulses": 10,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    truth: dict[str, Any]
    lifetimes: tuple[float, float]
    """Range of the lifetime over its default."""
    goal: float
    """Largest 68 % half-width of g2_zero."""
    verdicts: dict[str, float] = field(default_factory=dict)
    """Least share by verdict."""
    never: tuple[str, ...] = ()
    seeds: int = SEEDS
    offset: float = 0.5
    """Largest median pull."""


# The overlapping case still comes out high by a third of a sigma in g2_zero; the lifetime no longer does.
CASES = (
    Case("pulsed", CHUNKED, (0.6, 1.0), 0.005, {"single": 0.95}),
    Case("pulsed, 1 % background", CHUNKED | {"background": 1e3}, (0.6, 1.0), 0.005, {"single": 0.95}, seeds=200),
    Case(
        "pulsed, every nuisance", CHUNKED | {"background": 2e3, "crosstalk": 1e-3, "afterpulse": 0.01}, (0.6, 1.0),
        0.009, {"single": 0.95},
    ),
    Case("pulsed, blinking", CHUNKED | {"grey": 0.2, "dwell": (0.02, 0.02), "rate": 3e5}, (0.6, 1.0), 0.008),
    Case("pair", CHUNKED | {"dots": 2, "q": 0.0}, (0.6, 1.0), 0.02, never=("single",)),
    Case("continuous", CW, (0.9, 1.2), 0.04, {"single": 0.95}),
    Case(
        "lifetime above the period", OVERLAP, (0.95, 1.05), 0.06, {"undecided": 1.0}, ("not single",), seeds=40,
        offset=0.9,
    ),
)  # fmt: skip


def module(name: str) -> Any:
    path = Path(__file__).parents[1] / "analyses" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # dataclasses look their module up
    spec.loader.exec_module(found)
    return found


def one(forward: Any, case: Case, seed: int) -> tuple[Any, G2Result]:
    rng = np.random.default_rng(7_000 + seed)
    truth = forward.Truth(**case.truth)
    drawn = case.truth | {
        "lifetime": truth.lifetime * rng.uniform(*case.lifetimes),
        "q": truth.q * rng.uniform(0.5, 1.5),
    }
    truth = forward.Truth(**drawn)
    return truth, g2(forward.simulate(truth, seed))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_truth_is_recovered_within_the_stated_sigma(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    forward = module("photon_forward")
    errors, pulls, lifetimes, times, words, covered = [], [], [], [], Counter[str](), []
    for seed in range(case.seeds):
        truth, result = one(forward, case, seed)
        zero = truth.g2_zero if truth.period else truth.q * (1 + truth.x)
        tau = truth.lifetime if truth.period else truth.lifetime / (1 + truth.x)
        found = result.lifetime or result.antibunching_time
        assert found is not None
        errors.append(result.g2_zero.nominal - zero)
        pulls.append(result.g2_zero.pull(zero))
        lifetimes.append(found.nominal / tau - 1)
        times.append(found.pull(tau))
        covered.append((result.lower < zero, zero < result.upper))
        words[result.verdict] += 1
    half = float(np.quantile(np.abs(errors), 0.68))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{case.name}: 68 % within {half:.4f}, bias {np.median(errors):+.4f}, pull width {np.std(pulls):.2f}; "
            f"lifetime bias {np.median(lifetimes):+.3%}, pull width {np.std(times):.2f}; bounds hold "
            f"{np.mean(covered, axis=0)}; {dict(words)}\n"
        )
    assert half <= case.goal
    assert abs(np.median(pulls)) < case.offset
    assert 0.8 <= np.std(pulls) <= 1.25
    assert 0.75 <= np.std(times) <= 1.3
    assert np.min(np.mean(covered, axis=0)) > 0.86
    for word, share in case.verdicts.items():
        assert words[word] >= share * case.seeds
    for word in case.never:
        assert not words[word]
