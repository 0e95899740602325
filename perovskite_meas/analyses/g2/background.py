"""What is not the emitter: darks, light of the surroundings, and the pairs that they make."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.value import Value

from .rows import Group, Rows

SAME_POWER = 0.05
"""Relative difference up to which an off-emitter row is at the same power."""
AFTERPULSES_SEEN = 3.0
"""Sigmas above which afterpulses are taken to be there."""
LEAST_SHARE = 0.7
"""Share of the emitter in the light below which the correction leads."""


@dataclass(frozen=True)
class Background:
    """Accidental pairs and the emitter's share of the light, by detector."""

    dark: tuple[Value, Value]
    """Dark counts, in cps; 0 +- 0 where not measured."""
    light: tuple[Value, Value]
    """Background light (darks excluded) at the power used, in cps."""
    rates: tuple[float, float]
    """Registered on the emitter, in cps."""
    normalisation: float
    """Sum over chunks of R_a R_b T, in pairs per second of lag."""
    dark_pairs: Value
    """Pairs with a dark count, per second of lag."""
    light_share: Value
    """1 - rho_a rho_b of the light (darks excluded): share of its pairs that involve background."""
    fraction: Value
    """(B + D)/R of both detectors together."""
    dark_seen: bool
    """Whether there are dark rows."""
    light_seen: bool
    """Whether there are rows beside the emitter."""
    notes: tuple[str, ...]
    """What must be known."""
    afterpulsing: Value | None = None
    """Pairs with an afterpulse, per pair of light, as reference light shows them."""
    prompt_afterpulses: float = 0.0
    """Those within a few hundred ns: they stay with their own pulse and do not fill the central peak."""
    delay: float = 0.0
    """Decay time of the background light after its pulse, in ns; 0 for prompt light, or where it is not known."""

    @property
    def lit(self) -> float:
        """Pairs of light with light expected without correlation, per second of lag; afterpulses left out."""
        return (self.normalisation - self.dark_pairs.nominal) / (1 + self.afterpulse_pairs)

    @property
    def total_share(self) -> float:
        """1 - rho_a rho_b with darks counted as background too."""
        kept = [
            1 - (dark.nominal + light.nominal) / rate
            for dark, light, rate in zip(self.dark, self.light, self.rates, strict=True)
        ]
        return 1 - kept[0] * kept[1] / (1 + self.late_afterpulses)

    @property
    def late_afterpulses(self) -> float:
        """Pairs with an afterpulse that tells nothing of its pulse, per pair of light."""
        return max(self.afterpulse_pairs - self.prompt_afterpulses, 0.0)

    @property
    def afterpulse_pairs(self) -> float:
        """Pairs with an afterpulse per pair of light; 0 where none are seen."""
        after = self.afterpulsing
        return after.nominal if after is not None and after.nominal > AFTERPULSES_SEEN * after.sigma else 0.0

    @property
    def total_share_sigma(self) -> float:
        """1-sigma of `total_share`."""
        parts = [
            math.hypot(dark.sigma, light.sigma) / rate
            for dark, light, rate in zip(self.dark, self.light, self.rates, strict=True)
        ]
        return math.hypot(*parts, 0.25 * self.prompt_afterpulses)


def read_background(rows: Rows, on: Group) -> Background:
    """Return the background of the chunks `on`, from the dark rows and those beside the emitter."""
    notes = []
    rates = on.rates()
    dark = _rates(rows.dark)
    if dark is None:
        notes.append("no dark rows: dark counts are not known beforehand")
    dark = dark or (Value(0.0, 0.0, "cps"), Value(0.0, 0.0, "cps"))
    beside, scale = _beside(rows.off, on, notes)
    light = [Value(0.0, 0.0, "cps"), Value(0.0, 0.0, "cps")]
    if beside is not None:
        for k in (0, 1):
            above = beside[k].nominal - dark[k].nominal
            light[k] = Value(above * scale, math.hypot(beside[k].sigma, dark[k].sigma) * scale, "cps")
    else:
        notes.append(
            "no rows beside the emitter: background light is not taken out, and g2_zero is too high by about twice "
            "its share"
        )
    normalisation = float(np.sum(on.singles_a * on.singles_b / on.live_time))
    return _assembled(rates, dark, (light[0], light[1]), normalisation, on, rows, tuple(notes))


def _assembled(
    rates: tuple[float, float],
    dark: tuple[Value, Value],
    light: tuple[Value, Value],
    normalisation: float,
    on: Group,
    rows: Rows,
    notes: tuple[str, ...],
) -> Background:
    seconds = on.seconds
    (ra, rb), (da, db) = rates, (dark[0].nominal, dark[1].nominal)
    pairs = seconds * (ra * db + da * rb - da * db)
    sigma = seconds * math.hypot((rb - db) * dark[0].sigma, (ra - da) * dark[1].sigma)
    rho = [1 - light[k].nominal / (rates[k] - dark[k].nominal) for k in (0, 1)]
    each = [light[k].sigma / (rates[k] - dark[k].nominal) for k in (0, 1)]
    share = Value(1 - rho[0] * rho[1], math.hypot(rho[1] * each[0], rho[0] * each[1]), "1")
    total = sum(value.nominal for value in (*dark, *light))
    fraction = Value(total / (ra + rb), math.sqrt(sum(value.sigma**2 for value in (*dark, *light))) / (ra + rb), "1")
    if min(rho) < LEAST_SHARE:
        notes = (*notes, f"only {min(rho):.0%} of the light is the emitter's (below {LEAST_SHARE:.0%})")
    return Background(
        dark, light, rates, normalisation, Value(pairs, sigma, "1/s"), share, fraction,
        rows.dark is not None, rows.off is not None, notes,
    )  # fmt: skip


def _rates(group: Group | None) -> tuple[Value, Value] | None:
    if group is None:
        return None
    a, b = (
        Value(float(counts.sum()) / group.seconds, math.sqrt(max(float(counts.sum()), 1.0)) / group.seconds, "cps")
        for counts in (group.singles_a, group.singles_b)
    )
    return a, b


def _beside(off: Group | None, on: Group, notes: list[str]) -> tuple[tuple[Value, Value] | None, float]:
    """Return the rates beside the emitter at the power of `on`, and the factor to scale their light with."""
    if off is None:
        return None, 1.0
    power = float(on.power.mean())
    if not power > 0 or not (off.power > 0).any():
        return _rates(off), 1.0
    same = np.abs(off.power / power - 1) < SAME_POWER
    if same.any():
        return _rates(off.only(same)), 1.0
    nearest = float(off.power[np.argmin(np.abs(np.log(np.maximum(off.power, 1e-30) / power)))])
    order = on.mean("excitation_order") or 1.0
    notes.append(
        f"no row beside the emitter at {power:.3g} W: the background at {nearest:.3g} W is scaled as the power to the "
        f"{order:g}"
    )
    return _rates(off.only(off.power == nearest)), (power / nearest) ** order
