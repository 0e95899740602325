"""The pieces of the zeeman analysis: levels, line shape, amplitudes, frames, lamp, lines and polarisation."""

import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.optimize import nnls

from perovskite_meas.analyses.fine_structure.polarisation import polarised
from perovskite_meas.analyses.spectra.dark import read_dark
from perovskite_meas.analyses.spectra.joint import Joint, _State
from perovskite_meas.analyses.spectra.kernels import amplitudes, inverted
from perovskite_meas.analyses.spectra.lines import Fixed, count_lines
from perovskite_meas.analyses.spectra.prepare import Spectra, prepare
from perovskite_meas.analyses.spectra.rows import read_frames
from perovskite_meas.analyses.spectra.setup import MU_B, Setup, lamp_lines
from perovskite_meas.analyses.spectra.shape import Shape
from perovskite_meas.analyses.spectra.stack import Stack, stack
from perovskite_meas.analyses.zeeman.decays import unevenness
from perovskite_meas.analyses.zeeman.levels import Exciton, Trion, Triplet
from perovskite_meas.core.air import to_vacuum


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


@cache
def frames_of(seed: int = 1) -> Spectra:
    model = forward()
    data = model.scan(model.session(model.small(), seed), seed)
    return prepare(read_frames(data)[0], Setup.of(data))


VALUES = np.array([2.6, 0.4, 0.25, 2.45, 1.35, 0.78])


def test_the_exciton_has_the_levels_of_two_coupled_spins() -> None:
    model = forward()
    truth = model.Truth(polar=40.0, azimuth=0.0, diamagnetic=0.0)
    b, *_ = model.directions(truth)
    values = np.array([2.6, 0.4, 0.25, 2.45, 1.35, math.radians(40.0)])
    field = np.array([0.0, 1.0, 4.0, 7.0])
    mine, _ = Exciton().positions(values, field)
    theirs = np.array([model.levels(truth, tesla * b)[0] for tesla in field])
    assert np.allclose(mine, theirs, atol=1e-12)
    assert 1 - Exciton().dark_share(values, field).max(axis=1)[-1] == pytest.approx(0.0113, abs=6e-4)


def test_bright_energies_know_the_direction_of_the_field_through_q_alone() -> None:
    energies = np.array([-0.35, 0.05, 0.30])
    along = np.array([0.5, 0.3, 0.2])  # b_j^2
    q = float(energies @ along)
    other = (energies[2] - q) / (energies[2] - energies[0])  # sin^2 in the plane of x and z with the same q
    model = forward()
    truth = model.Truth(dark=-1e4, diamagnetic=0.0)
    field = np.array([7.0])
    mine, _ = Triplet().positions(np.array([0.4, 0.25, 2.45, math.asin(math.sqrt(other))]), field)
    theirs = model.levels(truth, 7.0 * np.sqrt(along))[0][1:]
    assert np.allclose(mine[0], theirs, atol=2e-4)


def test_slopes_are_those_of_the_positions() -> None:
    field = np.array([0.7, 3.0, 6.5])
    for levels, values in (
        (Exciton(), VALUES),
        (Exciton(), np.array([*VALUES, 0.3])),
        (Triplet(), VALUES[[1, 2, 3, 5]]),
        (Trion(), np.array([2.4, 1.3])),
        (Fixed(3), np.array([0.4, 0.2])),
    ):
        _, slopes = levels.positions(values, field)
        for k in range(values.size):
            step = np.zeros(values.size)
            step[k] = 1e-6
            ahead, behind = (levels.positions(values + sign * step, field)[0] for sign in (1, -1))
            assert np.allclose(slopes[:, :, k], (ahead - behind) / 2e-6, atol=1e-6)


