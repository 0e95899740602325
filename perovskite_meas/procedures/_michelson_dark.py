"""Whether a burst shows any light above the dark counts, and what to say where it shows none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np

from perovskite_meas.core.delay_scale import LIGHT
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.procedure import Rows
from perovskite_meas.core.units import show
from perovskite_meas.photons.fringes import fringe_stretch, sweeps_visibility

from ._michelson_table import Table

_SIGMAS = 3.0
"""An excess of fewer is no light."""
_NOISE = 6.0
"""Fringes of so many sigmas are no chance, though the best of many periods is taken."""
_SEEN = 0.5
"""Visibility beyond which no fringes prove anything."""
_MONITOR = (
    "check that its light is on and not blocked, that both arms reach the monitor, and the monitor's detector, power "
    "and cable"
)


class DarkCounts:
    """What the inputs count without light, as the first dark burst tells it.

    Args:
        inputs: of the tagger, channel by use.
        dark_monitor: whether the dark burst keeps the laser from the monitor too.
    """

    def __init__(self, inputs: Mapping[str, int], dark_monitor: bool) -> None:
        self._names = {
            column: f"{use} (input {inputs[use]})" if use in inputs else f"the {use} detector"
            for column, use in (("counts", "signal"), ("monitor", "monitor"))
        }
        self._dark_monitor = dark_monitor
        self._told: dict[str, tuple[float, float]] = {}

    def learn(self, row: Mapping[str, Any]) -> None:
        """Take the dark counts from a dark burst."""
        self._told = {
            column: _counted(row, column) for column in self._names if column == "counts" or self._dark_monitor
        }

    def require(self, row: Mapping[str, Any], column: str, what: str, advice: str) -> None:
        """Refuse a burst in which nothing stands above the dark counts.

        Args:
            row: the burst.
            column: 'counts' or 'monitor'.
            what: the light that should have been seen.
            advice: what to do, for a message.

        Raises:
            HardwareFault: there is no light.
        """
        if column not in self._told:
            return
        photons, seconds = _counted(row, column)
        dark, dark_seconds = self._told[column]
        expected = dark * seconds / dark_seconds
        if photons - expected > _SIGMAS * math.sqrt(expected * (1 + seconds / dark_seconds)) + _SIGMAS:
            return
        raise HardwareFault(
            f"{what} gives {self._names[column]} nothing above its dark counts: {photons:.0f} photons in "
            f"{show(seconds, 's')}, where {expected:.0f} come in the dark: {advice}"
        )

    def require_monitor(self, row: Mapping[str, Any], what: str, without: str) -> None:
        """Refuse a burst whose monitor saw no light; `without` says how to go on without.

        Raises:
            HardwareFault: it saw none.
        """
        self.require(row, "monitor", what, f"{_MONITOR}; {without}")

    def require_reference(self, row: Mapping[str, Any], wavelength: float, alone: bool) -> None:
        """Refuse a burst of reference light that is none.

        Args:
            row: the burst.
            wavelength: of the pulsed laser in nm, near which that of the reference lies.
            alone: whether the pulses are so far apart that what is left of them at the least power has no fringes.

        Raises:
            HardwareFault: the monitor shows nothing, or no fringes though there are photons enough to see them.
        """
        without = "reference_delays = 0 goes on without it"
        self.require_monitor(row, "the reference laser", without)
        monitor = np.asarray(row["monitor"], np.float64)
        noise = _NOISE * math.sqrt(2 / max(1.0, float(monitor.sum())))
        if not alone or noise > _SEEN:
            return
        phase = 2 * math.pi * np.asarray(row["fine_delay"]) / (wavelength * 1e-3 / LIGHT)
        total = monitor.sum(axis=0)
        if sweeps_visibility(fringe_stretch(phase, total) * phase, total[None])[0] < noise:
            raise HardwareFault(
                f"{self._names['monitor']} shows no fringes of the reference laser at {row['delay']:.3g} ps, only "
                f"other light: {_MONITOR}; {without}"
            )

    def ending(self, rows: Rows, table: Table) -> Rows:
        """Yield rows on the emitter, and end after the first if it shows nothing, before more light.

        Raises:
            HardwareFault: it shows nothing.
        """
        # An error that is thrown in here must put the table at rest at once, not when memory is collected.
        with closing(rows):
            for number, row in enumerate(rows):
                yield row
                if not number and not table.blank:
                    self._require_signal(row)

    def _require_signal(self, row: Mapping[str, Any]) -> None:
        advice = (
            "check the detector, its filter and its cable, that the spot lies on the emitter and is in focus, and that "
            "the emitter still shines; fading = 0 goes on all the same"
        )
        self.require(row, "counts", "the first burst on the emitter", advice)


def _counted(row: Mapping[str, Any], column: str) -> tuple[float, float]:
    """Return photons and the seconds in which they came."""
    counts = np.asarray(row[column])
    return float(counts.sum()), float(row["sweeps"]) * counts.shape[-1] * float(row["exposure"])
