"""The place of the emitter in the beam, from the rows of a centring; and the result against what was expected."""

from __future__ import annotations

import math
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.analyses.saturation import saturation
from perovskite_meas.analyses.saturation.centring import summit
from perovskite_meas.analyses.saturation.setup import Setup

TRUTH = 6.8e6
WAIST = 433.0
CROSS = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)], dtype=float)


def counted(
    emitter: tuple[float, float], rng: np.random.Generator, *, step: float = 200.0, top: float = 4500.0
) -> np.ndarray:
    """Return the counts of a cross (nm) around the origin: Gaussian, Poisson, 3 % noise, 100 dark counts."""
    away = ((step * CROSS - emitter) ** 2).sum(axis=1)
    mean = top * np.exp(-4 * away / WAIST**2) * (1 + 0.03 * rng.standard_normal(5))
    return rng.poisson(mean + 100).astype(float)


def with_cross(
    data: xr.Dataset, counts: np.ndarray, sweep_at: tuple[float, float] = (0.0, 0.0), step: float = 200.0
) -> xr.Dataset:
    """Put the rows of a centring before those of a run, and places (um) beside all of them."""
    cross = data.isel(row=np.zeros(5, dtype=int)).copy(deep=True)
    cross["series"].values[:] = 6
    cross["counts"].values[:] = counts
    cross["live_time"].values[:] = 0.5
    x, y = step * CROSS.T / 1e3
    cross = cross.assign(x=("row", x), y=("row", y))
    n = data.sizes["row"]
    data = data.assign(x=("row", np.full(n, sweep_at[0] / 1e3)), y=("row", np.full(n, sweep_at[1] / 1e3)))
    whole = xr.concat([cross, data], dim="row", combine_attrs="override")
    words = data["series"].attrs["flag_meanings"].split()
    whole["series"].attrs = {"flag_values": list(range(7)), "flag_meanings": " ".join([*words, "centring"])}
    whole.attrs = data.attrs
    return whole


def test_the_top_of_a_cross_is_found_with_an_honest_sigma() -> None:
    rng = np.random.default_rng(3)
    pulls, sigmas = [], []
    for _ in range(200):
        truth = rng.normal(0, 50 / math.sqrt(2), 2)
        found = summit(*(200 * CROSS.T), counted(truth, rng), np.full(5, 0.5), 200.0)
        assert found is not None
        pulls += list((found[0] - truth) / found[1])
        sigmas.append(found[1])
    assert 2 < np.median(sigmas) < 6
    assert abs(np.mean(pulls)) < 0.2
    assert 0.6 < np.std(pulls) < 1.2


def test_a_centred_emitter_costs_no_centring_systematic(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, "spot.centring", 50.0, 0.0, "nm")
    plain = saturation(data)
    result = saturation(with_cross(data, counted((0, 0), np.random.default_rng(1))))
    assert plain.systematics["centring"] == pytest.approx(0.051, abs=0.003)
    assert result.systematics["centring"] < 0.01
    assert result.cross_section.nominal / plain.cross_section.nominal == pytest.approx(0.95, abs=0.01)
    assert not any("left out" in note for note in result.notes), "centring rows are not meant for the fit"
    assert len(result.points["row"]) == len(plain.points["row"])


def test_a_sweep_beside_the_emitter_is_corrected_by_the_measured_offset_and_noted(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(offset=100.0), 1)
    forward.state(data, "spot.centring", 50.0, 0.0, "nm")
    result = saturation(with_cross(data, counted((100, 0), np.random.default_rng(1))))
    assert abs(result.cross_section.pull(TRUTH)) < 2
    assert any("beside the beam axis" in note for note in result.notes)
    moved = saturation(with_cross(data, counted((100, 0), np.random.default_rng(1)), sweep_at=(100.0, 0.0)))
    assert not any("beside the beam axis" in note for note in moved.notes)


@pytest.mark.parametrize("counts", [[100.0] * 5, [math.nan] * 5, [0.0] * 5, [10.0, 900.0, 900.0, 900.0, 900.0]])
def test_a_cross_that_tells_no_centre_leaves_the_stated_one(forward: ModuleType, counts: list[float]) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, "spot.centring", 50.0, 0.0, "nm")
    result = saturation(with_cross(data, np.array(counts)))
    assert result.systematics["centring"] == pytest.approx(0.051, abs=0.003)
    assert any(note.startswith("the centring rows tell no centre") for note in result.notes)


def test_centring_rows_without_places_leave_the_stated_centre(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, "spot.centring", 50.0, 0.0, "nm")
    whole = with_cross(data, counted((0, 0), np.random.default_rng(1))).drop_vars(["x", "y"])
    assert saturation(whole).systematics["centring"] == pytest.approx(0.051, abs=0.003)


def test_a_known_offset_and_an_unknown_one_average_as_gaussians_do(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 0)
    forward.state(data, "spot.centring", 60.0, 0.0, "nm")

    setup = replace(Setup.of(data), offset=80.0)
    places = np.random.default_rng(0).normal(0, 60 / math.sqrt(2), (200_000, 2)) + np.array([80.0, 0.0])
    loss = np.exp(-4 * (places**2).sum(axis=1) / WAIST**2)
    assert setup.centring_factor() == pytest.approx((loss.mean(), loss.std()), rel=0.01)


def test_a_planned_cross_makes_the_forecast_sharper(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, "spot.centring", 50.0, 0.0, "nm")
    forward.state(data, "sample.expect.cross_section", TRUTH, 0.3 * TRUTH, "GM")
    forward.state(data, "sample.expect.brightness", 1e5, 3e4, "cps")
    planned = with_cross(data, np.full(5, math.nan))
    planned["power_set"].values[:5] = 4e-6
    plain, centred = (saturation.predict(rows).sigma["cross_section"] for rows in (data, planned))
    assert math.sqrt(plain**2 - centred**2) == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize("power", [0.0, -1e-6, math.nan, math.inf, 1e-12, 1.0])
def test_the_forecast_takes_odd_powers_without_a_warning(forward: ModuleType, power: float) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, "sample.expect.cross_section", TRUTH, 0.3 * TRUTH, "GM")
    forward.state(data, "sample.expect.brightness", 1e5, 3e4, "cps")
    some, every = data.copy(deep=True), data.copy(deep=True)
    some["power_set"].values[10] = power
    every["power_set"].values[:] = power
    assert saturation.predict(some).sigma["cross_section"] > 0
    assert saturation.predict(every).sigma == {}


@pytest.mark.parametrize(
    ("name", "value", "unit"), [("cross_section", 2e6, "GM"), ("brightness", 3e5, "cps"), ("brightness", 1e5, "cps")]
)
def test_a_result_far_from_what_was_expected_is_noted_with_what_could_be_wrong(
    forward: ModuleType, name: str, value: float, unit: str
) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, f"sample.expect.{name}", value, 0.1 * value, unit)
    notes = [note for note in saturation(data).notes if "sigma away from the expected" in note]
    if value == 1e5:
        assert notes == []
        return
    assert len(notes) == 1
    assert notes[0].startswith(f"{name} is ")
    assert "pulse.repetition_rate" in notes[0]


def test_an_expectation_without_sigma_is_compared_with_nothing(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 1)
    forward.state(data, "sample.expect.cross_section", 2e6, 0.0, "GM")
    assert not any("sigma away from the expected" in note for note in saturation(data).notes)