def test_an_exciton_without_exchange_is_a_trion() -> None:
    field = np.array([1.0, 5.0])
    free, _ = Exciton().positions(np.array([0.0, 0.0, 0.0, 2.45, 1.35, 0.3]), field)
    charged, _ = Trion().positions(np.array([2.45, 1.35]), field)
    assert np.allclose(free, charged, atol=1e-12)
    assert charged[0, 3] == pytest.approx(0.5 * 2.45 * MU_B)


def test_the_shape_has_unit_area_its_width_and_a_wing_towards_lower_energy() -> None:
    bare = Shape(0.04, 4.0).profile(np.array([0.1, 0.0, 0.5, 1.0]))
    x = bare.first + bare.step * np.arange(bare.table.shape[1])
    value = bare.table[0]
    assert value.sum() * bare.step == pytest.approx(1.0, abs=1e-6)
    high = x[value > value.max() / 2]
    assert np.ptp(high) == pytest.approx(0.5346 * 0.1 + math.sqrt(0.2166 * 0.01 + (2.3548 * 0.04) ** 2), abs=0.013)
    winged = Shape(0.04, 4.0).profile(np.array([0.1, 0.2, 0.5, 1.0])).table[0]
    assert winged[x < -0.3].sum() > 1.5 * winged[x > 0.3].sum() > 0
    slope = np.gradient(winged, bare.step)
    assert np.allclose(Shape(0.04, 4.0).profile(np.array([0.1, 0.2, 0.5, 1.0])).table[1], slope, atol=0.3)


def test_amplitudes_are_the_best_that_are_not_negative() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        design = rng.standard_normal((40, 4)) + 0.5
        y = design @ np.array([1.0, -0.5, 0.3, 0.0]) + 0.5 * rng.standard_normal(40)
        held, found = np.zeros(4), np.zeros(4)
        amplitudes(design.T @ design, design.T @ y, 4, held, found)
        assert np.allclose(found, nnls(design, y)[0], atol=1e-2)
    matrix = design.T @ design
    inverse = np.empty((4, 4))
    inverted(matrix, inverse)
    assert np.allclose(inverse @ matrix, np.eye(4), atol=1e-8)


def _stack() -> Stack:
    spectra = frames_of()
    keys = np.stack([np.round(spectra.frames.nominal, 2), np.nan_to_num(spectra.frames.analyser, nan=-1.0)], axis=1)
    return stack(spectra, keys.tolist(), spectra.frames.field)


def test_the_gradient_of_the_joint_fit_is_that_of_its_chi2() -> None:
    made = _stack()
    joint = Joint(made, Shape(0.04, 4.2))
    state = _State(joint, Exciton(), np.ones(11, dtype=bool), True)
    values = np.array([*VALUES, 0.2, 0.11, 0.12, 0.5, 1.0])
    shifts = np.zeros(len(made.counts))
    now = state.at(values, shifts, joint.start_variance)
    for k, step in ((0, 1e-5), (1, 1e-5), (3, 1e-5), (6, 1e-6), (7, 1e-5)):
        move = np.zeros(11)
        move[k] = step
        ahead, behind = (
            state.at(values + s * move, shifts - s * now.back @ move, joint.start_variance, want=False).cost
            for s in (1, -1)
        )
        # shifts follow: their own gradient, eliminated from the normal equation, comes along
        assert -(ahead - behind) / (4 * step) == pytest.approx(now.gradient[k], rel=0.05, abs=20)


def test_frames_come_out_dark_free_on_a_true_axis() -> None:
    model, spectra = forward(), frames_of()
    truth = model.session(model.small(), 1)
    axis = spectra.axis
    assert axis.lines == 2
    assert axis.stretch == pytest.approx(truth.scale, abs=1e-4)
    assert float(axis.offset[0]) == pytest.approx(truth.offset, abs=2e-3)
    assert spectra.psf is not None
    assert spectra.psf * 2.3548 == pytest.approx(math.hypot(0.090, 0.0325 * 2.3548 / 12**0.5), abs=0.002)
    beside = spectra.energy < -6.0
    assert abs(float(spectra.electrons[beside].mean())) < 1.0
    assert spectra.floor == pytest.approx(4.0**2, rel=0.1)


