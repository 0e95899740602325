"""What a magneto-PL run finds on the table, and the kinds of its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import (
    Analyser,
    Attenuator,
    Clock,
    Cryostat,
    Ledger,
    Magnet,
    PhotonCounter,
    PowerMeter,
    ReferenceLight,
    Scanner,
    Shutter,
    Spectrometer,
    TimeTagger,
)

Floats = NDArray[np.float64]

UNKNOWN = -1.0
"""Stands for a number that nobody knows."""
_COOLING, _POLL = 900.0, 2.0
"""s: longest wait for the heat of a ramp to go, and between two looks at it."""

SERIES: Mapping[str, int] = {
    "on": 0,
    "polar": 1,
    "check": 2,
    "lamp": 3,
    "dark": 4,
    "background": 5,
    "faraday": 6,
    "decay": 7,
    "refocus": 8,
}
ON_SAMPLE = ("on", "polar", "check", "background", "decay")
"""Series whose exposures light the sample."""


@dataclass(frozen=True)
class Roles:
    """What there is on the table."""

    shutter: Shutter
    magnet: Magnet
    cryostat: Cryostat
    spectrometer: Spectrometer
    clock: Clock
    ledger: Ledger
    attenuator: Attenuator | None
    meter: PowerMeter | None
    analyser: Analyser | None
    lamp: ReferenceLight | None
    reference: ReferenceLight | None
    scanner: Scanner | None
    counter: PhotonCounter | None
    tagger: TimeTagger | None

    def light(self, series: str) -> AbstractContextManager[None]:
        """Let the light of a series in: one at a time, for one exposure."""
        if series == "lamp" and self.lamp is not None:
            return self.lamp.shining()
        if series == "faraday" and self.reference is not None:
            return self.reference.shining()
        return self.shutter.exposure() if series in ON_SAMPLE else nullcontext()


def cool_down(cryostat: Cryostat, clock: Clock, kelvin: float, look: Callable[[], object]) -> None:
    """Wait for the heat of a ramp to go, then until the temperature has settled at `kelvin` K.

    A cryostat without a set point refuses to settle where it is not there yet; it need only be waited for. Meanwhile
    `look` is called: a magnet that quenches warms the sample too, and raises there.

    Raises:
        HardwareFault: it does not come back.
    """
    began = clock.now()
    while True:
        look()
        try:
            cryostat.require_steady(kelvin)
        except HardwareFault:
            if clock.now() - began > _COOLING:
                raise
            clock.sleep(_POLL)
        else:
            break
    cryostat.settle_at(kelvin)


def known(rate: float) -> float:
    """Return a rate; `UNKNOWN` in a dry run."""
    return rate if math.isfinite(rate) else UNKNOWN


def shown(counts: Floats) -> Floats:
    """Return counts as floats, shape (pixels,); zeros in a dry run, where nobody knows them."""
    found = np.asarray(counts, np.float64)
    return found if np.isfinite(found).all() else np.zeros_like(found)
