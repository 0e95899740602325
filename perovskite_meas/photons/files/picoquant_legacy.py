"""PicoQuant's older files: HydraHarp .ht2/.ht3, PicoHarp .pt2/.pt3, TimeHarp 200 .t3r.

Source: the file demos of each recorder (HydraHarp 1.x/2.0, PicoHarp 2.0, TimeHarp 5.0/6.0), packed to 4 bytes; the
HydraHarp and TimeHarp layouts were checked against recordings, the PicoHarp ones against the demo's structures only.
"""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from . import layouts
from .errors import TagFileError
from .layouts import Layout, Recording

Fields = list[Any]
"""Of a NumPy dtype: name, type, and number where there are several."""

_TEXT: Fields = [("Ident", "S16"), ("FormatVersion", "S6")]
_CREATOR: Fields = [("CreatorName", "S18"), ("CreatorVersion", "S12"), ("FileTime", "S18"), ("CRLF", "S2")]
_DISPLAY: Fields = [
    (name, "<i4") for name in ("DispLinLog", "DispTimeFrom", "DispTimeTo", "DispCountsFrom", "DispCountsTo")
]
_SCRIPT: Fields = [
    ("DispCurves", "<i4", 16),
    ("Params", "<f4", 9),
    *((name, "<i4") for name in ("RepeatMode", "RepeatsPerCurve", "RepeatTime", "RepeatWaitTime")),
    ("ScriptName", "S20"),
]
_RUN: Fields = [(name, "<i4") for name in ("Offset", "AcquisitionTime", "StopAt", "StopOnOvfl", "Restart")]


def _ints(*names: str) -> Fields:
    return [(name, "<i4") for name in names]


_HYDRAHARP = [
    *_TEXT, *_CREATOR, ("Comment", "S256"),
    *_ints("NumberOfCurves", "BitsPerRecord", "ActiveCurve", "MeasurementMode", "SubMode", "Binning"),
    ("Resolution", "<f8"), *_RUN, *_DISPLAY, *_SCRIPT,
    ("HardwareIdent", "S16"), ("HardwarePartNo", "S8"), *_ints("HardwareSerial", "NumberOfModules"),
    ("ModuleInfo", "<i4", 20), ("BaseResolution", "<f8"), ("InputsEnabled", "<u8"),
    *_ints("InputChannelsPresent", "RefClockSource", "ExtDevices", "MarkerSettings", "SyncDivider", "SyncCFDLevel"),
    *_ints("SyncCFDZeroCross", "SyncOffset"),
]  # fmt: skip
_HYDRAHARP_INPUTS = 20
"""Bytes per input: module, level, zero crossing, offset of all inputs, then the rates of all inputs."""
_HYDRAHARP_RESULT = [*_ints("SyncRate", "StopAfter", "StopReason", "ImgHdrSize"), ("NumRecords", "<i8")]

_PICOHARP = [
    *_TEXT, *_CREATOR, ("Comment", "S256"),
    *_ints("NumberOfCurves", "BitsPerRecord", "RoutingChannels", "NumberOfBoards", "ActiveCurve", "MeasurementMode"),
    *_ints("SubMode", "RangeNo"), *_RUN, *_DISPLAY, *_SCRIPT,
    ("HardwareIdent", "S16"), ("HardwareVersion", "S8"), *_ints("HardwareSerial", "SyncDivider", "CFDZeroCross0"),
    *_ints("CFDLevel0", "CFDZeroCross1", "CFDLevel1"), ("Resolution", "<f4"), *_ints("RouterModelCode"),
    *_ints("RouterEnabled"), ("RouterInputs", "<i4", 24),
    *_ints("ExtDevices", "Reserved1", "Reserved2", "InpRate0", "InpRate1", "StopAfter", "StopReason", "NumRecords"),
    *_ints("ImgHdrSize"),
]  # fmt: skip

_TIMEHARP = [
    *_TEXT, ("HardwareVersion", "S6"), ("FileTime", "S18"), ("CRLF", "S2"), ("Comment", "S256"),
    *_ints("NumberOfChannels", "NumberOfCurves", "BitsPerChannel", "RoutingChannels", "NumberOfBoards", "ActiveCurve"),
    *_ints("MeasurementMode", "SubMode", "RangeNo"), *_RUN, *_DISPLAY, *_SCRIPT,
    *_ints("BoardSerial", "CFDZeroCross", "CFDDiscriminatorMin", "SyncLevel", "CurveOffset"), ("Resolution", "<f4"),
]  # fmt: skip
_TIMEHARP_BOARD = 24
_TIMEHARP_RESULT = [
    ("GlobalClock", "<i4"), ("Reserved", "<i4", 6),
    *_ints("SyncRate", "AverageCFDRate", "StopAfter", "StopReason", "NumRecords", "ImgHdrSize"),
]  # fmt: skip

_PICOHARP_T2_TICK = 4
"""ps; source: pt2demo.c."""
_TIMEHARP_CLOCK_UNIT = 1000
"""ps per unit of the header's GlobalClock (100 for the usual 100 ns)."""


def read_legacy_header(path: Path) -> Recording:
    """Read what an older PicoQuant file says about its records.

    Raises:
        TagFileError: if the header is cut, or of a version or mode that is not known.
    """
    with path.open("rb") as file:
        ident = file.read(16).split(b"\0", 1)[0]
        file.seek(0)
        reader = {b"HydraHarp": _hydraharp, b"PicoHarp 300": _picoharp, b"TimeHarp 200": _timeharp}[ident]
        return reader(path, file)


def _hydraharp(path: Path, file: BinaryIO) -> Recording:
    header = _fields(path, file, _HYDRAHARP)
    version = _version(path, header, ("1.0", "2.0"))
    inputs = max(header["InputChannelsPresent"], 0)
    header["InputRates"] = np.frombuffer(_bytes(path, file, _HYDRAHARP_INPUTS * inputs), "<i4")[4 * inputs :].tolist()
    header |= _fields(path, file, _HYDRAHARP_RESULT)
    kinds = {
        ("1.0", 2): layouts.HYDRAHARP_V1_T2,
        ("1.0", 3): layouts.HYDRAHARP_V1_T3,
        ("2.0", 2): layouts.HYDRAHARP_T2,
        ("2.0", 3): layouts.HYDRAHARP_T3,
    }
    return _recording(path, file, header, kinds.get((version, header["MeasurementMode"])), "SyncRate")


def _picoharp(path: Path, file: BinaryIO) -> Recording:
    header = _fields(path, file, _PICOHARP)
    _version(path, header, ("2.0",))
    kind = {2: layouts.PICOHARP_T2, 3: layouts.PICOHARP_T3}.get(header["MeasurementMode"])
    header["Resolution"] = _PICOHARP_T2_TICK if header["MeasurementMode"] == 2 else _plain(header["Resolution"] * 1e3)
    return _recording(path, file, header, kind, "InpRate0")


def _timeharp(path: Path, file: BinaryIO) -> Recording:
    header = _fields(path, file, _TIMEHARP)
    _version(path, header, ("5.0", "6.0"))
    _bytes(path, file, _TIMEHARP_BOARD * max(header["NumberOfBoards"] - 1, 0))
    header |= _fields(path, file, _TIMEHARP_RESULT)
    header["Resolution"] = _plain(header["Resolution"] * 1e3)
    return _recording(path, file, header, layouts.TIMEHARP_200, "SyncRate")


def _recording(path: Path, file: BinaryIO, header: dict[str, Any], kind: Layout | None, sync: str) -> Recording:
    if kind is None:
        raise TagFileError(
            f"{path.name}: measurement mode {header['MeasurementMode']} of {header['Ident']} holds no time tags; "
            "2 (T2) and 3 (T3) do"
        )
    _bytes(path, file, 4 * max(header["ImgHdrSize"], 0))
    own_clock = kind is layouts.TIMEHARP_200
    period = None if own_clock or header[sync] <= 0 else 1e12 / header[sync]
    resolution = float(header["Resolution"])
    if not math.isfinite(resolution):
        raise TagFileError(f"{path.name}: the header gives a resolution of {resolution} ps; it is damaged")
    if kind.mode == "T2":
        tick = Fraction(resolution).limit_denominator(1000)
    else:
        tick = Fraction(header["GlobalClock"] * _TIMEHARP_CLOCK_UNIT if own_clock else period or 0)
    if tick <= 0 or resolution <= 0:
        raise TagFileError(f"{path.name}: the header gives no sync rate or no resolution, so that nothing has a time")
    return Recording(
        path=path,
        format=f"{header['Ident']} file {header['FormatVersion']}",
        layout=kind,
        offset=file.tell(),
        promised=max(int(header["NumRecords"]), 0),
        tick=tick.limit_denominator(1000),
        resolution=resolution,
        period=period,
        is_laser_clock=not own_clock,
        duration=max(header["StopAfter"], 0) * 10**9,
        lost_events=header["StopReason"] == 2,
        header=header,
    )


def _fields(path: Path, file: BinaryIO, fields: Any) -> dict[str, Any]:
    kind = np.dtype(fields)
    row = np.frombuffer(_bytes(path, file, kind.itemsize), kind)[0]
    found: dict[str, Any] = {}
    for name in kind.names or ():
        value = row[name].tolist()
        found[name] = value.split(b"\0", 1)[0].decode("latin-1") if isinstance(value, bytes) else value
    return found


def _bytes(path: Path, file: BinaryIO, count: int) -> bytes:
    place, size = file.tell(), os.fstat(file.fileno()).st_size
    # Before any memory is taken: a damaged header may claim gigabytes.
    if place + count > size:
        raise TagFileError(
            f"{path.name}: the header claims {count} bytes from byte {place} on, but the file ends after {size} bytes; "
            "the file was cut, or its header is damaged"
        )
    return file.read(count)


def _version(path: Path, header: dict[str, Any], known: tuple[str, ...]) -> str:
    version: str = header["FormatVersion"].strip()
    if version not in known:
        raise TagFileError(
            f"{path.name}: {header['Ident']} file of version {version!r}; known are {', '.join(known)}. "
            "Save it anew with the recorder's software, or convert it to .ptu"
        )
    return version


def _plain(value: float) -> float:
    """Undo the noise of 32-bit floats in a header."""
    return float(f"{value:.7g}")
