"""From dipoles to counts: objective and analyser, line shape, grating, sensor, cosmic rays."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.special import voigt_profile

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.world.magneto.ccd import Sensor
from perovskite_meas.sim.world.magneto.collection import Collection, View
from perovskite_meas.sim.world.magneto.cosmics import Cosmics
from perovskite_meas.sim.world.magneto.grating import Grating
from perovskite_meas.sim.world.magneto.levels import Exciton
from perovskite_meas.sim.world.magneto.lineshape import LineShape

ALONG_Z = View.of(0.0, 0.0, 0.0, 0.0)
DIPOLES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.48j, 0.64], [0.5, -0.5j, 0.1]], dtype=complex)
EDGES = 1239841.984 / Grating().edges(539.06)


def test_the_axes_of_the_view_are_right_handed_and_the_field_lies_where_it_should():
    for angle in (0.0, 37.0, 90.0):
        view = View.of(51.6, 34.4, angle, 20.0)
        axes = np.array([view.x, view.y, view.sight])
        assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(axes) == pytest.approx(1.0)
        assert view.field @ view.sight == pytest.approx(math.cos(math.radians(angle)), abs=1e-12)
    assert np.allclose(view.x, view.field)


def test_the_collected_shares_are_those_of_the_stated_apertures():
    for na, f_xy, ratio in ((0.65, None, 0.25), (0.8, 0.248, 0.42), (0.95, None, 0.72)):
        across, along = Collection(na, ALONG_Z).factors
        assert along / across == pytest.approx(ratio, abs=0.005)
        if f_xy is not None:
            assert across == pytest.approx(f_xy, abs=5e-4)
            assert along == pytest.approx(0.104, abs=5e-4)


def by_hand(dipole, na, angle):
    """Integrate |a . E|^2 over the cone, ray by ray."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    low = math.sqrt(1.0 - na**2)
    u = (nodes * (1.0 - low) + 1.0 + low) / 2.0
    du = weights * (1.0 - low) / 2.0
    phi = 2.0 * math.pi * np.arange(64) / 64
    cosine, p = np.meshgrid(u, phi, indexing="ij")
    sine = np.sqrt(1.0 - cosine**2)
    theta_hat = np.stack([cosine * np.cos(p), cosine * np.sin(p), -sine], axis=-1)
    phi_hat = np.stack([-np.sin(p), np.cos(p), 0.0 * p], axis=-1)
    field = (theta_hat @ dipole) * np.cos(p - angle) - (phi_hat @ dipole) * np.sin(p - angle)
    return 3.0 / (8.0 * math.pi) * float(np.sum(du[:, None] * np.abs(field) ** 2)) * 2.0 * math.pi / 64


@pytest.mark.parametrize("na", [0.3, 0.8, 1.0])
def test_the_analysed_shares_are_the_integral_over_the_rays(na):
    found = Collection(na, View(ALONG_Z.field, np.array([0, 0, 1.0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0])))
    for angle in (0.0, 30.0, 100.0):
        wanted = [by_hand(dipole, na, math.radians(angle)) for dipole in DIPOLES]
        assert np.allclose(found.analysed(DIPOLES, angle), wanted, atol=1e-9)


def test_both_analyser_angles_and_all_directions_together_hold_all_the_light():
    for na in (0.0, 0.3, 0.8):
        one = Collection(na, View.of(20.0, 10.0, 70.0, 5.0), leak=0.01)
        both = one.analysed(DIPOLES, 25.0) + one.analysed(DIPOLES, 115.0)
        assert np.allclose(both, one.collected(DIPOLES), atol=1e-12)
    sides = [Collection(1.0, View.of(20.0, 10.0, angle, 5.0)) for angle in (70.0, 250.0)]
    total = sum(side.analysed(DIPOLES, angle) for side in sides for angle in (0.0, 90.0))
    assert np.allclose(total, np.sum(np.abs(DIPOLES) ** 2, axis=1), atol=1e-12)


def test_faraday_rotation_turns_the_maximum_of_the_analyser():
    one = Collection(0.1, View.of(0.0, 0.0, 90.0, 0.0))
    angles = np.arange(0.0, 180.0, 0.5)
    seen = [one.analysed(one.view.x[None, :].astype(complex), angle, rotation=10.5)[0] for angle in angles]
    assert angles[int(np.argmax(seen))] == pytest.approx(10.5)


