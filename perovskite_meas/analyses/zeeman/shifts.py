"""What the shifts of the frames tell: the energy, the diamagnetic shift, and whether the emitter came back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.prepare import Spectra
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.stack import Stack
from perovskite_meas.core.value import Value

FEWEST_VISITS = 5
LAMP_TIMES = 2


@dataclass(frozen=True)
class Visits:
    """Mean shift of the frames of each stay at a field, in the order of time."""

    time: Array
    """s, (v,)."""
    field: Array
    """T, (v,)."""
    shift: Array
    """meV, (v,)."""
    frames: Array
    """Number of frames, (v,)."""


def visits(fit: Fit, made: Stack, spectra: Spectra) -> Visits:
    """Return the stays at a field."""
    shift = np.empty(len(spectra))
    shift[made.order] = fit.shifts
    frames = spectra.frames
    order = np.argsort(frames.time, kind="stable")
    field = frames.nominal[order]
    stay = np.concatenate([[0], np.cumsum(np.abs(np.diff(field)) > 1e-3)])
    number = np.bincount(stay).astype(np.float64)
    return Visits(
        np.bincount(stay, frames.time[order]) / number, np.bincount(stay, frames.field[order]) / number,
        np.bincount(stay, shift[order]) / number, number,
    )  # fmt: skip


def diamagnetic(seen: Visits, spectra: Spectra, coil: Value) -> tuple[Value | None, str]:
    """Return the shift per B^2 in ueV/T^2, and why there is none: shifts regressed on B^2, their scatter as noise."""
    axis = spectra.axis
    if axis.lines < 2:
        return None, (
            f"diamagnetic shift: needs two lines of the lamp in the window, there "
            f"{'is one' if axis.lines == 1 else 'are none'}"
        )
    if axis.time.size < LAMP_TIMES:
        return None, "diamagnetic shift: the lamp was taken once only, so the drift of the axis is not known"
    square = (seen.field * coil.nominal) ** 2
    if seen.field.size < FEWEST_VISITS or np.ptp(square) < 1.0:
        return None, f"diamagnetic shift: {seen.field.size} stays at a field are too few"
    weight = seen.frames / seen.frames.sum()
    centre = float((weight * square).sum())
    spread = float((weight * (square - centre) ** 2).sum())
    slope = float((weight * (square - centre) * seen.shift).sum()) / spread
    mean = float((weight * seen.shift).sum())
    left = seen.shift - mean - slope * (square - centre)
    variance = float((weight * left**2).sum()) / max(1, seen.field.size - 2)
    statistical = math.sqrt(variance / spread)
    systematic = abs(slope) * 2 * coil.relative
    drift = axis.offset_sigma * spectra.reference**2 / (1239.841984e3) / max(float(np.ptp(square)), 1.0)
    return Value.combine(slope * 1e3, statistical * 1e3, math.hypot(systematic, drift) * 1e3, "ueV/T^2"), ""


def energy(seen: Visits, spectra: Spectra, centre: float) -> Value:
    """Return the energy of the mean of the bright levels at the lowest field, in eV; `centre` from the fit's zero."""
    low = np.abs(seen.field) <= np.abs(seen.field).min() + 0.05
    mean = float(np.average(seen.shift[low], weights=seen.frames[low]))
    spread = float(np.std(seen.shift)) / math.sqrt(max(1, int(low.sum())))
    per_nm = spectra.reference**2 / 1239.841984e3
    systematic = spectra.axis.offset_sigma * per_nm
    return Value.combine((spectra.reference + mean + centre) / 1e3, spread / 1e3, systematic / 1e3, "eV")


def returned(seen: Visits) -> Value | None:
    """Return the shift between the last and the first stay at zero field, in ueV; None for one stay."""
    zero = np.flatnonzero(np.abs(seen.field) < 0.05)
    if zero.size < 2 or seen.time[zero[-1]] <= seen.time[zero[0]]:
        return None
    spread = float(np.std(np.diff(seen.shift))) if seen.shift.size > 3 else math.inf
    return Value((seen.shift[zero[-1]] - seen.shift[zero[0]]) * 1e3, max(spread, 1e-4) * 1e3, "ueV")


def wander(fit: Fit) -> Value:
    """Return the rms of the frames' shifts in ueV."""
    rms = float(np.std(fit.shifts)) * 1e3
    return Value(rms, rms / math.sqrt(2 * max(1, fit.shifts.size - 1)), "ueV")
