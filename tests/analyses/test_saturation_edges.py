"""Units, refusals, the figure and the forecast of the saturation analysis."""

from __future__ import annotations

import json
import math
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.saturation import saturation
from perovskite_meas.analyses.saturation.ladder import photons
from perovskite_meas.analyses.saturation.setup import Setup
from perovskite_meas.core.analysis import StoredResult, result_to_json
from perovskite_meas.core.errors import AnalysisRefused

CODES = {"up": 0, "down": 1, "reference": 2, "return": 3, "off_emitter": 4, "dark": 5}


def test_the_cross_section_of_the_review_saturates_at_the_oracle_power(forward: ModuleType) -> None:
    setup = Setup.of(forward.simulate(forward.Truth(), 0))
    alpha = setup.alpha(6.8e6)
    assert 1 / math.sqrt(alpha) == pytest.approx(9.42e-6, rel=2e-3)
    assert setup.saturation_fluence(alpha) == pytest.approx(0.640e-3, rel=2e-3)


def test_counting_excitations_instead_of_photons_halves_the_cross_section(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    photons_counted = Setup.of(data).cross_section(1e10)
    data.attrs["conditions"]["sample"]["two_photon_convention"] = "excitations"
    assert Setup.of(data).cross_section(1e10) == pytest.approx(photons_counted / 2)


def test_isolated_pulses_with_two_steps_follow_the_closed_form() -> None:
    x = np.geomspace(1e-3, 20, 30)
    closed = 1 - np.exp(-x) + 0.1 * (1 - (1 + x) * np.exp(-x))
    assert photons(x, 0.1, 0.0, "two_steps") == pytest.approx(closed, rel=1e-5)


def test_an_exciton_that_outlives_the_period_lowers_the_signal() -> None:
    x, r = np.array([0.1, 1.0, 5.0]), math.exp(-12.5 / 20)
    closed = (1 - r) * (1 - np.exp(-x)) / (1 - r * np.exp(-x))
    assert photons(x, 0.0, r) == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize("x", [0.1, 0.7, 3.0])
def test_the_finite_period_ladder_agrees_with_a_chain_followed_dot_by_dot(forward: ModuleType, x: float) -> None:
    truth = forward.Truth(q=0.6, rate=8e7)
    counted = forward._photons_chain(truth, x, 10**9, 0.01, np.random.default_rng(5)) / 1e7
    assert photons(np.array([x]), 0.6, math.exp(-12.5 / 20))[0] == pytest.approx(counted, rel=0.012)


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (("up", "down", "reference", "return"), "no row has light on the emitter"),
        (("up",), "the series 'up' is missing: the sweep itself"),
        (("dark",), "the series 'dark' is missing: without it dark counts"),
    ],
)
def test_a_missing_series_is_refused_by_name(forward: ModuleType, series: tuple[str, ...], message: str) -> None:
    data = forward.simulate(forward.Truth(), 0)
    keep = ~np.isin(data["series"].values, [CODES[name] for name in series])
    with pytest.raises(AnalysisRefused, match=message):
        saturation(data.isel(row=keep))


def without(data: xr.Dataset, *series: str) -> xr.Dataset:
    return data.isel(row=~np.isin(data["series"].values, [CODES[name] for name in series]))


def test_without_rows_beside_the_emitter_the_background_is_fitted_and_flagged(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(background=0.02), 0)
    result = saturation(without(data, "off_emitter"))
    assert abs(result.cross_section.pull(6.8e6)) < 3
    assert result.cross_section.statistical > saturation(data).cross_section.statistical
    assert any("nothing was counted beside the emitter" in note for note in result.notes)


def test_a_dark_place_is_refused_and_not_measured(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(brightness=1e-3, background=1e4), 0)
    with pytest.raises(AnalysisRefused, match="no light from the emitter is seen"):
        saturation(data)


def test_rows_that_hardly_tell_the_cross_section_are_refused(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(brightness=1000.0, x_range=(0.005, 0.1)), 0)
    result = saturation(data)
    assert result.cross_section is None
    assert "these rows do not determine it" in str(result.refused)