def test_in_voigt_the_dark_line_is_polarised_along_the_field():
    view = View.of(51.6, 34.4, 90.0, 20.0)
    dark = Exciton(0.0, -2.6, (-0.35, 0.05, 0.3), (1.9,) * 3, (0.55,) * 3).solve(7.0 * view.field).dipole[:1]
    one = Collection(0.8, view)
    assert one.shares(dark, 90.0)[0] < 0.1 * one.shares(dark, 0.0)[0]
    assert one.shares(np.zeros((1, 3), dtype=complex))[0] == 0.0


def test_an_aperture_above_one_is_refused():
    with pytest.raises(UsageError, match=r"aperture of 1.3"):
        Collection(1.3, ALONG_Z)


def test_without_a_wing_the_line_is_a_voigt_profile_centred_where_it_is_stated():
    shape, step = LineShape(100.0, 90.0), 0.02
    edges = np.arange(-4.0, 4.0 + step / 2.0, step)
    pixels = shape.spectrum(edges, np.array([0.0]), np.array([1.0]), 4.0)
    fine = np.linspace(-4.0, 4.0, 400 * 40 + 1)
    profile = voigt_profile(fine, 0.09 / 2.354820, 0.05)
    wanted = np.array(
        [np.trapezoid(part, dx=fine[1] - fine[0]) for part in (profile[40 * n : 40 * n + 41] for n in range(400))]
    )
    assert np.allclose(pixels, wanted, atol=2e-5)
    assert np.sum((edges[:-1] + step / 2.0) * pixels) == pytest.approx(0.0, abs=1e-6)
    assert shape.below(np.array([0.0]), 4.0)[0] == pytest.approx(0.5, abs=1e-6)


def test_a_line_holds_all_its_photons_and_the_stated_wing():
    shape = LineShape(100.0, 90.0, wing=0.12, phonon_energy=0.6)
    assert shape.weight(4.0) == pytest.approx(0.12)
    assert shape.below(np.array([-65.0, 65.0]), 4.0) == pytest.approx([0.0, 1.0], abs=1e-5)
    wide = np.linspace(-60.0, 60.0, 5000)
    pixels = shape.spectrum(wide, np.array([0.0, 1.0]), np.array([300.0, 700.0]), 4.0)
    assert np.sum(pixels) == pytest.approx(1000.0, rel=2e-3)
    assert np.all(pixels >= 0.0)


def test_the_wing_is_red_when_cold_and_grows_on_both_sides_when_warm():
    shape, bare = LineShape(20.0, 20.0, 0.12, 0.6), LineShape(20.0, 20.0)
    sides = []
    for kelvin in (1.0, 20.0):
        red, blue = shape.below(np.array([-0.3]), kelvin)[0], 1.0 - shape.below(np.array([0.3]), kelvin)[0]
        tail = bare.below(np.array([-0.3]), kelvin)[0]
        sides.append((red - tail, blue - tail))
    (cold_red, cold_blue), (warm_red, warm_blue) = sides
    assert cold_red > 0.04
    assert cold_blue < 0.05 * cold_red
    assert warm_red > 1.5 * cold_red
    assert 0.3 * warm_red < warm_blue < warm_red


def test_the_zero_phonon_line_stays_the_highest_point():
    edges = np.arange(-3.0, 3.0, 0.01)
    pixels = LineShape(100.0, 90.0, 0.12, 0.6).spectrum(edges, np.array([0.0]), np.array([1.0]), 4.0)
    assert edges[int(np.argmax(pixels))] + 0.005 == pytest.approx(0.0, abs=0.011)


def test_a_spectrum_of_four_lines_takes_less_than_a_millisecond():
    shape, lines = LineShape(100.0, 90.0, 0.12, 0.6), np.array([2297.4, 2299.6, 2300.0, 2300.3])
    shape.spectrum(EDGES, lines, np.ones(4), 4.0)
    best = math.inf
    for _ in range(20):
        begin = time.perf_counter()
        shape.spectrum(EDGES, lines, np.ones(4), 4.0)
        best = min(best, time.perf_counter() - begin)
    assert best < 1e-3


