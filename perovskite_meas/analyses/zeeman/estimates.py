"""Numbers of the exciton with their errors: from the joint fit, with what calibrations and the line's shape add."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint
from perovskite_meas.analyses.spectra.prepare import Spectra
from perovskite_meas.analyses.spectra.rows import Array
from perovskite_meas.analyses.spectra.setup import FWHM, Setup
from perovskite_meas.core.value import Value

from .levels import BRIGHT, Exciton

NAMES = ("x", "y", "z")
UNRESOLVED, FAINT = 0.2, 12.0
"""Splitting over a line's width, and over its sigma, below which chi2 depends on its square alone."""
TINY = 1e-3
"""meV."""
HIDDEN = 0.3
"""Of the wing's weight: what its unknown form next to the line may add to or take from the relative linewidth."""


@dataclass(frozen=True)
class Estimates:
    """The exciton by the joint fit."""

    splitting: Value
    lowest_gap: Value
    bright: dict[str, Value]
    """Energies of the bright levels from their mean, in meV."""
    first: Value
    second: Value
    g_sum: Value
    g_diff: Value
    angle: Value
    """Between the field and the dipole of the highest bright level, in the plane of the gauge, in deg."""
    q: Value
    """SUM E_j b_j^2, from the mean of the bright energies, in meV."""
    linewidth: Value
    unresolved: tuple[str, ...]
    """Which of first and second are upper limits."""
    systematics: dict[str, dict[str, float]]
    """Relative 1-sigma by quantity and cause."""


def estimate(fit: Fit, spectra: Spectra, setup: Setup, doubt: dict[str, float], flux: dict[str, float]) -> Estimates:
    """Return the numbers; `doubt` and `flux` are what another wing and flux that cannot be told change."""
    stretch = max(1.0, fit.reduced)
    hidden = unresolved(fit)
    covariance = _widened(fit, fit.covariance * stretch, hidden)
    axis, coil = spectra.axis.stretch_sigma, setup.coil.relative
    parts: dict[str, dict[str, float]] = {}
    names = [*Exciton().parameters, "linewidth", "wing", "phonon", "warmth"]

    def made(name: str, row: Array, unit: str, factors: dict[str, float]) -> Value:
        nominal = float(row @ fit.values)
        statistical = math.sqrt(max(float(row @ covariance @ row), 0.0))
        absolute = {cause: abs(nominal) * factor for cause, factor in factors.items()}
        absolute["line_shape"], absolute["trapped_flux"] = (
            abs(sum(row[names.index(k)] * part.get(k, 0.0) for k in Exciton().parameters[:5])) for part in (doubt, flux)
        )
        parts[name] = {cause: value / max(abs(nominal), 1e-12) for cause, value in absolute.items()}
        return Value.combine(nominal, statistical, math.sqrt(sum(v**2 for v in absolute.values())), unit)

    def row(**weights: float) -> Array:
        found = np.zeros(len(names))
        for name, weight in weights.items():
            found[names.index(name)] = weight
        return found

    energies = {"dispersion": axis}
    fields = {"field_scale": coil, "dispersion": axis}
    bright = {}
    for name, (first, second) in zip(NAMES, BRIGHT, strict=True):
        bright[name] = made(f"bright_{name}", row(first=first, second=second), "meV", energies)
    low = BRIGHT[0]
    angle = float(np.degrees(np.arccos(min(1.0, abs(math.cos(fit.value("angle")))))))
    return Estimates(
        splitting=made("bright_dark_splitting", row(splitting=1.0), "meV", energies),
        lowest_gap=made("lowest_gap", row(splitting=1.0, first=low[0], second=low[1]), "meV", energies),
        bright=bright,
        first=made("first", row(first=1.0), "meV", energies),
        second=made("second", row(second=1.0), "meV", energies),
        g_sum=positive(made("g_sum", row(g_sum=1.0), "1", fields)),
        g_diff=positive(made("g_diff", row(g_diff=1.0), "1", fields)),
        angle=Value(angle, float(np.degrees(math.sqrt(max(covariance[5, 5], 0.0)))), "deg"),
        q=_q(fit, covariance, axis),
        linewidth=Value.combine(
            fit.value("linewidth") * 1e3, fit.sigma("linewidth") * math.sqrt(stretch) * 1e3,
            1e3 * math.hypot(doubt["linewidth"], fit.value("linewidth") * math.hypot(axis, HIDDEN * fit.value("wing"))),
            "ueV",
        ),
        unresolved=hidden,
        systematics=parts,
    )  # fmt: skip


