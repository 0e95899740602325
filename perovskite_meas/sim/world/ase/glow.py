"""The light of the film behind analyser and filter, in the pixels of the spectrometer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..noise import Floats
from ..timeline import History, Turn
from .beam import Beam
from .draws import Draws
from .film import Film
from .fired import Fired
from .pulses import Pulses
from .sections import Optics, Spectrograph
from .source import angles
from .spot import Spot
from .wheel import FilterWheel

_TUNED = 60.0
"""nm: so far from the wavelength for which the film is made, 1/e of the absorption is left."""
_MANY = 400
"""Pulses of one exposure that are followed; of more, as many stand for all."""
_FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))


class Glow:
    """What the pulses on the film make in the pixels.

    Args:
        film: that glows.
        beam: the pulses.
        fired: the diary of those that reach the film.
        spot: what they make there.
        optics: of the world file.
        nominal: wavelength for which the film is made, nm.
        draws: of this session.
        turns: of the analyser's wave plate.
        wheel: with the filters.
        edges: of the pixels, vacuum nm, shape (pixels + 1,).
        resolution: FWHM of a sharp line, pixels.
    """

    def __init__(
        self,
        film: Film,
        beam: Beam,
        fired: Fired,
        spot: Spot,
        *,
        optics: Optics,
        nominal: float,
        draws: Draws,
        turns: History[Turn],
        wheel: FilterWheel,
        edges: Floats,
        resolution: float,
    ) -> None:
        self._film, self._beam, self._fired, self._spot = film, beam, fired, spot
        self._centre, self._zero, self._nominal = optics.centre, optics.analyser_zero, nominal
        self._offset, self._turns, self._wheel = draws.analyser_offset, turns, wheel
        self._edges, self._kernel = edges, _kernel(resolution)

    def electrons(self, windows: Sequence[tuple[float, float]]) -> Floats:
        """Return what all pulses of each window [t0, t1) leave in each pixel, photo-electrons, shape (n, pixels).

        Args:
            windows: one after the other, clock time in s; the light has to have been followed until their ends.
        """
        seen = [self._fired.during(t0, t1) for t0, t1 in windows]
        parts = [_thinned(pulses) for pulses in seen]
        weights = [max(1.0, len(pulses.numbers) / _MANY) for pulses in seen]
        owners = np.repeat(np.arange(len(parts)), [len(part.numbers) for part in parts])
        shares = np.where(owners == np.arange(len(parts))[:, None], np.array(weights)[:, None], 0.0)
        pulses, found = Pulses.joined(parts), np.zeros((len(parts), len(self._edges) - 1))
        settings = np.column_stack([pulses.x, pulses.y, pulses.near, pulses.far])
        cuts = np.flatnonzero(np.any(np.diff(settings, axis=0) != 0.0, axis=1)) + 1
        for low, high in pairwise([0, *cuts.tolist(), len(pulses.numbers)]):
            if high > low:
                found += self._together(pulses.part(slice(low, high)), shares[:, low:high])
        return np.array([np.convolve(row, self._kernel, mode="same") for row in found])

    def place(self, x: float, y: float) -> float:
        """Return the threshold where the stage is so (mm) over that of the whole film."""
        return self._film.ageing.place(x, y)

    def _together(self, pulses: Pulses, shares: Floats) -> Floats:
        """Return the light of pulses on one place through one pair of blades, shape (windows, pixels).

        Args:
            pulses: n of them.
            shares: how often each counts in each window, shape (windows, n).
        """
        x, y = float(pulses.x[0]), float(pulses.y[0])
        emission = self._film.emission(
            self._spot.fluence(pulses.joules) * self._useful(pulses.times),
            float(pulses.near[0]) + x,
            float(pulses.far[0]) + x,
            self._edges,
            dose=pulses.dose,
            irradiance=pulses.irradiance,
            place=self.place(x, y),
            centre_mm=self._centre + x,
            numbers=pulses.numbers,
        )
        plane = np.radians(2.0 * (angles(self._turns, pulses.times) - self._zero) + self._offset)
        through = self._wheel.transmission(pulses.times)
        evenly = (shares * through / 2.0) @ (emission.spectra - emission.polarised)
        found: Floats = evenly + (shares * through * np.cos(plane) ** 2) @ emission.polarised
        return found

    def _useful(self, times: Floats) -> Floats:
        """Return the fluence that would do at the nominal wavelength, over that of these pulses, shape (n,).

        Where the laser is not mode-locked, its pulses are too long for more than one photon at a time.
        """
        order, source = self._film.sample.photon_order, self._beam.source
        away = (source.wavelengths(times) - self._nominal) / _TUNED
        found: Floats = np.exp(-(away**2) / order)
        return found if order == 1 else np.where(source.locks(times), found, 0.0)


def pixel_edges(section: Spectrograph, pixels: int, draws: Draws) -> Floats:
    """Return the vacuum wavelengths at the borders of the pixels, nm, shape (pixels + 1,)."""
    half = pixels / 2.0
    place = np.arange(pixels + 1.0) - half
    away = section.dispersion * draws.dispersion_scale * (place + section.curvature * place**2 / (2.0 * half))
    found: Floats = section.centre + draws.wavelength_offset + away
    return found


def _thinned(pulses: Pulses) -> Pulses:
    """Return the pulses of one exposure that are followed."""
    number = len(pulses.numbers)
    if number <= _MANY:
        return pulses
    return pulses.part(((np.arange(_MANY) + 0.5) * number / _MANY).astype(np.int64))


def _kernel(fwhm: float) -> Floats:
    """Return the share of a sharp line in the pixels beside its own, shape (odd,)."""
    sigma = fwhm / _FWHM
    reach = max(1, math.ceil(4.0 * sigma))
    borders = (np.arange(2 * reach + 2) - reach - 0.5) / (sigma * math.sqrt(2.0))
    shares = np.diff([math.erf(border) for border in borders])
    found: Floats = shares / shares.sum()
    return found
