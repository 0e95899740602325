"""Warnings that belong beside the numbers of a field scan."""

from __future__ import annotations

import numpy as np

from perovskite_meas.analyses.spectra.prepare import Spectra
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.setup import Setup
from perovskite_meas.core.value import Value

from .verdict import Verdict

STEADY_FIELD = 1e-3
"""T."""
STEADY_KELVIN = 0.05
LARGEST = 4.0
"""Sigmas beyond which a null test fails."""
TRAPPED = 60.0
"""mT by which branches may differ through trapped flux and lag without saying more."""


def conditions_noted(spectra: Spectra, setup: Setup) -> list[str]:
    """Return what field, temperature and geometry leave to be desired."""
    frames, notes = spectra.frames, []
    moving = np.abs(frames.change) > STEADY_FIELD
    if moving.any():
        worst = float(np.abs(frames.change).max())
        notes.append(f"in {int(moving.sum())} frame(s) the field moved by up to {worst * 1e3:.2g} mT while exposing")
    kelvin = frames.temperature[np.isfinite(frames.temperature)]
    if kelvin.size and np.ptp(kelvin) > STEADY_KELVIN:
        notes.append(f"the sample's temperature went from {kelvin.min():.2f} to {kelvin.max():.2f} K")
    if setup.angle is None:
        notes.append("the bench does not state the angle between field and view (geometry.field_angle)")
    elif setup.angle.nominal < 45:
        notes.append("Faraday geometry: the dark state's light goes along the field and is hardly collected")
    if setup.viewing == "unknown":
        notes.append("the viewing direction in the crystal is unknown: x, y and z are ordered by energy, not by axis")
    if spectra.axis.psf is None:
        notes.append("without a lamp the instrument's width is unknown: `linewidth` contains it")
    return notes


def model_noted(said: Verdict, exciton: bool) -> list[str]:
    """Return what a reader must know of the model behind the numbers of an exciton."""
    if not exciton:
        return [*said.notes]
    notes = [
        *said.notes,
        "g_sum and g_diff are those of isotropic g factors: with anisotropic ones they are means over the direction of "
        "this field, which one direction cannot tell, and no sigma holds that",
    ]
    if said.reason:
        notes.append(
            "the energies and g factors are those of a model that the verdict doubts"
            if said.levels
            else "no energies and g factors: no model of levels describes the spectra"
        )
    return notes


def nulls_noted(nulls: dict[str, Value], back: Value | None) -> list[str]:
    """Return which null tests failed."""
    notes = []
    words = {"down": "on the way down than up", "swap": "at negative than at positive fields"}
    for name, value in nulls.items():
        if abs(value.nominal) > LARGEST * value.sigma:
            word = "larger" if value.nominal > 0 else "smaller"
            notes.append(
                f"null test: the lines say that |B| is {value} {word} {words[name]}"
                + (
                    ": as trapped flux or lag make it"
                    if abs(value.nominal) < TRAPPED
                    else ": more than trapped flux or lag explain"
                )
            )
    if back is not None and abs(back.nominal) > LARGEST * back.sigma:
        notes.append(f"null test: back at zero field the lines lie {back} beside where they began")
    return notes


def resolution_noted(n_lines: int | None, limit: float | None, bright: Array) -> list[str]:
    """Return what fewer than three lines at zero field mean."""
    if n_lines is None:
        return ["no spectra at zero field: the zero-field lines follow from those in the field"]
    if n_lines >= 3:
        return []
    upper = "" if limit is None else f" (each line splits by less than {limit * 1e3:.0f} ueV, 95 %)"
    return [
        f"{n_lines} line(s) at zero field{upper}: the bright levels at {', '.join(f'{e * 1e3:+.0f}' for e in bright)} "
        "ueV come from the joint fit; the bright-dark splitting is counted from their mean"
    ]
