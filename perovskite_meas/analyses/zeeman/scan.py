"""One field scan from rows to result: frames, joint fits, verdict, and everything beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.lines import Lines
from perovskite_meas.analyses.spectra.prepare import Spectra, prepare
from perovskite_meas.analyses.spectra.rows import Array, read_frames
from perovskite_meas.analyses.spectra.setup import FWHM, Setup
from perovskite_meas.analyses.spectra.shape import Shape
from perovskite_meas.analyses.spectra.stack import stack
from perovskite_meas.core.value import Value

from .brightening import brightening
from .contest import DARK_ABOVE, DARK_LOWEST, NO_DARK, TRION, Contest, contest, misfit
from .decays import read_decays
from .estimates import Estimates, estimate, plain, shape_doubt
from .levels import BRIGHT
from .notes import conditions_noted, model_noted, nulls_noted, resolution_noted
from .nulls import null_tests
from .result import ZeemanResult
from .rotation import faraday_rotation
from .separate import ZERO, each_field, lines_of
from .shifts import diamagnetic, energy, returned, visits, wander
from .shown import branches_shown, dark_shown, decays_shown, maps_shown, shifts_shown
from .verdict import OPEN, judge

if TYPE_CHECKING:
    import xarray as xr

FEWEST_FIELDS = 4
"""Different |B| that a joint fit needs."""
LOWEST_TOP = 1.0
"""T that the highest field must reach."""
COLD = 4.2
"""K; where the thermometer is not recorded."""
MISFIT, WORSE = 0.05, 1.15
"""rms of what the model leaves over that of the lines, and reduced chi2, from which it is dropped."""
NOTHING: dict[str, Any] = {"bright": {}, "g_sum": None, "g_diff": None, "linewidth": None}
MODELS = {DARK_LOWEST: "exciton", DARK_ABOVE: "exciton", NO_DARK: "bright triplet", TRION: "trion"}


def analyse(data: xr.Dataset) -> ZeemanResult:
    """Return the result of `zeeman`.

    Source: Hamiltonian of the bright triplet and dark singlet in a field, Fu et al., Nano Lett. 17, 2895 (2017) and
    Tamarat et al., Nat. Mater. 18, 717 (2019).

    Raises:
        AnalysisRefused: the rows support no fit.
    """
    setup = Setup.of(data)
    frames, notes = read_frames(data)
    spectra = prepare(frames, setup)
    notes += [*spectra.notes, *conditions_noted(spectra, setup)]
    kelvin = spectra.frames.temperature
    known = kelvin[np.isfinite(kelvin)]
    shape = Shape(spectra.psf or spectra.pixel / 12**0.5, float(np.median(known)) if known.size else COLD)
    true = spectra.frames.field * setup.coil.nominal
    sizes = np.unique(np.round(np.abs(spectra.frames.nominal), 2))
    rotation, why = faraday_rotation(frames, setup)
    notes += [why] if why else []
    zero = np.abs(spectra.frames.field) < ZERO
    if sizes.size < FEWEST_FIELDS or sizes.max() < LOWEST_TOP:
        reason = f"{sizes.size} field(s) up to {sizes.max():.3g} T are too few for the levels in a field"
        return _lines_only(spectra, shape, zero, reason, notes, rotation)
    found = contest(stack(spectra, _keys(spectra), true), shape)
    refined = found.refined
    best, made = refined.fit, refined.joint.stack
    if (left := misfit(best, found.joint.stack)) > MISFIT and best.reduced > WORSE:
        reason = f"no model of levels describes the spectra (reduced chi2 {best.reduced:.2f}, {left:.0%} beside it)"
        return _lines_only(spectra, shape, zero, reason, notes, rotation, found)
    exciton = found.exciton
    is_exciton = found.best in (DARK_LOWEST, DARK_ABOVE)
    values = estimate(exciton, spectra, setup, shape_doubt(refined.joint, exciton), refined.doubt)
    turned = np.nan_to_num(spectra.frames.analyser, nan=-1.0)[made.order][made.starts[:-1]]
    grown = brightening(exciton, made, turned)
    width = exciton.value("linewidth") + FWHM * shape.psf
    decays, more = read_decays(data, exciton if found.best == DARK_LOWEST else None, setup.coil)
    said = judge(found, exciton, values, grown, width, int(sizes.size), angle=setup.angle, decays=decays)
    lines = lines_of(spectra, zero, shape, best.values[-4:]) if zero.any() else None
    nulls = null_tests(found.joint, exciton)
    seen = visits(best, made, spectra)
    slope, missing = diamagnetic(seen, spectra, setup.coil)
    back = returned(seen)
    dark = is_exciton and said.state != OPEN
    believed = dark or found.best != DARK_ABOVE  # which level is the dark one decides what all others are
    lowest = dark and found.best == DARK_LOWEST
    if decays is not None and not lowest:
        decays = decays.bare()
    notes += [*more, *([missing] if missing else []), *nulls_noted(nulls, back)]
    chosen = _chosen(found, best, values, spectra, setup) if said.levels else NOTHING
    notes += [*_noted(found, values, lines, dark), *model_noted(said, is_exciton)]
    top, bottom = float(true.max()), float(true.min())
    return ZeemanResult(
        bright_dark_splitting=values.splitting if dark else None,
        lowest_gap=values.lowest_gap if dark else None,
        bright_energies=chosen["bright"] if believed else {},
        dark_energy=_turned(values.splitting) if dark else None,
        energy=energy(seen, spectra, 0.0),
        g_sum=chosen["g_sum"] if believed else None,
        g_diff=chosen["g_diff"] if dark or found.best == TRION else None,
        g_diff_lifetime=None if decays is None else decays.g_diff,
        diamagnetic=slope,
        linewidth=chosen["linewidth"],
        n_lines=None if lines is None else lines.number,
        ground_state=said.state,
        ground_state_probability=said.probability,
        evidence=said.evidence,
        model=MODELS[found.best],
        models=found.table(),
        q=values.q if is_exciton and believed else None,
        angle=values.angle if is_exciton and believed else None,
        dark_lifetime=decays.lifetime if decays is not None and lowest else None,
        bright_lifetime=None if decays is None else decays.bright,
        dark_rate_slope=None if decays is None else decays.slope,
        brightening=grown.told if dark else None,
        faraday_rotation=rotation,
        reversible=nulls.get("down"),
        trapped_flux=refined.trapped,
        swap=nulls.get("swap"),
        returned=back,
        wander=wander(best),
        instrument=_instrument(spectra),
        systematics=values.systematics if is_exciton else {},
        chi2_reduced=best.reduced,
        frames=len(spectra),
        photons=_photons(best, made.starts),
        cosmics=int(spectra.cosmics.row.size) + found.masked,
        verdict=said.state if not said.reason else f"{said.state}: {said.reason}",
        lines={},
        maps=maps_shown(best, made),
        branches=branches_shown(best, top, bottom),
        dark_line=dark_shown(grown if is_exciton else None),
        decays=decays_shown(decays),
        shifts=shifts_shown(seen),
        notes=tuple(dict.fromkeys(notes)),
    )


def _keys(spectra: Spectra) -> list[tuple[float, ...]]:
    """Return what frames of equal amplitudes have in common: field, branch and angle of the analyser."""
    frames = spectra.frames
    turned = np.round(np.nan_to_num(frames.analyser, nan=-1.0))
    return list(zip(np.round(frames.nominal, 2), frames.branch, turned, strict=True))


def _chosen(found: Contest, best: Fit, values: Estimates, spectra: Spectra, setup: Setup) -> dict[str, Any]:
    """Return the numbers by the best model."""
    if found.best in (DARK_LOWEST, DARK_ABOVE):
        return {
            "bright": values.bright, "g_sum": values.g_sum, "g_diff": values.g_diff, "linewidth": values.linewidth,
        }  # fmt: skip
    return plain(best, spectra, setup)


def _noted(found: Contest, values: Estimates, lines: Lines | None, dark: bool) -> list[str]:
    if found.best == TRION:
        return ["trion: g_sum and g_diff are the sums and differences that its lines show"]
    bright: Array = BRIGHT @ np.array([values.first.nominal, values.second.nominal])
    notes = resolution_noted(lines.number if lines else None, lines.limit if lines else None, bright)
    if values.unresolved:
        names = {"first": "x and y", "second": "y and z"}
        notes += [
            f"the splitting between {names[name]} is not resolved: its value is an upper limit, its sigma as large"
            for name in values.unresolved
        ]
    if not dark:
        notes.append("no dark line is told from other causes: the bright-dark splitting and g_diff are not claimed")
    return notes


def _turned(value: Value) -> Value:
    return Value(-value.nominal, value.sigma, value.unit, value.statistical, value.systematic)


def _photons(fit: Fit, starts: np.ndarray) -> float:
    return float((fit.amplitude[:, :-2].sum(axis=1) * np.diff(starts)).sum())


def _instrument(spectra: Spectra) -> Value | None:
    if spectra.psf is None:
        return None
    width = spectra.psf * FWHM * 1e3
    return Value(width, 0.02 * width, "ueV")


def _lines_only(
    spectra: Spectra, shape: Shape, zero: np.ndarray, reason: str, notes: list[str], rotation: Value | None,
    found: Contest | None = None,
) -> ZeemanResult:  # fmt: skip
    """Return what separate lines tell."""
    lines = lines_of(spectra, zero, shape) if zero.any() else None
    fit = None if lines is None else lines.fit
    mean = spectra.reference + (0.0 if fit is None else float(np.mean(fit.shifts)))
    spread = 0.05 if fit is None else float(np.std(fit.shifts)) / len(fit.shifts) ** 0.5
    width = None if fit is None else Value(fit.value("linewidth") * 1e3, fit.sigma("linewidth") * 1e3, "ueV")
    return ZeemanResult(
        bright_dark_splitting=None, lowest_gap=None, bright_energies={}, dark_energy=None,
        energy=Value(mean / 1e3, spread / 1e3, "eV"), g_sum=None, g_diff=None, g_diff_lifetime=None, diamagnetic=None,
        linewidth=width, n_lines=None if lines is None else lines.number, ground_state=OPEN,
        ground_state_probability=0.5, evidence=(reason,), model="lines", models={} if found is None else found.table(),
        q=None, angle=None, dark_lifetime=None, bright_lifetime=None, dark_rate_slope=None, brightening=None,
        faraday_rotation=rotation, reversible=None, trapped_flux=None, swap=None, returned=None,
        wander=None if fit is None else wander(fit), instrument=_instrument(spectra), systematics={},
        chi2_reduced=1.0 if fit is None else fit.reduced, frames=len(spectra),
        photons=float(np.clip(spectra.electrons, 0, None).sum()), cosmics=int(spectra.cosmics.row.size),
        verdict=f"{OPEN}: {reason}", lines=each_field(spectra, shape), maps={}, branches={}, dark_line={}, decays={},
        shifts={}, notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip
