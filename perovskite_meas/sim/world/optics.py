"""Pulses and spots in numbers: photon energy, pulse shape, peak fluence, excitations per pulse."""

from __future__ import annotations

import math

_JOULE_METRE = 6.62607015e-34 * 299792458.0

_FWHM_FACTOR = {
    ("gauss", 2): math.sqrt(2.0 * math.log(2.0) / math.pi),
    ("gauss", 3): 4.0 * math.log(2.0) / (math.pi * math.sqrt(3.0)),
    ("sech2", 2): 2.0 * math.acosh(math.sqrt(2.0)) / 3.0,
    ("sech2", 3): 8.0 * math.acosh(math.sqrt(2.0)) ** 2 / 15.0,
}


def photon_energy(wavelength_nm: float) -> float:
    """Return the energy of one photon in J."""
    return _JOULE_METRE / (wavelength_nm * 1e-9)


def photon_order(laser_nm: float, emission_nm: float) -> int:
    """Return how many laser photons it takes to reach the emission's photon energy."""
    return max(1, math.ceil(laser_nm / emission_nm - 1e-9))


def shape_factor(shape: str, order: int) -> float:
    """Return g_n of INT s(t)^n dt = g_n tau^(1-n), with s normalised to 1 and tau the intensity FWHM.

    Closed forms of the integral for s ~ exp(-4 ln2 t^2/tau^2), sech^2(1.763 t/tau) and a rectangle.
    """
    if order == 1 or shape == "rect":
        return 1.0
    return _FWHM_FACTOR[shape, order]


def peak_fluence(pulse_energy: float, waist_nm: float, wavelength_nm: float) -> float:
    """Return the fluence on the axis of a Gaussian spot, photons/cm^2 per pulse: 2 E/(pi w0^2 E_ph)."""
    waist_cm = waist_nm * 1e-7
    return 2.0 * pulse_energy / (math.pi * waist_cm**2) / photon_energy(wavelength_nm)


def kappa(convention: str, order: int) -> float:
    """Return excitations per counted unit: 1/n where the cross section counts absorbed photons.

    Source: Xu and Webb, JOSA B 13, 481 (1996); see `two_photon_convention` in the world file.
    """
    return 1.0 / order if convention == "absorbed_photons" else 1.0


def two_photon_strength(cross_section_gm: float, convention: str, shape: str, duration_fs: float) -> float:
    """Return alpha of <N> = alpha F^2, with F in photons/cm^2 per pulse: kappa g2 sigma2/tau."""
    sigma = cross_section_gm * 1e-50
    return kappa(convention, 2) * shape_factor(shape, 2) * sigma / (duration_fs * 1e-15)
