"""The blinking analysis: from the photon tags of a run to on fraction, exponents, states and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.analysis import analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value
from perovskite_meas.photons.dwells import log_log_slope

from .curves import curves
from .dwelling import FEWEST_COUNTS, Dwelling, ensemble_fraction, on_fraction
from .result import BlinkingResult
from .scan import bin_scan, bright_share, rebinned
from .source import background, tag_file
from .steps import by_change_points, states_of
from .stream import BASE, FEWEST_PHOTONS, Observed, observe
from .verdict import verdict, warnings

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

MAIN = 2
"""Bin width of the result in base bins: 1 ms."""
NUMBERS = (
    "on_fraction", "on_fraction_ensemble", "exponent_on", "exponent_off", "cutoff_on", "cutoff_off", "on_rate",
    "off_rate", "grey_ratio", "threshold",
)  # fmt: skip


@analysis(needs={"series": "1", "live_time": "s"})
def blinking(data: xr.Dataset) -> BlinkingResult:
    """Return how the emitter blinked; without its photon tags every number is None, and the reason is given."""
    if "series" not in data or not data.sizes.get("row", 0):
        raise AnalysisRefused("there is no row to tell what was recorded: `series` and `live_time` of each chunk")
    path, why = tag_file(data)
    rate, series = background(data)
    if path is None:
        return _nothing(why, rate)
    from perovskite_meas.photons.files import TagFileError, open_tags

    try:
        with open_tags(path) as file:
            seen = observe(file, background=0.0 if rate is None else rate.nominal, arrivals=_arrivals(data))
    except TagFileError as error:
        return _nothing(f"the photon tags {path} cannot be read: {error}", rate)
    return assess(seen, background=rate, background_from=series)


@blinking.figure
def plot(data: xr.Dataset, result: BlinkingResult, figure: Figure) -> None:
    """Draw the trace with its levels, the dwell times and the map of level against lifetime."""
    from .figure import draw

    draw(result, figure)


def assess(seen: Observed, *, background: Value | None = None, background_from: str = "") -> BlinkingResult:
    """Return the result of `blinking` from what one pass over the photons left.

    Args:
        seen: traces of the records with light on the emitter, and their change points.
        background: rate of all detectors without the emitter, in cps.
        background_from: the series that it was measured in.
    """
    traces = [one for one in seen.traces if len(one)]
    seconds = sum(len(one) for one in traces) * BASE
    photons = sum(int(one.sum()) for one in traces)
    if photons == 0:
        return _nothing("no photon was recorded with light on the emitter", background)
    if photons < FEWEST_PHOTONS:
        return _nothing(f"too few photons: {photons}, at least {FEWEST_PHOTONS} are needed", background)
    scan, found = bin_scan(traces)
    judged, why = verdict(scan, found, photons / seconds, background)
    notes = [*seen.notes, why]
    if background is None:
        notes.append("no rows beside the emitter or in the dark: the background is not known, a grey off level neither")
    elif background_from == "dark":
        notes.append("the background is the dark rate: light beside the emitter was not measured")
    fields: dict[str, Any] = dict.fromkeys(NUMBERS)
    reasons: dict[str, str] = {}
    estimators: dict[str, dict[str, Value]] = {}
    main = None
    if judged == "blinking":
        main = _telling(found)
        notes += _blinking(fields, reasons, estimators, traces, found, main, background)
        notes += warnings(main, scan, seconds)
        _compare(estimators, seen, main)
    elif judged == "steady":
        rate = Value(photons / seconds, photons**0.5 / seconds, "cps")
        fields["on_fraction"] = Value(1.0, BASE * MAIN / seconds, "1")
        fields["on_rate"] = rate
        reasons = dict.fromkeys(set(NUMBERS) - {"on_fraction", "on_rate"}, "the emitter is steady: " + why)
    else:
        reasons = dict.fromkeys(NUMBERS, why)
    segments = seen.segments
    if segments is None or len(segments.photons) == 0:
        reasons["states"] = reasons["change_points"] = "only a trace was given, no arrival times"
    return BlinkingResult(
        verdict=judged,
        background=background,
        bin_width=BASE * MAIN if main is None else main.bin_width,
        states=None if "states" in reasons or segments is None else states_of(segments),
        change_points=None if "states" in reasons or segments is None else segments.points,
        scan=scan,
        estimators=estimators,
        reasons=reasons,
        curves=curves(traces, seen, main),
        notes=tuple(notes),
        **fields,
    )


def _blinking(
    fields: dict[str, Any],
    reasons: dict[str, str],
    estimators: dict[str, dict[str, Value]],
    traces: list[Any],
    found: Mapping[int, Dwelling],
    main: Dwelling,
    background: Value | None,
) -> list[str]:
    """Fill in the numbers of a blinking trace; returns notes."""
    step = round(main.bin_width / BASE)
    records = rebinned(traces, step)
    levels, width = main.levels, main.bin_width
    wider = found.get(2 * step)
    share = None if wider is None else bright_share(rebinned(traces, 2 * step), wider.levels)
    later = rebinned([one[max(step // 2, 1) :] for one in traces], step)
    fields["on_fraction"] = on_fraction(records, later, levels, share, trusted=step <= MAIN)
    fields["on_fraction_ensemble"], why = ensemble_fraction(records, levels)
    if why:
        reasons["on_fraction_ensemble"] = why
    on = fields["on_rate"] = Value(levels.on / width, levels.on_sigma / width, "cps")
    off = fields["off_rate"] = Value(levels.off / width, levels.off_sigma / width, "cps")
    fields["threshold"] = Value((levels.threshold + 0.5) / width, 0.0, "cps")
    fields["grey_ratio"] = _grey(on, off, background)
    if fields["grey_ratio"] is None:
        reasons["grey_ratio"] = "the background is not known"
    naive = {}
    for kind, dwells in (("on", main.on), ("off", main.off)):
        if step != MAIN:
            narrow = found.get(MAIN)
            reasons[f"exponent_{kind}"] = reasons[f"cutoff_{kind}"] = (
                f"no valley in bins of {MAIN * BASE * 1e3:g} ms: too few counts, and wider bins bias the exponent"
                if narrow is None
                else narrow.reasons.get(kind, "")
            )
            continue
        fields[f"exponent_{kind}"] = main.exponent(kind)
        fields[f"cutoff_{kind}"] = main.cutoff(kind)
        if kind in main.reasons:
            reasons[f"exponent_{kind}"] = reasons[f"cutoff_{kind}"] = main.reasons[kind]
        elif fields[f"cutoff_{kind}"] is None:
            reasons[f"cutoff_{kind}"] = "the dwells do not reach a cut-off"
        slope, sigma = log_log_slope(dwells)
        if np.isfinite(slope):
            naive[f"exponent_{kind}"] = Value(slope, sigma, "1", sigma)
    estimators["log_log_least_squares"] = naive
    if step == MAIN:
        return []
    return [
        f"bins of {MAIN * BASE * 1e3:g} ms hold too few counts: on fraction and rates are from bins of {width * 1e3:g} "
        "ms, and dwells shorter than these count with their neighbours"
    ]


def _telling(found: Mapping[int, Dwelling]) -> Dwelling:
    """Return the dwelling in the narrowest bins, from 1 ms on, that hold enough counts while on."""
    steps = sorted(step for step in found if step >= MAIN) or sorted(found)
    enough = [step for step in steps if found[step].levels.on >= FEWEST_COUNTS]
    return found[enough[0] if enough else steps[-1]]


def _grey(on: Value, off: Value, background: Value | None) -> Value | None:
    if background is None or not on.nominal > background.nominal:
        return None
    span = on.nominal - background.nominal
    ratio = (off.nominal - background.nominal) / span
    sigma = float(np.sqrt(off.sigma**2 + (ratio * on.sigma) ** 2 + ((1 - ratio) * background.sigma) ** 2)) / span
    return Value(ratio, sigma, "1")


def _compare(estimators: dict[str, dict[str, Value]], seen: Observed, main: Dwelling) -> None:
    """Add what the change points say."""
    if seen.segments is None or len(seen.segments.photons) == 0:
        return
    other = by_change_points(seen.segments, (main.levels.threshold + 0.5) / main.bin_width)
    estimators["change_points"] = {"on_fraction": other.on_fraction} | {
        f"exponent_{kind}": value for kind, value in other.exponents.items()
    }


def _arrivals(data: xr.Dataset) -> dict[int, float] | None:
    """Return where the light arrives on each detector in ps, as the rows say; None where they do not."""
    if not {"arrival_a", "arrival_b"} <= set(data.variables):
        return None
    found = {k: float(np.nanmedian(data[name].values)) for k, name in enumerate(("arrival_a", "arrival_b"))}
    return found if any(value > 0 for value in found.values()) else None


def _nothing(why: str, rate: Value | None) -> BlinkingResult:
    fields: dict[str, Any] = dict.fromkeys(NUMBERS)
    return BlinkingResult(
        verdict="undecided",
        background=rate,
        bin_width=BASE * MAIN,
        states=None,
        change_points=None,
        scan=(),
        estimators={},
        reasons=dict.fromkeys((*NUMBERS, "states", "change_points"), why),
        curves={},
        notes=(why,),
        **fields,
    )
