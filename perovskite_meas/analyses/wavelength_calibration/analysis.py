"""From frames of a lamp to the axis of a spectrograph."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.analysis import analysis, condition, fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.lamp_lines import LampLine, lamp_lines
from perovskite_meas.core.value import Value

from .assign import AmbiguousError, Array, Stated, assign, straightened
from .figure import draw
from .peaks import Peak, find, stacked
from .result import WavelengthCalibrationResult

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DARK, LAMP = 0, 1
FORM = 0.02
"""Pixels that a line's form (asymmetry, distortion of the image) may move its place; unverified against the manual."""
OUTLIER = 6.0
"""Sigmas beyond which a line is left out: it is blended, or another one."""
FEWEST = 5
"""Lines among which an outlier can be told."""


@analysis(
    needs={"series": "1", "wavelength": "nm", "spectrum": "1"},
    uses=("wavelength.offset", "wavelength.dispersion", "lamp.lines"),
)
def wavelength_calibration(data: xr.Dataset) -> WavelengthCalibrationResult:
    """Return offset, dispersion and curvature of a spectrograph from frames of a lamp.

    Each line is a Gaussian integrated over pixels. Lines are assigned by the axis, near the one stated, onto which most
    light falls. The cubic term is that of a flat sensor at the stated focal length; it is not fitted.

    Raises:
        AnalysisRefused: a column is missing, or there is no frame of the lamp.
    """
    frames, darks, axis = _frames(data)
    notes: list[str] = []
    stated = _stated(data, axis)
    gain, noise = _camera(data, "gain"), _camera(data, "read_noise")
    if gain is None or noise is None:
        notes.append("camera.gain or camera.read_noise is not stated: the noise is estimated from the frames' scatter")
    mean, sigma, hits = stacked(frames, darks, gain, noise)
    if hits:
        notes.append(f"{hits} pixels hit by cosmic rays were left out")
    full = _camera(data, "full_scale")
    saturated = np.any(frames >= (np.inf if full is None else full), axis=0)
    saturated = np.atleast_1d(saturated)
    peaks, dropped = find(mean, sigma, saturated)
    if dropped:
        notes.append(f"{dropped} lines were not used: blended, saturated, or not of a line's form")
    words = str(fact(data, "lamp.lines"))
    edge = abs(stated.dispersion.nominal) * stated.pixels * 0.1
    lines = [line for line in lamp_lines(words) if axis.min() - edge < line.vacuum < axis.max() + edge]
    refused, matched = _matched(peaks, lines, stated, words, axis)
    return _result(data, stated, peaks, lines, matched, refused, notes, mean)


@wavelength_calibration.figure
def plot(data: xr.Dataset, result: WavelengthCalibrationResult, figure: Figure) -> None:
    """Draw the lamp's spectrum with its lines, and what is left of them about the axis."""
    draw(result, figure)


def _matched(
    peaks: list[Peak], lines: list[LampLine], stated: Stated, words: str, axis: Array
) -> tuple[str | None, dict[int, int]]:
    window = f"{axis.min():.2f} nm to {axis.max():.2f} nm"
    if not peaks:
        return f"no line is seen in {window}: is the lamp on and its shutter open? Expose for longer", {}
    if not lines:
        return f"the lamp ({words}) has no line in {window} that is known; name its `lines`, or move the window", {}
    try:
        matched = assign(peaks, lines, stated)
    except AmbiguousError:
        return (
            f"{len(peaks)} lines can be those of the lamp ({words}) in more than one way: state offset and dispersion "
            "of the axis with a smaller sigma, or name the `lines` of this lamp one by one",
            {},
        )
    if not matched:
        return (
            f"none of {len(peaks)} lines is one of the lamp ({words}) within what the stated axis may be off; state "
            "its offset and dispersion as they are, with their sigma",
            {},
        )
    return None, matched


