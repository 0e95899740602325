"""On fraction, exponents and cut-offs of a trace that was cut at a threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.value import Value
from perovskite_meas.photons.dwells import Dwells, PowerLaw, dwells_of, fit_power_law

from .levels import Levels

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FEWEST_COUNTS = 50.0
"""Counts per bin of the on level below which no exponent is claimed: noise crosses the threshold."""
BLOCK = 1000
"""Bins over which two cuts of one record are compared."""
SEEN = 2.0
"""Sigma beyond which the change with the bin width counts as dwells shorter than a bin."""
FEWEST_CYCLES = 20
"""On-off cycles below which the ensemble's on fraction is not claimed."""


@dataclass(frozen=True, eq=False)
class Dwelling:
    """Dwells of one trace at one bin width."""

    bin_width: float
    """s."""
    levels: Levels
    on: Dwells
    off: Dwells
    laws: Mapping[str, PowerLaw | None]
    """By 'on' and 'off'; None where there are too few dwells or counts."""
    reasons: Mapping[str, str]
    """Why a law is None."""

    def exponent(self, kind: str) -> Value | None:
        """Return the exponent of 'on' or 'off' dwells."""
        law = self.laws[kind]
        return None if law is None else Value(law.exponent, law.exponent_sigma, "1", law.exponent_sigma)

    def cutoff(self, kind: str) -> Value | None:
        """Return the cut-off of 'on' or 'off' dwells in s."""
        law = self.laws[kind]
        if law is None or law.cutoff is None or law.cutoff_sigma is None:
            return None
        sigma = law.cutoff_sigma * self.bin_width
        return Value(law.cutoff * self.bin_width, sigma, "s", sigma)


def dwelling(records: Sequence[Integers], levels: Levels, bin_width: float) -> Dwelling:
    """Return the dwells of traces of counts per bin (one array per record) and their laws.

    Args:
        records: counts per bin.
        levels: their two levels.
        bin_width: s.
    """
    on, off = dwells_of([record > levels.threshold for record in records])
    laws: dict[str, PowerLaw | None] = {}
    reasons: dict[str, str] = {}
    for kind, dwells, shift in (("on", on, levels.shift), ("off", off, -levels.shift)):
        laws[kind] = None
        if levels.on < FEWEST_COUNTS:
            reasons[kind] = (
                f"{levels.on:.3g} counts per bin of {bin_width * 1e3:g} ms while on, under {FEWEST_COUNTS:g}: noise "
                "crosses the threshold and cuts dwells short; more light or a higher efficiency is needed (wider bins "
                "bias the exponent instead)"
            )
            continue
        try:
            laws[kind] = fit_power_law(dwells, shift=shift)
        except UsageError as error:
            reasons[kind] = str(error)
    return Dwelling(bin_width, levels, on, off, laws, reasons)


def on_fraction(
    records: Sequence[Integers], shifted: Sequence[Integers], levels: Levels, wider: float | None, *, trusted: bool
) -> Value:
    """Return the fraction of the time above the threshold in these very records.

    An edge within a bin is off by the bin's phase: at random, and by a mean that the height of the threshold fixes
    (corrected). The random part is judged by the same record cut into bins half a bin later: for dwells of any length
    the variance is a third of that of the difference. Systematic: bins on the wrong side by noise, and dwells shorter
    than a bin, judged by what a bin twice as wide changes.

    Args:
        records: counts per bin.
        shifted: the same records in bins that begin half a bin later.
        levels: their two levels.
        wider: the on fraction at twice the bin width, if known.
        trusted: whether the bins are as narrow as the shortest dwells; else any change with the width is doubted.
    """
    bright = [record > levels.threshold for record in records]
    bins = sum(len(record) for record in records)
    edges = sum(int((one[1:] != one[:-1]).sum()) for one in bright)
    seen = sum(int(one.sum()) for one in bright)
    fraction = (seen + 0.5 * edges * levels.shift) / bins
    wrong = abs(levels.false_off * seen - levels.false_on * (bins - seen)) / bins
    differences = np.concatenate(
        [
            _blocks(one[: len(other)]) - _blocks(other > levels.threshold)
            for one, other in zip(bright, shifted, strict=True)
        ]
    )
    statistical = math.sqrt(max(float(differences @ differences) / 3, 1 / 12)) / bins
    change = 0.0 if wider is None else fraction - wider
    doubted = not trusted or change**2 > SEEN**2 * 5 * statistical**2  # the phases of both cuts: 1 + 4
    short = abs(change) if doubted else 0.0
    return Value.combine(fraction, statistical, math.hypot(wrong, short), "1")


def _blocks(bright: npt.NDArray[np.bool_]) -> Floats:
    """Return the on bins of blocks of consecutive bins."""
    if len(bright) == 0:
        return np.empty(0)
    return np.add.reduceat(bright.astype(np.float64), np.arange(0, len(bright), BLOCK))


def ensemble_fraction(records: Sequence[Integers], levels: Levels) -> tuple[Value | None, str]:
    """Return the expected on fraction with the sigma of a finite number of cycles, or None and why.

    The sigma is that of a ratio of sums over cycles of one on and the next off dwell. Long dwells of a broad
    distribution are rare, so that it is itself uncertain in short records.
    """
    times = []
    for record in records:
        bright = record > levels.threshold
        begins = np.nonzero(bright[1:] & ~bright[:-1])[0] + 1
        bounds = np.unique(np.concatenate([[0], begins, [len(bright)]]))
        lengths = np.diff(bounds)
        times.append(np.stack([np.add.reduceat(bright.astype(np.int64), bounds[:-1]), lengths], axis=1))
    cycles = np.concatenate(times).astype(np.float64)
    if len(cycles) < FEWEST_CYCLES:
        return None, f"{len(cycles)} on-off cycles; the expected on fraction needs {FEWEST_CYCLES}"
    on, total = cycles.sum(axis=0)
    fraction = on / total
    sigma = math.sqrt(float(((cycles[:, 0] - fraction * cycles[:, 1]) ** 2).sum())) / total
    return Value(float(fraction), float(sigma), "1", float(sigma)), ""
