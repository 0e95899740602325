"""Is it still the same emitter? Its brightness and the middle of its spectrum against its neighbours in field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Known = TypeVar("Known")

CODES: Mapping[str, int] = {"unknown": 0, "same": 1, "suspect": 2, "lost": 3}
_HC = 1239.8419843320026
"""eV nm."""
_WINDOW = 4.0
"""meV to either side of the brightest place: wider than any fine structure, narrower than the next emitter."""
_SMOOTHING = 9
"""Pixels over which the brightest place is looked for."""
_COSMIC = 7
"""Pixels of a running median: the track of a cosmic ray is at most half as long."""
_SIGMAS = 5.0
_NEAR = 1.5
"""T within which rate and line hardly change; farther away light moves from line to line, and a dark one brightens."""


class Line(NamedTuple):
    """The brightest group of lines of a spectrum."""

    middle: float
    """meV."""
    strength: float
    """Counts per second above the spectrum's own floor."""
    doubt: float
    """1-sigma of the middle by the noise of the floor, meV."""


class Identity:
    """Remembers rates and lines by |B| and judges new ones.

    Args:
        suspect: below this share of the expected rate the emitter is suspect.
        lost: below this share it is lost.
        shift: so far may the middle of the spectrum be from where it is expected, in meV; more by its noise.
    """

    def __init__(self, suspect: float, lost: float, shift: float) -> None:
        self._suspect, self._lost, self._shift = suspect, lost, shift
        self._rates: dict[float, float] = {}
        self._lines: dict[int, dict[float, list[Line]]] = {}
        self.dark = 0.0
        """Dark counts per second."""
        self.last = CODES["unknown"]
        """What was said of the rate at the present field."""

    def expected_rate(self, field: float) -> float | None:
        """Return the rate expected at a field in T, from the nearest |B| at which it was seen; None if never."""
        found = _nearest(self._rates, field)
        return None if found is None else found[1]

    def floor(self, seconds: float) -> float:
        """Return the cps that dark counts alone do not reach in so many s."""
        return self.dark + _SIGMAS * math.sqrt(max(self.dark * seconds, 1.0)) / seconds

    def judge_rate(self, field: float, rate: float, seconds: float) -> int:
        """Return the code for a rate in cps, counted for so many s with the emitter where it was found."""
        if not math.isfinite(rate):
            return CODES["unknown"]
        away, expected = _nearest(self._rates, field) or (math.inf, math.nan)
        share = 1.0 if away == math.inf else (rate - self.dark) / (expected - self.dark)
        if rate <= self.floor(seconds) or share < self._lost:
            self.last = CODES["lost"]
        elif away <= _NEAR and not self._suspect <= share <= 1 / self._suspect:
            self.last = CODES["suspect"]
        else:
            self.last = CODES["same"]
        return self.last

    def learn_rate(self, field: float, rate: float) -> None:
        """Expect this rate at this field from now on, unless it was just said to be anything but that of the same."""
        if self.last == CODES["same"]:
            self._rates[abs(field)] = rate

    def judge_line(self, field: float, angle: float, wavelength: Floats, counts: Floats, exposure: float) -> int:
        """Return the code for a spectrum, compared with those at the same angle of the analyser and nearly that |B|.

        The farther away the nearest is, the more the light may have moved from line to line.

        One frame alone never says 'lost': the emitter may only have been off.

        Args:
            field: T.
            angle: of the analyser, in deg.
            wavelength: nm, shape (pixels,).
            counts: shape (pixels,).
            exposure: s.
        """
        known = self._lines.setdefault(round(angle), {})
        line = line_of(wavelength, counts, exposure)
        if line is None:
            return max(CODES["suspect"], self.last) if known else CODES["unknown"]
        alike = known or {at: some for lines in self._lines.values() for at, some in lines.items()}
        near = _nearest(alike, field)
        if near is not None:
            distance, seen = near
            noise = math.hypot(line.doubt, *(one.doubt / len(seen) for one in seen))
            reach = min(self._shift * max(distance / _NEAR, 1.0), _WINDOW) if known else _WINDOW
            away = abs(line.middle - float(np.mean([one.middle for one in seen])))
            faint = line.strength < self._lost * float(np.mean([one.strength for one in seen]))
            if away > reach + _SIGMAS * noise or faint:
                return max(CODES["suspect"], self.last)
        known.setdefault(abs(field), []).append(line)
        return max(CODES["same"], self.last)


def line_of(wavelength: Floats, counts: Floats, exposure: float) -> Line | None:
    """Return the middle of the brightest group of lines; None where nothing stands above the floor."""
    floor = float(np.median(counts))
    noise = 1.4826 * float(np.median(np.abs(counts - floor)))
    # A cosmic ray is no line.
    around = np.pad(counts - floor, _COSMIC // 2, mode="edge")
    above = np.median(np.lib.stride_tricks.sliding_window_view(around, _COSMIC), axis=1)
    smooth = np.convolve(above, np.ones(_SMOOTHING) / _SMOOTHING, "same")
    top = int(np.argmax(smooth))
    if not smooth[top] > _SIGMAS * max(noise, 1.0) / math.sqrt(_SMOOTHING):
        return None
    energy = _HC * 1e3 / wavelength
    inside = np.abs(energy - energy[top]) <= _WINDOW
    total = float(above[inside].sum())
    if not total > 0:
        return None
    middle = float((above[inside] * energy[inside]).sum()) / total
    doubt = noise * float(np.linalg.norm(energy[inside] - middle)) / total
    return Line(middle, total / exposure, doubt)


def _nearest(known: Mapping[float, Known], field: float) -> tuple[float, Known] | None:
    """Return how far the nearest |B| is, in T, and what is known there; None where nothing is."""
    if not known:
        return None
    nearest = min(known, key=lambda other: abs(other - abs(field)))
    return abs(nearest - abs(field)), known[nearest]
