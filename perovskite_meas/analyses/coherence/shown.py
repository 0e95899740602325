"""What the figure and the stored result show: points, curves, one burst, phases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .carrier import Carrier
from .fit import Best, Points
from .rice import most_likely
from .rows import Array, Mask
from .sweeps import slopes
from .visibility import Visibilities

CURVE = 160
CLEAR_PHASE = 0.15
"""rad to which the phase of a sweep must be known to be shown."""
MOST_PHASES = 12


def points_shown(
    points: Points, seen: Visibilities, best: Best, window: Mask, contrast: Array, enough: Mask
) -> dict[str, Any]:
    """Return one entry per burst."""
    expected = points.model(best.v0, best.line)
    total = np.hypot(points.sigma, points.extra * expected)
    visibility = most_likely(points.length, points.sigma)
    time = seen.bursts.other("time")
    return {
        "series": seen.bursts.series.tolist(), "row": seen.bursts.index.tolist(),
        "time": np.where(np.isfinite(time), time, 0.0).tolist(), "delay": points.tau.tolist(),
        "visibility": visibility.tolist(), "sigma": points.sigma.tolist(), "photons": seen.photons.tolist(),
        "level": seen.level.tolist(), "model": expected.tolist(),
        "residual": ((visibility - expected) / total).tolist(), "naive": contrast.tolist(),
        "enough": enough.tolist(), "used": window.tolist(),
    }  # fmt: skip


def curves_shown(points: Points, fits: Mapping[str, Best]) -> dict[str, Any]:
    """Return the models on a grid of delays."""
    tau = np.linspace(0.0, float(points.tau.max()) * 1.03, CURVE)
    return {"delay": tau.tolist()} | {name: points.model(one.v0, one.line, tau).tolist() for name, one in fits.items()}


def burst_shown(seen: Visibilities, carrier: Carrier, background: float) -> dict[str, Any]:
    """Return the clearest burst, all sweeps folded, with the fit that knows when the emitter was on."""
    clear = seen.visibility / seen.sigma
    own = np.flatnonzero(seen.visibility < 0.75)
    k = int(own[np.argmax(clear[own])]) if own.size else int(np.argmax(clear))
    lit = slopes(seen.fit).lit[k]
    cosine, _ = seen.fit.basis()
    expected = seen.fit.level[k] * (1 + seen.fit.radial[k] * cosine[k]) * lit
    model = (expected + seen.fit.background[k] * seen.bursts.used[k][:, None]).sum(axis=0)
    counts = seen.bursts.counts[k].sum(axis=0)
    return {
        "delay": float(seen.bursts.delay[k]), "fine_delay": carrier.true(seen.bursts.fine[k][None])[0].tolist(),
        "counts": counts.tolist(), "model": model.tolist(), "on": (lit.sum(axis=0) / seen.bursts.sweeps[k]).tolist(),
        "visibility": float(seen.visibility[k]), "sigma": float(seen.sigma[k]),
        "background": float(background * seen.bursts.seconds[k]),
    }  # fmt: skip


def phases_shown(seen: Visibilities) -> dict[str, Any]:
    """Return the phases of the sweeps of the clearest bursts, from their own mean."""
    blur = np.where(seen.bursts.used, seen.phase_sigma, np.nan)
    typical = np.nanmedian(blur, axis=1)
    keep = [int(k) for k in np.argsort(typical)[:MOST_PHASES] if typical[k] < CLEAR_PHASE and seen.bursts.sweeps[k] > 2]
    times, phases, sigmas = [], [], []
    for k in keep:
        n = int(seen.bursts.sweeps[k])
        phase = np.unwrap(seen.phase[k, :n])
        times.append((seen.bursts.start[k, :n] - seen.bursts.start[k, 0]).tolist())
        phases.append((phase - phase.mean()).tolist())
        sigmas.append(seen.phase_sigma[k, :n].tolist())
    return {"time": times, "phase": phases, "sigma": sigmas}
