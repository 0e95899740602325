"""Enumerations of snAPI that scripts name. Source: snAPI 1.2.5, Constants.py."""

from __future__ import annotations

from enum import Enum
from typing import Any


class MeasMode(Enum):
    """Measurement mode of the device."""

    Histogram = 0
    T2 = 2
    T3 = 3


class RefSource(Enum):
    """Clock of the device; the stand-in has its own alone."""

    Internal = 0
    External_10MHZ = 1


class TrigMode(Enum):
    """Kind of discriminator."""

    Edge = 0
    CFD = 1


class LibType(Enum):
    """Device library of versions before 1.0.4, which were told it; later ones detect it and ignore this one."""

    Unspecified = -1
    MH = 0
    HH = 1
    TH260 = 2
    PH330 = 3


class LogLevel(Enum):
    """Parts of the log."""

    Api = 0
    Config = 1
    Device = 2
    DataFile = 3
    Manipulators = 4


INPUTS = 4
"""Detector inputs of the simulated device."""
BASE_RESOLUTION = 5.0
"""ps."""
BIN_STEPS = 24
"""Doublings of the resolution."""
GATE = 0.1
"""s over which the device counts its rates."""
THROUGHPUT = 80e6
"""Events per second that the device sustains; unverified against the manual."""
EARLIEST, LATEST = -99999, 99999
"""ps: range of the channel offsets."""


def fresh_config(serial: str, mode: MeasMode) -> dict[str, Any]:
    """Return `deviceConfig` as it is after the initialisation of the device."""
    channel = {
        "TrigMode": "Edge", "TrigLvl": -50, "TrigEdge": 1, "DiscrLvl": 50, "ZeroXLvl": 0,
        "ChanOffs": 0, "ChanEna": 1, "DeadTime": 800,
    }  # fmt: skip
    return {
        "DeviceType": 0, "FileDevicePath": "", "ID": serial, "Index": 0,
        "Model": "MultiHarp 150 4P", "PartNo": "930043", "Version": "1.0", "NumMods": 2,
        "NumChans": INPUTS, "BaseResolution": BASE_RESOLUTION, "BinSteps": BIN_STEPS,
        "Resolution": BASE_RESOLUTION, "Binning": 0, "Offset": 0, "NumBins": 65536,
        "SyncDiv": 1, "SyncTrigMode": "Edge", "SyncTrigLvl": -50, "SyncTrigEdge": 1,
        "SyncChannelOffset": 0, "SyncChannelEnable": 1, "SyncDeadTime": 800,
        "ChansCfg": [{"Index": index, **channel} for index in range(INPUTS)],
        "MeasMode": mode.value, "RefSource": 0, "IsOpen": True, "IsInitialized": True,
    }  # fmt: skip
