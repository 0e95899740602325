"""Reference light: whether the detectors give g2 = 1, and the response that they leave as a calibration."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.value import Value

from .areas import read_areas
from .crosstalk import Crosstalk
from .response import Response
from .rows import Rows

if TYPE_CHECKING:
    import xarray as xr

NOT_ONE = 4.0
"""Sigmas from 1 at which the control is called out."""
DETECTORS_DIFFER = 0.02


def control(rows: Rows, response: Response, crosstalk: Crosstalk) -> tuple[Value | None, list[str]]:
    """Return g2(0) of the reference light with what is odd about it; None where there are no side peaks."""
    laser = rows.laser
    if laser is None:
        return None, ["no reference light: g2 = 1 was not checked on these detectors"]
    if response.zero is None or response.source != "reference light":
        return None, ["the reference light shows no peak at lag zero: it was no use for control and IRF"]
    if not laser.period:
        return None, ["the period of the reference light is not known: g2 = 1 was not checked"]
    areas = read_areas(laser.counts(), rows.edges, response.zero.nominal, laser.period, 0.0)
    if areas.k.size > 1:
        found = areas.ratio
    else:
        inside = np.abs(rows.lags - response.zero.nominal) < min(12.0, laser.period / 2)
        own = float(laser.counts()[inside].sum())
        ra, rb = laser.rates()
        norm = float(np.sum(laser.singles_a * laser.singles_b / laser.live_time)) * laser.period * 1e-9
        dark = (0.0, 0.0) if rows.dark is None else rows.dark.rates()
        norm *= (1 - dark[0] / ra) * (1 - dark[1] / rb)
        found = Value(own / norm, math.sqrt(own) / norm, "1")
    notes = []
    if abs(found.nominal - 1) > NOT_ONE * found.sigma and abs(found.nominal - 1) > DETECTORS_DIFFER:
        flash = (
            crosstalk.probability.nominal * float(laser.singles_a.sum() + laser.singles_b.sum())
            / max(response.pairs / max(areas.k.size, 1), 1.0)
            if crosstalk.probability is not None
            else 0.0
        )  # fmt: skip
        why = (
            "crosstalk of the detectors accounts for it and is taken out"
            if crosstalk.seen and abs(found.nominal - 1 - flash) < NOT_ONE * found.sigma + 0.2 * flash
            else "dead time, recovery or crosstalk of the detectors biases every g2 they measure"
        )
        notes.append(f"the control fails: g2(0) of the reference light is {found}, not 1; {why}")
    return found, notes


def reference(data: xr.Dataset, rows: Rows, response: Response) -> dict[str, Any]:
    """Return the reference light's pairs, and its response as a dated calibration."""
    laser = rows.laser
    if laser is None:
        return {}
    near = np.abs(rows.lags - response.anchor) < 60
    found: dict[str, Any] = {"lag": rows.lags[near], "counts": laser.counts()[near]}
    a, b = laser.total("decay_a"), laser.total("decay_b")
    if a is not None and b is not None and response.source == "reference light" and response.zero is not None:
        found["irf"] = calibration(data, laser.mean("decay_bin"), a, b, response.zero)
    return found


def calibration(data: xr.Dataset, step: float, a: Any, b: Any, zero: Value) -> Mapping[str, Any]:
    """Return the entry `irf` of a bench's calibrations: ps and counts."""
    started = str(data.attrs.get("started") or dt.datetime.now().astimezone().date().isoformat())[:10]
    return {
        "date": started,
        "bin": step,
        "a": [float(n) for n in a],
        "b": [float(n) for n in b],
        "zero_lag": zero.to("ps"),
    }
