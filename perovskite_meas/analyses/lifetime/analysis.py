"""The lifetime analysis: from arrival histograms to a lifetime, or to the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import analysis
from perovskite_meas.core.value import Value

from .averages import (
    Number,
    amplitude_average,
    amplitude_fraction,
    at_once,
    fast,
    intensity_average,
)
from .averages import (
    lifetime as decay_time,
)
from .curves import background_part, curves
from .estimators import PS, alternatives, each_detector, mean_lifetime, naive
from .fit import Fit, observed
from .gates import Facts, notes, steadiness, verdict
from .model import Model
from .result import LifetimeResult
from .rows import COLUMNS, read_decays
from .selection import Choice, choose
from .setup import FEWEST, Setup, set_up
from .systematics import systematics

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

TAIL = (6.0, 10.0)
"""Widths of an assumed response before and after its centre that are left out where the decay is slow enough."""
SLOW = 10.0
"""A decay this much slower than an assumed response is fitted behind it only."""


@analysis(needs=COLUMNS)
def lifetime(data: xr.Dataset) -> LifetimeResult:
    """Return the lifetime of one emitter from the arrival times of its photons after pulses.

    Raises:
        AnalysisRefused: columns are missing, or no usable row has light on the emitter.
    """
    return analyse(data)


@lifetime.figure
def plot(data: xr.Dataset, result: LifetimeResult, figure: Figure) -> None:
    """Draw the decay with its fit on a logarithmic axis, the response, and residuals."""
    from .figure import draw

    draw(result, figure)


def analyse(data: xr.Dataset) -> LifetimeResult:
    """Return the result of `lifetime`.

    Wrapped decays are seen through each detector's measured response, with pile-up and the background measured
    beside the emitter in the model, and fitted to both detectors together by Poisson maximum likelihood.

    Raises:
        AnalysisRefused: columns are missing, or no usable row has light on the emitter.
    """
    decays = read_decays(data)
    if decays.period <= 0:
        why = "continuous excitation has no pulse to count from; take the lifetime from g2 at several powers"
        return _without(why, 0.0)
    counts = float(sum(part.sum() for part in decays.series["on"].counts))
    if max(part.sum() for part in decays.series["on"].counts) < FEWEST:
        why = f"only {counts:.0f} photons on the emitter; a lifetime needs {FEWEST:.0f} on a detector"
        return _without(why, counts)
    setup = set_up(data, decays)
    choice, setup, edge = _fit(setup)
    best = choice.best
    misfit, misfit_sigma = best.misfit()
    # Where the model fails by more than chance, its sigmas are as wrong as its shape.
    stretch = math.sqrt(misfit) if misfit > 1 + 3 * misfit_sigma else 1.0
    left_out = fast(best, setup.width)
    mean = intensity_average(best, left_out)
    parts = _systematics(best, setup, mean, edge)

    def value(number: Number, scale: float, unit: str, parts: dict[str, float] | None = None) -> Value:
        systematic = math.sqrt(sum(part**2 for part in (parts or {}).values()))
        return Value.combine(number.nominal * scale, number.sigma(best) * stretch * scale, systematic, unit)

    amplitude = amplitude_average(best, left_out)
    components = tuple(
        (
            value(amplitude_fraction(best, i, left_out), 1.0, "1"),
            value(decay_time(best, i), PS, "ns", _systematics(best, setup, decay_time(best, i), edge)),
        )
        for i in range(best.model.components)
    )
    prompt = best.model.prompt or bool(left_out.any())
    alone = each_detector(best, setup)
    found = LifetimeResult(
        lifetime=value(mean, PS, "ns", parts),
        reason=None,
        model=choice.name,
        components=components,
        amplitude_average=value(amplitude, PS, "ns", _systematics(best, setup, amplitude, edge)),
        intensity_average=value(mean, PS, "ns", parts),
        at_once=value(at_once(best, left_out), 1.0, "1") if prompt else None,
        shift=_shifts(best, setup, stretch),
        background=background_part(best),
        chi2=misfit,
        chi2_sigma=misfit_sigma,
        irf_source=setup.source,
        irf_width=_widths(best, setup),
        counts=counts,
        pile_up=max(float(seen[0].sum()) / seen[1] for seen in setup.seen),
        detectors=alone,
        agreement=_agreement(alone),
        estimators=naive(choice, setup),
        alternatives=alternatives(choice),
        systematics=parts,
        curve=curves(best, setup),
    )
    facts = Facts(data, decays, setup, choice, left_out, steadiness(decays, setup, mean.nominal))
    return replace(found, verdict=verdict(found, facts), notes=notes(found, facts))


def _without(reason: str, counts: float) -> LifetimeResult:
    return LifetimeResult(lifetime=None, reason=reason, model="none", counts=counts, verdict=f"no lifetime: {reason}")


def _fit(setup: Setup) -> tuple[Choice, Setup, float]:
    """Return the fits, the setup with its final width, and how far the lifetime depends on an assumed response (ps)."""
    choice = choose(setup.model, setup.width)
    edge = 0.0
    if setup.model.fitted_response:
        best = choice.best
        width = max(math.exp(best.value(f"ln_width_{d}")) for d in range(len(setup.names)))
        setup = replace(setup, width=width)
        full = mean_lifetime(best, width)
        if full.nominal / PS > SLOW * width * setup.model.bin_width:
            choice = choose_behind(best, setup)
            edge = abs(mean_lifetime(choice.best, width).nominal - full.nominal) / PS
        else:
            # A Gaussian stands for a response of unknown shape: its own width is what the edge leaves unknown.
            edge = 0.1 * width * setup.model.bin_width
    return replace(choice, best=observed(choice.best)), setup, edge


def choose_behind(best: Fit, setup: Setup) -> Choice:
    """Return the fits with the bins around the rising edge left out and its place and width held."""
    traces, held = [], []
    for d, trace in enumerate(best.model.traces):
        shift, ln_width = best.value(f"shift_{d}"), best.value(f"ln_width_{d}")
        m, width = trace.counts.size, max(math.exp(ln_width), 0.5)
        place = (np.arange(m) + 0.5 - trace.centre - shift + m / 2) % m - m / 2
        traces.append(replace(trace, used=(place < -TAIL[0] * width) | (place > TAIL[1] * width)))
        held.append((shift, ln_width))
    model: Model = replace(setup.model, traces=tuple(traces), held_response=tuple(held))
    return choose(model, setup.width)


def _systematics(best: Fit, setup: Setup, target: Number, edge: float) -> dict[str, float]:
    parts = systematics(best, target, setup.responses, setup.backgrounds, setup.seen, setup.light)
    if not setup.responses:
        parts["assumed_response"] = edge
    return {name: part * PS for name, part in parts.items()}


def _shifts(best: Fit, setup: Setup, stretch: float) -> dict[str, Value]:
    out = {}
    for d, name in enumerate(setup.names):
        width = best.model.bin_width
        sigma = best.sigma(f"shift_{d}") * stretch * width
        out[name] = Value(best.value(f"shift_{d}") * width, sigma, "ps")
    return out


def _widths(best: Fit, setup: Setup) -> dict[str, float]:
    width = best.model.bin_width
    if setup.responses:
        return {name: r.width * width for name, r in zip(setup.names, setup.responses, strict=True)}
    return {name: math.exp(best.value(f"ln_width_{d}")) * width for d, name in enumerate(setup.names)}


def _agreement(alone: dict[str, Value]) -> float | None:
    if len(alone) < 2:
        return None
    one, other = alone.values()
    sigma = math.hypot(one.sigma, other.sigma)
    return (one.nominal - other.nominal) / sigma if sigma > 0 else None
