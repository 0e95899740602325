"""What the fine_structure analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class FineStructureResult:
    """The lines without field, and how far to trust them."""

    n_lines: int
    """1, 2 or 3, by model selection."""
    energy: Value
    """Of the mean of the lines that are seen, in eV; zeeman's `energy` is the mean of the three bright levels."""
    energies: tuple[Value, ...]
    """Of the lines from their mean, lowest first, in meV."""
    splittings: tuple[Value, ...]
    """Between neighbouring lines, in meV; empty for one line."""
    splitting_limit: float | None = field(metadata={"unit": "ueV"})
    """95 % upper limit of a splitting of each line into two equal ones, in ueV; None for three lines, and where the
    shape of the lines does not tell."""
    angles: tuple[Value, ...]
    """Direction of the linear polarisation of each line, 0 to 180 deg from the axis of the analyser; empty where
    there are fewer than three angles of the analyser."""
    polarisation: tuple[Value, ...]
    """Degree of linear polarisation of each line; empty like `angles`."""
    shares: tuple[float, ...]
    """Part of the light in each line, all angles together."""
    linewidth: Value
    """Homogeneous full width of every line, instrument taken off, in ueV."""
    instrument: Value | None
    """Full width of a narrow line by the lamp, in ueV; None where the lamp was not seen."""
    wander: Value
    """Rms shift of the frames, in ueV."""
    wing: Value
    """Part of the light in the wing of phonons."""
    models: Mapping[str, Mapping[str, float]]
    """log_likelihood, bic and chi2_reduced by number of lines."""
    chi2_reduced: float
    """Of all pixels about the model."""
    frames: int
    """Spectra that were fitted."""
    photons: float
    """Electrons in the lines of all frames."""
    verdict: str
    """One line: how many lines, how far apart."""
    spectra: Mapping[str, Any]
    """angle (deg), energy (meV), counts, model and the lines' own parts by angle of the analyser."""
    polar: Mapping[str, Any]
    """angle (deg), intensity and sigma of each line, and the law on a grid."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the numbers."""
