"""What the lifetime analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class LifetimeResult:
    """The decay of one emitter after a short pulse, and how far to trust it."""

    lifetime: Value | None
    """ns. One decay: its 1/e time; several: their `intensity_average`. None where `reason` says why. Photons at once
    (`at_once`) are left out."""
    reason: str | None
    """Why there is no lifetime; None where there is one."""
    model: str
    """'mono', 'bi' or 'tri'; 'none' without a lifetime."""
    components: tuple[tuple[Value, Value], ...] = ()
    """For each decay, slowest first: its part of the amplitude at time zero (1) and its lifetime (ns)."""
    amplitude_average: Value | None = None
    """SUM a tau / SUM a, in ns: what rates and quantum yields need."""
    intensity_average: Value | None = None
    """SUM a tau^2 / SUM a tau, in ns: the mean delay of a photon."""
    at_once: Value | None = None
    """Part of the emitter's photons that come within the response: biexcitons or scattered light; None where the
    decay is too fast for them to be told apart."""
    shift: Mapping[str, Value] = field(default_factory=dict)
    """By detector: how much later the emitter's light comes than the response says, in ps."""
    background: Value | None = None
    """Part of all registered counts that are not the emitter's."""
    chi2: float | None = None
    """Poisson deviance over what Poisson statistics expect of it; 1 for a right model at any number of counts."""
    chi2_sigma: float | None = None
    """1-sigma by which `chi2` scatters about 1 for a right model."""
    irf_source: str = "assumed"
    """'laser rows', 'calibration', or 'assumed' (a calculated response: a Gaussian fitted to the rising edge)."""
    irf_width: Mapping[str, float] = field(default_factory=dict)
    """By detector: rms width of the response without its far tail, in ps."""
    counts: float = 0.0
    """Photons registered on the emitter, all detectors."""
    pile_up: float = 0.0
    """Registered counts per pulse on the busier detector; up to 0.01 is unproblematic, above 0.05 too much."""
    detectors: Mapping[str, Value] = field(default_factory=dict)
    """The lifetime (ns, statistical sigma only) from each detector alone."""
    agreement: float | None = None
    """Difference of the two detectors' lifetimes in sigma; None with one detector."""
    estimators: Mapping[str, Value] = field(default_factory=dict)
    """The lifetime (ns, statistical sigma only) by other estimators, the naive ones included: `neyman` (least
    squares with weights 1/counts), `no_pile_up_correction`, `mono` where there are several decays."""
    alternatives: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Every model that was fitted: bic (against the chosen one), chi2, and for `stretched` its tau and mean (ns)
    and beta; `stretched` is an alternative to several decays and never chosen."""
    systematics: Mapping[str, float] = field(default_factory=dict, metadata={"unit": "ns"})
    """1-sigma of the lifetime by cause, in ns; their sum in quadrature is its systematic part."""
    verdict: str = ""
    """One line: how many decays, whether the fit is good, and what limits it."""
    curve: Mapping[str, Any] = field(default_factory=dict)
    """For the figure, by detector: start and width (ns) of blocks of bins, counts, fit and response per bin,
    residual (sigma)."""
    notes: tuple[str, ...] = ()
    """Everything a reader must know before quoting the number."""
