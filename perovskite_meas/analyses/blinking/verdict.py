"""Blinking, steady, or undecided; and what a reader must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perovskite_meas.core.value import Value

from .dwelling import Dwelling

ENOUGH = 100.0
"""Counts per bin at which a level would be seen apart; below it a trace says little."""
CONTRAST = 0.2
"""Least relative distance of two levels that is called blinking."""
STEADY = 0.1
"""Largest relative scatter beyond photon statistics, at any bin width, of a steady emitter.

Noise of 2 % in 1 s that is new every 0.1 s is 6.3 % in shorter bins.
"""
ABOVE_BACKGROUND = 1.2
"""An emitter must stand above its background by this factor."""
PREFERRED_COUNTS = 100.0


def verdict(
    scan: Sequence[Mapping[str, Any]], found: Mapping[int, Dwelling], mean: float, background: Value | None
) -> tuple[str, str]:
    """Return the verdict and its reason.

    Args:
        scan: the table of the bin scan.
        found: dwelling by bin width, where there are two levels.
        mean: mean rate in cps.
        background: in cps, if known.
    """
    telling = [row for row in scan if row["mean_counts"] >= ENOUGH]
    if background is not None and mean < ABOVE_BACKGROUND * background.nominal:
        return "undecided", f"the mean rate of {mean:.4g} cps is that of the background ({background}): no emitter seen"
    for one in found.values():
        levels = one.levels
        if levels.on - levels.off > CONTRAST * levels.on:
            return "blinking", (
                f"two levels, {levels.on / one.bin_width:.4g} and {levels.off / one.bin_width:.4g} cps, with a valley "
                f"between them in bins of {one.bin_width * 1e3:g} ms"
            )
    if not telling:
        return "undecided", f"{mean:.3g} cps: no bin width of the scan holds {ENOUGH:g} counts per bin"
    largest = max(telling, key=lambda row: float(row["excess"]))
    if largest["excess"] < STEADY:
        return "steady", f"one level; scatter beyond photon statistics at most {largest['excess']:.1%}"
    return "undecided", (
        f"the trace scatters by {largest['excess']:.1%} beyond photon statistics in bins of "
        f"{largest['bin_width'] * 1e3:g} ms, but no valley separates two levels (several grey levels, drift, or "
        "switching faster than the bins)"
    )


def warnings(main: Dwelling, scan: Sequence[Mapping[str, Any]], seconds: float) -> list[str]:
    """Return the notes that belong to a blinking trace."""
    notes = []
    if main.levels.on < PREFERRED_COUNTS and main.laws["on"] is not None:
        notes.append(
            f"{main.levels.on:.0f} counts per bin while on, under {PREFERRED_COUNTS:g}: noise crosses the threshold in "
            f"{main.levels.false_off:.1g} of the on bins and biases the exponent of the on dwells low"
        )
    for kind in ("on", "off"):
        cutoff = main.cutoff(kind)
        if main.laws[kind] is not None and cutoff is None:
            notes.append(f"the {kind} dwells do not reach a cut-off: a pure power law describes them as well")
        elif cutoff is not None and seconds < 100 * cutoff.nominal:
            notes.append(
                f"the record of {seconds:.0f} s is short against the {kind} cut-off of {cutoff.nominal:.2g} s: its "
                "uncertainty is not symmetric, a longer one is likelier than its sigma says"
            )
    exponents = [row["exponent_on"].nominal for row in scan if row["exponent_on"] is not None]
    if len(exponents) > 1 and max(exponents) - min(exponents) > 0.1:
        notes.append(
            f"the exponent of the on dwells goes from {exponents[0]:.2f} to {exponents[-1]:.2f} with the bin width: "
            "bins longer than the shortest dwell join dwells"
        )
    return notes
