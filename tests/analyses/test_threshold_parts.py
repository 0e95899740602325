"""Parts of the threshold analysis against closed forms."""

import math

import numpy as np
import pytest

from perovskite_meas.analyses.threshold.film import Film, Shape, transparency
from perovskite_meas.analyses.threshold.knee import KNEE, segmented, soft_knee
from perovskite_meas.analyses.threshold.light import width


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
