"""Expected counts and their variance for every row, as a function of all unknowns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .counts import registered_rate, registered_variance
from .ladder import photons
from .power import Power
from .rows import Array, Mask, Rows
from .setup import Setup

NAMES = (
    "ln_alpha", "ln_brightness", "q", "zero", "linear", "square", "dark",
    "drift", "bend", "ln_blink", "ln_jitter", "exponent", "leak",
)  # fmt: skip
"""ln_alpha: ln <N> at `Model.unit_power`; zero: in sigmas of the head's zero; linear, square: background in cps
at unit power; drift, bend: ln brightness = -drift u - bend u (1-u) over the relative dose u; ln_blink, ln_jitter:
ln of relative noise of the signal and of the power; exponent: of <N> ~ P^m; leak: part of <N> that is linear in P,
at the power where the rest is 1."""
STEPS = np.array([1e-4, 1e-4, 1e-4, 1e-2, 0.1, 0.1, 0.1, 1e-4, 1e-4, 1e-3, 1e-3, 1e-4, 1e-4])
"""Step of the numerical derivative by each unknown."""
BLINKING_SETS_IN = 0.1
"""<N> from which blinking noise is felt; dots hardly blink below (review, section 2.4)."""


@dataclass(frozen=True)
class Model:
    """The rows of a run with everything that is not fitted.

    Mean counts = T m(R), R = B [A S(x)] + c1 p + c2 p^2 + d with p = P/unit_power and
    x = alpha p^exponent + leak sqrt(alpha) p.
    """

    counts: Array
    live_time: Array
    power: Array
    """In `unit_power`."""
    power_noise: Array
    """Relative noise of each power beyond the common one."""
    zero_step: float
    """Change of `power` for one sigma of the head's zero."""
    dose: Array
    """Relative dose at mid exposure, 0..1."""
    emitter: Mask
    lit: Mask
    unit_power: float
    """W."""
    dead_time: float
    """s."""
    survival: float
    energy_spread: float = 0.0
    """Relative rms of the pulse energy."""
    law: str = "central"

    def subset(self, keep: Mask) -> Model:
        """Return the model of some of the rows, with the same units."""
        return replace(
            self,
            counts=self.counts[keep],
            live_time=self.live_time[keep],
            power=self.power[keep],
            power_noise=self.power_noise[keep],
            dose=self.dose[keep],
            emitter=self.emitter[keep],
            lit=self.lit[keep],
        )

    @property
    def background_seen(self) -> bool:
        """Whether there is light beside the emitter."""
        return bool((self.lit & ~self.emitter).any())

    def excitations(self, theta: Array) -> Array:
        """Return <N> of every row; theta has shape (..., unknowns), the result (..., rows)."""
        alpha, exponent, leak = theta[..., 0, None], theta[..., 11, None], theta[..., 12, None]
        log_p = np.log(self._powers(theta))
        x = np.exp(np.clip(alpha + exponent * log_p, -40, 40))
        if theta[..., 12].any():
            x = np.clip(x + leak * np.exp(np.clip(alpha / 2 + log_p, -40, 40)), 1e-17, None)
        return x

    def brightness(self, theta: Array) -> Array:
        """Return the plateau in cps at the dose of every row, (..., rows)."""
        u = self.dose
        change = theta[..., 7, None] * u + theta[..., 8, None] * u * (1 - u)
        result: Array = np.exp(np.clip(theta[..., 1, None] - change, -40, 40))
        return result

    def signal(self, theta: Array) -> Array:
        """Return the rate from the emitter in cps, (..., rows)."""
        return self._emitted(theta, self.excitations(theta))

    def background(self, theta: Array) -> Array:
        """Return background without dark counts in cps, (..., rows)."""
        p = self._powers(theta)
        return np.where(self.lit, theta[..., 4, None] * p + theta[..., 5, None] * p**2, 0.0)

    def rate(self, theta: Array) -> Array:
        """Return the true count rate in cps, (..., rows)."""
        total = self.signal(theta) + self.background(theta) + theta[..., 6, None]
        return np.clip(total, 1e-3, None)

    def moments(self, theta: Array) -> tuple[Array, Array]:
        """Return mean and variance of the counts, each (..., rows).

        The variance is that of photons after dead time, plus blinking (relative ln_blink in 1 s, fading below
        <N> = 0.1), plus the noise of the power times the local slope of the signal.
        """
        x = self.excitations(theta)
        signal, background = self._emitted(theta, x), self.background(theta)
        rate = np.clip(signal + background + theta[..., 6, None], 1e-3, None)
        mean = registered_rate(rate, self.dead_time) * self.live_time
        blink2 = np.exp(2 * theta[..., 9, None]) / self.live_time * (1.0 - np.exp(-x / BLINKING_SETS_IN))
        slope = theta[..., 11, None] * x / np.expm1(np.clip(x, 1e-9, 500.0)) * signal + 2.0 * background
        jitter2 = np.exp(2 * theta[..., 10, None]) + self.power_noise**2
        excess = (blink2 * signal**2 + jitter2 * slope**2) * (mean / rate) ** 2 * (mean / rate / self.live_time) ** 2
        return mean, registered_variance(mean, rate, self.dead_time) + excess

    def _emitted(self, theta: Array, x: Array) -> Array:
        q = theta[..., 2, None]
        if self.energy_spread > 0:
            # Three-point Gauss-Hermite mean over pulse energies.
            shift = math.sqrt(3) * self.energy_spread
            nodes = ((0.0, 2 / 3), (shift, 1 / 6), (-shift, 1 / 6))
            emission = sum(
                (w * photons(x * (1 + u) ** 2, q, self.survival, self.law) for u, w in nodes), np.zeros_like(x)
            )
        else:
            emission = photons(x, q, self.survival, self.law)
        return np.where(self.emitter, self.brightness(theta) * emission, 0.0)

    def _powers(self, theta: Array) -> Array:
        shifted = self.power - theta[..., 3, None] * self.zero_step
        return np.where(self.lit, np.clip(shifted, 1e-6, None), 1e-6)


def build_model(rows: Rows, power: Power, setup: Setup) -> Model:
    """Return the model of a run's rows."""
    lit, emitter = ~rows.of("dark"), rows.emitter
    unit = float(np.exp(np.log(power.sample[emitter]).mean()))
    return Model(
        counts=rows.counts,
        live_time=rows.live_time,
        power=power.sample / unit,
        power_noise=power.extra,
        zero_step=setup.ratio.nominal * power.zero.sigma / unit,
        dose=_relative_dose(rows, power.sample, setup),
        emitter=emitter,
        lit=lit,
        unit_power=unit,
        dead_time=setup.dead_time.nominal * 1e-9 if setup.dead_time else 0.0,
        survival=setup.survival,
        energy_spread=setup.energy_spread,
    )


def _relative_dose(rows: Rows, sample: Array, setup: Setup) -> Array:
    per_watt_second = setup.fluence_per_watt * setup.repetition_rate
    own = np.where(rows.emitter, sample * rows.live_time * per_watt_second, 0.0)
    before = rows.dose
    if not np.isfinite(before).all() or np.ptp(before) <= 0:
        before = np.concatenate([[0.0], np.cumsum(own)[:-1]])
    middle = before - before.min() + own / 2
    top = float(middle[rows.emitter].max())
    result: Array = np.where(rows.emitter, middle / top, 0.0)
    return result
