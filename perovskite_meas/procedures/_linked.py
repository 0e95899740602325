"""What another run found out, read from its folder before any light."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import NamedTuple

from perovskite_meas.core.analysis import StoredResult
from perovskite_meas.core.errors import UsageError


class UnitPower(NamedTuple):
    """The power at the sample at which <N> = 1."""

    watt: float
    sigma: float
    order: int
    """<N> grows with this power of the light."""


NOT_KNOWN = UnitPower(0.0, 0.0, 0)


def unit_power(run: str) -> UnitPower:
    """Return the unit power of a saturation run; `NOT_KNOWN` for ''.

    Its relative sigma is half that of the fluence which the run found for <N> = 1, calibrations left out, because
    they are the same for both runs.

    Raises:
        UsageError: no such run folder, or no cross-section in it.
    """
    if not run:
        return NOT_KNOWN
    path = Path(run) / "analysis" / "saturation.json"
    try:
        found = StoredResult(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(
            f"saturation = {run!r}: {error.strerror or error}: {path}; give the run folder of a TwoPhotonSaturation"
        ) from error
    except ValueError as error:
        raise UsageError(f"saturation = {run!r}: {path} cannot be read: {error}; analyse that run again") from error
    section = found.get("cross_section")
    if section is None:
        raise UsageError(f"saturation = {run!r}: that run found no cross-section: {found.get('refused')}")
    points = found["points"]
    pairs = zip(points["power"], points["mean_excitations"], strict=True)
    watts = [power / mean**0.5 for power, mean in pairs if mean > 0 and power > 0]
    if not watts:
        raise UsageError(f"saturation = {run!r}: that run has no point with light on the emitter")
    watt = statistics.median(watts)
    statistical = section.sigma if section.statistical is None else section.statistical
    return UnitPower(watt, watt * abs(statistical / section.nominal) / 2, 2)
