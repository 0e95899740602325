"""Expected counts per bin of all detectors, and their derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .background import convolved
from .kernel import exponential, stretched, with_slopes
from .response import gaussian
from .rows import Array

STEP = 1e-4
"""Step of numerical derivatives."""
SHIFT_STEP = 1e-2
"""Step in the shift, in bins."""
FAST = 75.0
"""ps: lifetime taken for photons that come at once: biexcitons (50 to 100 ps), or scattered light."""


@dataclass(frozen=True)
class Trace:
    """The histogram of one detector and what is known of it."""

    counts: Array
    """Shape (m,)."""
    response: Array
    """Unit sum, shape (m,); not used where the response is fitted."""
    centre: float
    """Where the light of the pulse arrives, in bins."""
    live: Array
    """Part of the pulses in which the detector could see, shape (m,)."""
    background: Array
    """Expected counts without the emitter, shape (m,)."""
    scale_sigma: float
    """Prior 1-sigma of the factor to `background`; 0 where it is held at 1."""
    flat_sigma: float
    """Prior 1-sigma of a further flat part, in counts per bin; infinite where unknown."""
    used: npt.NDArray[np.bool_]
    """Bins that count, shape (m,)."""


@dataclass(frozen=True)
class Model:
    """A sum of wrapped decays seen through each detector's response, plus background.

    The unknowns: ln tau of each decay; ln of its photons over those of the first (all but the first); then, if
    `prompt`, photons that come at once over the others; if `stretch`, the exponent beta. Then for each detector ln
    of its photons, shift of the response (bins), flat counts per bin, factor to the background, and, where the
    response is fitted, ln of its width (bins).
    """

    traces: tuple[Trace, ...]
    bin_width: float
    """ps."""
    period: float
    """ps."""
    components: int
    prompt: bool
    """Whether photons at once are allowed for."""
    shift_bound: float
    """Largest shift of a response, in bins."""
    stretch: bool = False
    """One stretched exponential instead of a sum."""
    fitted_response: bool = False
    """Whether the responses are Gaussians whose width is fitted, for want of measured ones."""
    held_response: tuple[tuple[float, float], ...] = ()
    """Shift and ln width of each fitted response, once they are held."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns, in order."""
        k = self.components
        shared = [f"ln_tau_{i}" for i in range(k)] + [f"ln_ratio_{i}" for i in range(1, k)]
        shared += ["prompt"] * self.prompt + ["beta"] * self.stretch
        own = [
            f"{name}_{d}"
            for d in range(len(self.traces))
            for name in ("ln_counts", "shift", "flat", "scale", *(["ln_width"] if self.fitted_response else []))
        ]
        return tuple(shared + own)

    def index(self, name: str) -> int:
        """Return the place of one unknown."""
        return self.names.index(name)

    def fractions(self, theta: Array) -> Array:
        """Return the part of the emitter's photons in each decay, shape (k,); those at once left out."""
        ratio = np.exp(np.concatenate([[0.0], theta[self.components : 2 * self.components - 1]]))
        out: Array = ratio / ratio.sum()
        return out

    def limits(self) -> tuple[Array, Array]:
        """Return the lowest and highest allowed value of each unknown."""
        low, high = [], []
        longest = math.log((3.0 if self.stretch else 30.0) * self.period)
        width = self.traces[0].counts.size
        for name in self.names:
            word, _, last = name.rpartition("_")
            floor = -0.9 * float(self.traces[int(last)].background.min()) if word == "flat" else 0.0
            bounds = {
                "ln_tau": (math.log(0.1 * self.bin_width), longest),
                "ln_ratio": (-12.0, 12.0),
                "ln_counts": (-5.0, 60.0),
                "shift": (-self.shift_bound, self.shift_bound),
                "flat": (floor, 1e15),
                "scale": (0.0, 10.0),
                "ln_width": (math.log(0.2), math.log(width / 8)),
            }.get(word, {"prompt": (-0.05, 3.0), "beta": (0.25, 1.0)}.get(name, (-math.inf, math.inf)))
            low.append(bounds[0])
            high.append(bounds[1])
        return np.array(low), np.array(high)

    def priors(self) -> tuple[Array, Array]:
        """Return centre and 1/sigma^2 of the prior of each unknown."""
        centre, weight = np.zeros(len(self.names)), np.zeros(len(self.names))
        for d, trace in enumerate(self.traces):
            scale, flat = self.index(f"scale_{d}"), self.index(f"flat_{d}")
            centre[scale] = 1.0
            weight[scale] = 1 / trace.scale_sigma**2 if trace.scale_sigma else 0.0
            weight[flat] = 0.0 if math.isinf(trace.flat_sigma) else 1 / trace.flat_sigma**2
        return centre, weight

    def held(self) -> npt.NDArray[np.bool_]:
        """Select the unknowns that are not fitted."""
        out = np.zeros(len(self.names), dtype=bool)
        for d, trace in enumerate(self.traces):
            out[self.index(f"scale_{d}")] = trace.scale_sigma == 0
            if self.held_response:
                out[[self.index(f"shift_{d}"), self.index(f"ln_width_{d}")]] = True
        return out

    def response(self, theta: Array, detector: int, change: float = 0.0) -> Array:
        """Return the response of one detector, its ln width changed where it is fitted, shape (m,)."""
        trace = self.traces[detector]
        if not self.fitted_response:
            return trace.response
        width = math.exp(float(theta[self.index(f"ln_width_{detector}")]) + change)
        return gaussian(trace.centre, width, trace.counts.size)

    def expected(self, theta: Array) -> Array:
        """Return the expected counts, shape (detectors, m)."""
        out = []
        for d, trace in enumerate(self.traces):
            photons, _, flat, scale = self._own(theta, d)
            signal = convolved(self.response(theta, d), self.kernel(theta, d))
            out.append(trace.live * (photons * signal + flat + scale * trace.background))
        return np.stack(out)

    def jacobian(self, theta: Array) -> tuple[Array, Array]:
        """Return the expected counts (detectors, m) and their derivatives (detectors, m, unknowns)."""
        names = self.names
        means, slopes = [], []
        for d, trace in enumerate(self.traces):
            photons, _, flat, scale = self._own(theta, d)
            lag = self._lag(theta, d)
            kernels = self._kernels(theta, lag)
            response = self.response(theta, d)
            parts = convolved(response, kernels)
            signal = parts[0]
            slope = np.zeros((trace.counts.size, len(names)))
            shared = parts.shape[0] - 2
            slope[:, :shared] = photons * parts[1 : 1 + shared].T
            base = self.index(f"ln_counts_{d}")
            slope[:, base] = photons * signal
            slope[:, base + 1] = photons * parts[-1]
            slope[:, base + 2] = 1.0
            slope[:, base + 3] = trace.background
            if self.fitted_response:
                wider, narrower = self.response(theta, d, STEP), self.response(theta, d, -STEP)
                slope[:, base + 4] = photons * convolved((wider - narrower) / (2 * STEP), kernels[0])
            means.append(trace.live * (photons * signal + flat + scale * trace.background))
            slopes.append(trace.live[:, None] * slope)
        return np.stack(means), np.stack(slopes)

    def kernel(self, theta: Array, detector: int) -> Array:
        """Return the decay of unit sum at the shift of one detector, over lags -(m-1) .. m-1 bins, shape (2m-1,)."""
        return self._mixture(theta, self._lag(theta, detector))

    def _own(self, theta: Array, detector: int) -> tuple[float, float, float, float]:
        base = self.index(f"ln_counts_{detector}")
        return math.exp(theta[base]), float(theta[base + 1]), float(theta[base + 2]), float(theta[base + 3])

    def _lag(self, theta: Array, detector: int) -> Array:
        m = self.traces[detector].counts.size
        lag: Array = (np.arange(-m, m + 1, dtype=np.float64) - self._own(theta, detector)[1]) * self.bin_width
        return lag

    def _decay(self, tau: float, lag: Array, beta: float) -> Array:
        if self.stretch:
            return stretched(lag, self.bin_width, tau, beta, self.period)
        return exponential(lag, self.bin_width, tau, self.period)

    def _beta(self, theta: Array) -> float:
        return float(theta[self.index("beta")]) if self.stretch else 1.0

    def _mixture(self, theta: Array, lag: Array) -> Array:
        beta = self._beta(theta)
        total = np.zeros(lag.size - 2)
        for fraction, ln_tau in zip(self.fractions(theta), theta[: self.components], strict=True):
            total += fraction * self._decay(math.exp(ln_tau), lag, beta)
        if self.prompt:
            p = float(theta[self.index("prompt")])
            total = (total + p * exponential(lag, self.bin_width, FAST, self.period)) / (1 + p)
        return total

    def _kernels(self, theta: Array, lag: Array) -> Array:
        """Return the mixture, its derivatives by the shared unknowns, and by the shift; shape (., n)."""
        if self.stretch:
            return self._stretched_kernels(theta, lag)
        k, fraction = self.components, self.fractions(theta)
        decays = np.stack([with_slopes(lag, self.bin_width, math.exp(x), self.period) for x in theta[:k]])
        p = float(theta[self.index("prompt")]) if self.prompt else 0.0
        total, by_lag = np.tensordot(fraction, decays[:, 0], 1), np.tensordot(fraction, decays[:, 2], 1)
        rows = [fraction[i] * decays[i, 1] / (1 + p) for i in range(k)]
        rows += [fraction[i] * (decays[i, 0] - total) / (1 + p) for i in range(1, k)]
        if self.prompt:
            fast, _, fast_by_lag = with_slopes(lag, self.bin_width, FAST, self.period)
            total, by_lag = (total + p * fast) / (1 + p), (by_lag + p * fast_by_lag) / (1 + p)
            rows.append((fast - total) / (1 + p))
        return np.stack([total, *rows, -by_lag * self.bin_width])

    def _stretched_kernels(self, theta: Array, lag: Array) -> Array:
        def moved(place: int, step: float) -> Array:
            up, down = theta.copy(), theta.copy()
            up[place] += step
            down[place] -= step
            out: Array = (self._mixture(up, lag) - self._mixture(down, lag)) / (2 * step)
            return out

        step = SHIFT_STEP * self.bin_width
        by_shift = (self._mixture(theta, lag - step) - self._mixture(theta, lag + step)) / (2 * SHIFT_STEP)
        return np.stack([self._mixture(theta, lag), moved(0, STEP), moved(1, STEP), by_shift])
