"""The fine_structure analysis: from spectra without field to lines, splittings and polarisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.spectra.excited import require_conditions
from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.lines import Fixed, Lines, count_lines
from perovskite_meas.analyses.spectra.prepare import Spectra, prepare
from perovskite_meas.analyses.spectra.rows import COLUMNS, Array, read_frames
from perovskite_meas.analyses.spectra.setup import EV_NM, FWHM, Setup, optional
from perovskite_meas.analyses.spectra.shape import Shape
from perovskite_meas.analyses.spectra.stack import Stack, stack
from perovskite_meas.core.analysis import Forecast, analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .polarisation import Polarised, polarised
from .result import FineStructureResult
from .shown import polar_shown, spectra_shown

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

USES = ("wavelength",)
ZERO = 0.05
"""T within which a field is none."""
HIDDEN = 0.3
"""Of the wing's weight: what its unknown form next to the line may add to or take from the relative linewidth."""
MISFIT = 1.2
"""Reduced chi2 from which the lines do not describe the spectra."""
COLD = 4.2
"""K; where the thermometer is not recorded."""


@analysis(needs=COLUMNS, uses=USES)
def fine_structure(data: xr.Dataset) -> FineStructureResult:
    """Return the lines of an emitter without field, their splittings and polarisation.

    Raises:
        AnalysisRefused: there are no spectra at zero field, no emission in them, or the data carry no conditions.
    """
    require_conditions(data)
    return analyse(data)


@fine_structure.figure
def plot(data: xr.Dataset, result: FineStructureResult, figure: Figure) -> None:
    """Draw the spectra by angle of the analyser with their lines, and the polarisation of each line."""
    from .figure import draw

    draw(result, figure)


@fine_structure.forecast
def predict(planned: xr.Dataset) -> Forecast:
    """Return what the planned rows without field can tell."""
    from .forecast import forecast

    return forecast(planned)


def analyse(data: xr.Dataset) -> FineStructureResult:
    """Return the result of `fine_structure`.

    Raises:
        AnalysisRefused: there are no spectra at zero field, or no emission in them.
    """
    setup = Setup.of(data)
    frames, notes = read_frames(data)
    zero = (np.abs(frames.field) < ZERO) | ~np.isin(frames.series, ("on", "polar", "check"))
    if not np.isin(frames.series[zero], ("on", "polar", "check")).any():
        raise AnalysisRefused(
            f"no spectrum of the emitter at zero field (|B| < {ZERO:g} T): the fine structure without field needs one"
        )
    spectra = prepare(frames.only(zero), setup)
    kelvin = spectra.frames.temperature[np.isfinite(spectra.frames.temperature)]
    shape = Shape(spectra.psf or spectra.pixel / 12**0.5, float(np.median(kelvin)) if kelvin.size else COLD)
    turned: Array = np.round(np.nan_to_num(spectra.frames.analyser, nan=-1.0), 1).astype(np.float64)
    made = stack(spectra, [(angle,) for angle in turned], spectra.frames.field)
    lines = count_lines(made, shape)
    fit, n = lines.fit, lines.number
    accuracy = optional(data, "analyser.accuracy", "deg")
    angles = turned[made.order][made.starts[:-1]]
    bare = _light(made, spectra)
    polar = _polarised(fit, angles, bare, accuracy.nominal if accuracy is not None else 0.0)
    notes += [*spectra.notes, *_noted(spectra, lines, polar, angles)]
    return FineStructureResult(
        n_lines=n,
        energy=_energy(fit, spectra),
        energies=_energies(lines, spectra),
        splittings=_splittings(fit, n, spectra),
        splitting_limit=None if lines.limit is None else lines.limit * 1e3,
        angles=tuple(one.direction for one in polar if one is not None),
        polarisation=tuple(one.degree for one in polar if one is not None),
        shares=tuple(float(x) for x in fit.amplitude[:, :n].sum(axis=0) / max(fit.amplitude[:, :n].sum(), 1e-9)),
        linewidth=_scaled(
            fit, "linewidth", 1e3, "ueV", math.hypot(spectra.axis.stretch_sigma, HIDDEN * fit.value("wing"))
        ),
        instrument=None if spectra.psf is None else Value(spectra.psf * FWHM * 1e3, spectra.psf * FWHM * 20, "ueV"),
        wander=_wander(fit),
        wing=_scaled(fit, "wing", 1.0, "1", 0.0),
        models=_table(lines),
        chi2_reduced=fit.reduced,
        frames=len(spectra),
        photons=float((fit.amplitude[:, :n].sum(axis=1) * np.diff(made.starts)).sum()),
        verdict=_verdict(lines, fit),
        spectra=spectra_shown(fit, made, angles),
        polar=polar_shown(fit, angles, bare, polar),
        notes=tuple(dict.fromkeys(notes)),
    )


