"""Null tests: is a field the same field on the way down, and the same with its sign turned?"""

from __future__ import annotations

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit, Joint
from perovskite_meas.core.value import Value

from .flux import Offset
from .levels import SIZE, Exciton

WIDE = 0.5
"""T; of the offsets of a null test."""


def null_tests(joint: Joint, fit: Fit) -> dict[str, Value]:
    """Return 'down' (|B| on the way down minus up) and 'swap' (|B| negative minus positive), in mT.

    Only what the data can test is returned; the fields are those of the stack.
    """
    field, way = joint.stack.field, joint.stack.way
    upper = np.abs(field) > 0.25
    down, up = upper & (way < 0) & (field > 0), upper & (way >= 0) & (field > 0)
    turned = upper & (field < 0)
    names, flags = [], []
    if down.any() and up.any():
        names.append("down")
        flags.append(down)
    if turned.any() and (up.any() or down.any()):
        names.append("swap")
        flags.append(turned)
    if not names:
        return {}
    levels = Offset(Exciton(), np.array(flags, np.float64).T, WIDE)
    start = np.concatenate([fit.values[:SIZE], np.zeros(len(names)), fit.values[SIZE:]])
    found = joint.fit(levels, start, shifts=fit.shifts, steps=3)
    scale = np.sqrt(max(1.0, found.reduced))
    return {
        name: Value(found.value(f"offset_{k}") * 1e3, found.sigma(f"offset_{k}") * 1e3 * scale, "mT")
        for k, name in enumerate(names)
    }