def test_the_grating_shows_the_planned_window_at_the_planned_dispersion():
    one = Grating()
    window = one.wavelengths(539.06)
    assert window.shape == (2000,)
    assert one.dispersion(539.0) == pytest.approx(7.9e-3, rel=1e-3)
    assert (window[0], window[-1]) == pytest.approx((531.1, 546.9), abs=0.1)
    assert 30.0 < 1e3 * float(np.mean(-np.diff(EDGES))) < 35.0
    middle = one.edges(539.06)
    assert middle[1000] == pytest.approx(539.06, abs=1e-9)
    assert np.all(np.diff(middle) > 0.0)


def test_the_dispersion_bends_and_scales_and_the_image_creeps():
    one, wrong = Grating(), Grating(scale=1.005)
    steps = np.diff(one.wavelengths(539.06))
    assert 1e-3 < 1.0 - steps[-1] / steps[0] < 0.2
    assert wrong.dispersion(539.0) / one.dispersion(539.0) == pytest.approx(1.005)
    assert np.ptp(wrong.wavelengths(539.06)) / np.ptp(one.wavelengths(539.06)) == pytest.approx(1.005, abs=1e-4)
    assert np.allclose(one.wavelengths(539.06, shift=1.0)[1:], one.wavelengths(539.06)[:-1], atol=1e-12)


def test_a_wavelength_beyond_the_grating_is_refused():
    with pytest.raises(UsageError, match="1200 nm is out of reach"):
        Grating().edges(1200.0)


def test_the_sensor_has_the_mean_and_the_noise_of_its_electrons():
    sensor, rng = Sensor(), np.random.default_rng(3)
    counts = sensor.read(np.full(20000, 1000.0), 4.0, -65.0, rng).astype(float)
    electrons = 900.0 + 4.0 * 0.05
    assert np.mean(counts) == pytest.approx(electrons / 1.2 + 300.0 - 0.5, abs=1.0)
    assert np.var(counts) == pytest.approx((electrons + 16.0) / 1.44 + 1.0 / 12.0, rel=0.05)
    assert counts.dtype == float


def test_a_dark_exposure_shows_offset_and_read_noise_and_warms_up_with_the_sensor():
    sensor, rng = Sensor(), np.random.default_rng(4)
    dark = sensor.read(np.zeros(20000), 1.0, -65.0, rng)
    assert dark.dtype == np.int64
    assert np.std(dark) == pytest.approx(math.sqrt(16.05 / 1.44 + 1.0 / 12.0), rel=0.03)
    assert sensor.dark_rate(-58.0) == pytest.approx(2.0 * sensor.dark_rate(-65.0))
    assert np.mean(sensor.read(np.zeros(2000), 10.0, 20.0, rng)) > 1000.0


def test_too_much_light_ends_at_full_scale():
    sensor, rng = Sensor(), np.random.default_rng(5)
    assert set(sensor.read(np.full(10, 1e7), 1.0, -65.0, rng)) == {65535}
    full = Sensor(full_well=5e4).read(np.full(10, 1e7), 1.0, -65.0, rng)
    assert np.all(np.abs(full - (5e4 / 1.2 + 300.0)) < 30)


def test_cosmics_depend_on_time_and_seed_alone():
    one, other = Cosmics(1, "camera", 2.0, 2000), Cosmics(2, "camera", 2.0, 2000)
    whole = one.electrons(100.0, 1300.0)
    assert np.allclose(whole, one.electrons(100.0, 333.0) + one.electrons(333.0, 1300.0))
    assert not np.allclose(whole, other.electrons(100.0, 1300.0))
    assert not Cosmics(1, "camera", 0.0, 2000).electrons(0.0, 6000.0).any()


def test_cosmics_come_at_their_rate_with_their_energies():
    hits = [Cosmics(seed, "camera", 2.0, 2000).electrons(0.0, 600.0) for seed in range(30)]
    total = sum(float(np.sum(hit)) for hit in hits) / 600.0
    assert total == pytest.approx((1e5 - 1e3) / math.log(100.0), rel=0.2)
    assert max(float(np.max(hit)) for hit in hits) < 2e5
