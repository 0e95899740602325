"""The film: spectra of single pump pulses, mean and as they scatter from pulse to pulse."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..noise import Floats, generator
from . import lattice
from .ageing import Ageing
from .colours import HC, Colours
from .film_sample import FilmSample
from .gain import transparency
from .growth import Stripe, amplified, elements, spontaneous
from .lasing import Modes
from .material import Material

_ROUNDED = 4
"""Digits of a blade's position in mm: 0.1 um."""
_KEPT = 64
_GRAIN = 0.5
"""nm over which the noise of a pulse's spectrum changes."""


class Emission(NamedTuple):
    """Light of pump pulses in the spectrometer, photo-electrons per pulse without any filter."""

    spectra: Floats
    """All of it, without analyser, shape (n, pixels)."""
    polarised: Floats
    """The part that is polarised along the lab's x axis; the rest is unpolarised. Shape (n, pixels)."""


class _Tables(NamedTuple):
    """Logarithms of light over `brightness` at the nodes of ln <N>."""

    spontaneous: Floats
    amplified: Floats


class Film:
    """A film of nanocrystals that amplifies its own light.

    Args:
        sample: the film.
        seed: of the world.
        centre_mm: where the line focus is brightest, from the film's edge.
        waist_mm: 1/e^2 radius of the line along the stripe; infinite: even.
        even: share of the pump's energy in a flat top across the line; the rest is Gaussian.
        spectral_noise: relative, of each pulse's spectrum.

    Attributes:
        sample: as given.
        ageing: wear, warmth and scatter of places.
    """

    def __init__(
        self,
        sample: FilmSample,
        seed: int = 0,
        *,
        centre_mm: float = 0.25,
        waist_mm: float = 1.5,
        even: float = 0.0,
        spectral_noise: float = 0.0,
    ) -> None:
        self.sample, self.ageing = sample, Ageing(sample, seed)
        self._seed, self._centre, self._waist, self._even = seed, centre_mm, waist_mm, even
        self._noise = spectral_noise
        self._transparency = transparency(sample.charged_fraction)
        self._material, self._colours = Material(sample), Colours(sample)
        self._modes = Modes(sample, self._material, seed) if sample.lasing else None
        self._tables: dict[Stripe, _Tables] = {}
        self._pixels: dict[bytes, tuple[Floats, Floats]] = {}

    def excitations(self, fluence: Floats) -> Floats:
        """Return <N> at the surface, where the focus is brightest, at this incident peak fluence (J/cm^2).

        For the mean size, on a fresh, cold spot without scatter; same shape.
        """
        found: Floats = self._transparency * (fluence / self.sample.threshold_fluence) ** self.sample.photon_order
        return found

    def fluence(self, excitations: float) -> float:
        """Return the incident peak fluence in J/cm^2 at which there are so many <N>; inverse of `excitations`."""
        ratio = excitations / self._transparency
        return self.sample.threshold_fluence * math.pow(ratio, 1.0 / self.sample.photon_order)

    def net_gain(self, fluence: Floats) -> Floats:
        """Return the unsaturated gain minus loss at the gain's maximum, in the middle of the focus, 1/cm, same shape.

        Mean over depth and sizes, on a fresh, cold spot without scatter; the truth of a variable-stripe measurement.
        """
        found: Floats = self.sample.gain * self._material.gain(self.excitations(fluence)) - self.sample.loss
        return found

    def emission(
        self,
        fluences: Floats,
        near_mm: float,
        far_mm: float,
        edges: Floats,
        *,
        dose: Floats | float = 0.0,
        irradiance: Floats | float = 0.0,
        place: Floats | float = 1.0,
        centre_mm: float | None = None,
        numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]] | None = None,
    ) -> Emission:
        """Return the light of pump pulses.

        Args:
            fluences: incident peak fluence of each pulse, J/cm^2, shape (n,).
            near_mm: where the pumped stripe begins, from the film's edge; before it, light only loses.
            far_mm: where it ends; not beyond `near_mm`: no light.
            edges: of the pixels, vacuum wavelength in nm, monotonic, shape (pixels + 1,).
            dose: on this place before each pulse, J/cm^2, a number or shape (n,).
            irradiance: average over the past seconds, W/cm^2, a number or shape (n,).
            place: threshold here over that of the film (`ageing.place`), a number or shape (n,).
            centre_mm: where the line focus is brightest, if not where the film was told.
            numbers: of the pulses, shape (n,): these pulses with their own noise; None: the mean.
        """
        fluences = np.asarray(fluences, dtype=float)
        to_pixels, mode_pixels = self._seen(edges)
        total = np.zeros((len(fluences), to_pixels.shape[1]))
        near = round(max(near_mm, 0.0), _ROUNDED)
        far = round(far_mm, _ROUNDED)
        lit = fluences > 0.0
        if far <= near or not np.any(lit):
            return Emission(total, total.copy())
        worn = np.broadcast_to(self.ageing.threshold(np.asarray(dose), np.asarray(irradiance)) * place, lit.shape)
        centre = self._centre if centre_mm is None else round(centre_mm, _ROUNDED)
        tables = self._table(Stripe(near, far, centre, self._waist))
        logs = np.log(self.excitations(fluences[lit] / worn[lit]))
        one = np.exp(lattice.read(tables.spontaneous, logs)) * (self._colours.spontaneous @ to_pixels)
        grown = np.exp(lattice.read(tables.amplified, logs))
        if self._modes is None:
            other = grown @ to_pixels
        else:
            other = (grown if numbers is None else grown * self._jumps(np.asarray(numbers)[lit])) @ mode_pixels
        total[lit], polarised = one + other, np.zeros_like(total)
        polarised[lit] = self.sample.polarisation * other
        factor = self.sample.brightness * self.ageing.brightness(np.broadcast_to(dose, lit.shape))[:, None]
        if numbers is not None and self._noise > 0.0:
            factor = factor * self._grain(np.asarray(numbers), edges)
        return Emission(total * factor, polarised * factor)

    def spectra(self, fluences: Floats, near_mm: float, far_mm: float, edges: Floats) -> Floats:
        """Return the mean spectra of `emission` on a fresh, cold spot without scatter, shape (n, pixels)."""
        return self.emission(fluences, near_mm, far_mm, edges).spectra

    def modes(self) -> Floats:
        """Return the vacuum wavelengths of the cavity modes, nm, shape (m,); none of a film that does not lase."""
        return np.empty(0) if self._modes is None else self._modes.places

    def _table(self, stripe: Stripe) -> _Tables:
        """Return the light against ln <N> in the middle of the focus, summed over the whole line."""
        if stripe not in self._tables:
            pairs, sample = lattice.pairs(), self.sample
            if self._modes is None:
                grown = np.log(amplified(pairs, stripe, sample, self._material, self._colours))
            else:
                shares, step = elements(stripe, sample.photon_order)
                grown = lattice.mean(np.log(self._modes.light(pairs)), shares, np.full(len(shares), step / 0.5))
            one = np.log(spontaneous(pairs, stripe, sample, self._material))[:, None]
            line = lattice.across(sample.photon_order, self._even)
            if len(self._tables) >= _KEPT:
                del self._tables[next(iter(self._tables))]
            self._tables[stripe] = _Tables(lattice.mean(one, *line), lattice.mean(grown, *line))
        return self._tables[stripe]

    def _seen(self, edges: Floats) -> tuple[Floats, Floats]:
        """Return what puts densities, and modes, into pixels."""
        key = edges.tobytes()
        if key not in self._pixels:
            if len(self._pixels) >= _KEPT:
                self._pixels.clear()
            modes = np.empty((0, len(edges) - 1)) if self._modes is None else self._modes.pixels(edges)
            self._pixels[key] = (self._colours.pixels(edges), modes)
        return self._pixels[key]

    def _jumps(self, numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Floats:
        """Return the factor on each mode's light in each pulse, mean 1, shape (n, m)."""
        narrow = self.sample.mode_scatter**2
        if narrow == 0.0:
            return np.ones((len(numbers), len(self.modes())))
        draws = [
            generator(self._seed, f"film/modes/{one}").gamma(1.0 / narrow, narrow, len(self.modes())) for one in numbers
        ]
        return np.array(draws)

    def _grain(self, numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]], edges: Floats) -> Floats:
        """Return the factor on each pixel in each pulse, mean 1, shape (n, pixels)."""
        middle = HC / self.sample.energy
        place = np.clip((edges[:-1] + edges[1:]) / 2.0 - middle, -120.0, 120.0) / _GRAIN + 241.0
        low = place.astype(np.int64)
        part = place - low
        draws = np.array([generator(self._seed, f"film/grain/{one}").standard_normal(483) for one in numbers])
        mixed = draws[:, low] * (1.0 - part) + draws[:, low + 1] * part
        found: Floats = np.maximum(1.0 + self._noise * mixed / np.hypot(part, 1.0 - part), 0.0)
        return found
