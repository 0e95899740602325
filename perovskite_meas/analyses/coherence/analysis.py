"""The coherence analysis: from the bursts of a Michelson scan to T2, or to a reasoned refusal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import Forecast, analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .carrier import Carrier, find_carrier
from .contest import Contest, contest
from .doubts import doubt
from .estimators import estimators, folded_points, naive, spread
from .fit import Points, profile
from .gates import clear, flags, knee, refusal, trend, verdict
from .laser import Laser, read_laser
from .light import Light, read_floor, read_light, undamped
from .result import CoherenceResult
from .rows import COLUMNS, FEWEST_DELAYS, Mask, read_rows
from .setup import HBAR, Setup
from .shown import burst_shown, curves_shown, phases_shown, points_shown
from .systematics import systematics
from .visibility import Visibilities, measure

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

USES = ("delay",)
WINDOW = 1.5
"""Pulse durations below which delays are left out where the duration is not known well."""
WANDER = 0.25
"""rad^2 by which the line itself may turn the phase within a sweep: beyond, delays are left out."""
TOO_FAST = (
    "at all but a few delays the line wanders by more than half a radian within a sweep: its fringes say nothing; "
    "take faster sweeps or shorter delays"
)
LONGEST_KNEE = 1e6
"""s; what stands for a phase that does not move."""
FAST_PHASES = 0.004
"""Relative 1-sigma of the visibility at zero: sound within a sweep, and a line beside the middle of the laser's."""
HIDDEN_LIGHT = 0.03
"""The same by background and leaked light that was not measured beside the emitter."""
DURATION_KNOWN = 0.1
"""Relative 1-sigma of the pulse duration up to which the convolution may be trusted."""


@analysis(needs=COLUMNS, uses=USES)
def coherence(data: xr.Dataset) -> CoherenceResult:
    """Return the homogeneous dephasing time of a line from fringe visibility against delay.

    Raises:
        AnalysisRefused: the rows cannot support any fit (the message says what is missing).
    """
    return analyse(data)


@coherence.figure
def plot(data: xr.Dataset, result: CoherenceResult, figure: Figure) -> None:
    """Draw a burst of fringes, visibility against delay with the models, residuals, phases and the laser."""
    from .figure import draw

    draw(result, figure)


