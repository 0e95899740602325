"""What the threshold analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class ThresholdResult:
    """The threshold of amplified spontaneous emission by several estimators, and how far to trust them."""

    threshold: Value | None
    """Incident peak fluence at threshold by the estimator `primary`, J/cm^2; None where that one is refused."""
    primary: str
    """Name of that estimator."""
    thresholds: Mapping[str, Value]
    """Threshold by estimator, J/cm^2: soft_knee, segmented, linear_intercept, narrowing, gain_model. They are
    different definitions: the gain model's is zero material gain, the others' where the emission takes off."""
    refused: Mapping[str, str]
    """Why an estimator gives nothing, by name."""
    flags: Mapping[str, str]
    """'ill-conditioned' by estimator, where its own sigma exceeds 5 %: statistical, and what is not known of the law,
    the film and the filters; not the scale of the fluences (energy, zero, spot), nor how spots differ."""
    spread: float = field(metadata={"unit": "%"})
    """Relative standard deviation of the estimators, which are different definitions."""
    misfit: Mapping[str, float] = field(metadata={"unit": "%"})
    """Relative rms of what the law of soft_knee, segmented and gain_model leaves of the groups, noise included."""
    gain_chi2: float | None
    """Squares per degree of freedom of the gain model by noise alone; None if refused."""
    systematics: Mapping[str, Mapping[str, float]]
    """Relative 1-sigma by estimator and cause; in quadrature they are its systematic part."""
    order: Value | None
    """Exponent m of <N> ~ F^m, free in the full law of the spontaneous light; None with too few dim points."""
    photons: int
    """Pump photons per exciton, as stated."""
    slope_log: float
    """Straight slope of ln emission against ln fluence below threshold: below m, only to be plotted."""
    gain: Mapping[str, Value]
    """Other unknowns of the gain model: gain_length, loss_length, guided_part, biexciton_ratio; empty if refused."""
    gain_law: str
    """The saturation law that the data like best; empty if refused."""
    charged_fraction: float
    """Fraction of nanocrystals taken to hold a charge: decides which <N> is transparency."""
    optical_depth: float | None
    """ln of incident over transmitted pump light that was used; None where not stated."""
    profile: str
    """Across the stripe: gauss, top_hat or 'not stated'."""
    reversible: str
    """'reversible', 'irreversible' or 'not decidable', from up, down and return."""
    threshold_ratio: Value | None
    """Soft knee going down over that going up."""
    signal_ratio: Value | None
    """Emission going down over going up at equal fluence."""
    return_ratio: Value | None
    """Emission at the lowest fluence at the very end over the first visit."""
    damage_slope: Value | None
    """Change of ln emission below the knee per dose, cm^2/J."""
    damage_per_shots: Value | None
    """The same per 1000 pulses."""
    fresh_scatter: Value | None
    """Relative standard deviation of the threshold from place to place; None with fewer than two fresh spots."""
    heating_ratio: Value | None
    """Emission at the other rate of pulses over that at the usual one, at equal fluence; None if not measured."""
    fresh_ratios: tuple[Value, ...]
    """Threshold of each fresh spot over that of the main one."""
    lasing: str
    """'ASE', 'lasing' or 'not decidable'."""
    evidence: tuple[str, ...]
    """For that, in words."""
    polarisation: Value | None
    """Degree of linear polarisation of the emission above threshold, spontaneous part included; None if the analyser
    was not turned."""
    mode_contrast: Value | None
    """Rms of the fine structure (finer than 6 pixels) of the mean spectrum above threshold over the smooth spectrum:
    a few per cent for amplified emission, near 1 for resolved modes."""
    linewidth_below: Value
    """Width below threshold, meV: (INT I)^2/INT I^2 over photon energy, times 0.664, which is the FWHM where the line
    is a Gaussian; the spectrometer's own width is not taken out. Systematic: dispersion, and by how much the width at
    half maximum differs."""
    linewidth_above: Value
    """The same above threshold, of line and spontaneous pedestal together, meV."""
    naive: Mapping[str, Value]
    """The estimators of `thresholds` from emission averaged by set point, J/cm^2, as if every pulse had that energy:
    what the jitter of the pulse energy does to them, for comparison only."""
    energy_jitter: float = field(metadata={"unit": "%"})
    """Relative rms of the pulse energy about its set point, as measured."""
    flicker: float = field(metadata={"unit": "%"})
    """Relative rms of one recorded frame beyond photon and read noise, at known energy."""
    cosmic_rays: int
    """Pixels of cosmic rays that were replaced before summing."""
    recording: str
    """'per shot' or 'per point'."""
    collection: str
    """Geometry of the collection, in words."""
    filters: Mapping[str, Value]
    """Transmission of each filter used, corrected by the series 'overlap'."""
    verdict: str
    """One line: threshold by `primary`, spread of the estimators, ASE or lasing, reversible or not."""
    summary: tuple[str, ...]
    """One line per estimator: threshold and sigmas, flagged or refused."""
    points: Mapping[str, Any]
    """One entry per group of pulses: fluence (J/cm^2), emission (electrons per pulse) with sigma, model, width (meV)
    with sigma; and `up` and `down` alone. Emission is reduced to the mean energy of its group,
    and a width stands at `width_fluence`, that of one pulse with the same spectrum."""
    curves: Mapping[str, Any]
    """Laws on a grid of fluences (J/cm^2): soft_knee, segmented, gain_model (electrons per pulse), width (meV)."""
    spectra: Mapping[str, Any]
    """Mean spectra in order of fluence: fluence (J/cm^2), wavelength (nm), and emission over each maximum."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the number."""
