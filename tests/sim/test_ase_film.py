"""The film of the ASE table against closed forms, and against what a fit that knows less would find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import least_squares

from perovskite_meas.sim.world.ase.film import Film
from perovskite_meas.sim.world.ase.film_sample import FilmSample
from perovskite_meas.sim.world.ase.gain import material_gain, transparency

EDGES = np.linspace(466.0, 594.0, 513)
NM = (EDGES[:-1] + EDGES[1:]) / 2.0
THIN = {"optical_depth": 0.0, "size_spread": 0.0}
LASER = {"photon_order": 2, "threshold_fluence": 9e-4, "optical_depth": 0.0, "lasing": True, "polarisation": 0.8}


def film(*, even: float = 1.0, waist: float = math.inf, noise: float = 0.0, **sample: object) -> Film:
    return Film(FilmSample(**sample), 1, waist_mm=waist, even=even, spectral_noise=noise)  # type: ignore[arg-type]


def width(spectrum: np.ndarray) -> float:
    above = NM[spectrum >= spectrum.max() / 2.0]
    return float(above[-1] - above[0])


def totals(of: Film, fluences: np.ndarray, far: float = 0.5) -> np.ndarray:
    return of.spectra(fluences, 0.0, far, EDGES).sum(axis=1)


# -- gain


@pytest.mark.parametrize(("charged", "pairs"), [(0.0, 1.1462), (1.0, 0.5831), (0.3, 0.99)])
def test_gain_begins_where_the_poisson_ensemble_says(charged, pairs):
    assert transparency(charged) == pytest.approx(pairs, abs=2e-3 if charged == 0.3 else 5e-5)
    assert float(material_gain(np.array(transparency(charged)), charged)) == pytest.approx(0.0, abs=1e-12)


def test_gain_goes_from_full_absorption_to_full_inversion():
    found = material_gain(np.array([0.0, 50.0]), 0.0)
    assert found == pytest.approx([-1.0, 1.0], abs=1e-12)


def test_the_middle_between_neutral_and_charged_is_the_mean_of_both():
    x = np.linspace(0.0, 5.0, 7)
    assert np.allclose(material_gain(x, 0.5), (material_gain(x, 0.0) + material_gain(x, 1.0)) / 2.0)


# -- excitation


@pytest.mark.parametrize("order", [1, 2, 3])
def test_pairs_grow_with_the_order_of_the_fluence(order):
    of = film(photon_order=order)
    low, high = of.excitations(np.array([1e-6, 2e-6]))
    assert high / low == pytest.approx(2.0**order)
    assert of.fluence(float(high)) == pytest.approx(2e-6)


@pytest.mark.parametrize(
    ("order", "charged", "fluence"), [(1, 0.0, 5e-6), (1, 1.0, 1.2e-6), (2, 0.0, 0.012), (3, 0.3, 5.2e-3)]
)
def test_at_the_stated_fluence_the_surface_neither_absorbs_nor_amplifies(order, charged, fluence):
    of = film(photon_order=order, charged_fraction=charged, threshold_fluence=fluence, **THIN)
    assert float(of.excitations(np.array(fluence))) == pytest.approx(transparency(charged))
    assert float(of.net_gain(np.array(fluence))) == pytest.approx(-20.0, abs=0.02)
    deep = film(photon_order=order, charged_fraction=charged, threshold_fluence=fluence, optical_depth=0.3)
    assert float(deep.net_gain(np.array(fluence))) < -40.0


@pytest.mark.parametrize("order", [1, 2, 3])
def test_weak_light_grows_with_the_order_of_the_fluence(order):
    of = film(even=0.0, waist=1.5, photon_order=order)
    lowest = of.fluence(1e-3)
    low, high = totals(of, np.array([lowest, 2.0 ** (1.0 / order) * lowest]))
    assert high / low == pytest.approx(2.0, rel=2e-3)


def test_the_dimmest_and_the_brightest_setting_suit_the_camera():
    of = film(even=0.0, waist=1.5)
    found = of.spectra(np.array([5e-7, 3e-5]), 0.0, 0.5, EDGES)
    assert found[0].sum() > 3e3
    assert found[1].max() > 65535.0


# -- growth along the stripe


def test_without_saturation_the_spectrum_is_the_closed_form_of_an_even_stripe():
    of = film(saturation=1e12, **THIN)
    sample, fluence = of.sample, 8e-6
    x = float(of.excitations(np.array(fluence)))
    ladder, poisson = 0.0, math.exp(-x)
    for n in range(1, 60):
        poisson *= x / n
        ladder += poisson * (1.0 + sum(0.16 / (m * (m - 1)) for m in range(2, n + 1)))
    offset = 1e3 * (1239.84198 / NM - sample.energy)
    shape = np.exp(-4.0 * math.log(2.0) * (offset / 92.0) ** 2) / (92.0 * math.sqrt(math.pi / (4.0 * math.log(2.0))))
    line = np.exp(-4.0 * math.log(2.0) * ((offset + 15.0) / 35.0) ** 2)
    grown = 0.05 * (450.0 * float(material_gain(np.array(x), 0.0)) * line - 20.0)
    pixel = 1e3 * 1239.84198 / NM**2 * np.diff(EDGES)
    wanted = sample.brightness * ladder * shape * pixel * (0.8 + 0.2 * np.expm1(grown) / grown)
    found = of.spectra(np.array([fluence]), 0.0, 0.5, EDGES)[0]
    near = np.abs(offset) < 120.0
    # The form is taken in the middle of each pixel, a quarter of the narrowed line's sigma wide.
    assert np.allclose(found[near], wanted[near], rtol=4e-3)


def test_light_of_a_short_stripe_grows_exponentially_with_the_net_gain():
    of = film(saturation=1e12, **THIN)
    pixel = int(np.argmin(np.abs(1239.84198 / NM - of.sample.energy + 0.015)))
    one, two, four = (of.spectra(np.array([1.2e-5]), 0.0, far, EDGES)[0, pixel] for far in (0.1, 0.2, 0.4))
    # What leaves at once is proportional to the length and drops out: (e^2G - 1)^2 over (e^G - 1)^2.
    gain = math.log(math.sqrt((four - 2.0 * two) / (two - 2.0 * one)) - 1.0) / 0.01
    assert gain == pytest.approx(float(of.net_gain(np.array(1.2e-5))), rel=5e-3)


def test_above_threshold_the_line_narrows_and_moves_to_the_red():
    of = film(even=0.0, waist=1.5)
    low, high = of.spectra(np.array([1e-6, 3e-5]), 0.0, 0.5, EDGES)
    assert width(low) == pytest.approx(20.5, abs=1.0)
    assert width(high) < 4.0
    assert 1.5 < NM[high.argmax()] - NM[low.argmax()] < 4.5


def test_saturation_bends_the_growth_and_bounds_what_the_stripe_gives_off():
    fluences = np.array([3e-5])
    free, held = totals(film(saturation=1e12), fluences), totals(film(saturation=3.0), fluences)
    assert held < 1e-2 * free
    half, whole = (totals(film(saturation=3.0), fluences, far) for far in (0.25, 0.5))
    most = film().sample.brightness * (3.0 * 450.0 * 0.025 + 0.5 * 1.2)
    assert 0.3 * most < whole - half < most


def test_what_interpolates_agrees_with_what_was_computed_at_each_fluence():
    coarse, fine = film(even=0.0, waist=1.5), np.geomspace(5e-7, 3e-5, 97)
    logs = np.log(totals(coarse, fine))
    # A smooth curve: its fourth differences are far below the steps between table nodes.
    assert np.abs(np.diff(logs, 4)).max() < 5e-3
    together, alone = totals(coarse, fine), np.array([totals(coarse, np.array([one]))[0] for one in fine[::16]])
    assert np.allclose(together[::16], alone, rtol=1e-12)


def test_pixels_share_the_light_without_losing_any():
    of = film()
    few = of.spectra(np.array([2e-5]), 0.0, 0.5, EDGES)[0]
    many = of.spectra(np.array([2e-5]), 0.0, 0.5, np.linspace(466.0, 594.0, 2049))[0]
    assert np.allclose(many.reshape(512, 4).sum(axis=1)[150:350], few[150:350], rtol=2e-3)
    assert np.allclose(of.spectra(np.array([2e-5]), 0.0, 0.5, EDGES[::-1].copy())[0][::-1], few)


def test_light_from_a_stripe_beside_the_edge_loses_on_its_way():
    of = film()
    dark = {far: of.emission(np.array([1.5e-5]), far, far + 0.2, EDGES).polarised.sum() for far in (0.0, 0.5, 1.0)}
    assert dark[0.5] / dark[0.0] == pytest.approx(math.exp(-1.0), rel=1e-3)
    assert dark[1.0] / dark[0.5] == pytest.approx(math.exp(-1.0), rel=1e-3)


def test_no_stripe_and_no_pulse_give_no_light():
    of = film()
    assert not of.spectra(np.array([1e-5]), 0.4, 0.4, EDGES).any()
    assert of.spectra(np.array([0.0, 1e-5]), 0.0, 0.4, EDGES).any(axis=1).tolist() == [False, True]


# -- a fit that knows less


def found_threshold(of: Film) -> float:
    """Return the fluence of no gain by the closed form of a thin, evenly pumped film, uJ/cm^2.

    Only points below saturation: at most three times the light that would leave at once.
    """
    fluence = np.geomspace(0.5, 20.0, 70)
    logs = np.log(totals(of, 1e-6 * fluence))
    emission = lambda x: 1.0 - np.exp(-x) + 0.08 * (1.0 - (1.0 + x) * np.exp(-x))  # noqa: E731
    excess = logs - np.log(emission(1.1462 * fluence / 5.0))
    used = excess - excess[:5].mean() < math.log(3.0)
    meV = np.linspace(-120.0, 120.0, 121)
    shares = np.exp(-4.0 * math.log(2.0) * (meV / 92.0) ** 2)
    line = np.exp(-4.0 * math.log(2.0) * ((meV + 15.0) / 35.0) ** 2)

    def model(p: np.ndarray) -> np.ndarray:
        x = 1.1462 * fluence[used] / np.exp(p[3])
        grown = p[2] * np.multiply.outer(1.0 - np.exp(-x) * (2.0 + x), line) - 1.0
        return p[0] + np.log(emission(x) * (1.0 + np.exp(p[1]) * (np.expm1(grown) / grown) @ shares / shares.sum()))

    start = np.array([logs[0] - np.log(0.1), math.log(0.25), 20.0, math.log(5.0)])
    return math.exp(least_squares(lambda p: model(p) - logs[used], start, x_scale=[1.0, 1.0, 5.0, 0.2]).x[3])


def test_a_fit_of_the_growth_in_an_ideal_film_finds_the_stated_threshold():
    assert found_threshold(film(saturation=30.0, **THIN)) == pytest.approx(5.0, rel=0.02)


def test_depth_and_profile_mislead_a_fit_that_does_not_know_them():
    # The film's depth sees (1 - e^-0.3)/0.3 = 0.864 of the fluence at its surface.
    assert found_threshold(film(saturation=30.0, optical_depth=0.3)) == pytest.approx(5.0 / 0.864, rel=0.03)
    assert abs(found_threshold(film(even=0.0, saturation=30.0, **THIN)) / 5.0 - 1.0) > 0.05


# -- wear, warmth, places, noise


def test_dose_takes_brightness_and_raises_the_threshold():
    of, fluence = film(degradation_dose=1e-2), np.array([2e-5])
    fresh = of.emission(fluence, 0.0, 0.5, EDGES).spectra.sum()
    worn = of.emission(fluence, 0.0, 0.5, EDGES, dose=np.array([5e-3])).spectra.sum()
    same = of.emission(fluence / 1.25, 0.0, 0.5, EDGES).spectra.sum()
    assert worn == pytest.approx(math.exp(-0.5) * same)
    assert worn < math.exp(-0.5) * fresh
    assert film().emission(fluence, 0.0, 0.5, EDGES, dose=np.array([5.0])).spectra.sum() == pytest.approx(fresh)


def test_average_irradiance_raises_the_threshold():
    of, fluence = film(heating=10.0), np.array([2e-5])
    warm = of.emission(fluence, 0.0, 0.5, EDGES, irradiance=0.02).spectra
    assert np.allclose(warm, of.emission(fluence / 1.2, 0.0, 0.5, EDGES).spectra)


def test_fresh_places_scatter_by_the_seed_and_stay_as_they_are():
    ages = film(spot_scatter=0.05).ageing
    there = np.array([ages.place(0.0, 1.0 * row) for row in range(400)])
    assert np.std(np.log(there)) == pytest.approx(0.05, rel=0.15)
    assert ages.place(0.0, 3.0) == film(spot_scatter=0.05).ageing.place(0.0, 3.0)
    assert ages.place(0.0, 3.0) == pytest.approx(ages.place(0.0, 3.001), abs=2e-3)
    assert film().ageing.place(0.0, 3.0) == 1.0


def test_a_place_with_a_higher_threshold_emits_as_at_a_lower_fluence():
    of = film()
    there = of.emission(np.array([2e-5]), 0.0, 0.5, EDGES, place=1.1).spectra
    assert np.allclose(there, of.spectra(np.array([2e-5 / 1.1]), 0.0, 0.5, EDGES))


def test_a_pulse_has_its_own_noise_however_it_is_asked_for():
    of, fluences = film(noise=0.05), np.full(40, 2e-5)
    mean = of.spectra(fluences, 0.0, 0.5, EDGES)
    together = of.emission(fluences, 0.0, 0.5, EDGES, numbers=np.arange(40)).spectra
    alone = of.emission(fluences[:1], 0.0, 0.5, EDGES, numbers=np.array([17])).spectra
    assert np.allclose(together[17], alone[0], rtol=1e-12)
    assert np.std(together[:, 150:350] / mean[:, 150:350]) == pytest.approx(0.05, rel=0.05)


# -- a film that lases


def test_a_lasing_film_shows_narrow_modes_in_a_comb_and_polarised_light():
    of = film(**LASER)
    light = of.emission(np.array([2e-3]), 0.0, 0.5, np.linspace(515.0, 540.0, 2001))
    spectrum = light.spectra[0]
    peaks = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
    strong = peaks[spectrum[peaks] > 0.05 * spectrum.max()]
    assert len(strong) >= 4
    assert np.median(np.diff(strong)) * 0.0125 == pytest.approx(1.2, abs=0.1)
    assert light.polarised.sum() / light.spectra.sum() == pytest.approx(0.8, abs=0.05)
    assert len(film().modes()) == 0


def test_lasing_begins_at_its_threshold_and_jumps_from_pulse_to_pulse():
    of = film(**LASER)
    below, above = (of.emission(np.array([f]), 0.0, 0.5, EDGES).polarised.sum() for f in (0.85e-3, 1.1e-3))
    assert above > 100.0 * below
    pulses = of.emission(np.full(60, 2e-3), 0.0, 0.5, EDGES, numbers=np.arange(60)).spectra
    mode = int(pulses.mean(axis=0).argmax())
    assert np.std(pulses[:, mode]) / np.mean(pulses[:, mode]) == pytest.approx(0.4, abs=0.12)
    amplified = film(even=0.0).emission(np.full(60, 2e-5), 0.0, 0.5, EDGES, numbers=np.arange(60)).spectra
    assert np.std(amplified.sum(axis=1)) == pytest.approx(0.0, abs=1e-6 * amplified.sum(axis=1).mean())
