"""Systematic parts of T2, each named."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .fit import Best, Points, fit
from .laser import Laser
from .light import Light
from .setup import Setup
from .visibility import Visibilities

DELAY_SCALE = 3e-4
"""Relative 1-sigma of travel to delay: encoder, air, cosine of the beam to the axis."""
LEAK_TRUST = 0.5
"""Part of the light beside the emitter whose coherence is not known."""
AREA_LOSS = 0.09
"""Relative loss of T2 by pulses of area pi/2, halfway between long and short lives; grows as 1 - cos(area)."""
WITHIN_TRUST = 1.0
"""Relative 1-sigma of what the line's wander takes within a sweep."""
DEAD_TIME_TRUST = 0.1
"""Relative 1-sigma of the dead time."""


def systematics(
    points: Points, best: Best, laser: Laser, light: Light, seen: Visibilities, setup: Setup
) -> dict[str, float]:
    """Return relative 1-sigma of t2 by cause, by refits with each assumption moved by its sigma."""
    start = best.value("ln_t2")

    def moved(changed: Points) -> float:
        return abs(fit(changed, best.model, best.theta).value("ln_t2") - start)

    duration = laser.duration.sigma if laser.duration is not None else 0.5 * points.duration
    parts = {
        "pulse_duration": moved(replace(points, duration=points.duration + duration)),
        "zero_delay": moved(replace(points, tau=np.abs(points.tau + laser.zero.sigma))),
        "instrument": moved(replace(points, instrument=points.instrument * (1 + laser.slope.sigma * points.tau))),
        "delay_scale": DELAY_SCALE,
    }
    if points.leak.any():
        parts["leakage"] = moved(replace(points, leak=points.leak * (1 - LEAK_TRUST)))
    if setup.dead_time:
        hidden = DEAD_TIME_TRUST * setup.dead_time * float(np.mean(seen.level))
        factor = 1 + hidden * (1 - 0.5 * points.length**2)
        parts["dead_time"] = moved(replace(points, length=points.length * factor))
    if light.area is not None:
        parts["pulse_area"] = AREA_LOSS * (1 - math.cos(math.pi * min(light.area.nominal, 1.0)))
    if seen.motion.common or seen.motion.own:
        # Only a part of the walk's own uncertainty reaches T2: all bursts lose alike.
        taken = math.expm1(float(np.max(seen.motion.diffusion(points.tau))) * 0.5 / 12)
        parts["phase_walk"] = 0.3 * seen.walk_sigma * taken
    if seen.motion.own or seen.motion.jitter:
        # How the line wanders within a sweep is only inferred from how it does between sweeps.
        sweep = float(np.mean(seen.bursts.exposure)) * seen.bursts.fine.shape[1]
        within = seen.motion.own_alone(points.tau) * sweep / 12
        # What moves between sweeps at random moves within them as much; a width of the model would hold that.
        within = within + seen.motion.scatter(points.tau) * (0.5 if best.model == "exponential" else 1 / 12)
        parts["line_wander"] = moved(replace(points, length=points.length * np.exp(WITHIN_TRUST * within)))
    return parts
