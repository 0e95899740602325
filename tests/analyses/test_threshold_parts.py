"""Parts of the threshold analysis against closed forms."""

import math

import numpy as np
import pytest
from scipy.special import gammainc

from perovskite_meas.analyses.pulses.hits import remove_hits
from perovskite_meas.analyses.pulses.light import width
from perovskite_meas.analyses.threshold.film import Film, Shape, spontaneous, transparency
from perovskite_meas.analyses.threshold.groups import Groups
from perovskite_meas.analyses.threshold.knee import KNEE, segmented, soft_knee
from perovskite_meas.analyses.threshold.law import Noise, fit_law
from perovskite_meas.analyses.threshold.widths import half_maximum
from perovskite_meas.core.errors import AnalysisRefused


def test_transparency_is_that_of_a_two_fold_band_edge() -> None:
    assert transparency(0.0) == pytest.approx(1.1462, abs=1e-4)
    assert transparency(1.0) == pytest.approx(0.5831, abs=1e-4)
    assert transparency(0.3) == pytest.approx(0.99, abs=0.01)


def test_the_quadrature_of_a_dim_film_is_the_mean_over_depth_and_profile() -> None:
    shape = Shape(photons=1, charged=0.0, depth=0.3, gaussian=True, along=0.17, sizes=0.0)
    theta = np.array([0.0, -30.0, math.log(20.0), 0.0, 1.0, 0.0, 0.0])
    dim = float(np.exp(Film(shape, -4.0, 0.0)(theta, np.array([-4.0])))[0])
    z, y, a = np.linspace(0, 1, 4001), np.linspace(0, 1.3, 4001), np.linspace(0, 0.17, 4001)
    mean = np.mean(np.exp(-0.3 * z)) * np.mean(np.exp(-2 * y**2)) * np.mean(np.exp(-2 * a**2))
    x = transparency(0.0) * math.exp(-4.0) * mean
    assert dim == pytest.approx(x, rel=0.015)


def test_without_saturation_the_film_grows_by_e_to_the_gain() -> None:
    for clamped in (True, False):
        shape = Shape(photons=1, charged=0.0, depth=0.0, gaussian=False, along=0.0, sizes=0.0, clamped=clamped)
        theta = np.array([0.0, math.log(1e-3), math.log(10.0), 0.0, 1.0, 30.0, 0.0])
        x = 4.0
        gain = 10.0 * (1 - math.exp(-x) * (2 + x)) - 1.0
        found = float(np.exp(Film(shape, -1.0, 2.0)(theta, np.array([math.log(x / transparency(0.0))])))[0])
        emitted = 1 - math.exp(-x)
        colours = np.linspace(0.0, 1.2, 5)
        net = (gain + 1.0) * np.exp(-4 * math.log(2) * colours**2) - 1.0
        share = np.exp(-4 * math.log(2) * (0.35 * colours) ** 2)
        grown = float((share / share.sum()) @ (np.expm1(net) / net))
        assert found == pytest.approx(emitted * (1 + 1e-3 * grown), rel=1e-3)


def test_the_laws_have_their_knee_where_they_say() -> None:
    theta = np.array([0.0, 1.0, 5.0, 0.7, -3.0])
    below, above = soft_knee(theta, np.array([0.2, 1.5]))
    assert below == pytest.approx(0.2, abs=0.02)
    assert above == pytest.approx(math.log(math.exp(1.5) + math.exp(5) * (math.exp(1.5) - math.exp(0.7))), abs=0.01)
    pieces = np.array([2.0, 1.0, 4.0, 0.7, 0.5, math.log(0.4)])
    assert segmented(pieces, np.array([0.7, 0.9, 1.3])) == pytest.approx([2.0, 2.8, 3.7])
    assert pieces[KNEE] == theta[KNEE]