@coherence.forecast
def predict(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate and sigma of T2 for planned rows."""
    from .forecast import forecast

    return forecast(planned)


def analyse(data: xr.Dataset) -> CoherenceResult:
    """Return the result of `coherence`.

    Source: V ~ exp(-t/T2) under weak two-pulse excitation, Bonadeo et al., Science 282, 1473 (1998) and Lv et al.,
    Nano Lett. 19, 4442 (2019); the finite pulse by its field autocorrelation, as in the package's physics notes.

    Raises:
        AnalysisRefused: the rows cannot support any fit.
    """
    rows, setup = read_rows(data), Setup.of(data)
    carrier = find_carrier(rows, setup)
    laser, floor = read_laser(rows, carrier, setup), read_floor(rows)
    seen = measure(rows.bright, carrier, setup, floor.level, laser.drift)
    carrier = seen.carrier
    light = read_light(rows, setup, floor, seen.fit.chain)
    points, window = _points(seen, laser, light, setup)
    if np.unique(np.round(points.tau[window], 2)).size < FEWEST_DELAYS:
        raise AnalysisRefused(TOO_FAST)
    found = contest(points.only(window))
    points = replace(points, extra=found.extra)
    best, enough = found.best, clear(seen)
    kept = points.only(window)
    t2, linewidth, v0, parts = _claim(kept, found, laser, light, seen, setup)
    relative = math.inf if t2.statistical is None or best.model == "gaussian" else t2.statistical / t2.nominal
    refused = refusal(points.tau[window], enough[window], best.line.t2, relative, best.model) or doubt(seen, found)
    if refused and not laser.zero_measured:
        refused += "; and zero delay was not measured, which may be all: let the procedure look for it (zero_span)"
    phase = carrier.phase(seen.bursts.fine)
    plain = folded_points(points, seen, phase, floor.level)
    others = {} if best.model == "gaussian" else estimators(points, plain, best, window)
    wrong, contrast = naive(seen.bursts, points.tau, floor.level, phase)
    checked = trend(seen)
    notes = [*_dropped(rows.dropped), *laser.notes, *flags(seen, carrier, laser, light, checked, found.extra)]
    notes += _more(found, window, others, t2)
    area = undamped(light.area, best.line.t2, points.duration) if light.area_source == "power rows" else light.area
    return CoherenceResult(
        t2=None if refused else t2,
        visibility_zero=None if refused else v0,
        linewidth=None if refused else linewidth,
        inhomogeneous=found.inhomogeneous,
        inhomogeneous_limit=found.limit,
        beat=found.beat,
        model=best.model,
        models=found.table(),
        zero_delay=laser.zero,
        pulse_duration=laser.duration,
        instrument_visibility=laser.visibility,
        instrument_slope=laser.slope,
        arm_visibility=light.arms,
        pulse_area=area,
        fringe_period=_period(carrier),
        phase_drift=_drift(seen),
        phase_diffusion=Value(seen.motion.common, seen.motion.common * seen.walk_sigma, "rad^2/s"),
        line_diffusion=seen.motion.own,
        phase_knee=min(knee(seen), LONGEST_KNEE),
        extra_scatter=found.extra,
        dispersion=seen.dispersion,
        on_fraction=min(float(np.mean(seen.lit)), 1.0),
        brightness=_brightness(seen),
        verdict=verdict(refused, best.model, t2, area, float(np.mean(seen.lit))),
        refused=refused,
        estimators=others,
        spread=spread(others) if others else 0.0,
        naive=wrong,
        systematics=parts,
        chi2_reduced=found.chi2,
        points=points_shown(points, seen, best, window, contrast, enough),
        curves=curves_shown(points, found.fits),
        burst=burst_shown(seen, carrier, floor.level),
        phases=phases_shown(seen),
        laser=laser.overlap,
        notes=tuple(dict.fromkeys(notes)),
    )


def _points(seen: Visibilities, laser: Laser, light: Light, setup: Setup) -> tuple[Points, Mask]:
    """Return the visibilities against delay from zero, and which of them are used."""
    tau = np.abs(seen.bursts.delay - laser.zero.nominal)
    duration = laser.duration.nominal if laser.duration is not None else 0.0
    own = laser.visibility.nominal if laser.visibility is not None else 0.9
    points = Points(
        tau, seen.length, seen.sigma, laser.instrument(tau), light.floor.leak / np.maximum(seen.level, 1e-9), own,
        duration, setup.shape,
    )  # fmt: skip
    window = np.ones(tau.size, dtype=bool)
    if laser.duration is not None and laser.duration.relative > DURATION_KNOWN:
        late = tau >= WINDOW * duration
        if np.unique(np.round(tau[late], 2)).size >= 5:
            window = late
    if seen.motion.own:
        slow = seen.motion.own_alone(tau) * seen.bursts.exposure * seen.bursts.fine.shape[1] <= WANDER
        window &= slow
    return points, window


def _claim(
    points: Points, found: Contest, laser: Laser, light: Light, seen: Visibilities, setup: Setup
) -> tuple[Value, Value, Value, dict[str, float]]:
    """Return t2, linewidth, visibility at zero and the systematic parts of t2."""
    best = found.best
    unseen = HIDDEN_LIGHT if light.floor.beside is None else 0.0
    v0 = Value.combine(best.v0, best.deviation("v0"), best.v0 * math.hypot(FAST_PHASES, unseen), "1")
    if best.model == "gaussian":
        return Value(math.inf, math.inf, "ps"), Value(0.0, math.inf, "ueV"), v0, {}
    t2 = best.line.t2
    low, high = profile(points, best)
    statistical = 0.5 * (math.exp(min(high, 50.0)) - math.exp(max(low, -50.0)))
    parts = systematics(points, best, laser, light, seen, setup) | {"line_shape": found.shape_doubt}
    systematic = t2 * math.sqrt(sum(part**2 for part in parts.values()))
    value = Value.combine(t2, statistical, systematic, "ps")
    width = 2 * HBAR / t2
    relative = statistical / t2, systematic / t2
    return value, Value.combine(width, width * relative[0], width * relative[1], "ueV"), v0, parts


def _period(carrier: Carrier) -> Value:
    if carrier.scale is None:
        return carrier.period
    nominal = carrier.period.nominal * carrier.scale.nominal
    return Value(nominal, nominal * math.hypot(carrier.period.relative, carrier.scale.relative), "fs")


def _drift(seen: Visibilities) -> Value:
    """Return the drift with the sigma that the walk leaves: sqrt(D/T) over the time of all bursts."""
    seconds = float(np.where(seen.bursts.used, seen.bursts.start, 0.0).max(axis=1).sum())
    sigma = math.sqrt(max(seen.motion.common, 1e-5) / max(seconds, 1e-3))
    return Value(seen.motion.drift, sigma, "rad/s")


def _brightness(seen: Visibilities) -> Value:
    mean = float(np.mean(seen.level))
    spread_of_rows = float(np.std(seen.level)) / math.sqrt(max(1, seen.level.size))
    return Value(mean, math.hypot(spread_of_rows, mean / math.sqrt(max(1.0, float(seen.photons.sum())))), "cps")


def _dropped(number: int) -> list[str]:
    return [f"{number} row(s) without finite counts, delay or exposure were left out"] if number else []


def _more(found: Contest, window: Mask, others: dict[str, Value], t2: Value) -> list[str]:
    notes = list(found.notes)
    if not window.all():
        notes.append(
            f"{int((~window).sum())} burst(s) were left out: within {WINDOW} pulse durations of zero, or at delays "
            "where the line wanders too fast for a sweep"
        )
    apart = [
        name for name in ("folded_rice", "late") if name in others
        and abs(others[name].nominal - t2.nominal) > 3 * math.hypot(others[name].sigma, t2.sigma)
    ]  # fmt: skip
    notes += [
        f"the estimator {name} gives {others[name]}, far from {t2}: the sweeps hide more than noise" for name in apart
    ]
    return notes