def _light(made: Stack, spectra: Spectra) -> Array:
    """Return the seconds behind the mean amplitude of each group, over their mean, (G,)."""
    seconds = spectra.frames.exposure[made.order]
    mean = np.bincount(made.group, seconds) / np.bincount(made.group)
    relative: Array = mean / mean.mean()
    return relative


def _polarised(fit: Fit, angles: Array, seconds: Array, accuracy: float) -> list[Polarised | None]:
    if (angles < 0).all():
        return []
    lines = fit.amplitude.shape[1] - 2
    keep = angles >= 0
    light, sigma = (part[keep, :lines] / seconds[keep, None] for part in (fit.amplitude, fit.error))
    return [polarised(angles[keep], light[:, i], sigma[:, i], accuracy) for i in range(lines)]


def _scaled(fit: Fit, name: str, scale: float, unit: str, systematic: float) -> Value:
    stretch = math.sqrt(max(1.0, fit.reduced))
    nominal = fit.value(name) * scale
    return Value.combine(nominal, fit.sigma(name) * stretch * scale, abs(nominal) * systematic, unit)


def _energy(fit: Fit, spectra: Spectra) -> Value:
    mean, spread = float(np.mean(fit.shifts)), float(np.std(fit.shifts))
    systematic = spectra.axis.offset_sigma * spectra.reference**2 / (EV_NM * 1e3)
    statistical = spread / math.sqrt(max(1, fit.shifts.size))
    return Value.combine((spectra.reference + mean) / 1e3, statistical / 1e3, systematic / 1e3, "eV")


def _energies(lines: Lines, spectra: Spectra) -> tuple[Value, ...]:
    place, sigma = lines.energies()
    axis = spectra.axis.stretch_sigma
    return tuple(
        Value.combine(float(e), float(s), abs(float(e)) * axis, "meV") for e, s in zip(place, sigma, strict=True)
    )


def _splittings(fit: Fit, n: int, spectra: Spectra) -> tuple[Value, ...]:
    return tuple(_scaled(fit, name, 1.0, "meV", spectra.axis.stretch_sigma) for name in Fixed(n).parameters)


def _wander(fit: Fit) -> Value:
    rms = float(np.std(fit.shifts)) * 1e3
    return Value(rms, rms / math.sqrt(2 * max(1, fit.shifts.size - 1)), "ueV")


def _table(lines: Lines) -> dict[str, dict[str, float]]:
    return {
        str(n): {"log_likelihood": fit.likelihood, "bic": lines.criteria[n], "chi2_reduced": fit.reduced}
        for n, fit in lines.fits.items()
    }


def _verdict(lines: Lines, fit: Fit) -> str:
    if lines.number == 1:
        upper = "" if lines.limit is None else f", any splitting below {lines.limit * 1e3:.0f} ueV (95 %)"
        return f"one line{upper}"
    gaps = " and ".join(f"{fit.value(name) * 1e3:.0f}" for name in Fixed(lines.number).parameters)
    return f"{lines.number} lines, {gaps} ueV apart"


def _noted(spectra: Spectra, lines: Lines, polar: list[Polarised | None], angles: Array) -> list[str]:
    notes: list[str] = []
    if spectra.axis.psf is None:
        notes.append("without a lamp the instrument's width is unknown: `linewidth` contains it")
    if not any(one is not None for one in polar):
        count = np.unique(np.round(angles[angles >= 0] % 180)).size
        notes.append(f"{count} angle(s) of the analyser: the polarisation needs three between 0 and 180 deg")
    if lines.limit is not None:
        notes.append("an unresolved splitting is an upper limit, not a value")
    if lines.fit.reduced > MISFIT:
        notes.append(f"the lines do not describe the spectra (reduced chi2 {lines.fit.reduced:.2f})")
    return notes
