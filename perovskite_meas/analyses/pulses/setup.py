"""The stated facts of the bench that a threshold rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perovskite_meas.analyses.spectra.setup import DISPERSION_TRUST, number, optional
from perovskite_meas.core.analysis import fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

if TYPE_CHECKING:
    import xarray as xr

READING = 0.01
"""Relative rms of one energy reading where the bench does not state it."""
LENGTH = Value(0.5, 0.25, "mm")
"""Stripe assumed where the bench states none."""
LOSS = Value(20.0, 6.0, "1/cm")
"""Loss assumed where the bench states none."""
LOSS_TRUST = 0.3
"""Relative 1-sigma of a loss that is stated without one."""
FILTER_TRUST = 0.03
"""Relative 1-sigma of a filter's transmission that is stated without one."""
BIEXCITON = Value(0.1, 0.1, "1")
"""Relative quantum yield of the biexciton assumed where none is stated."""


@dataclass(frozen=True)
class Setup:
    """Pump, spot, film, filters and camera of one sweep."""

    photons: int
    """Pump photons per exciton."""
    recording: str
    """'per shot' or 'per point', as stated."""
    duration: Value | None
    """Intensity FWHM of the pump at the sample, fs."""
    scale: dict[str, float]
    """Relative 1-sigma of every fluence by cause: energy, spot."""
    zero: float
    """1-sigma of an offset of every fluence by the energy head's zero, J/cm^2."""
    dispersion: float
    """Relative 1-sigma of the spectrometer's dispersion."""
    profile: str | None
    """Across the stripe: 'gauss' or 'top_hat'; None where not stated."""
    optical_depth: Value | None
    """ln of incident over transmitted pump light; None where not stated."""
    along: float
    """Half the stripe over the 1/e^2 radius of the pump along it; 0 where either is not stated."""
    reading: float
    """Relative rms of one energy reading."""
    length: Value
    """Of the stripe, mm."""
    length_stated: bool
    loss: Value
    """1/cm."""
    loss_stated: bool
    gain_expected: Value | None
    """At full inversion, 1/cm; None where not stated."""
    biexciton: Value
    """Quantum yield of the biexciton over that of the exciton."""
    charged: Value | None
    """Fraction of nanocrystals that hold a charge; None where not stated."""
    filters: tuple[tuple[float, float], ...]
    """Transmission of each filter and its sigma."""
    gain: float
    """Electrons per count of the camera."""
    read_noise: float
    """Electrons rms."""
    full_scale: float
    """Counts."""
    collection: str
    """In words."""
    radius: float | None
    """1/e^2 radius of the focus across the line, um; None where not stated."""

    @classmethod
    def of(cls, data: xr.Dataset) -> Setup:
        """Read the conditions stored with the data.

        Raises:
            AnalysisRefused: the number of pump photons is not 1, 2 or 3, or the profile is an unknown word.
        """
        asked = data.attrs.get("parameters", {})
        photons = asked.get("photons", fact(data, "photons", 1))
        photons = round(float(photons["value"] if isinstance(photons, Mapping) else photons))
        if photons not in (1, 2, 3):
            raise AnalysisRefused(f"photons is {photons}; 1, 2 or 3 pump photons per exciton are known here")
        stated = fact(data, "spot.profile")
        profile = None if stated is None else str(stated).replace("-", "_").replace(" ", "_")
        if profile not in (None, "gauss", "top_hat"):
            raise AnalysisRefused(f"spot.profile is {profile!r} in the bench; known are gauss, top_hat")
        length = optional(data, "collection.length", "mm")
        loss = optional(data, "sample.expect.loss", "1/cm")
        noise = optional(data, "meter.noise", "1")
        waist = optional(data, "spot.waist_y", "nm") or optional(data, "spot.waist", "nm")
        if loss is not None and not loss.sigma:
            loss = Value(loss.nominal, LOSS_TRUST * loss.nominal, "1/cm")
        return cls(
            photons=photons,
            recording="per shot" if "paired" in data and bool((data["paired"].values > 0).any()) else "per point",
            duration=optional(data, "pulse.duration", "fs"),
            scale=_scale(data),
            zero=_zero(data),
            dispersion=_dispersion(data),
            profile=profile,
            optical_depth=optional(data, "sample.expect.optical_depth", "1"),
            along=_along(data, length),
            reading=noise.nominal if noise is not None and noise.nominal > 0 else READING,
            length=length or LENGTH,
            length_stated=length is not None,
            loss=loss or LOSS,
            loss_stated=loss is not None,
            gain_expected=optional(data, "sample.expect.gain", "1/cm"),
            biexciton=optional(data, "sample.expect.biexciton_ratio", "1") or BIEXCITON,
            charged=optional(data, "sample.expect.charged_fraction", "1"),
            filters=_filters(fact(data, "filter.transmissions")),
            gain=number(data, "camera.gain", "1", 1.0),
            read_noise=number(data, "camera.read_noise", "1", 5.0),
            full_scale=number(data, "camera.full_scale", "1", math.inf),
            collection=_words(data),
            radius=None if waist is None else 1e-3 * waist.nominal,
        )

    def filter_trust(self, transmission: float) -> float:
        """Return the relative 1-sigma of a filter by its stated transmission; 0 without a filter."""
        if transmission > 0.999:
            return 0.0
        near = [part for part in self.filters if math.isclose(part[0], transmission, rel_tol=0.02)]
        return near[0][1] / near[0][0] if near and near[0][1] else FILTER_TRUST


