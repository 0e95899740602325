"""From the emission of stripes of many lengths to the net gain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from perovskite_meas.analyses.spectra.setup import EV_NM
from perovskite_meas.analyses.threshold.light import Light, read_light
from perovskite_meas.analyses.threshold.rows import Array, Rows, read_rows
from perovskite_meas.analyses.threshold.setup import Setup
from perovskite_meas.core.analysis import analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .bands import Stripes, edges, stripes
from .figure import draw
from .fit import FEWEST, Windows, grow, windows
from .result import GainResult

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
AGED = 3.0
"""Sigmas by which the first stripe must have changed to be spoken of."""


class One(NamedTuple):
    """What one fluence gives."""

    fluence: Value
    light: Light
    borders: Array
    band: int
    lengths: Array
    """cm."""
    seen: Stripes
    found: Windows


@analysis(needs=COLUMNS)
def gain(data: xr.Dataset) -> GainResult:
    """Return the net gain from the emission against the length of the pumped stripe.

    I(l) = (J/g)(e^{g l} - 1) for l below saturation, which the data tell. Source: Shaklee and Leheny, Appl. Phys.
    Lett. 18, 475 (1971).

    Raises:
        AnalysisRefused: a column is missing, or fewer than four lengths.
    """
    rows, notes = read_rows(data, who="gain", columns=COLUMNS, main="stripe")
    setup = Setup.of(data)
    geometry = {name: np.asarray(data[name].values, np.float64)[rows.index] for name in ("length", "near")}
    stripe = rows.series == "stripe"
    asked = np.unique(rows.asked[stripe])
    parts = [_one(rows, setup, geometry["length"], float(fluence), notes) for fluence in asked]
    last = parts[-1]
    loss, uniformity, shifted = _shifted(rows, geometry, last, notes)
    chosen, curve = last.found.chosen, last.seen
    refused = None
    if chosen.p < 1e-4:
        refused = (
            f"the law holds for none of the windows (p = {chosen.p:.1g} for the {chosen.lengths} shortest stripes): "
            "take shorter stripes, or less fluence"
        )
    longest = last.lengths[chosen.lengths - 1]
    net = None if refused else Value.combine(chosen.gain, chosen.sigma, last.found.spread, "1/cm")
    returned = _returned(rows, geometry["length"], last, notes)
    middle = (last.borders[last.band] + last.borders[last.band + 1]) / 2
    inside = np.arange(last.lengths.size) < chosen.lengths
    return GainResult(
        net_gain=net,
        wavelength=Value(1e3 * EV_NM / middle, 1e3 * EV_NM * float(np.diff(last.borders)[0]) / 2 / middle**2, "nm"),
        saturation_length=Value(float(longest), _step(last.lengths, chosen.lengths), "cm")
        if last.found.saturated
        else None,
        fluence=last.fluence,
        loss=loss,
        material_gain=None
        if net is None or loss is None
        else Value(net.nominal + loss.nominal, math.hypot(net.sigma, loss.sigma), "1/cm"),
        uniformity=uniformity,
        naive=grow(last.lengths, curve.intensity[last.band], curve.sigma[last.band]).gain,
        returned=returned,
        spectrum=_spectrum(last),
        windows={
            "length": [float(last.lengths[fit.lengths - 1]) for fit in last.found.all],
            "gain": [fit.gain for fit in last.found.all],
            "sigma": [fit.sigma for fit in last.found.all],
            "p": [fit.p for fit in last.found.all],
        },
        fluences={
            "fluence": [one.fluence.nominal for one in parts],
            "gain": [one.found.chosen.gain for one in parts],
            "sigma": [math.hypot(one.found.chosen.sigma, one.found.spread) for one in parts],
            "saturation_length": [
                float(one.lengths[one.found.chosen.lengths - 1]) if one.found.saturated else 0.0 for one in parts
            ],
        },
        curve={
            "length": last.lengths,
            "intensity": curve.intensity[last.band],
            "sigma": curve.sigma[last.band],
            "fit": chosen.at(last.lengths),
            "inside": inside.astype(np.float64),
        },
        shifted=shifted,
        refused=refused,
        collection=setup.collection,
        notes=tuple(notes),
    )


@gain.figure
def plot(data: xr.Dataset, result: GainResult, figure: Figure) -> None:
    """Draw emission against length, the gain by window, and its spectrum."""
    draw(result, figure)


def _one(rows: Rows, setup: Setup, length: Array, fluence: float, notes: list[str]) -> One:
    here = (rows.series == "stripe") & (rows.asked == fluence)
    keep = here | (rows.series == "dark") | ((rows.asked == fluence) & np.isin(rows.series, ("shifted", "return")))
    light, said = read_light(rows.only(keep), setup, main=("stripe",))
    notes += [note for note in said if note not in notes]
    places = np.flatnonzero(keep)
    own = rows.only(keep)
    wanted = np.flatnonzero(own.series == "stripe")
    wanted = wanted[np.argsort(length[places[wanted]], kind="stable")]
    lengths = length[places[wanted]] / 10
    if np.unique(lengths).size < FEWEST:
        raise AnalysisRefused(f"{np.unique(lengths).size} lengths of the stripe; a gain needs at least {FEWEST}")
    pulses = own.fluences[wanted]
    logs = np.log(pulses[pulses > 0])
    reference = float(np.exp(logs.mean()))
    borders, band = edges(light, int(wanted[-1]))
    seen = stripes(own, light, wanted, borders, reference)
    found = windows(lengths, seen.intensity[band], seen.sigma[band])
    scale = math.hypot(*setup.scale.values(), 0.0)
    statistical = float(np.std(logs)) / math.sqrt(logs.size)
    value = Value.combine(reference, reference * statistical, reference * scale, "J/cm^2")
    return One(value, light, borders, band, lengths, seen, found)


def _spectrum(one: One) -> dict[str, Any]:
    size = one.found.chosen.lengths
    middle = (one.borders[:-1] + one.borders[1:]) / 2
    fits = [
        grow(one.lengths[:size], intensity[:size], sigma[:size])
        for intensity, sigma in zip(one.seen.intensity, one.seen.sigma, strict=True)
    ]
    return {
        "wavelength": 1e3 * EV_NM / middle,
        "gain": [fit.gain for fit in fits],
        "sigma": [fit.sigma for fit in fits],
    }


def _shifted(
    rows: Rows, geometry: dict[str, Array], one: One, notes: list[str]
) -> tuple[Value | None, float | None, dict[str, Any]]:
    """Return loss, uniformity and the curve of the short stripes."""
    keep = np.isin(rows.series, ("stripe", "shifted", "return", "dark"))
    keep &= (rows.asked == rows.asked[rows.series == "stripe"].max()) | (rows.series == "dark")
    own, near = rows.only(keep), geometry["near"][keep] / 10
    wanted = np.flatnonzero(own.series == "shifted")
    if wanted.size < FEWEST:
        notes.append("no short stripes at several distances: the loss and the uniformity of the pump are not measured")
        return None, None, {}
    wanted = wanted[np.argsort(near[wanted], kind="stable")]
    seen = stripes(own, one.light, wanted, one.borders, one.seen.fluence)
    total, noise = seen.intensity.sum(axis=0), np.sqrt((seen.sigma**2).sum(axis=0))
    good = total > 3 * noise
    if np.count_nonzero(good) < FEWEST:
        notes.append("the short stripes are too faint to tell the loss: more pulses there")
        return None, None, {}
    x, y, s = near[wanted][good], np.log(total[good]), (noise / total)[good]
    design = np.column_stack([np.ones(x.size), -x]) / s[:, None]
    best = np.linalg.lstsq(design, y / s, rcond=None)[0]
    left = y - (best[0] - best[1] * x)
    covariance = np.linalg.inv(design.T @ design) * max(1.0, float((left**2 / s**2).sum()) / max(x.size - 2, 1))
    curve = {
        "distance": x,
        "intensity": total[good],
        "sigma": noise[good],
        "fit": np.exp(best[0] - best[1] * x),
    }
    return Value(float(best[1]), math.sqrt(float(covariance[1, 1])), "1/cm"), float(np.std(left)), curve


def _returned(rows: Rows, length: Array, one: One, notes: list[str]) -> Value | None:
    keep = np.isin(rows.series, ("stripe", "shifted", "return", "dark"))
    keep &= (rows.asked == rows.asked[rows.series == "stripe"].max()) | (rows.series == "dark")
    own, lengths = rows.only(keep), length[keep] / 10
    again = np.flatnonzero(own.series == "return")
    if not again.size:
        return None
    first = int(np.argmin(np.abs(one.lengths - lengths[again[0]])))
    seen = stripes(own, one.light, again[:1], one.borders, one.seen.fluence)
    before = float(one.seen.intensity[:, first].sum())
    after = float(seen.intensity.sum())
    error = math.hypot(
        math.sqrt(float((seen.sigma**2).sum())) / before,
        after / before * math.sqrt(float((one.seen.sigma[:, first] ** 2).sum())) / before,
    )
    found = Value(after / before, error, "1")
    if abs(found.nominal - 1) > AGED * error:
        notes.append(
            f"the first stripe came back with {found.nominal:.3g} of its emission: the film or the table changed "
            "during the run"
        )
    return found


def _step(lengths: Array, number: int) -> float:
    """Return half the way to the next length: where between them saturation begins is not known."""
    return float(lengths[min(number, lengths.size - 1)] - lengths[number - 1]) / 2
