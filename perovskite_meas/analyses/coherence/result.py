"""What the coherence analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class CoherenceResult:
    """Dephasing of one line by two-pulse interference, and how far to trust it."""

    t2: Value | None
    """Homogeneous dephasing time, V ~ exp(-delay/t2), in ps; None where refused."""
    visibility_zero: Value | None
    """Visibility at zero delay by the model, where the pulse convolution is no loss; arms, overlap and fast phase
    noise are still in it. None where refused."""
    linewidth: Value | None
    """Homogeneous full width 2 hbar/t2, in ueV; None where refused."""
    inhomogeneous: Value | None
    """Gaussian rms of the line during one sweep to one burst, in ueV; None unless a Voigt line wins."""
    inhomogeneous_limit: float | None = field(metadata={"unit": "ueV"})
    """95 % upper limit of that rms, in ueV; None where it is measured, or cannot be told."""
    beat: Value | None
    """Splitting of a doublet, in meV; None unless a doublet wins."""
    model: str
    """'exponential', 'gaussian', 'voigt' or 'doublet'."""
    models: Mapping[str, Mapping[str, float]]
    """log_likelihood, bic, t2 (ps), sigma (ueV), beat (meV), ratio by model."""
    zero_delay: Value
    """Zero delay on the axis of the rows, in ps."""
    pulse_duration: Value | None
    """Intensity FWHM of a transform-limited pulse by the laser's own fringes, else as stated, in ps; None without."""
    instrument_visibility: Value | None
    """Of the laser's own fringes at zero delay; None where not measured."""
    instrument_slope: Value
    """Relative change of the instrument visibility per ps of delay."""
    arm_visibility: Value | None
    """2 sqrt(Ia Ib)/(Ia + Ib); None where the arms were not taken one by one."""
    pulse_area: Value | None
    """Of the pulses of arm a, in pi; None where not known."""
    fringe_period: Value
    """Optical period of the fringes, in fs; of true travel where a reference laser was taken."""
    phase_drift: Value
    """Steady drift of the interferometer, in rad/s."""
    phase_diffusion: Value
    """Random walk of the phase, in rad^2/s."""
    line_diffusion: float = field(metadata={"unit": "rad^2/s"})
    """Random walk of the phase by the line itself at 20 ps, in rad^2/s, with the delay squared; 0 where not seen."""
    phase_knee: float = field(metadata={"unit": "s"})
    """Time within which the phase spreads by one radian, in s."""
    extra_scatter: float = field(metadata={"unit": "%"})
    """Relative scatter of the visibilities beyond their sigmas that repeats and model show; part of every sigma."""
    dispersion: float
    """Variance from sweep to sweep over that of photons alone."""
    on_fraction: float = field(metadata={"unit": "%"})
    """Part of the time that the emitter shone."""
    brightness: Value
    """Mean rate of the on state without background, in cps."""
    verdict: str
    """One line: the model, and what limits the number."""
    refused: str | None
    """Why no t2 is claimed; None where one is."""
    estimators: Mapping[str, Value]
    """t2 in ps by other named estimators, statistical sigma only."""
    spread: float = field(metadata={"unit": "%"})
    """Relative standard deviation of the estimators."""
    naive: Mapping[str, Value]
    """t2 in ps by (max-min)/(max+min) and by a line through ln V: biased, never to be quoted."""
    systematics: Mapping[str, float] = field(metadata={"unit": "%"})
    """Relative 1-sigma of t2 by cause; their sum in quadrature is its systematic part."""
    chi2_reduced: float
    """Of all visibilities about the model, with the scatter that was added."""
    points: Mapping[str, Any]
    """One entry per burst: series, time (s), delay from zero (ps), visibility, sigma, photons, model, residual (sigma),
    naive (max-min), enough (photons >= 4/V^2)."""
    curves: Mapping[str, Any]
    """delay (ps) and the visibility by each model there."""
    burst: Mapping[str, Any]
    """One burst folded: fine_delay (fs), counts, on (part of the time lit), model and residual."""
    phases: Mapping[str, Any]
    """Phases of the sweeps of some clear bursts: lists of time (s), phase and sigma (rad) by burst."""
    laser: Mapping[str, Any]
    """delay, visibility, sigma, model of the laser's own fringes; reference_delay, reference_visibility."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the number."""
