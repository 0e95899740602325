"""What the monitor tells of the laser itself: zero delay, pulse duration, instrument visibility against delay."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from perovskite_meas.core.value import Value

from .carrier import Carrier
from .decay import field_autocorrelation
from .rows import Array, Bursts, Rows
from .setup import Setup

FEWEST_ZEROS = 5
FEWEST_REFERENCES = 3
DURATION_TRUST = 0.05
"""Relative 1-sigma of a pulse duration that was stated without one."""
OVERLAP_FEARED = 1.5e-4
"""Relative loss of overlap per ps (1 % per cm of travel) booked where it was not measured."""
OVERLAP_LARGEST = 4.5e-4
"""Its rms over interferometers (3 % per cm), as a prior."""


UNREST = 0.002
"""Relative 1-sigma of a visibility of the laser beyond its scatter: the phase moves within a sweep too."""
UNREST_STEPPED = 0.01
"""The same within one slow sweep of seconds."""


@dataclass(frozen=True)
class Laser:
    """Zero delay, pulse and instrument."""

    zero: Value
    """On the axis of the rows, in ps."""
    zero_measured: bool
    """Whether by this run."""
    duration: Value | None
    """Intensity FWHM of a transform-limited pulse, in ps; None where not known."""
    duration_measured: bool
    """Whether by this run."""
    visibility: Value | None
    """Of the laser's own fringes at zero delay; None where not measured."""
    slope: Value
    """Relative change of the instrument visibility per ps."""
    slope_measured: bool
    """Whether by this run."""
    drift: Value | None
    """Of the phase, by the reference laser, in rad/s."""
    notes: tuple[str, ...] = ()
    overlap: dict[str, Array] = field(default_factory=dict)
    """delay (ps), visibility, sigma and model of the zero rows; reference_delay, reference_visibility."""

    def instrument(self, tau: Array) -> Array:
        """Return the instrument visibility at delays from zero, over that at zero."""
        relative: Array = 1 + self.slope.nominal * np.abs(tau)
        return relative


def read_laser(rows: Rows, carrier: Carrier, setup: Setup) -> Laser:
    """Return what the zero and reference rows tell, else what is stated."""
    notes: list[str] = []
    zeros = rows.every.of("zero")
    overlap: dict[str, Array] = {}
    zero, duration, visibility = None, None, None
    if len(zeros) >= FEWEST_ZEROS and zeros.monitor.any():
        seen, sigma = _by_sweep(zeros, carrier.phase(zeros.fine), setup.dead_time)
        found = _overlap(zeros.delay, seen, sigma, setup, UNREST_STEPPED if zeros.stepped else UNREST)
        overlap = {"delay": zeros.delay, "visibility": seen, "sigma": sigma}
        if found is None:
            notes.append("the laser's own fringes show no maximum among the zero rows: zero delay lies elsewhere")
        else:
            zero, duration, visibility, model = found
            overlap["model"] = model
    elif len(zeros):
        notes.append(
            f"{len(zeros)} zero rows with light (at least {FEWEST_ZEROS} are needed): zero is the calibrated one"
        )
    measured = zero is not None, duration is not None
    if zero is None:
        zero = _stated_zero(rows, setup)
    if duration is None and setup.duration is not None:
        known = setup.duration
        duration = Value(known.nominal, known.sigma or DURATION_TRUST * known.nominal, "ps")
    slope, drift, extra = _reference(rows, carrier, setup, zero.nominal)
    overlap |= extra
    return Laser(
        zero, measured[0], duration, measured[1], visibility, slope or Value(0.0, OVERLAP_FEARED, "1/ps"),
        slope is not None, drift, tuple(notes), overlap,
    )  # fmt: skip


def folded(bursts: Bursts, counts: Array, phase: Array) -> tuple[Array, Array]:
    """Return visibility and 1-sigma per quadrature of summed sweeps by a linear fit, (n,) each."""
    used, number = bursts.used, bursts.sweeps
    design = np.stack([np.ones_like(phase), np.cos(phase), np.sin(phase)], axis=-1)
    solver = np.linalg.pinv(design)  # (n, 3, J)
    each = np.einsum("naj,nkj->nka", solver, counts) * used[:, :, None]
    total = each.sum(axis=1)
    mean = np.maximum(total[:, 0], 1e-9)
    length = np.hypot(total[:, 1], total[:, 2]) / mean
    shot = np.sqrt(2 / np.maximum(counts.sum(axis=(1, 2)), 1.0))
    left = np.where(used[:, :, None], each[:, :, 1:] - each[:, :, :1] * (total[:, 1:] / mean[:, None])[:, None, :], 0.0)
    scatter = np.sqrt((left**2).sum(axis=(1, 2)) / 2 * number / np.maximum(number - 1, 1)) / mean
    rest = counts.sum(axis=1) - np.einsum("nja,na->nj", design, total)
    misfit = np.sqrt(2 * (rest**2).sum(axis=1) / max(1, phase.shape[1] - 3) / phase.shape[1]) / (mean)
    sigma = np.where(number >= 8, np.maximum(scatter, 0.7 * shot), np.maximum(shot, np.minimum(misfit, 10 * shot)))
    return length, sigma