def unresolved(fit: Fit) -> tuple[str, ...]:
    """Return which splittings of the bright levels hide in a line: chi2 depends on their squares, not on them."""
    width = fit.value("linewidth") + FWHM * fit.shape.psf
    limits = {name: max(FAINT * fit.sigma(name), TINY) for name in ("first", "second")}
    return tuple(name for name, limit in limits.items() if fit.value(name) < min(limit, UNRESOLVED * width))


def _widened(fit: Fit, covariance: Array, hidden: tuple[str, ...]) -> Array:
    """Return the covariance with the sigma of an unresolved splitting as large as the splitting."""
    scale = np.ones(len(covariance))
    for name in hidden:
        k = fit.levels.parameters.index(name)
        scale[k] = max(1.0, abs(fit.value(name)) / max(math.sqrt(covariance[k, k]), 1e-9))
    widened: Array = covariance * scale * scale[:, None]
    return widened


def positive(value: Value) -> Value:
    """Return the modulus."""
    return Value(abs(value.nominal), value.sigma, value.unit, value.statistical, value.systematic)


def shape_doubt(joint: Joint, fit: Fit) -> dict[str, float]:
    """Return what the parameters change by when the wing may be warmer than the thermometer says."""
    free = np.ones(fit.values.size, dtype=bool)
    return _changes(fit, joint.fit(fit.levels, fit.values, shifts=fit.shifts, steps=5, free=free, precision=0.5))


def _changes(fit: Fit, other: Fit) -> dict[str, float]:
    names = [*fit.levels.parameters, "linewidth", "wing", "phonon"]
    return {name: abs(other.value(name)) - abs(fit.value(name)) for name in names}


def _q(fit: Fit, covariance: Array, axis: float) -> Value:
    first, second, angle = fit.value("first"), fit.value("second"), fit.value("angle")
    energies = BRIGHT @ np.array([first, second])
    s, c = math.sin(angle) ** 2, math.cos(angle) ** 2
    nominal = float(energies[0] * s + energies[2] * c)
    slope = np.zeros(fit.values.size)
    slope[1:3] = BRIGHT[0] * s + BRIGHT[2] * c
    slope[5] = (energies[0] - energies[2]) * math.sin(2 * angle)
    sigma = math.sqrt(max(float(slope @ covariance @ slope), 0.0))
    return Value.combine(nominal, sigma, abs(nominal) * axis, "meV")


def plain(fit: Fit, spectra: Spectra, setup: Setup) -> dict[str, Any]:
    """Return what a model without dark state gives: bright, g_sum, g_diff, linewidth."""
    stretch = math.sqrt(max(1.0, fit.reduced))
    axis = spectra.axis.stretch_sigma
    names = fit.levels.parameters

    def one(name: str, unit: str, factor: float, scale: float = 1.0) -> Value | None:
        if name not in (*names, "linewidth"):
            return None
        nominal = abs(fit.value(name)) * scale
        return Value.combine(nominal, fit.sigma(name) * stretch * scale, nominal * factor, unit)

    scaled = math.hypot(setup.coil.relative, axis)
    hidden = math.hypot(axis, HIDDEN * fit.value("wing"))
    g_sum, g_diff = one("g_sum", "1", scaled), one("g_diff", "1", scaled)
    if g_sum is not None and g_diff is not None and g_sum.nominal < g_diff.nominal:
        g_sum, g_diff = g_diff, g_sum
    bright: dict[str, Value] = {}
    if "first" in names:
        covariance = fit.covariance[:2, :2] * stretch**2
        for name, row in zip(NAMES, BRIGHT, strict=True):
            nominal = float(row @ fit.values[:2])
            sigma = math.sqrt(max(float(row @ covariance @ row), 0.0))
            bright[name] = Value.combine(nominal, sigma, abs(nominal) * axis, "meV")
    return {"bright": bright, "g_sum": g_sum, "g_diff": g_diff, "linewidth": one("linewidth", "ueV", hidden, 1e3)}
