"""Recovery of an exciton's levels from simulated field scans: bias, scatter, pulls and verdicts, over many seeds."""

import importlib.util
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.zeeman import ZeemanResult, zeeman
from perovskite_meas.core.value import Value


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).parents[1] / "analyses" / "zeeman_forward.py"
    spec = importlib.util.spec_from_file_location("zeeman_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def seen(seed: int, **truth: Any) -> tuple[ZeemanResult, Any]:
    """Return the result of one session and its truth, field and dispersion errors drawn."""
    model = forward()
    hidden = model.session(model.Truth(**truth), seed)
    return zeeman(model.scan(hidden, seed)), hidden


@dataclass
class Errors:
    """Deviations of one quantity and their pulls."""

    error: list[float] = field(default_factory=list)
    pull: list[float] = field(default_factory=list)

    def add(self, value: Value | None, truth: float, scale: float = 1.0) -> None:
        """Add one value after division by the calibration factor that was drawn."""
        assert value is not None
        assert value.statistical is not None
        self.error.append(value.nominal / scale - truth)
        self.pull.append((value.nominal / scale - truth) / value.statistical)

    @property
    def half_width(self) -> float:
        """Half-width of 68 % of the errors."""
        return float(np.quantile(np.abs(self.error), 0.68))


GOALS = {"bright_dark_splitting": 0.010, "x": 0.003, "y": 0.003, "z": 0.003, "g_sum": 0.02, "g_diff": 0.05}


@pytest.mark.slow
def test_the_default_sample_meets_its_goals() -> None:
    errors = {name: Errors() for name in (*GOALS, "diamagnetic")}
    lowest, agree, seeds = 0, 0, 100
    for seed in range(seeds):
        result, truth = seen(seed, decays=10.0)
        scale = 1 + truth.field_scale
        lowest += result.ground_state == "dark lowest"
        errors["bright_dark_splitting"].add(result.bright_dark_splitting, 2.60)
        for name, level in zip("xyz", truth.bright, strict=True):
            errors[name].add(result.bright_energies[name], level)
        errors["g_sum"].add(result.g_sum, 2.45, scale)
        errors["g_diff"].add(result.g_diff, 1.35, scale)
        errors["diamagnetic"].add(result.diamagnetic, 1.0, scale**2)
        assert result.g_diff is not None
        assert result.g_diff_lifetime is not None
        apart = result.g_diff.nominal - result.g_diff_lifetime.nominal
        agree += abs(apart) < 2 * np.hypot(result.g_diff.sigma, result.g_diff_lifetime.sigma)
    assert lowest >= 0.95 * seeds
    assert agree >= 0.90 * seeds
    for name, goal in GOALS.items():
        assert errors[name].half_width < goal, name
    for name, one in errors.items():
        assert 0.5 < np.std(one.pull) < 1.35, name
        assert abs(np.median(one.error)) < 0.3 * GOALS.get(name, 0.5), name


@pytest.mark.slow
@pytest.mark.parametrize("truth", [{"dark": 0.60}, {"kind": "trion"}])
def test_dark_lowest_is_never_said_where_it_is_not(truth: dict[str, Any]) -> None:
    said = [seen(seed, **truth)[0].ground_state for seed in range(300)]
    assert said.count("dark lowest") <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [
        {"bright": (0.0, 0.0, 0.0)},
        {"bright": (-0.30, 0.15, 0.15)},
        {"counts": 1e3},
        {"dark": -1.3},
        {"g_hole": 1.4},
        {"polar": 15.0, "azimuth": 70.0},
        {"linewidth": 0.2},
        {"wing": 0.25},
    ],
)
def test_other_samples_are_recovered_within_their_errors(truth: dict[str, Any]) -> None:
    pulls = []
    for seed in range(10):
        result, hidden = seen(seed, **truth)
        if result.bright_dark_splitting is None:
            continue
        assert result.ground_state in ("dark lowest", "not decidable")
        true = float(np.mean(hidden.bright)) - hidden.dark
        pulls.append(result.bright_dark_splitting.pull(true))
    assert len(pulls) >= 8
    assert np.quantile(np.abs(pulls), 0.68) < 2.0
