"""Truth recovery of blinking over many seeds: 600 s, bins of 1 ms, 1e5 cps while on.

The photons are drawn as counts per 0.5 ms of the exact integral of the rate, all that the threshold route sees;
the change-point route has its own statistics in the tests of photons.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from perovskite_meas.analyses.blinking import Observed, assess
from perovskite_meas.core.value import Value

SEEDS = 60
SECONDS = 600.0


@pytest.fixture(scope="module")
def model() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).parents[1] / "analyses" / "blinking_forward.py"
    spec = importlib.util.spec_from_file_location("blinking_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("redrawn", [False, True], ids=["default dot", "truth redrawn"])
def test_on_fraction_and_exponents_have_pulls_of_unit_width(model: ModuleType, redrawn: bool) -> None:
    """Exponents within 0.05 and on fractions within 0.01 of the truth, and sigmas that say so."""
    pulls: dict[str, list[float]] = {"on_fraction": [], "exponent_on": [], "exponent_off": []}
    errors: dict[str, list[float]] = {name: [] for name in pulls}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        dot = model.Dot()
        if redrawn:
            dot = model.Dot(
                exponent_on=rng.uniform(1.3, 1.8), exponent_off=rng.uniform(1.3, 1.9), cutoff_on=rng.uniform(1, 3),
                cutoff_off=rng.uniform(1, 5), bright=rng.uniform(1e5, 1.5e5), grey=rng.uniform(0.1, 0.3),
            )  # fmt: skip
        edges, rates, fraction = dot.steps(rng, SECONDS)
        trace = model.counts(rng, edges, rates, 0.5e-3)
        found = assess(Observed(tuple(np.array_split(trace, 60))), background=Value(400.0, 2.0, "cps"))
        assert found.verdict == "blinking"
        truths = {"on_fraction": fraction, "exponent_on": dot.exponent_on, "exponent_off": dot.exponent_off}
        for name, truth in truths.items():
            value = getattr(found, name)
            pulls[name].append(value.pull(truth))
            errors[name].append(value.nominal - truth)
    for name, goal in (("on_fraction", 0.01), ("exponent_on", 0.05), ("exponent_off", 0.05)):
        assert np.percentile(np.abs(errors[name]), 68) < goal, name
        assert 0.7 < np.std(pulls[name]) < 1.3, name  # 0.8 to 1.25, with the scatter of so many seeds
        assert abs(np.median(pulls[name])) < 0.5, name