def _by_sweep(bursts: Bursts, phase: Array, dead_time: float) -> tuple[Array, Array]:
    """Return visibility and 1-sigma of the laser's fringes on the monitor, (n,) each, noise bias taken off.

    The phase walks from sweep to sweep, so squares of the lengths are averaged, not the vectors. Dead time flattens
    the crests of strong fringes less, relative to their mean, than those of weak ones: R td (1 - V^2/2).
    """
    amplitude, photons = _amplitudes(bursts, phase)
    used, number = bursts.used, bursts.sweeps
    if bursts.stepped:
        return folded(bursts, bursts.monitor, phase)
    squared = np.where(used, np.abs(amplitude) ** 2 - 4 / np.maximum(photons, 1.0), 0.0)
    mean = squared.sum(axis=1) / number
    shot = 2 / np.maximum(photons, 1.0)
    expected = np.where(used, 4 * np.maximum(mean, 0.0)[:, None] * shot + 4 * shot**2, 0.0).sum(axis=1) / number
    left = np.where(used, squared - mean[:, None], 0.0)
    scatter = (left**2).sum(axis=1) / np.maximum(number - 1, 1)
    variance = np.where(number >= 8, np.maximum(scatter, 0.5 * expected), np.maximum(scatter, expected)) / number
    length = np.sqrt(np.maximum(mean, 0.0))
    sigma = 0.5 * np.sqrt(variance) / np.maximum(length, 0.5 * variance**0.25)
    rate = photons.sum(axis=1) / np.maximum(bursts.seconds * phase.shape[1], 1e-9)
    lost = 1 + rate * dead_time * (1 - 0.5 * length**2)
    return length * lost, sigma * lost


def _amplitudes(bursts: Bursts, phase: Array) -> tuple[npt.NDArray[np.complex128], Array]:
    """Return complex visibility and photons of each sweep on the monitor, (n, K) each."""
    design = np.stack([np.ones_like(phase), np.cos(phase), -np.sin(phase)], axis=-1)
    solved = np.einsum("naj,nkj->nka", np.linalg.pinv(design), bursts.monitor)
    amplitude = (solved[..., 1] + 1j * solved[..., 2]) / np.maximum(solved[..., 0], 1e-9)
    return amplitude, bursts.monitor.sum(axis=2)


def _overlap(
    delay: Array, seen: Array, sigma: Array, setup: Setup, unrest: float
) -> tuple[Value, Value, Value, Array] | None:
    if seen.max() < 5 * float(sigma[int(np.argmax(seen))]):
        return None
    error = np.hypot(sigma, unrest * seen)
    best = int(np.argmax(seen))
    guess = setup.duration.nominal if setup.duration is not None else 0.3 * float(np.ptp(delay))

    def model(free: Array) -> Array:
        laser = free[2] * field_autocorrelation(delay - free[0], abs(free[1]), setup.shape)
        return np.asarray(laser, np.float64)

    def misfit(free: Array) -> Array:
        return np.asarray((model(free) - seen) / error, np.float64)

    found = least_squares(misfit, np.array([delay[best], guess, seen[best]]), x_scale=np.array([0.1, 0.1, 0.1]))
    excess = max(1.0, 2 * float(found.cost) / max(1, delay.size - 3))
    slopes = np.asarray(found.jac, np.float64)
    spread = np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)) * excess)
    zero, duration, top = (float(value) for value in found.x)
    if not (delay.min() < zero < delay.max() and 0 < top < 1.3 and abs(duration) < 2 * np.ptp(delay)):
        return None
    return (
        Value(zero, float(spread[0]), "ps"), Value(abs(duration), float(spread[1]), "ps"),
        Value(top, float(spread[2]), "1"), model(found.x),
    )  # fmt: skip


def _stated_zero(rows: Rows, setup: Setup) -> Value:
    on = rows.bright
    zero, sigma = on.other("zero"), on.other("zero_sigma")
    known = np.isfinite(zero) & (sigma >= 0)
    if known.any():
        return Value(float(zero[known][-1]), float(sigma[known][-1]), "ps")
    return setup.zero


def _reference(
    rows: Rows, carrier: Carrier, setup: Setup, zero: float
) -> tuple[Value | None, Value | None, dict[str, Array]]:
    """Return the relative slope of the contrast against delay, and the drift of the phase."""
    own = rows.every.of("reference")
    if not len(own) or setup.reference is None or carrier.scale is None or not own.monitor.any():
        return None, None, {}
    phase = carrier.phase(own.fine, setup.reference / carrier.scale.nominal)
    amplitude, _ = _amplitudes(own, phase)
    contrast = np.where(own.used, np.abs(amplitude), 0.0).sum(axis=1) / own.sweeps
    tau = np.abs(own.delay - zero)
    found = {"reference_delay": own.delay - zero, "reference_visibility": contrast}
    turned = np.unwrap(np.angle(amplitude), axis=1)
    rates = [
        float((turned[k, n - 1] - turned[k, 0]) / (own.start[k, n - 1] - own.start[k, 0]))
        for k, n in enumerate(own.sweeps.astype(int))
        if n > 1
    ]
    drift = (
        Value(float(np.mean(rates)), float(np.std(rates, ddof=1) / math.sqrt(len(rates))), "rad/s")
        if len(rates) > 2
        else None
    )
    if len(own) < FEWEST_REFERENCES or np.ptp(tau) <= 0:
        return None, drift, found
    line = np.stack([np.ones_like(tau), tau], axis=1)
    fitted, *_ = np.linalg.lstsq(line, contrast, rcond=None)
    left = contrast - line @ fitted
    variance = max(float(left @ left) / max(1, tau.size - 2), 2 / float(own.monitor.sum(axis=(1, 2)).mean()))
    sigma = math.sqrt(variance * float(np.linalg.inv(line.T @ line)[1, 1])) / float(fitted[0])
    # overlap changes by some per cent per cm at most, however little the reference rows may tell
    weight = OVERLAP_LARGEST**2 / (OVERLAP_LARGEST**2 + sigma**2)
    nominal = weight * float(fitted[1] / fitted[0])
    return Value(nominal, math.sqrt(weight) * sigma, "1/ps"), drift, found
