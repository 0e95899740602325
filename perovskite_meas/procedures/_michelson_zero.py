"""Where the two pulses overlap: a search on the monitor, in the dark of the sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np

from perovskite_meas.core.columns import Row
from perovskite_meas.core.errors import HardwareFault, UsageError
from perovskite_meas.photons.fringes import Overlap, pulse_overlap

_CLEAR = 0.1
"""Visibility above which fringes are there beyond doubt."""
_BEYOND = 0.3
"""Visibility above which a misfit is no objection: an open-loop axis bends its fringes."""
_FINE = np.linspace(-1.5, 1.5, 7)
"""Delays of the fine search, in pulse durations."""

Take = Callable[[float], tuple[Mapping[str, Any], bool]]


def find_zero(
    take: Take, require: Callable[[Row], None], duration: float, reach: float, span: tuple[float, float]
) -> Generator[Row, None, Overlap | None]:
    """Search zero delay outwards, climb to its top, then scan the top; yields every burst and returns the result.

    None is returned where nothing at all was recorded, as in a dry run.

    Args:
        take: takes one burst on the monitor at a delay in ps from the calibrated zero; returns its row, which
            tells the visibility, and whether nothing at all was recorded.
        require: refuses a burst in which the monitor saw no light.
        duration: expected of the pulse, in ps.
        reach: farthest from the calibrated zero, in ps.
        span: delays within the axis, in ps.

    Raises:
        HardwareFault: no light on the monitor, no fringes within the reach, or no top.
    """
    # By the delay that was read back, not by what was asked for.
    seen: dict[float, tuple[float, float]] = {}
    steps = [sign * number * 1.5 * duration for number in range(int(reach / (1.5 * duration)) + 1) for sign in (1, -1)]
    outwards = [delay for delay in dict.fromkeys(steps) if span[0] <= delay <= span[1]]
    counted = seconds = 0.0
    for delay in outwards:
        row, blank = take(delay)
        yield row
        if not blank:
            require(row)
        photons = float(np.sum(row["monitor"]))
        counted += photons
        seconds += row["sweeps"] * np.shape(row["monitor"])[-1] * row["exposure"]
        seen[row["delay"]] = visibility, sigma = row["visibility_running"], row["visibility_sigma"]
        if blank or visibility > max(_CLEAR, 8 * math.sqrt(2 / max(1.0, photons)), min(8 * sigma, _BEYOND)):
            break
    else:
        raise HardwareFault(
            f"no fringes of the laser on the monitor within {reach:g} ps of the calibrated zero delay, though it sees "
            f"light ({counted:.0f} photons in {len(outwards)} bursts, {counted / seconds:.3g} cps): check that both "
            "arms reach the monitor, that they overlap there, and the zero of the calibration 'delay'; widen "
            "zero_span; or set it to 0 to go without"
        )
    for _ in range(2 * len(outwards) + 4):
        top = max(seen, key=lambda delay: seen[delay][0])
        beside = [top + side * duration for side in (-1, 1)]
        wanted = [delay for delay in beside if span[0] <= delay <= span[1] and not _is_near(delay, seen, top, duration)]
        if not wanted:
            break
        row, _ = take(wanted[0])
        yield row
        seen[row["delay"]] = row["visibility_running"], row["visibility_sigma"]
    top = max(seen, key=lambda delay: seen[delay][0])
    middle = _centre(seen, top, duration)
    for step in _FINE:
        delay = float(np.clip(middle + step * duration, *span))
        row, _ = take(delay)
        yield row
        seen[row["delay"]] = row["visibility_running"], row["visibility_sigma"]
    told = {delay: found for delay, found in seen.items() if abs(delay - middle) < 2 * duration and found[1] > 0}
    if not told:
        return None
    values, sigmas = np.array(list(told.values())).T
    try:
        return pulse_overlap(np.array(list(told)), values, sigmas)
    except UsageError as error:
        raise HardwareFault(f"zero delay was not found on the monitor: {error}") from error


def _is_near(delay: float, seen: Mapping[float, tuple[float, float]], top: float, duration: float) -> bool:
    return any(abs(delay - other) < 0.6 * duration for other in seen if other != top)


def _centre(seen: Mapping[float, tuple[float, float]], top: float, duration: float) -> float:
    """Return the mean delay of the visibilities near the highest, weighted by them."""
    near = {delay: found[0] for delay, found in seen.items() if abs(delay - top) <= 1.6 * duration and found[0] > 0}
    return sum(delay * value for delay, value in near.items()) / sum(near.values()) if near else top