def _scale(data: xr.Dataset) -> dict[str, float]:
    """Return the relative sigmas of F0 = 2 E/(pi w_x w_y): of the energy and of the spot."""
    parts = {}
    ratio = optional(data, "energy_at_sample.ratio", "1")
    accuracy = optional(data, "energy_at_sample.accuracy", "1") or optional(data, "meter.accuracy", "1")
    parts["energy"] = math.hypot(ratio.relative if ratio else 0.0, accuracy.nominal if accuracy else 0.0)
    waists = [optional(data, f"spot.{name}", "nm") for name in ("waist", "waist_y")]
    if waists[0] is not None and waists[1] is None:
        parts["spot"] = 2 * waists[0].relative
    else:
        parts["spot"] = math.hypot(*(waist.relative for waist in waists if waist is not None), 0.0)
    return parts


def _zero(data: xr.Dataset) -> float:
    """Return the 1-sigma of the head's zero as a fluence 2 E/(pi w_x w_y), J/cm^2; 0 where it is not stated."""
    zero, ratio = optional(data, "energy_at_sample.zero", "J"), optional(data, "energy_at_sample.ratio", "1")
    waist = optional(data, "spot.waist", "nm")
    if zero is None or ratio is None or waist is None or not zero.sigma:
        return 0.0
    other = optional(data, "spot.waist_y", "nm") or waist
    area = 0.5 * math.pi * waist.nominal * other.nominal * 1e-14
    return zero.sigma * abs(ratio.nominal) / area


def _dispersion(data: xr.Dataset) -> float:
    stated = optional(data, "wavelength.dispersion", "nm/px")
    return stated.relative if stated is not None and stated.sigma else DISPERSION_TRUST


def _along(data: xr.Dataset, length: Value | None) -> float:
    waist = optional(data, "spot.waist", "nm")
    if length is None or waist is None or fact(data, "spot.waist_y") is None:
        return 0.0
    return 0.5e6 * length.nominal / waist.nominal


def _filters(stated: Any) -> tuple[tuple[float, float], ...]:
    if isinstance(stated, Mapping):
        values, sigmas = stated.get("value", []), stated.get("sigma", 0.0)
        sigmas = sigmas if isinstance(sigmas, (list, tuple)) else [sigmas] * len(values)
        stated = [{"value": value, "sigma": sigma} for value, sigma in zip(values, sigmas, strict=True)]
    return tuple(
        (float(one["value"]), float(one.get("sigma") or 0.0)) if isinstance(one, Mapping) else (float(one), 0.0)
        for one in stated or ()
    )


def _words(data: xr.Dataset) -> str:
    known = {name: fact(data, f"collection.{name}") for name in ("geometry", "na", "filter")}
    parts = [f"{name} {value}" for name, value in known.items() if isinstance(value, (str, int, float))]
    return ", ".join(parts) if parts else "not stated"
