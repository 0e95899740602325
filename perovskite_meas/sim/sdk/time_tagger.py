"""Stand-in for `Swabian.TimeTagger`, the Python module of the Time Taggers: a Time Tagger Ultra on the virtual table.

Covered, by the names and meanings of Time Tagger 2.22.6: createTimeTagger, freeTimeTagger, scanTimeTagger, getVersion,
createTimeTaggerVirtual (which wants its licence); TimeTagger with trigger levels, delays, dead times, conditional
filter (on the laser's channel), overflows, configuration; Countrate, Counter, Correlation, Histogram, HistogramLogBins,
TimeTagStream, FileWriter (of another format), Combiner, SynchronizedMeasurements. Whatever else the vendor's module has
raises AttributeError here: other virtual channels, event dividers, reference clocks, network taggers, FileReader.

Names, argument lists, data types and the errors of createTimeTagger were compared with the vendor's module without
hardware. Unverified: what a lost connection raises, and the text about a missing licence.

A serial number is the name of a virtual table. Detectors of the World's part `tagger` are wired to channels 1, 2, ...
and the laser's pulses to channel 8; edges are rising ones.
"""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

from enum import IntEnum

from ._swabian_device import CHANNEL_UNUSED, TimeTagger, TimeTaggerBase
from ._swabian_iterators import Combiner, Counter, Countrate, IteratorBase
from ._swabian_lags import ChannelGate, Correlation, Histogram, HistogramLogBins
from ._swabian_stream import FileWriter, SynchronizedMeasurements, TimeTagStream, TimeTagStreamBuffer
from .laboratory import find, serials

__all__ = [
    "CHANNEL_UNUSED",
    "ChannelGate",
    "CoincidenceTimestamp",
    "Combiner",
    "Correlation",
    "Counter",
    "Countrate",
    "FileWriter",
    "Histogram",
    "HistogramLogBins",
    "IteratorBase",
    "Resolution",
    "SynchronizedMeasurements",
    "TagType",
    "TimeTagStream",
    "TimeTagStreamBuffer",
    "TimeTagger",
    "TimeTaggerBase",
    "createTimeTagger",
    "createTimeTaggerVirtual",
    "freeTimeTagger",
    "getVersion",
    "scanTimeTagger",
]


class TagType(IntEnum):
    """What a tag is."""

    TimeTag = 0
    Error = 1
    OverflowBegin = 2
    OverflowEnd = 3
    MissedEvents = 4


class Resolution(IntEnum):
    """Resolution of the device; the stand-in has one."""

    Standard = 0


class CoincidenceTimestamp(IntEnum):
    """Time of a coincidence; named by drivers, the stand-in finds none."""

    Last = 0
    Average = 1
    First = 2
    ListedFirst = 3


def getVersion() -> str:
    """Return the version whose names this stand-in has."""
    return "2.22.6"


def scanTimeTagger(include_model_name: bool = False) -> list[str]:
    """Return the serial numbers of the devices that nobody has open."""
    laboratories = [found for name in serials() if (found := find(name)) is not None]
    free = [one.serial for one in laboratories if not one.bay.taken and not one.bay.faults.unplugged]
    return [f"{serial},Time Tagger Ultra" if include_model_name else serial for serial in free]


def createTimeTagger(serial: str = "", resolution: int = Resolution.Standard) -> TimeTagger:
    """Open a device, the first one without a serial number.

    Raises:
        RuntimeError: there is none, it is in use, or its licence is missing.
    """
    name = serial or next(iter(serials()), "")
    laboratory = find(name) if name else None
    if laboratory is None and serial:
        raise RuntimeError(f"The serial number argument '{serial}' is not a valid Time Tagger serial number.")
    if laboratory is not None and laboratory.bay.faults.no_licence:
        raise RuntimeError("Invalid license loaded.")
    if laboratory is None or laboratory.bay.faults.unplugged:
        raise RuntimeError("No Time Tagger attached or already in use.")
    tagger = TimeTagger(laboratory)
    if not laboratory.bay.take(tagger):
        raise RuntimeError("No Time Tagger attached or already in use.")
    return tagger


def createTimeTaggerVirtual(*args: object, **kwargs: object) -> None:
    """Refuse, as without the licence that a real device brings.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("no license found")


def freeTimeTagger(tagger: TimeTaggerBase) -> None:
    """Close a device; harmless if it is closed."""
    if not isinstance(tagger, TimeTaggerBase):
        raise TypeError("in method 'freeTimeTagger', argument 1 of type 'TimeTaggerBase'")
    tagger.release()
