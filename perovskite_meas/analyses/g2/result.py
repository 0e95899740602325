"""What the g2 analysis returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class G2Result:
    """Second-order correlation of one emitter, and how far to trust it."""

    g2_zero: Value
    """g2 at lag zero after floor, background, crosstalk and IRF, at the power used; never clipped at 0.
    Pulsed: central over side area, with a lifetime near the period the amplitude q(1+r)/(1-r); cw: the depth."""
    g2_zero_raw: Value
    """Before any correction: ratio of plain peak areas (pulsed), or coincidences at lag zero over the level (cw)."""
    lower: float
    """One-sided 95 % lower bound of g2_zero."""
    upper: float
    """One-sided 95 % upper bound of g2_zero."""
    verdict: str
    """'single', 'not single' or 'undecided'."""
    verdict_reason: str
    """Why, with the bounds."""
    lifetime: Value | None
    """Exciton lifetime, in ns; from pulsed data, or from three or more powers under continuous light."""
    lifetime_reason: str
    """Why there is no lifetime; empty where there is."""
    antibunching_time: Value | None
    """1/(k_r + W) of one run under continuous light, in ns; None for pulsed data."""
    biexciton_ratio: Value | None
    """Q_BX/Q_X in the limit of no excitation; None where it cannot be told."""
    biexciton_reason: str
    """Why there is no biexciton ratio, or how it was found."""
    g2_gated: Value | None
    """g2 at lag zero of photons later than the gate; None where not measured."""
    gate: float
    """The gate after the pulse, in ns."""
    background_fraction: Value
    """Share of darks and background light in the registered photons."""
    normalisation_side_peaks: Value | None
    """g2_zero normalised by the side peaks (cw: by the level beside the dip)."""
    normalisation_rates: Value | None
    """g2_zero normalised by R_a R_b (T - |lag|) of the chunks."""
    normalisation_difference: float
    """The latter minus the former; blinking faster than a chunk makes it differ from 0."""
    bunching: Value
    """Level beside lag zero over that expected from the rates of the chunks: 1 without blinking."""
    plateau: tuple[float, float]
    """Lags between which the level was taken, in ns."""
    zero_lag: Value
    """Lag of simultaneous photons, in ns."""
    pair_jitter: Value | None
    """Rms of the core of the pair response, in ns; None where unknown."""
    irf_source: str
    """'reference light', 'calibration', 'jitter' or 'none'."""
    control: Value | None
    """g2 at lag zero of the reference light, crosstalk left in: 1 for a sound pair of detectors; None without."""
    crosstalk: Value | None
    """Satellite pairs per registered photon under reference light; None without."""
    afterpulsing: Value | None
    """Pairs of reference light with an afterpulse, per pair; None without."""
    model: str
    """'isolated', 'truncated' or 'cw'."""
    mean_excitations: Value | None
    """<N> per pulse; None where not known."""
    estimators: Mapping[str, Value]
    """g2_zero by other named estimators, the naive ones included; those ending in _lifetime in ns."""
    systematics: Mapping[str, float]
    """1-sigma of g2_zero by cause."""
    bootstrap: float | None
    """Statistical 1-sigma of g2_zero by resampling chunks; None for fewer than eight."""
    deviance: float
    """Deviance over degrees of freedom of bins pooled to twenty counts or more: about 1 for a good fit."""
    photons: float
    """Photons on the emitter, both detectors."""
    seconds: float
    """Live time on the emitter."""
    histogram: Mapping[str, Any]
    """lag (ns), counts, model and floor per bin, as fitted."""
    peaks: Mapping[str, Any]
    """k, raw, net areas of the peaks by pulse lag, each over the mean of the side peaks."""
    slow: Mapping[str, Any]
    """lag (s) and g2 of the slow correlation; empty where not measured."""
    reference: Mapping[str, Any]
    """lag (ns) and counts of the reference light, and its decays; empty without."""
    powers: Mapping[str, Any]
    """power (W), g2_zero, sigma and antibunching time (ns) by power; one entry for one power."""
    notes: tuple[str, ...]
    """Everything a reader must know before quoting the number."""

    def calibrations(self) -> dict[str, dict[str, Any]]:
        """Return `irf` as a bench file states it, from the reference light; nothing without."""
        irf = self.reference.get("irf")
        return {} if not irf else {"irf": dict(irf)}
