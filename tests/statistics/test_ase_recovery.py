"""Thresholds over many sessions of the virtual ASE table, through its drivers: values recovered, sigmas honest.

Every seed is a session with its own draws (meters, spot, filters, places of the film) and its own truths. The rows
are those of the procedure; only database and report are left out.
"""

import importlib.util
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


Case = _module("ase_worlds").Case
sessions = _module("ase_sessions")
NAMES = (*sessions.OWN, "gain_model")
GOALS = {"soft_knee": 0.03, "segmented": 0.03, "gain_model": 0.03}
"""Of PHYSICS 7, relative."""
COVERED = 1.0
"""Own sigmas within which 68 % of the gain model's values lie where they are not within its goal."""
FRESH = {"sample.degradation_dose": "1e9 J/cm^2"}
WEARING = {"sample.degradation_dose": "20 mJ/cm^2"}
NAIVE = -0.03
"""The least that averages by set point are off at 10 % of jitter, by straight pieces."""
PER_POINT = {"recording": "per point"}
LONG = {"pulse.duration": {"value": 12_000.0, "sigma": 100.0, "unit": "fs"}}
CHARGED = {"sample.expect.charged_fraction": {"value": 1.0, "sigma": 0.05, "unit": "1"}}


COMES_BACK: dict[str, Any] = {
    "reversible": "reversible",
    "lasing": "ASE",
    "goals": GOALS,
    "honest": NAMES,
    "order": 0.1,
}

CASES = (
    Case("default", share=1.0, naive=True, **COMES_BACK),
    Case("per point", share=1.0, settings=PER_POINT, naive=True, **COMES_BACK),
    Case("two photons", 2, share=0.5, **COMES_BACK),
    Case("two photons, per point", 2, share=0.2, settings=PER_POINT, **COMES_BACK),
    Case("three photons", 3, share=0.5, **COMES_BACK),
    Case("three photons, per point", 3, share=0.2, settings=PER_POINT, **COMES_BACK),
    Case(
        "charged",
        base="ase_charged",
        stated=CHARGED,
        ends=("0.12 uJ/cm^2", "12 uJ/cm^2"),
        share=0.5,
        **COMES_BACK,
    ),
    Case("packaged", vary=False, share=0.2, **COMES_BACK),
    Case("saturation x10", world={"sample.saturation": 30}, lasing="ASE", goals=GOALS),
    Case("saturation x0.3", world={"sample.saturation": 0.9}, lasing="ASE", goals=GOALS),
    Case(
        "optical depth 0.3, not stated",
        world={"sample.optical_depth": "0.3"},
        stated={"sample.expect.optical_depth": None},
        lasing="ASE",
        goals=GOALS,
    ),
    Case("flat top", world={"optics.top_hat": 1.0}, stated={"spot.profile": "top_hat"}, lasing="ASE", goals=GOALS),
    Case("profile not stated", stated={"spot.profile": None}, lasing="ASE", goals=GOALS),
    Case("degrading", base="ase_degrading", world=WEARING, share=0.3, reversible="irreversible", reference=False),
    Case("unharmed", world=FRESH, share=0.2, reversible="reversible", reference=False),
    Case("laser", 2, base="ase_laser", ends=("0.25 mJ/cm^2", "2.5 mJ/cm^2"), share=0.3, lasing="lasing",
         reference=False),
    Case("too little gain", world={"sample.gain": "200 /cm", "sample.saturation": 0.9}, share=0.03, reference=False,
         refused=NAMES),
    Case("pulses of 12 ps", stated=LONG, share=0.03, reference=False, refused=("gain_model",)),
)  # fmt: skip


def slack(number: int) -> float:
    """Return what fewer than a hundred sessions scatter more, in sigma."""
    return max(0.0, 2.5 / math.sqrt(number) - 0.25)


def spread(values: Any) -> tuple[float, float]:
    """Return median and half of the distance between the 16 % and 84 % quantiles; NaN without values."""
    if not np.isfinite(values).any():
        return math.nan, math.nan
    low, middle, high = np.nanpercentile(values, (16, 50, 84))
    return float(middle), float(high - low) / 2


def half_width(values: Any) -> float:
    """Return what 68 % of the values lie below, sign apart; NaN without values."""
    return float(np.nanquantile(np.abs(values), 0.68)) if np.isfinite(values).any() else math.nan


