"""Gates of the SR400: count periods of one preset, which has one significant digit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

TICKS_PER_SECOND = 10**7
MOST_PERIODS = 2000
_LARGEST = 9 * 10**11
"""Ticks of the longest preset."""


class Gate(NamedTuple):
    """Count periods that make up one gate.

    Attributes:
        periods: 1 to 2000.
        preset: length of each period in ticks of the 10 MHz clock.
    """

    periods: int
    preset: int

    def __str__(self) -> str:
        return f"{self.seconds:.10g} s ({self.periods} x {self.preset / TICKS_PER_SECOND:g} s)"

    @property
    def seconds(self) -> float:
        """Return the live time in s, without the dwells between the periods."""
        return self.periods * self.preset / TICKS_PER_SECOND


def compose(seconds: float) -> Gate:
    """Return the gate of `seconds` with the fewest periods.

    Raises:
        ValueError: no number of periods makes this time; names the nearest gates below and above.

    Examples:
        >>> compose(0.25)
        Gate(periods=5, preset=500000)
    """
    wanted = seconds * TICKS_PER_SECOND
    ticks = round(wanted)
    if ticks > 0 and abs(wanted - ticks) <= 1e-9 * ticks:
        whole = [
            Gate(ticks // preset, preset)
            for preset in _presets()
            if ticks % preset == 0 and ticks // preset <= MOST_PERIODS
        ]
        if whole:
            return min(whole)
    near = " and ".join(str(gate) for gate in _nearest(wanted))
    raise ValueError(
        f"no gate of {seconds:.10g} s: each of its 1..{MOST_PERIODS} periods has one significant digit; "
        f"nearest possible: {near}; times with few digits need fewest periods"
    )


def _presets() -> Iterator[int]:
    return (digit * 10**power for power in range(12) for digit in range(1, 10))


def _nearest(wanted: float) -> list[Gate]:
    """Return the gates nearest to `wanted` ticks from below and above, each with the fewest periods."""
    below: list[Gate] = []
    above: list[Gate] = []
    for periods in range(1, MOST_PERIODS + 1):
        period = Decimal(wanted) / periods
        unit = Decimal(10) ** max(0, period.adjusted())
        for rounding, found in ((ROUND_FLOOR, below), (ROUND_CEILING, above)):
            preset = int((period / unit).to_integral_value(rounding) * unit)
            if 1 <= preset <= _LARGEST:
                found.append(Gate(periods, preset))
    ends = []
    if below:
        ends.append(max(below, key=lambda gate: (gate.periods * gate.preset, -gate.periods)))
    if above:
        ends.append(min(above, key=lambda gate: (gate.periods * gate.preset, gate.periods)))
    return ends
