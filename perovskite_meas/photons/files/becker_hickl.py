"""Becker & Hickl .spc files (SPC-130/134/140/150/160 and 830) with the .set file beside them.

Source: The bh TCSPC Handbook (FIFO data files), as described in phconvert's bhreader; checked against a recording with
its reference text.
"""

from __future__ import annotations

import re
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import TagFileError, TagFileWarning
from .layouts import BECKER_HICKL, Recording

_CLOCK_UNIT = 100
"""ps per unit of the macro time clock in the first record."""
_CHANNELS = 4096
"""Values of the ADC over the full range of the TAC."""
_NUMBER = re.compile(rb"#(?:SP|PR|DI|WI|MP|TR) \[(\w+),([A-Z]),([^\]\r\n]*)\]")


def read_spc_header(path: Path) -> Recording:
    """Read the first record of an .spc file and the .set file of the same name.

    Raises:
        TagFileError: if the first record is not that of this kind of file.
    """
    with path.open("rb") as file:
        first = int.from_bytes(file.read(4), "little")
    clock = first & 0xFFFFFF
    if not first >> 31 or not clock or path.stat().st_size < 4:
        raise TagFileError(
            f"{path.name}: the first record ({first:#010x}) gives no macro time clock: not an .spc file of the "
            "SPC-1xx or SPC-830; files of the SPC-6xx and the QC cards are not read"
        )
    header: dict[str, Any] = {"macro_clock_ps": clock * _CLOCK_UNIT, "is_raw": bool(first >> 26 & 1)}
    header |= _settings(path)
    return Recording(
        path=path,
        format=BECKER_HICKL.recorder,
        layout=BECKER_HICKL,
        offset=4,
        promised=None,
        tick=Fraction(clock * _CLOCK_UNIT),
        resolution=_resolution(path, header),
        period=None,
        is_laser_clock=False,
        header=header,
    )


def _settings(path: Path) -> dict[str, Any]:
    beside = [path.with_suffix(suffix) for suffix in (".set", ".SET")]
    found = next((file for file in beside if file.is_file()), None)
    if found is None:
        return {}
    values: dict[str, Any] = {}
    for name, kind, text in _NUMBER.findall(found.read_bytes()):
        word = text.decode("latin-1")
        values[name.decode()] = _number(kind, word)
    return values


def _number(kind: bytes, word: str) -> Any:
    try:
        if kind in b"IU":
            return int(word)
        return float(word) if kind == b"F" else word == "1" if kind == b"B" else word
    except ValueError:
        return word


def _resolution(path: Path, header: dict[str, Any]) -> float:
    """Return ps per channel of the ADC: TAC range over gain and number of channels."""
    tac_range, gain = header.get("SP_TAC_R"), header.get("SP_TAC_G")
    if isinstance(tac_range, float) and isinstance(gain, int) and tac_range > 0 and gain > 0:
        return tac_range * 1e12 / gain / _CHANNELS
    warnings.warn(
        f"{path.name}: no .set file beside it that gives TAC range and gain: delays are in channels of the ADC, "
        "counted as 1 ps each",
        TagFileWarning,
        stacklevel=3,
    )
    return 1.0