def _result(
    data: xr.Dataset,
    stated: Stated,
    peaks: list[Peak],
    lines: list[LampLine],
    matched: dict[int, int],
    refused: str | None,
    notes: list[str],
    mean: Array,
) -> WavelengthCalibrationResult:
    u = stated.u(np.array([peak.pixel for peak in peaks]))
    true = np.zeros(len(peaks))
    for i, j in matched.items():
        true[i] = lines[j].vacuum
    sigma = np.array([peak.sigma for peak in peaks])
    used = np.array(sorted(matched), dtype=np.intp)
    repeat = _camera(data, "repeatability", "nm") or 0.0
    values: dict[str, Value | None] = dict.fromkeys(("offset", "dispersion", "curvature"))
    left, systematics = np.zeros(0), {"form_of_lines": 0.0, "repeatability": repeat}
    if refused is None:
        best, total, statistical, left = straightened(u[used], true[used], sigma[used], FORM, stated)
        while used.size >= FEWEST and (np.abs(left) / np.hypot(sigma[used], FORM)).max() > OUTLIER:
            worst = _worst(u[used], true[used], sigma[used], stated)
            notes.append(f"the line at pixel {peaks[used[worst]].pixel:.1f} does not fit the others: left out")
            true[used[worst]] = 0.0
            used = np.delete(used, worst)
            best, total, statistical, left = straightened(u[used], true[used], sigma[used], FORM, stated)
        for k, (name, unit) in enumerate((("offset", "nm"), ("dispersion", "nm/px"), ("curvature", "nm/px^2"))):
            own = math.sqrt(statistical[k, k])
            rest = math.sqrt(max(total[k, k] - statistical[k, k], 0.0))
            if name == "offset":
                systematics["form_of_lines"] = rest
                rest = math.hypot(rest, repeat)
            values[name] = Value.combine(float(best[k]), own, rest, unit)
        notes += _told(used.size)
    residual = np.zeros(len(peaks))
    residual[used] = left
    offset = values["offset"]
    shift = None
    if offset is not None:
        shift = Value(offset.nominal - stated.offset.nominal, offset.sigma, "nm", offset.statistical, offset.systematic)
    return WavelengthCalibrationResult(
        offset=offset,
        dispersion=values["dispersion"],
        curvature=values["curvature"],
        shift=shift,
        n_lines=int(used.size),
        residual=float(np.sqrt(np.mean(left**2))) if used.size else 0.0,
        width=float(np.median([peak.width for peak in peaks])) if peaks else 0.0,
        centre=stated.dial,
        systematics=systematics,
        refused=refused,
        lines={
            "pixel": [peak.pixel for peak in peaks],
            "sigma": [peak.sigma for peak in peaks],
            "area": [peak.area for peak in peaks],
            "wavelength": true,
            "residual": residual,
            "element": [lines[matched[i]].element if true[i] else "" for i in range(len(peaks))],
        },
        spectrum={"pixel": np.arange(mean.size), "counts": mean},
        stated=_kept(data),
        date=str(data.attrs.get("started") or dt.datetime.now().astimezone().date().isoformat())[:10],
        notes=tuple(notes),
    )


def _worst(u: Array, true: Array, sigma: Array, stated: Stated) -> int:
    """Return the line without which the others agree best."""

    def left_over(without: int) -> float:
        rest = np.arange(u.size) != without
        left = straightened(u[rest], true[rest], sigma[rest], FORM, stated)[3]
        return float(((left / np.hypot(sigma[rest], FORM)) ** 2).sum())

    return min(range(u.size), key=left_over)


def _told(used: int) -> list[str]:
    if used >= 3:
        return []
    if used == 2:
        return ["two lines: offset and dispersion are measured, the curvature is as stated before"]
    return ["one line: the offset alone is measured, dispersion and curvature are as stated before"]


def _frames(data: xr.Dataset) -> tuple[Array, Array, Array]:
    missing = [name for name in wavelength_calibration.needs if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which wavelength_calibration needs")
    series = np.asarray(data["series"].values)
    spectra = np.asarray(data["spectrum"].values, dtype=np.float64)
    # Without rows the dataset does not even know that a spectrum has pixels.
    good = np.isfinite(spectra).all(axis=1) if spectra.ndim == 2 else np.zeros(series.shape, dtype=bool)
    if not (good & (series == LAMP)).any():
        raise AnalysisRefused("no frame of the lamp; run WavelengthCalibration to its end")
    axis = np.asarray(data["wavelength"].values, dtype=np.float64)[good & (series == LAMP)][-1]
    return spectra[good & (series == LAMP)], spectra[good & (series == DARK)], axis


def _stated(data: xr.Dataset, axis: Array) -> Stated:
    offset = condition(data, "wavelength.offset", "nm")
    curvature = Value(0.0, 0.0, "nm/px^2")
    if fact(data, "wavelength.curvature") is not None:
        curvature = condition(data, "wavelength.curvature", "nm/px^2")
    focal = math.inf
    if fact(data, "wavelength.focal") is not None:
        focal = condition(data, "wavelength.focal", "px").nominal
    middle = float(np.interp((axis.size - 1) / 2, np.arange(axis.size), axis))
    dispersion = condition(data, "wavelength.dispersion", "nm/px")
    if axis.size % 2 == 0:
        middle -= curvature.nominal / 4  # half a pixel on either side of the middle
    return Stated(middle - offset.nominal, offset, dispersion, curvature, focal, axis.size)


def _camera(data: xr.Dataset, name: str, unit: str = "1") -> float | None:
    return None if fact(data, f"camera.{name}") is None else condition(data, f"camera.{name}", unit).nominal


def _kept(data: xr.Dataset) -> dict[str, Any]:
    kept: dict[str, Any] = {"lamp": str(fact(data, "lamp.lines"))}
    if fact(data, "wavelength.focal") is not None:
        kept["focal"] = condition(data, "wavelength.focal", "px").nominal
    if (grating := fact(data, "wavelength.grating")) is not None:
        kept["grating"] = int(grating)
    return kept
