"""What misled the zeeman analysis once: other directions of the field, trapped flux, wrong minima, odd frames."""

import importlib.util
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.analyses.spectra.joint import Joint
from perovskite_meas.analyses.spectra.prepare import prepare
from perovskite_meas.analyses.spectra.rows import read_frames
from perovskite_meas.analyses.spectra.setup import Setup, lamp_lines
from perovskite_meas.analyses.spectra.shape import Shape
from perovskite_meas.analyses.spectra.stack import Stack
from perovskite_meas.analyses.zeeman import ZeemanResult, zeeman
from perovskite_meas.analyses.zeeman.contest import DARK_LOWEST, misfit
from perovskite_meas.analyses.zeeman.estimates import unresolved
from perovskite_meas.analyses.zeeman.flux import with_flux
from perovskite_meas.analyses.zeeman.levels import BRIGHT, Exciton, Triplet, directions, most_across
from perovskite_meas.analyses.zeeman.verdict import BRIGHT_LOWEST, LOWEST, OPEN
from perovskite_meas.core.errors import AnalysisRefused


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("zeeman_forward.py")
    spec = importlib.util.spec_from_file_location("zeeman_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def scan(seed: int = 1, **truth: Any) -> xr.Dataset:
    model = forward()
    data: xr.Dataset = model.scan(model.small(**truth), seed)
    return data


VALUES = np.array([0.9, 0.4, 0.25, 2.45, 1.35, 0.78, 0.3])
SHAPE = np.array([0.1, 0.1, 0.6, 1.0])


def test_a_field_across_the_plane_keeps_q_and_moves_the_dark_level_alone() -> None:
    energies = BRIGHT @ VALUES[1:3]
    plane, _ = directions(VALUES[:6])
    beside, _ = directions(VALUES)
    assert beside @ beside == pytest.approx(1.0)
    assert beside[1] ** 2 == pytest.approx(0.3)
    assert energies @ beside**2 == pytest.approx(energies @ plane**2)
    field = np.array([7.0])
    moved = [
        float(np.abs(np.subtract(*(Exciton().positions(part, field)[0] for part in (values, values[:6])))).max())
        for values in (np.concatenate([[gap], VALUES[1:]]) for gap in (1e4, -0.3))
    ]
    assert moved[0] < 1e-3
    assert moved[1] > 1e-2
    free = Exciton().bounded(np.array([*VALUES[:6], 2.0]))
    assert free[6] == pytest.approx(most_across(free))


def test_the_levels_for_any_direction_are_those_of_two_coupled_spins() -> None:
    model = forward()
    truth = model.Truth(dark=0.5, polar=55.0, azimuth=50.0, diamagnetic=0.0)
    b, *_ = model.directions(truth)
    energies = np.array(truth.bright)
    high = (energies @ b**2 - energies[0]) / (energies[2] - energies[0])
    values = np.array([-0.5, 0.4, 0.25, 2.45, 1.35, np.arccos(np.sqrt(high)), b[1] ** 2])
    field = np.array([1.0, 4.0, 7.0])
    theirs = np.array([model.levels(truth, tesla * b)[0] for tesla in field])
    assert np.allclose(Exciton().positions(values, field)[0], theirs, atol=1e-9)


def test_a_dim_dark_level_has_no_line_without_field() -> None:
    lines, _ = Exciton(dim=True).positions(VALUES, np.array([0.0, 3.0]))
    assert (lines < -100).sum(axis=1).tolist() == [1, 0]


def made(levels: Any, values: np.ndarray, field: np.ndarray, way: np.ndarray, true: np.ndarray) -> Stack:
    """Return frames of a model without noise in their counts, in fields that are said to be others."""
    energy = np.tile(np.arange(-3.0, 2.5, 0.033), (field.size, 1))
    shape = Shape(0.04, 4.0).profile(SHAPE)
    x = shape.first + shape.step * np.arange(shape.table.shape[1])
    place, _ = levels.positions(values, true)
    counts = np.full(energy.shape, 10.0)
    for f, k in np.ndindex(place.shape):
        counts[f] += 330.0 * np.interp(energy[f] - place[f, k], x, shape.table[0])
    n = field.size
    return Stack(
        energy, np.full(energy.shape, 0.033), counts, np.ones(energy.shape), np.full(energy.shape, 20.0), np.ones(n),
        np.arange(n + 1), field, way, np.arange(n),
    )  # fmt: skip


def test_trapped_flux_is_found_in_the_lines_and_taken_off() -> None:
    field = np.array([0.0, 2.0, 4.0, 6.0, 5.0, 3.0, 1.0, -3.0, -6.0])
    way = np.array([0.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0])
    joint = Joint(made(Exciton(), VALUES, field, way, np.abs(field) - 0.015 * way), Shape(0.04, 4.0))
    fit = joint.fit(Exciton(), np.concatenate([VALUES, SHAPE]))
    found = with_flux(joint, fit)
    assert found.trapped is not None
    assert abs(found.trapped.nominal - 15.0) < 5.0
    assert found.trapped.sigma < 15.0
    assert found.joint.stack.field[1] == pytest.approx(2.0 - found.trapped.nominal / 1e3)
    assert found.joint.stack.field[7] == pytest.approx(-3.0 + found.trapped.nominal / 1e3)
    assert found.fit.sigma("g_sum") > fit.sigma("g_sum")


def test_flux_that_cannot_be_told_is_a_systematic_error() -> None:
    field, way = np.array([0.0, 2.0, 4.0, 6.0]), np.array([0.0, 1.0, 1.0, 1.0])
    joint = Joint(made(Exciton(), VALUES, field, way, field), Shape(0.04, 4.0))
    found = with_flux(joint, joint.fit(Exciton(), np.concatenate([VALUES, SHAPE]), steps=6))
    assert found.trapped is None
    assert 0.004 < abs(found.doubt["g_sum"]) < 0.04  # 20 mT of about 5 T
    assert abs(found.doubt["first"]) < 0.003


def test_a_misfit_is_told_from_noise_and_from_a_line_shape() -> None:
    field = np.array([0.0, 3.0, 6.0])
    stacked = made(Exciton(), VALUES, field, np.ones(3), field)
    joint = Joint(stacked, Shape(0.04, 4.0))
    right = joint.fit(Exciton(), np.concatenate([VALUES, SHAPE]), steps=4)
    wrong = joint.fit(Triplet(), np.array([0.4, 0.25, 2.45, 0.78, *SHAPE]), steps=4)
    assert misfit(right, stacked) == 0.0
    assert misfit(wrong, stacked) > 0.1


def test_a_splitting_that_hides_in_the_line_is_an_upper_limit() -> None:
    field = np.array([0.0, 3.0, 6.0])
    joint = Joint(made(Exciton(), VALUES, field, np.ones(3), field), Shape(0.04, 4.0))
    fit = joint.fit(Exciton(), np.concatenate([VALUES, SHAPE]), steps=3)
    assert unresolved(fit) == ()
    hidden = fit.values.copy()
    hidden[1] = 0.5 * fit.sigma("first")
    assert unresolved(replace(fit, values=hidden)) == ("first",)


def test_lines_of_the_lamp_come_from_the_common_table() -> None:
    assert any(abs(line - 540.2063) < 1e-3 for line in lamp_lines("Ne Hg"))
    assert lamp_lines(None) == lamp_lines([]) == ()
    with pytest.raises(AnalysisRefused, match=r"lamp\.lines"):
        lamp_lines("Neon")


def hit(data: xr.Dataset, pixels: list[int]) -> tuple[xr.Dataset, int]:
    data.attrs["conditions"]["camera"]["full_scale"] = 65535
    row = int(np.flatnonzero(data["series"].values == 0)[4])
    data["spectrum"].values[row, pixels] = 65535
    data["saturated"].values[row] = len(pixels)
    return data, row


def test_a_cosmic_ray_at_full_scale_costs_its_pixels_and_not_the_frame() -> None:
    data, row = hit(scan(), [300, 301])
    frames, notes = read_frames(data)
    assert row in frames.index
    assert not any("saturated" in note for note in notes)
    spectra = prepare(frames, Setup.of(data))
    k = int(np.flatnonzero(spectra.frames.index == row)[0])
    assert not spectra.good[k, 300 - spectra.start : 302 - spectra.start].any()


def test_a_line_at_full_scale_still_costs_the_frame() -> None:
    data, row = hit(scan(), list(range(300, 310)))
    frames, notes = read_frames(data)
    assert row not in frames.index
    assert any("saturated" in note for note in notes)


@cache
def seen(seed: int = 1, **truth: Any) -> ZeemanResult:
    return zeeman(scan(seed, **truth))


@pytest.mark.slow
@pytest.mark.parametrize(("polar", "azimuth"), [(55.0, 50.0), (40.0, 75.0), (75.0, 40.0), (15.0, 10.0)])
@pytest.mark.parametrize("dark", [0.5, 0.7, 1.0])
def test_a_dark_state_above_gives_right_numbers_or_none_for_any_field(
    dark: float, polar: float, azimuth: float
) -> None:
    result = seen(dark=dark, polar=polar, azimuth=azimuth)
    assert result.ground_state in (BRIGHT_LOWEST, OPEN)
    if result.ground_state == OPEN:
        assert result.bright_dark_splitting is None
        return
    assert result.bright_dark_splitting is not None
    assert result.g_sum is not None
    assert result.g_diff is not None
    assert result.bright_dark_splitting.nominal < 0
    assert abs(result.bright_dark_splitting.pull(-dark)) < 4
    assert abs(result.g_sum.pull(2.45)) < 4
    assert abs(result.g_diff.pull(1.35)) < 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_trapped_flux_is_reported_where_both_ways_were_gone(seed: int) -> None:
    model = forward()
    result = zeeman(model.scan(model.Truth(polarisers=(0.0, 90.0), counts=2e4, trapped=0.03), seed))
    assert result.ground_state == LOWEST
    assert result.models[DARK_LOWEST]["chi2_reduced"] < 1.2
    assert result.trapped_flux is not None
    assert abs(result.trapped_flux.pull(30.0)) < 4
    assert result.g_sum is not None
    assert abs(result.g_sum.nominal - 2.45) < 0.02
    assert stacked_fields_agree(result)


def stacked_fields_agree(result: ZeemanResult) -> bool:
    """Tell whether the scan says the same of its reversal as of its flux."""
    assert result.trapped_flux is not None
    assert result.reversible is not None
    apart = result.reversible.nominal - 2 * result.trapped_flux.nominal
    return abs(apart) < 4 * float(np.hypot(result.reversible.sigma, 2 * result.trapped_flux.sigma))


@pytest.mark.slow
@pytest.mark.parametrize("sums", [(1.7, 0.53), (2.2, -0.4), (1.6, 1.4)])
def test_the_sums_of_a_trion_are_found_wherever_they_are(sums: tuple[float, float]) -> None:
    electron, hole = sums
    result = seen(kind="trion", g_electron=electron, g_hole=hole)
    assert result.ground_state == OPEN
    if result.model != "trion":
        return
    expected = sorted((abs(electron + hole), abs(electron - hole)))
    assert result.g_sum is not None
    assert result.g_diff is not None
    found = sorted((result.g_sum.nominal, result.g_diff.nominal))
    assert np.allclose(found, expected, atol=0.05)
