"""What the zeeman analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class ZeemanResult:
    """Fine structure of one exciton from its spectra in a field, and how far to trust it."""

    bright_dark_splitting: Value | None
    """Mean of the three bright energies minus the dark one without field, in meV; positive where dark is lowest."""
    lowest_gap: Value | None
    """Lowest bright minus dark energy without field, in meV."""
    bright_energies: Mapping[str, Value]
    """x, y, z without field from their mean, x lowest, in meV; empty where the model has none."""
    dark_energy: Value | None
    """From the mean of the bright ones, in meV."""
    energy: Value
    """Of the mean of the three bright levels without field (of a trion or separate lines: of the lines), in eV.

    Not the `energy` of fine_structure, the mean of the lines that are seen: they differ where levels share a line."""
    g_sum: Value | None
    """|g_e + g_h|, of isotropic g factors; where they are anisotropic, a mean over the direction of this field."""
    g_diff: Value | None
    """|g_e - g_h| from the energies, isotropic likewise."""
    g_diff_lifetime: Value | None
    """|g_e - g_h| from the growth of the dark state's decay rate with the field; None without decays."""
    diamagnetic: Value | None
    """Shift per B^2 of all levels, in ueV/T^2; None without two lines of the lamp."""
    linewidth: Value | None
    """Homogeneous full width of every line, instrument taken off, in ueV."""
    n_lines: int | None
    """Lines without field by model selection; None without spectra there."""
    ground_state: str
    """'dark lowest', 'bright lowest' or 'not decidable'."""
    ground_state_probability: float
    """That the dark state is lowest, among the models compared; drawn to one half by all that speaks against them."""
    evidence: tuple[str, ...]
    """What speaks for and against, one sentence each."""
    model: str
    """'exciton', 'bright triplet', 'trion' or 'lines'."""
    models: Mapping[str, Mapping[str, float]]
    """log_likelihood, bic, chi2_reduced and probability by model."""
    q: Value | None
    """SUM E_j b_j^2, all that the energies tell of the field's direction, from the mean of the bright ones, in meV."""
    angle: Value | None
    """The one angle of the gauge: between field and highest bright dipole, in their plane, in deg."""
    dark_lifetime: Value | None
    """Without field, in ns; None without decays, and where no dark state is claimed as the lowest."""
    bright_lifetime: Value | None
    """From the fast part of the decays, in ns."""
    dark_rate_slope: Value | None
    """Growth of the dark decay rate with B^2 at low field, in 1/us/T^2."""
    brightening: Value | None
    """Exponent of the growth of the dark line's share with B, before it saturates; None where its sigma is above 1."""
    faraday_rotation: Value | None
    """Of the emission by the glass, once through, in deg/T."""
    reversible: Value | None
    """|B| on the way down minus that on the way up by the lines themselves, in mT; None without both ways."""
    trapped_flux: Value | None
    """By which |B| was smaller than the current says going up and larger going down, in mT, taken into account; None
    where the scan cannot tell (then it is a systematic error of the g factors)."""
    swap: Value | None
    """|B| of negative minus that of positive fields by the lines themselves, in mT; None without both."""
    returned: Value | None
    """Shift between the last and the first stay at zero field, in ueV."""
    wander: Value | None
    """Rms shift of the frames, in ueV."""
    instrument: Value | None
    """Full width of a narrow line by the lamp, in ueV; None where the lamp was not seen."""
    systematics: Mapping[str, Mapping[str, float]]
    """Relative 1-sigma by quantity and cause; each quantity's sum in quadrature is its systematic part."""
    chi2_reduced: float
    """Of all pixels about the model."""
    frames: int
    """Spectra that were fitted."""
    photons: float
    """Electrons in the lines of all of them."""
    cosmics: int
    """Pixels that were left out as hit by cosmic rays."""
    verdict: str
    """One line: the ground state, and what limits it."""
    lines: Mapping[str, Any]
    """field (T) and the lists of energies (meV) and sigmas of separate lines, where that is all there is."""
    maps: Mapping[str, Any]
    """field (T), energy (meV), counts, model and residual (sigma) of all frames of a field added, shifts taken off."""
    branches: Mapping[str, Any]
    """field (T) and the fitted levels (meV), dark_share of each."""
    dark_line: Mapping[str, Any]
    """field (T), share of the dark line, sigma and law."""
    decays: Mapping[str, Any]
    """field (T), rate (1/us), sigma and model of the dark state's decay; empty without decays."""
    shifts: Mapping[str, Any]
    """time (s), field (T) and shift (ueV) by stay at a field."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the numbers."""