def test_cosmic_rays_are_masked_and_can_be_put_back() -> None:
    model = forward()
    clean, hit = (model.scan(model.small(cosmics=rate), 3) for rate in (0.0, 1.0))
    none = prepare(read_frames(clean)[0], Setup.of(clean)).cosmics.row.size
    spectra = prepare(read_frames(hit)[0], Setup.of(hit))
    assert none < 12
    assert spectra.cosmics.row.size > 20
    lit = read_frames(hit)[0].of("on", "polar", "check")
    dark, _ = read_dark(read_frames(hit)[0], Setup.of(hit))
    raw = (lit.spectrum - dark.of(lit)) * 1.2
    whole = raw.copy()
    for row, pixel, value in zip(spectra.cosmics.row, spectra.cosmics.pixel, spectra.cosmics.instead, strict=True):
        whole[np.flatnonzero(lit.index == row)[0], pixel] = value
    assert not np.allclose(whole, raw)
    assert np.allclose(spectra.cosmics.undo(whole, lit.index), raw)


def test_a_cosmic_ray_beside_a_line_of_the_lamp_does_not_move_the_axis() -> None:
    model = forward()
    data = model.scan(model.small(), 1)
    lamp = int(np.flatnonzero(data["series"].values == 3)[0])
    beside = int(data["spectrum"].values[lamp].argmax()) + 14
    data["spectrum"].values[lamp, beside : beside + 2] += 2e4
    offset = prepare(read_frames(data)[0], Setup.of(data)).axis.offset
    assert float(np.abs(offset - offset.mean()).max()) < 1e-3


def test_wavelengths_of_the_lamp_are_in_vacuum() -> None:
    assert to_vacuum(546.0750) == pytest.approx(546.2268, abs=2e-4)
    assert to_vacuum(540.0562) == pytest.approx(forward().vacuum(540.0562), abs=1e-4)
    assert len(lamp_lines("Ne Hg")) > 20
    assert lamp_lines([540.0562]) == (to_vacuum(540.0562),)


@pytest.mark.parametrize(("bright", "number"), [((0.0, 0.0, 0.0), 1), ((-0.35, 0.05, 0.30), 3)])
def test_lines_at_zero_field_are_counted(bright: tuple[float, float, float], number: int) -> None:
    model = forward()
    data = model.scan(model.small(bright=bright, fields=(0.0,), swap=()), 2)
    spectra = prepare(read_frames(data)[0], Setup.of(data))
    angle = np.nan_to_num(spectra.frames.analyser, nan=-1.0)
    found = count_lines(stack(spectra, [(a,) for a in angle], spectra.frames.field), Shape(spectra.psf or 0.04, 4.2))
    assert found.number == number
    assert (found.limit is None) == (number == 3)
    assert found.limit is None or found.limit < 0.08


def test_polarisation_is_found_from_three_angles_and_not_from_two() -> None:
    degrees = np.array([0.0, 45.0, 90.0, 135.0])
    light = 1000 * (1 + 0.6 * np.cos(2 * np.radians(degrees - 25.0)))
    found = polarised(degrees, light, np.full(4, 5.0), 0.2)
    assert found is not None
    assert found.direction.nominal == pytest.approx(25.0, abs=0.1)
    assert found.degree.nominal == pytest.approx(0.6, abs=1e-3)
    assert polarised(degrees[[0, 2]], light[[0, 2]], np.full(2, 5.0), 0.2) is None


def test_uneven_bins_of_a_decay_are_noticed() -> None:
    rng = np.random.default_rng(2)
    even = rng.poisson(5000.0, 60).astype(float)
    assert unevenness(even) == 0.0
    assert unevenness(rng.poisson(5000.0 * np.tile([1.05, 0.95], 30)).astype(float)) == pytest.approx(0.05, abs=0.01)
