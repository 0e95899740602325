"""The lifetime as arrival times tell it, where pulses follow too closely for the pairs alone to tell it well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from ..lifetime import analyse

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = ("decay_a", "decay_b", "decay_bin")
TRUSTED = 2e-3
"""Relative 1-sigma added: one exponential is an idealisation."""
DIFFERENT = 4.0
"""Sigmas by which pairs and arrival times may differ."""


def decay_time(data: xr.Dataset) -> tuple[Value | None, str]:
    """Return the lifetime (ns) of a single exponential decay after the pulses, or None and why not."""
    if any(name not in data for name in COLUMNS):
        return None, "there are no arrival times after the pulses"
    try:
        found = analyse(data)
    except AnalysisRefused as refused:
        return None, str(refused)
    if found.lifetime is None:
        return None, str(found.reason)
    if len(found.components) != 1:
        return None, f"the decay after the pulses is not a single exponential ({found.model})"
    tau = found.lifetime
    return Value(tau.nominal, math.hypot(tau.sigma, TRUSTED * tau.nominal), "ns"), ""


def disagreement(pairs: Value | None, decay: Value) -> list[str]:
    """Return a note where the lifetime of the pairs is not that of the arrival times."""
    if pairs is None:
        return []
    sigma = math.hypot(pairs.sigma, decay.sigma)
    if abs(pairs.nominal - decay.nominal) <= DIFFERENT * sigma:
        return []
    return [
        f"the pairs alone give a lifetime of {pairs}, the arrival times {decay}: not one emitter of one lifetime, or "
        "strong excitation"
    ]
