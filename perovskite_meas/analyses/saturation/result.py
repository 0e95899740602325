"""What the saturation analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class SaturationResult:
    """The two-photon absorption of one emitter, and how far to trust it."""

    cross_section: Value | None
    """Two-photon absorption cross-section, in GM, in the stated convention; None where refused.
    The mean over the ladder laws, corrected for a linear part of <N> where one is seen."""
    convention: str
    """What the cross-section counts: 'absorbed_photons' (kappa = 1/2) or 'excitations' (kappa = 1)."""
    saturation_fluence: Value
    """Fluence per pulse at the emitter at which <N> = 1, in J/cm^2."""
    low_power_slope: Value
    """Exponent m of <N> ~ P^m, free in the full saturation model; 2 for two-photon excitation."""
    biexciton_ratio: Value
    """Q_BX/Q_X of the ladder, as fitted with its prior, if one was stated."""
    brightness: Value
    """Plateau A = f_rep * eta * QY_X at zero dose, in cps."""
    background: Value
    """Background without the emitter at <N> = 1 (dark counts excluded), in cps per unit <N>."""
    reversibility: Value
    """Signal going down over signal going up, mean over the powers that both visited; NaN if none."""
    return_ratio: Value | None
    """Signal at the first power revisited at the very end over that of the first visit; None if not taken."""
    verdict: str
    """One line: reversible or not, quadratic or not, and what limits the number."""
    refused: str | None
    """Why no cross-section is claimed; None where one is."""
    estimators: Mapping[str, Value]
    """The cross-section (GM, statistical sigma only) by other named estimators, the naive ones included."""
    spread: float = field(metadata={"unit": "%"})
    """Relative standard deviation of the estimators, `cw_hyperbola` left out."""
    systematics: Mapping[str, float] = field(metadata={"unit": "%"})
    """Relative 1-sigma of the cross-section by cause; their sum in quadrature is its systematic part."""
    chi2_reduced: float
    """Weighted squared residuals of all rows over degrees of freedom, excess noise included."""
    excess_noise: Value
    """Fitted relative noise of a 1 s point beyond photon statistics (blinking), at high power."""
    drift: Value
    """Fitted relative change of the brightness over the whole dose of the run; negative when bleached."""
    mean_excitations: tuple[float, float]
    """Lowest and highest <N> of the exposures on the emitter."""
    dead_time_correction: float
    """Largest relative dead-time correction of the count rate."""
    points: Mapping[str, Any]
    """One entry per row used: series, power (W), raw_rate, live_rate (dead time corrected) and signal
    (dark and background subtracted too) in cps with sigma, mean excitations, model rate, residual (sigma)."""
    curve: Mapping[str, Any]
    """Fitted signal and background (cps) at zero dose on a grid of powers (W)."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the number."""
