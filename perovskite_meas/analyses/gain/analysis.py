"""From the emission of stripes of many lengths to the net gain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.analyses.pulses.rows import read_rows
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.analysis import analysis
from perovskite_meas.core.value import Value

from . import law, shown
from .figure import draw
from .one import One, one
from .result import GainResult
from .windows import HOPELESS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

COLUMNS = {
    "series": "1",
    "fluences": "J/cm^2",
    "shots": "1",
    "spectra": "1",
    "frames": "1",
    "wavelength": "nm",
    "length": "mm",
    "near": "mm",
}
ONE_SIDED = 1.645
"""Sigmas of a 95 % limit."""


@analysis(needs=COLUMNS)
def gain(data: xr.Dataset) -> GainResult:
    """Return the net gain from the emission against the length of the pumped stripe.

    I(l) = (J/g)(e^{g l} - 1) holds for guided light of one gain below saturation (Shaklee and Leheny, Appl. Phys. Lett.
    18, 475 (1971), unverified against the paper). Here unguided light comes on top, the gain differs across the stripe
    with the pump, and light saturates it. The slopes of the single pulses' emission against their energies tell by
    how much the gain differs where the pump does.

    Raises:
        AnalysisRefused: a column is missing, fewer than four lengths, or no emission.
    """
    rows, notes = read_rows(data, who="gain", columns=COLUMNS, main="stripe")
    setup = Setup.of(data)
    geometry = {name: np.asarray(data[name].values, np.float64)[rows.index] for name in ("length", "near")}
    asked = np.unique(rows.asked[rows.series == "stripe"])
    parts = []
    for fluence in asked:
        found, said = one(data, rows, setup, geometry, float(fluence), thorough=fluence == asked[-1])
        parts.append(found)
        notes += [note for note in said if note not in notes]
    last = parts[-1]
    loss = shown.loss(last, notes)
    uniformity, shifted = shown.shifted(last)
    returned = shown.returned(last, notes)
    net = None if last.refused else last.net
    curve = shown.curve(last)
    notes += _notes(last, setup)
    return GainResult(
        net_gain=net,
        wavelength=None if last.refused else shown.wavelength(last),
        saturation_length=last.saturation if last.refused is None else None,
        fluence=last.fluence,
        loss=loss if last.windows.chosen.p > HOPELESS else None,
        material_gain=_material(net, loss),
        uniformity=uniformity,
        naive=curve.pop("naive"),
        returned=returned,
        guided=None if last.refused else _guided(last),
        upper_limit=_limit(last),
        systematics=last.parts,
        spectrum=shown.spectrum(last),
        windows=_windows(last),
        fluences={
            "fluence": [found.fluence.nominal for found in parts],
            "gain": [math.nan if found.refused else found.net.nominal for found in parts],
            "sigma": [math.nan if found.refused else found.net.sigma for found in parts],
            "saturation_length": [0.0 if found.saturation is None else found.saturation.nominal for found in parts],
        },
        curve=curve,
        shifted=shifted,
        refused=last.refused,
        collection=setup.collection,
        notes=tuple(notes),
    )


@gain.figure
def plot(data: xr.Dataset, result: GainResult, figure: Figure) -> None:
    """Draw emission against length, the gain by window, and its spectrum."""
    draw(result, figure)


def _material(net: Value | None, loss: Value | None) -> Value | None:
    if net is None or loss is None:
        return None
    return Value(net.nominal + loss.nominal, math.hypot(net.sigma, loss.sigma), "1/cm")


def _guided(found: One) -> Value:
    fit = found.windows.chosen
    share = 1 / (1 + math.exp(-float(fit.theta[law.COUPLING])))
    return Value(share, share * (1 - share) * fit.sigma(law.COUPLING), "1")


def _limit(found: One) -> float | None:
    if found.refused is None or found.windows.chosen.p < HOPELESS:
        return None
    return found.net.nominal + ONE_SIDED * found.net.sigma


def _windows(found: One) -> dict[str, Any]:
    fits = found.windows.fits
    return {
        "length": list(found.windows.lengths),
        "gain": [fit.net() for fit in fits],
        "sigma": [fit.net_sigma for fit in fits],
        "p": [fit.p for fit in fits],
        "taken": [float(k == found.windows.taken) for k in range(len(fits))],
    }


def _notes(found: One, setup: Setup) -> list[str]:
    notes = []
    if found.windows.taken + 1 < len(found.windows.fits):
        notes.append(f"stripes longer than {10 * found.windows.held:.3g} mm depart from the law and are left out")
    if setup.profile is None:
        notes.append("the profile across the stripe is not stated (spot.profile): gauss and top_hat were both tried")
    if setup.optical_depth is None:
        notes.append("the film's optical depth is not stated (sample.expect.optical_depth): half of 0.5 is assumed")
    if not np.isfinite(found.seen.slope).any():
        notes.append("no slopes of single pulses: how the gain follows the fluence rests on the lengths alone")
    return notes
