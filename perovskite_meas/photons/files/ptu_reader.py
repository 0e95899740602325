"""PicoQuant's unified tag files (.ptu) of all recorders."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeGuard

from .errors import TagFileError
from .layouts import PTU_RECORD_TYPES, Layout, Recording
from .ptu_header import read_header

EXACT = "PerovskiteMeas_"
"""Prefix of the entries in which our own files keep ps exactly; others know seconds as floats only."""
FIFO_OVERRUN = -2
"""TTResult_StopReason where the recorder's memory ran over."""
_LOSSES = (2, FIFO_OVERRUN, -9, -10)
"""Values of TTResult_StopReason that mean lost events (overflow, queue overrun, failed transfer); as in ptufile."""


def read_ptu_header(path: Path) -> Recording:
    """Read what a .ptu file says about its records.

    Raises:
        TagFileError: if the header is damaged, lacks a mandatory entry, or names an unknown kind of record.
    """
    header, offset = read_header(path)
    layout = _layout(path, header)
    clock = _seconds(header, "MeasDesc_GlobalResolution")
    tick = resolution = period = None
    if layout.mode == "T2":
        tick = resolution = _exact(header, "Resolution", clock)
        sync_rate = header.get("TTResult_SyncRate", 0)
        period = _exact(header, "Period", 1 / sync_rate if _is_positive(sync_rate) else None)
    else:
        resolution = _exact(header, "Resolution", _seconds(header, "MeasDesc_Resolution"))
        sync_rate = header.get("TTResult_SyncRate", 0)
        period = _exact(header, "Period", clock or (1 / sync_rate if _is_positive(sync_rate) else None))
        tick = period
    if tick is None or resolution is None:
        missing = "MeasDesc_GlobalResolution" if tick is None else "MeasDesc_Resolution"
        raise TagFileError(f"{path.name}: the header lacks {missing}, so that nothing has a time")
    return Recording(
        path=path,
        format=f"PTU ({layout.recorder})",
        layout=layout,
        offset=offset,
        promised=_whole(header.get("TTResult_NumberOfRecords")),
        tick=Fraction(tick).limit_denominator(1000),
        resolution=resolution,
        period=period,
        duration=_duration(header),
        lost_events=header.get("TTResult_StopReason") in _LOSSES,
        header=header,
    )


def _layout(path: Path, header: Mapping[str, Any]) -> Layout:
    number = header.get("TTResultFormat_TTTRRecType")
    if number is None:
        raise TagFileError(f"{path.name}: the header lacks TTResultFormat_TTTRRecType, the kind of record")
    layout = PTU_RECORD_TYPES.get(int(number) & 0xFFFFFFFF)
    if layout is None:
        known = ", ".join(f"{kind:#010x} {row.recorder} {row.mode}" for kind, row in PTU_RECORD_TYPES.items())
        raise TagFileError(
            f"{path.name}: record type {int(number) & 0xFFFFFFFF:#010x} (TTResultFormat_TTTRRecType) is unknown; "
            f"known are {known}"
        )
    bits = header.get("TTResultFormat_BitsPerRecord", 32)
    if bits != 32:
        raise TagFileError(f"{path.name}: records of {bits} bits (TTResultFormat_BitsPerRecord); only 32 are known")
    return layout


def _duration(header: Mapping[str, Any]) -> int:
    exact = header.get(EXACT + "Duration")
    if isinstance(exact, int):
        return exact
    stopped = header.get("TTResult_StopAfter", 0)
    return int(stopped) * 10**9 if _is_positive(stopped) else 0


def _seconds(header: Mapping[str, Any], name: str) -> float | None:
    value = header.get(name)
    return float(value) if _is_positive(value) else None


def _exact(header: Mapping[str, Any], name: str, seconds: float | None) -> float | None:
    """Return ps: as our own files keep them, or from seconds by moving the decimal point of their shortest text."""
    own = header.get(EXACT + name)
    if isinstance(own, float) and own > 0:
        return own
    return None if seconds is None else float(Decimal(repr(seconds)).scaleb(12))


def _is_positive(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and value > 0


def _whole(value: object) -> int | None:
    return max(int(value), 0) if isinstance(value, int | float) else None