def test_the_width_is_that_of_a_gaussian_and_is_not_moved_by_noise() -> None:
    energy = np.arange(-150.0, 150.0, 1.0)
    line = 20.0 * np.exp(-0.5 * (energy / 30.0) ** 2)
    rng = np.random.default_rng(3)
    noise = np.full((400, energy.size), 25.0)
    found, sigma = width(line + 5.0 * rng.standard_normal(noise.shape), noise, np.ones(energy.size))
    assert found.mean() == pytest.approx(30.0 * 2.3548, rel=0.02)
    assert found.std() == pytest.approx(sigma.mean(), rel=0.25)
    pedestal = line + 200.0 * np.exp(-0.5 * (energy / 4.0) ** 2)
    narrow, _ = width(pedestal[None], 0 * noise[:1], np.ones(energy.size))
    assert 4.0 * 2.3548 < narrow[0] < 40.0


def test_the_spontaneous_light_is_the_statistical_ladder_over_poisson_numbers_of_pairs() -> None:
    for x in (1e-3, 0.3, 1.15, 5.0, 40.0):
        ladder = -math.expm1(-x) + 0.3 * sum(2.0 / (m * (m - 1)) * gammainc(m, x) for m in range(2, 3000))
        assert float(spontaneous(np.array(x), 0.3)) == pytest.approx(ladder, rel=1e-3)
    assert float(spontaneous(np.array(40.0), 0.3, capped=True)) == pytest.approx(1.3)
    assert float(spontaneous(np.array(40.0), 0.3)) == pytest.approx(1.6, abs=0.02)


def frames(lines: np.ndarray) -> np.ndarray:
    """Return 40 noisy frames of rising emission with lines at every 12th pixel that jump from frame to frame."""
    rng = np.random.default_rng(5)
    pixel = np.arange(240.0)
    broad = np.exp(-0.5 * ((pixel - 120) / 40) ** 2)
    modes = sum(np.exp(-0.5 * ((pixel - place) / 0.9) ** 2) for place in lines)
    jumps = rng.gamma(4.0, 0.25, (40, 240 // 12)).repeat(12, axis=1)
    light = np.geomspace(20.0, 2e4, 40)[:, None] * broad * (1.0 + 8.0 * jumps * modes)
    return rng.poisson(light) + 4.0 * rng.standard_normal(light.shape)


def test_cosmic_rays_are_replaced_and_what_stood_there_is_kept() -> None:
    clean = frames(np.empty(0))
    read = clean.copy()
    read[7, 110] += 3000.0
    read[30, 130:132] += (9e4, 2e4)
    found, hits = remove_hits(read, np.ones(40), np.full(40, 16.0), np.arange(100, 140))
    assert sorted(zip(hits.row, hits.pixel, strict=True)) == [(107, 110), (130, 130), (130, 131)]
    assert np.abs(found.sum(axis=1) / clean.sum(axis=1) - 1.0).max() < 0.02
    assert hits.undo(found, np.arange(100, 140)) == pytest.approx(read)


def test_the_sharp_modes_of_a_laser_are_no_cosmic_rays_but_a_hit_among_them_is() -> None:
    read = frames(np.arange(60.0, 180.0, 12.0))
    read[25, 126] += 2e5
    found, hits = remove_hits(read, np.ones(40), np.full(40, 16.0), np.arange(40))
    assert (25, 126) in set(zip(hits.row, hits.pixel, strict=True))
    assert hits.row.size <= 3
    assert found[25, 126] < 0.2 * read[25, 126]


def test_a_fit_without_a_finite_start_is_refused_and_says_so() -> None:
    two = Groups(np.zeros((2, 1)), np.ones((2, 1)), np.ones(2), np.ones(2), np.ones(2), 1e-6,
                 np.zeros(2, int), np.zeros(2, int), ())  # fmt: skip
    with pytest.raises(AnalysisRefused, match="no start was found"):
        fit_law(soft_knee, two, np.full(5, np.nan), Noise(0.05, 0.01))


def test_the_width_at_half_maximum_is_read_between_pixels_and_not_where_it_is_cut_off() -> None:
    line = np.exp(-0.5 * ((np.arange(200.0) - 90.3) / 20.0) ** 2)
    assert half_maximum(line, np.ones(200)) == pytest.approx(20.0 * 2.3548, rel=0.02)
    assert math.isnan(half_maximum(line[85:], np.ones(115)))
