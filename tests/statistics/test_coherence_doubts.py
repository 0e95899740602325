"""T2 of lines that wander, beat, or hide in noise: right within its sigma, or refused; over worlds and seeds."""

import importlib.util
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.coherence import CoherenceResult, coherence


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).parents[1] / "analyses" / "fringe_forward.py"
    spec = importlib.util.spec_from_file_location("fringe_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class World:
    """One world, and what may come of it."""

    name: str
    truth: dict[str, Any] = field(default_factory=dict)
    claimed: float = 1.0
    """Part of the sessions in which T2 is claimed, at least."""
    refused: bool = False
    """Whether it must never be claimed."""
    share: float = 0.06
    """Of the seeds that are run."""


STEPPED = {"sweeps": 1, "exposure": 0.05, "back": 0.0}
WORLDS = (
    *(
        World(f"{rms:g} ueV within {seconds:g} s at {rate:g} cps",
              {"detuning": rms, "detuning_time": seconds, "rate": rate}, claimed=0.0, share=0.03)
        for rms in (20.0, 40.0) for seconds in (5e-3, 0.05, 0.5, 10.0) for rate in (2e4, 2e5)
    ),
    *(
        World(f"doublet of {gap} meV, {ratio}", {"splitting": gap, "splitting_ratio": ratio}, share=0.12)
        for gap in (0.05, 0.1, 0.2) for ratio in (0.3, 0.5, 1.0)
    ),
    World("plain", share=0.4),
    World("stepped and blinking", STEPPED, claimed=0.0, share=0.2),
    World("T2 of 1 ps", {"t2": 1.0}, refused=True),
    World("T2 of 2 ps", {"t2": 2.0}),
    World("T2 of 80 ps", {"t2": 80.0}, refused=True),
    World("visibility 0.1", {"overlap": 0.1}),
    World("on for a fifth of the time", {"on_time": 0.1, "off_time": 0.4}),
    World("on for a fifth of the time, slowly", {"on_time": 0.5, "off_time": 2.0}),
    World("500 cps", {"rate": 500.0}, claimed=0.0),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_claimed_t2_is_right_within_its_sigma(
    world: World, statistics_seeds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = forward().Truth(**world.truth)
    number = max(2, round(world.share * statistics_seeds))
    found: list[CoherenceResult] = [coherence(forward().scan(truth, seed)) for seed in range(1, number + 1)]
    values = [one.t2 for one in found if one.t2 is not None]
    pulls = np.array([t2.pull(truth.t2) for t2 in values])
    errors = np.array([t2.nominal / truth.t2 - 1 for t2 in values])
    shown = [f"{error:+.1%} ({pull:+.1f})" for error, pull in zip(errors, pulls, strict=True)]
    with capsys.disabled():
        print(f"\n{world.name}: {len(values)} of {number} claimed: {', '.join(shown)}", end="")
    assert len(values) <= (0 if world.refused else number)
    assert len(values) >= (0 if world.refused else world.claimed * number * 0.95)
    assert all(one.refused for one in found if one.t2 is None)
    if not values:
        return
    assert np.abs(pulls).max() < 3.5
    assert np.abs(np.median(pulls)) < 0.5 + 1.5 / np.sqrt(len(pulls))
    if not world.truth.get("splitting"):
        assert sum(one.model == "doublet" and one.t2 is not None for one in found) <= 0.02 * number
    elif world.truth["splitting"] > 0.06:
        beats = [one.beat for one in found]
        assert all(beat is not None and abs(beat.pull(world.truth["splitting"])) < 4 for beat in beats)
