"""What PI controllers say in the General Command Set 2.0: the meaning of errors, and arrays of numbers.

Source: E-727 manual (E727T0005) p. 67 and 178; the array's header from what PI's own programs read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STOPPED = 10
"""The error that every stop leaves."""

_ERRORS = {
    1: "the words behind the command are wrong",
    2: "unknown command",
    5: "the axis is not referenced or its servo is off",
    7: "the position is beyond the limits",
    8: "the velocity is beyond the limits",
    STOPPED: "it was stopped by a command",
    15: "no axis of this name",
    17: "a value is out of range",
    23: "no axis of this name",
    26: "a word is missing",
    27: "a soft limit is out of range",
    34: "not allowed for this stage",
    45: "referencing failed",
    49: "the move to the limit switch failed",
    50: "referencing is switched off (RON)",
    53: "a move is in progress",
    54: "unknown controller parameter",
    57: "no record table of this number",
    58: "nothing of this kind can be recorded",
    60: "protected by a password",
    61: "an autozero is under way",
    63: "it is starting up",
    66: "the piezo voltage is beyond its limits",
    67: "the wave is longer than the wave table",
    72: "the analog input controls the axis",
    73: "the wave generator is running",
    75: "the wave generator has no wave",
    77: "not enough points were recorded",
    79: "the servo is on",
    84: "the motor is off",
    93: "not allowed while it moves",
    98: "the autozero failed",
}
_ADVICE = {
    5: "switch `servo` on, and where the axis has a reference switch call reference()",
    7: "stay within `low_limit` and `high_limit`",
    STOPPED: "find out who stopped it, then repeat the move",
    61: "wait until the autozero has ended",
    66: "check supply and cable of the piezo, and autozero it",
    72: "take the axis back from the analog input",
    73: "end it with ramping(False)",
    75: "set `ramp` again; the controller forgets it when it restarts",
}


def meaning(number: int) -> str:
    """Return what an error number means, as far as it is known here."""
    return _ERRORS.get(number, "see the list of errors in the controller's manual")


def advice(number: int) -> str:
    """Return what to do about an error."""
    return _ADVICE.get(number, "check the command, the stage and the controller's firmware")


class GcsArray(NamedTuple):
    """Numbers that a controller sent as text."""

    dt: float
    """Seconds between rows."""
    columns: NDArray[np.float64]
    """Shape (columns, rows)."""


def parse_array(lines: list[str]) -> GcsArray:
    """Read a GCS array: lines of header, each behind a #, then rows of numbers.

    Raises:
        ValueError: it is incomplete or makes no sense.
    """
    header: dict[str, str] = {}
    rows = []
    for line in lines:
        if line.startswith("#"):
            name, _, value = line[1:].partition("=")
            header[name.strip().upper()] = value.strip()
        elif line.strip():
            rows.append(line.split(_separator(header)))
    if "END_HEADER" not in header:
        raise ValueError("its header has no end")
    width, count = int(header.get("DIM", "1")), int(header.get("NDATA", len(rows)))
    if len(rows) != count or any(len(row) != width for row in rows):
        raise ValueError(f"{len(rows)} rows instead of {count}, or rows without {width} columns")
    if "SAMPLE_TIME" not in header:
        raise ValueError("its header does not say SAMPLE_TIME")
    numbers = np.array([[float(word) for word in row] for row in rows]).reshape(count, width)
    return GcsArray(float(header["SAMPLE_TIME"]), numbers.T)


def _separator(header: dict[str, str]) -> str | None:
    code = int(header.get("SEPARATOR", "32"))
    return None if code in (9, 32) else chr(code)
