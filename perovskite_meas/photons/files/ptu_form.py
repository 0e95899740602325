"""The header of the PTU files that this package writes."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib import metadata as packages
from typing import Any

from ...core.errors import UsageError
from .layouts import GENERIC_T2, GENERIC_T3, Mode
from .ptu_header import Date
from .ptu_reader import EXACT

MARKERS = 4
DELAY_BITS = 15
MOST_CHANNELS = 64
NOT_T2 = (
    "{} is a T2 file, the tags are T3: their pulses and delays would be lost; write them with mode='T3', "
    "or leave them out with dataclasses.replace(tags, pulses=None, dtimes=None, resolution=1.0)"
)


def header_entries(
    mode: Mode, period: float | None, resolution: float, channels: int, metadata: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    """Return the entries of a new file in their order; metadata replace or add to them.

    Source: PicoQuant tag dictionary and the header of a HydraHarp recording; entries that tell of a device's settings
    which a file has no use for are left out.
    """
    sync_rate = 0 if period is None else round(1e12 / period)
    tick = resolution if mode == "T2" else period
    entries: dict[str, Any] = {
        "File_GUID": "{" + str(uuid.uuid4()).upper() + "}",
        "File_AssuredContent": "Generic: BINARY",
        "CreatorSW_ContentVersion": "1.0",
        "CreatorSW_Name": "perovskite_meas",
        "CreatorSW_Version": packages.version("perovskite-meas"),
        "File_CreatingTime": Date.of(datetime.now(tz=UTC).astimezone()),
        "File_Comment": "",
        "Measurement_Mode": 2 if mode == "T2" else 3,
        "Measurement_SubMode": 0,
        "TTResult_StopReason": 0,
        "Fast_Load_End": None,
        "TTResultFormat_TTTRRecType": GENERIC_T2 if mode == "T2" else GENERIC_T3,
        "TTResultFormat_BitsPerRecord": 32,
        "MeasDesc_BinningFactor": 1,
        "MeasDesc_Offset": 0,
        "MeasDesc_AcquisitionTime": 0,
        "MeasDesc_StopAt": 0,
        "MeasDesc_StopOnOvfl": False,
        "MeasDesc_Restart": False,
        "HW_Type": "Generic",
        "HW_PartNo": "0",
        "HW_Version": "1.0",
        "HW_SerialNo": "0",
        "HW_Modules": 0,
        "HW_BaseResolution": in_seconds(resolution),
        "HW_InpChannels": channels,
        "HW_ExternalRefClock": False,
        "HW_ExternalDevices": 0,
        "HWSync_Divider": 1,
        **{f"HWInpChan_Enabled[{channel}]": True for channel in range(channels)},
        "HW_Markers": MARKERS,
        **{f"HWMarkers_Enabled[{marker}]": True for marker in range(MARKERS)},
        "MeasDesc_Resolution": in_seconds(resolution),
        "MeasDesc_GlobalResolution": in_seconds(tick or 0),
        "TTResult_SyncRate": sync_rate,
        **{f"TTResult_InputRate[{channel}]": 0 for channel in range(channels)},
        "TTResult_StopAfter": 0,
        "TTResult_NumberOfRecords": 0,
        EXACT + "Resolution": float(resolution),
        EXACT + "Period": float(period or 0),
        EXACT + "Duration": 0,
    }
    for name in metadata:
        if name in _OWNED or name.startswith(EXACT):
            raise UsageError(f"metadata: {name!r} is what the writer itself finds out; leave it out")
    return list((entries | dict(metadata)).items())


_OWNED = {
    "Header_End",
    "HW_InpChannels",
    "MeasDesc_AcquisitionTime",
    "MeasDesc_GlobalResolution",
    "MeasDesc_Resolution",
    "Measurement_Mode",
    "TTResultFormat_BitsPerRecord",
    "TTResultFormat_TTTRRecType",
    "TTResult_NumberOfRecords",
    "TTResult_StopAfter",
    "TTResult_StopReason",
    "TTResult_SyncRate",
}


def in_seconds(ps: float) -> float:
    """Move the decimal point of the shortest text of a number by twelve places."""
    return float(Decimal(repr(float(ps))).scaleb(-12))


def check_mode(mode: str) -> Mode:
    """Return the mode, or raise UsageError."""
    if mode == "T2":
        return "T2"
    if mode == "T3":
        return "T3"
    raise UsageError(f"mode is {mode!r}; T2 (times) and T3 (pulse numbers and delays) can be written")


def check_clock(mode: Mode, period: float | None, resolution: float | None) -> float:
    """Return the resolution in ps that the file gets: the one asked for, or for T3 the finest power of two that fits.

    Raises:
        UsageError: if the period is missing, or the period or the resolution makes no sense.
    """
    if period is not None and not (math.isfinite(period) and period > 0):
        raise UsageError(f"period is {period} ps; give the time between two laser pulses, more than 0 ps")
    if mode == "T2":
        tick = 1.0 if resolution is None else float(resolution)
        if tick < 1 or tick != int(tick):
            raise UsageError(f"resolution is {resolution} ps; a T2 file needs a whole number of ps, 1 ps by default")
        return tick
    if period is None:
        raise UsageError("a T3 file counts laser pulses: give period, the time between two of them in ps, or write T2")
    if resolution is None:
        return float(2 ** max(0, math.ceil(math.log2(period / 2**DELAY_BITS))))
    # Recordings may have periods beyond the reach of their delays: only the delays themselves tell.
    if not (math.isfinite(resolution) and resolution > 0):
        raise UsageError(f"resolution is {resolution} ps; give the unit of the delays, more than 0 ps")
    return float(resolution)


def check_channels(channels: int) -> int:
    """Return the number of channels, or raise UsageError."""
    if not 1 <= channels <= MOST_CHANNELS:
        raise UsageError(f"channels is {channels}; a PTU file holds 1 to {MOST_CHANNELS}")
    return int(channels)