def line(name: str, found: list[Any]) -> str:
    """Return a few lines of text."""
    back, lasing = (dict(Counter(getattr(one.result, which) for one in found)) for which in ("reversible", "lasing"))
    text = f"{name:24} {len(found)}: {back}, {lasing}"
    for own in NAMES:
        errors = [one.error(own) for one in found]
        if not np.isfinite([one.statistical(own) for one in found]).any():
            continue
        bias, width = spread([one.error(own) / one.statistical(own) for one in found])
        whole, wide = spread([one.error(own) / one.own(own) for one in found])
        ill = sum(own in one.result.flags for one in found)
        number = sum(own in one.result.thresholds for one in found)
        text += f"\n    {own:16} {number:3}: error {spread(errors)[0]:+.2%}, within {half_width(errors):.2%}"
        text += f"; pulls by noise {bias:+.2f} +- {width:.2f}, own sigma {whole:+.2f} +- {wide:.2f}"
        noise, every = (np.nanmedian([getattr(one, kind)(own) for one in found]) for kind in ("statistical", "own"))
        text += f" ({noise:.2%}, {every:.2%}); ill {ill}"
        if own == "gain_model":
            text += f"; moved {half_width([one.moved(own) for one in found]):.2%}"
    orders = [one.result.order.nominal - one.result.photons for one in found if one.result.order is not None]
    text += f"\n    order {spread(orders)[0]:+.3f} within {half_width(orders):.3f} of {len(orders)}"
    for own in GOALS:
        bias, width = spread([one.naive(own) for one in found])
        text += f"; naive {own} {bias:+.1%} +- {width:.1%}"
    return text


def judge(case: Any, found: list[Any]) -> None:
    """Assert what `case` asks for."""
    number = len(found)
    few = max(1.0, 0.05 * number)
    more = 1 + max(0.0, 2 / math.sqrt(number) - 0.2)
    assert not [one.astray for one in found if one.astray]
    for wanted, which in ((case.reversible, "reversible"), (case.lasing, "lasing")):
        others = [one.seed for one in found if getattr(one.result, which) != wanted]
        assert not wanted or len(others) <= few, f"not {wanted}: seeds {others}"
    for name in case.refused:
        assert all(name in one.result.refused for one in found), name
    wrong = [one.seed for one in found if not case.check(one)]
    assert len(wrong) <= few, f"seeds {wrong}"
    for name, goal in case.goals.items():
        moved = half_width([one.moved(name) for one in found])
        assert moved <= goal * more, f"{name}: {moved:.1%} from its value without noise"
    if "gain_model" in case.goals:
        within = half_width([one.error("gain_model") for one in found])
        covered = half_width([one.error("gain_model") / one.own("gain_model") for one in found])
        assert within <= case.goals["gain_model"] * more or covered <= COVERED * more, f"{within:.1%}, {covered:.2f}"
    if case.order:
        orders = [one.result.order.nominal - case.photons for one in found if one.result.order is not None]
        assert len(orders) >= 0.9 * number
        assert half_width(orders) <= case.order * more
    if case.naive:
        assert spread([one.naive("segmented") for one in found])[0] < NAIVE
        assert abs(spread([one.moved("segmented") for one in found])[0]) < -NAIVE / 3
    for name in case.honest:
        middle, width = spread([one.error(name) / one.own(name) for one in found])
        assert abs(middle) <= 0.5 + slack(number), f"pulls of {name}: median {middle:+.2f}"
        assert width <= 1.25 + slack(number), f"pulls of {name}: width {width:.2f}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_thresholds_are_recovered_or_refused(
    case: Any, tmp_path: Path, statistics_seeds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = max(2, round(case.share * statistics_seeds))
    found = [sessions.one(case, seed, tmp_path) for seed in range(1, seeds + 1)]
    with capsys.disabled():
        print(f"\n{line(case.name, found)}", end="")
    judge(case, found)


def test_an_aborted_session_leaves_no_pulse_astray(tmp_path: Path, statistics_seeds: int) -> None:
    case = Case("aborted", reference=False)
    for seed in range(1, max(2, round(0.1 * statistics_seeds)) + 1):
        assert not sessions.aborted(case, seed, tmp_path, 3 + 7 * seed)