def test_the_forecast_says_what_would_be_refused(forward: ModuleType) -> None:
    few = saturation.predict(forward.simulate(forward.Truth(points=5), 0))
    assert any("would refuse: only 5 different powers" in item for item in few.unknown)
    data = forward.simulate(forward.Truth(), 0)
    blind = saturation.predict(without(data, "off_emitter", "dark"))
    assert any("would refuse: the series 'dark' is missing" in item for item in blind.unknown)
    assert any("no row is planned beside the emitter" in item for item in blind.unknown)
    assert blind.sigma == {}
    empty = saturation.predict(without(data, "up", "down", "reference", "return"))
    assert any("would refuse: no row has light on the emitter" in item for item in empty.unknown)
    fast = forward.simulate(forward.Truth(rate=8e7, points=6), 0)
    del fast.attrs["conditions"]["sample"]["expect"]["lifetime"]
    assert any("would refuse: the lifetime is not stated" in item for item in saturation.predict(fast).unknown)


def test_counts_that_are_all_missing_are_refused(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    data["counts"].values[:] = np.nan
    with pytest.raises(AnalysisRefused, match="none of the 78 rows has finite counts"):
        saturation(data)


def test_fewer_than_six_powers_are_refused(forward: ModuleType) -> None:
    with pytest.raises(AnalysisRefused, match="only 5 different powers on the emitter"):
        saturation(forward.simulate(forward.Truth(points=5), 0))


def test_a_missing_column_is_refused_by_name(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0).drop_vars("pickoff_after")
    with pytest.raises(AnalysisRefused, match=r"lack the column.*pickoff_after"):
        saturation(data)


def test_series_codes_without_meanings_are_refused(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    data["series"].attrs = {}
    with pytest.raises(AnalysisRefused, match="flag_meanings"):
        saturation(data)


def test_an_unknown_pulse_shape_is_refused(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    data.attrs["conditions"]["pulse"]["shape"] = "lorentz"
    with pytest.raises(AnalysisRefused, match=r"pulse\.shape is 'lorentz'.*gauss"):
        saturation(data)


def test_a_condition_that_the_bench_did_not_state_is_refused_by_name(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    del data.attrs["conditions"]["spot"]["waist"]
    with pytest.raises(AnalysisRefused, match=r"spot\.waist"):
        saturation(data)


def test_a_head_that_reads_nothing_in_the_light_is_refused(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    data["pickoff_before"].values[10] = data["pickoff_after"].values[10] = -1e-3
    with pytest.raises(AnalysisRefused, match="above its zero"):
        saturation(data)


def test_rows_with_missing_numbers_are_left_out_and_counted(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    data["counts"].values[[10, 20]] = np.nan
    result = saturation(data)
    assert result.notes[0].startswith("2 row(s)")
    assert abs(result.cross_section.pull(6.8e6)) < 4


def test_the_result_survives_the_disk_and_is_drawn_from_there(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(bleach=0.05), 0)
    result = saturation(data)
    text = json.dumps(result_to_json(result), allow_nan=False)
    stored = StoredResult(json.loads(text))
    assert stored.cross_section == result.cross_section
    figure = Figure(figsize=(8, 5.5))
    saturation.draw(data, stored, figure)
    assert len(figure.axes) == 4
    assert "GM" in figure.get_suptitle()


def test_a_refused_result_is_drawn_with_its_reason(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(one_photon=0.1), 0)
    figure = Figure(figsize=(8, 5.5))
    saturation.draw(data, saturation(data), figure)
    figure.draw_without_rendering()
    assert "no cross-section claimed" in figure.get_suptitle()


def test_raw_and_corrected_counts_are_all_kept(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    points = saturation(data).points
    raw = data["counts"].values / data["live_time"].values
    assert points["raw_rate"] == pytest.approx(raw)
    assert points["live_rate"] == pytest.approx(raw / (1 - raw * 45e-9))
    assert (points["signal"] < points["live_rate"]).all()


def test_the_forecast_meets_what_the_run_then_finds(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    expect = data.attrs["conditions"]["sample"]["expect"]
    planned = data.copy(deep=True)
    planned["counts"].values[:] = np.nan
    assert "sample.expect.cross_section" in saturation.predict(planned).unknown
    expect["cross_section"] = forward.quantity(6.8e6, 1e6, "GM")
    expect["brightness"] = forward.quantity(1e5, 1e4, "cps")
    planned.attrs = data.attrs
    predicted = saturation.predict(planned)
    result = saturation(data)
    assert predicted.unknown == ()
    assert predicted.count_rate == pytest.approx(data["counts"].values.max(), rel=0.1)
    assert predicted.mean_excitations == pytest.approx(result.mean_excitations, rel=0.15)
    assert predicted.sigma["cross_section"] == pytest.approx(result.cross_section.relative, rel=0.5)
