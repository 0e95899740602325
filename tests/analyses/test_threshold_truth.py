"""The threshold analysis on simulated sweeps: estimators find their noise-free values, the gain model the truth."""

import importlib.util
import json
import math
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.analyses.threshold import ThresholdResult, threshold
from perovskite_meas.analyses.threshold.gain import refusal
from perovskite_meas.core.analysis import result_to_json
from perovskite_meas.core.errors import AnalysisRefused, UsageError

SMALL = {"points": 24, "shots": 8}
LASING = {"photons": 2, "lasing": True}
BARE = {"fresh": 4, "scatter": 0.04, "down": False, "per_shot": False}
SUMMED = {"photons": 3, "per_shot": False}
SHARED = ("energy", "zero", "spot", "spot_to_spot", "damage")


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("ase_forward.py")
    spec = importlib.util.spec_from_file_location("ase_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def data(seed: int = 1, **truth: Any) -> Any:
    model = forward()
    return model.simulate(model.Truth(**(SMALL | truth)), seed)


@cache
def seen(seed: int = 1, **truth: Any) -> ThresholdResult:
    return threshold(data(seed, **truth))


@cache
def bare() -> ThresholdResult:
    """Return a run going up only, with fresh spots, on a bench that states little."""
    return threshold(data(3, stated={"spot.profile": None, "sample.expect": {}}, **BARE), primary="gain_model")


@cache
def noise_free(**truth: Any) -> ThresholdResult:
    model = forward()
    return threshold(model.simulate(model.clean(model.Truth(**(SMALL | truth))), 0))


def own_sigma(result: ThresholdResult, name: str) -> float:
    value = result.thresholds[name]
    parts = [part for cause, part in result.systematics[name].items() if cause not in SHARED]
    return math.hypot(value.statistical or 0.0, value.nominal * math.hypot(*parts))


def test_estimators_of_single_pulses_and_of_the_gain() -> None:
    result = seen()
    assert not result.refused
    assert result.threshold == result.thresholds["soft_knee"]
    assert abs(result.thresholds["gain_model"].nominal - 5e-6) < 2.5 * own_sigma(result, "gain_model")
    assert result.spread > 0.1
    assert 0.08 < result.energy_jitter < 0.12


def test_estimators_of_summed_pulses_find_their_noise_free_values() -> None:
    result, clean = seen(**SUMMED), noise_free(**SUMMED)
    for name in ("soft_knee", "segmented"):
        assert result.thresholds[name].nominal == pytest.approx(clean.thresholds[name].nominal, rel=0.04), name
    for name, value in result.thresholds.items():
        apart = value.nominal - clean.thresholds[name].nominal
        assert abs(apart) < 3.5 * max(own_sigma(result, name), 0.01 * value.nominal), name
    assert clean.thresholds["gain_model"].nominal == pytest.approx(5e-6, rel=0.04)


def test_the_order_is_free_and_found_while_the_straight_slope_is_too_low() -> None:
    for photons, result in ((1, seen()), (3, seen(**SUMMED))):
        assert result.order is not None
        assert abs(result.order.nominal - photons) < max(0.1, 3 * result.order.sigma)
        assert result.slope_log < photons


def test_an_undamaged_film_is_reversible_and_its_emission_is_ase() -> None:
    result = seen()
    assert result.reversible == "reversible"
    assert result.lasing == "ASE"
    assert result.linewidth_below.nominal == pytest.approx(92, rel=0.03)
    assert result.linewidth_above.nominal < 30


def test_a_film_that_wears_is_irreversible_and_the_upward_sweep_alone_is_used() -> None:
    result = seen(degrade=2e-4, per_shot=False)
    assert result.reversible == "irreversible"
    assert any("going up alone" in note for note in result.notes)


def test_a_film_that_changes_has_no_gain_model_and_the_change_is_in_every_sigma() -> None:
    result = seen(degrade=2e-4, per_shot=False)
    assert "the film changed while it was measured" in result.refused["gain_model"]
    assert result.threshold_ratio is not None
    assert math.exp(-2 * result.systematics["soft_knee"]["damage"]) == pytest.approx(result.threshold_ratio.nominal)


def test_resolved_modes_are_lasing() -> None:
    result = seen(**LASING)
    assert result.lasing == "lasing"
    assert any("resolved modes" in word for word in result.evidence)


def test_fresh_spots_give_the_scatter_from_place_to_place_as_a_systematic_part() -> None:
    result = bare()
    assert result.fresh_scatter is not None
    assert 0.01 < result.fresh_scatter.nominal < 0.09
    assert result.systematics["soft_knee"]["spot_to_spot"] == result.fresh_scatter.nominal
    assert result.reversible == "not decidable"


def test_fresh_spots_within_the_focus_of_one_another_are_told() -> None:
    rows = data(3, **BARE)
    close = threshold(rows.assign(y=rows["y"] / 50))
    assert any("spots lie 10 um apart" in note for note in close.notes)
    assert not any("apart" in note for note in threshold(rows).notes)


def test_the_calibrations_of_energy_and_spot_are_systematic() -> None:
    result = seen()
    assert result.systematics["soft_knee"]["energy"] == pytest.approx(0.03)
    assert result.systematics["soft_knee"]["spot"] == pytest.approx(math.hypot(0.01, 0.02))
    assert result.threshold is not None
    assert result.threshold.systematic is not None
    assert result.threshold.systematic > 0.037 * result.threshold.nominal


def test_long_pulses_are_refused_a_gain_model_by_their_duration() -> None:
    reason = refusal(Setup.of(data(points=8, shots=1, down=False, duration=2e4)))
    assert reason is not None
    assert "the pulses last 20 ps" in reason
    assert refusal(Setup.of(data(points=8, shots=1, down=False))) is None


def test_a_film_that_lases_has_no_gain_model() -> None:
    result = seen(**LASING)
    assert "the film lases" in result.refused["gain_model"]
    assert not result.gain


@cache
def controlled() -> tuple[ThresholdResult, float]:
    """Return a run with another rate, an analyser and a head whose zero is not known, and that zero, J/cm^2."""
    rows = data(**SUMMED)
    zero = 1.5e-7
    stated = rows.attrs["conditions"]
    ratio, spot = stated["energy_at_sample"], stated["spot"]
    area = 0.5 * math.pi * spot["waist"]["value"] * spot["waist_y"]["value"] * 1e-14
    more = ratio | {"zero": {"value": 0.0, "sigma": zero * area / ratio["ratio"]["value"], "unit": "J"}}
    high = int(np.flatnonzero(rows["series"].values == 2)[-3])
    whole = rows.isel(row=[*range(rows.sizes["row"]), *[high] * 7])
    extra = np.zeros((3, whole.sizes["row"])) + np.array([[10.0], [-1000.0], [1.0]])
    extra[0, -6], extra[2, -6] = 100.0, 0.8
    extra[1, -4:], extra[2, -4:] = (0, 45, 90, 135), (1.5, 1, 0.5, 1)
    series = np.append(rows["series"].values, [7, 7, 7, 8, 8, 8, 8])
    light = 300.0 + (whole["spectra"].values - 300.0) * extra[2][:, None, None]
    whole = whole.assign(
        series=("row", series, rows["series"].attrs), rate=("row", extra[0]), analyser=("row", extra[1]),
        spectra=(whole["spectra"].dims, light),
    )  # fmt: skip
    whole.attrs["conditions"] = stated | {"energy_at_sample": more}
    return threshold(whole), zero


def test_the_zero_of_the_energy_head_is_a_sigma_of_every_threshold_and_of_the_order() -> None:
    (result, zero), before = controlled(), seen(**SUMMED)
    for name, value in result.thresholds.items():
        assert result.systematics[name]["zero"] == pytest.approx(zero / value.nominal, rel=1e-6)
    assert result.order is not None
    assert before.order is not None
    assert result.order.sigma > 1.2 * before.order.sigma


def test_another_rate_and_another_angle_are_told_apart_from_the_sweep() -> None:
    result, _ = controlled()
    assert result.heating_ratio is not None
    assert result.heating_ratio.nominal == pytest.approx(0.8, abs=0.02)
    assert any("at 100 Hz" in note and "warms" in note for note in result.notes)
    assert result.polarisation is not None
    assert result.polarisation.nominal == pytest.approx(0.5, abs=0.02)
    assert any("polarised to 50%" in word for word in result.evidence)


def test_the_verdict_and_the_summary_name_every_estimator_and_their_spread() -> None:
    result = seen()
    assert "5 estimators spread by" in result.verdict
    assert [line.split(":")[0] for line in result.summary] == list(result.thresholds)
    assert set(result.naive) <= set(result.thresholds)
    assert result.misfit["soft_knee"] > result.misfit["gain_model"]
    assert result.gain_chi2 is not None


def test_what_the_bench_does_not_state_is_a_sigma_and_a_note() -> None:
    result = bare()
    assert result.systematics["gain_model"]["profile"] > 0.05
    assert result.systematics["gain_model"]["optical_depth"] > 0.01
    assert result.flags["gain_model"] == "ill-conditioned"
    assert any("spot.profile is not stated" in note for note in result.notes)
    assert result.threshold == result.thresholds["gain_model"]


def test_an_unknown_primary_is_a_usage_error_that_names_a_known_one() -> None:
    with pytest.raises(UsageError, match="soft_knee"):
        threshold(data(points=8, shots=2), primary="soft_kne")


def test_rows_that_support_no_threshold_are_refused_with_the_reason() -> None:
    rows = data(points=9, shots=2, down=False)
    with pytest.raises(AnalysisRefused, match="'up' is missing"):
        threshold(rows.isel(row=rows["series"].values == 0))
    with pytest.raises(AnalysisRefused, match="only 5 fluences"):
        threshold(rows.isel(row=np.arange(8)))
    with pytest.raises(AnalysisRefused, match="lack the column"):
        threshold(rows.drop_vars("fluences"))
    blind = rows.copy()
    blind["spectra"] = blind["spectra"] * 0 + 300.0
    with pytest.raises(AnalysisRefused, match="no emission"):
        threshold(blind)


def test_the_result_is_stored_and_drawn() -> None:
    rows, result = data(), seen()
    json.dumps(result_to_json(result))
    figure = Figure(figsize=(10, 6.5))
    threshold.draw(rows, result, figure)
    assert len(figure.axes) == 5  # four and a colour bar


def test_the_forecast_tells_excitations_and_what_is_unknown() -> None:
    model = forward()
    rows = model.simulate(model.Truth(points=12, shots=1, down=False), 0)
    told = threshold.predict(rows)
    assert told is not None
    assert any("threshold_fluence" in one for one in told.unknown)
    rows.attrs["conditions"]["sample"]["expect"]["threshold_fluence"] = model.quantity(5e-6, 0.0, "J/cm^2")
    told = threshold.predict(rows)
    assert told is not None
    assert told.mean_excitations == pytest.approx((0.1146, 6.877), rel=0.01)
