"""What the records of the supported recorders mean: one row per record type.

Source: PicoQuant "TTTR Record Format" (tag file documentation, apx_tttrrecords.html) and the demo reader Read_PTU.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

Mode = Literal["T2", "T3"]


@dataclass(frozen=True)
class Layout:
    """How one 32-bit record is read."""

    recorder: str
    """Family of recorders, as it is shown."""
    mode: Mode
    """T2: every event has its own time. T3: events count clock periods and have a delay within them."""
    decoder: str
    """Name of the loop in `ptu_records` or `clock_records` that reads it."""
    wrap: int
    """Ticks (T2) or clock periods (T3) that one overflow record stands for."""
    counted: bool = False
    """Whether an overflow record says how many overflows it stands for."""

    @property
    def has_sync_events(self) -> bool:
        """Whether a T2 recording may hold events of a sync input besides those of the detectors."""
        return self.decoder == "harp_t2"


@dataclass(frozen=True)
class Recording:
    """What the header of a file says about its records."""

    path: Path
    format: str
    """Format and recorder, as they are shown."""
    layout: Layout
    offset: int
    """Bytes before the first record."""
    promised: int | None
    """Number of records by the header; 0 or None where it does not know."""
    tick: Fraction
    """ps per tick (T2), or per clock period where the clock is not the laser's."""
    resolution: float
    """ps per unit of the delay (T3), ps per tick (T2)."""
    period: float | None = None
    """ps between two laser pulses, where known."""
    is_laser_clock: bool = True
    """Whether the clock that a T3 recording counts is the laser."""
    duration: int = 0
    """Length of the recording in ps by the header; 0 where it does not know."""
    lost_events: bool = False
    """Whether the header says that the recorder lost events."""
    header: Mapping[str, Any] = field(default_factory=dict)


HYDRAHARP_WRAP_V1 = 33_552_000
HARP_WRAP = 2**25
PICOHARP_T2_WRAP = 210_698_240


def _harp(recorder: str, mode: Mode, *, first_version: bool = False) -> Layout:
    if mode == "T3":
        return Layout(recorder, mode, "harp_t3", 1024, counted=not first_version)
    return Layout(recorder, mode, "harp_t2", HYDRAHARP_WRAP_V1 if first_version else HARP_WRAP, not first_version)


PICOHARP_T2 = Layout("PicoHarp 300", "T2", "pico_t2", PICOHARP_T2_WRAP)
PICOHARP_T3 = Layout("PicoHarp 300", "T3", "pico_t3", 65536)
HYDRAHARP_V1_T2 = _harp("HydraHarp V1", "T2", first_version=True)
HYDRAHARP_V1_T3 = _harp("HydraHarp V1", "T3", first_version=True)
HYDRAHARP_T2 = _harp("HydraHarp V2", "T2")
HYDRAHARP_T3 = _harp("HydraHarp V2", "T3")
TIMEHARP_200 = Layout("TimeHarp 200", "T3", "timeharp_200", 65536)
BECKER_HICKL = Layout("Becker & Hickl SPC-1xx/8xx", "T3", "spc_fifo", 4096)

GENERIC_T2 = 0x00010207
GENERIC_T3 = 0x00010307

PTU_RECORD_TYPES: Mapping[int, Layout] = {
    0x00010203: PICOHARP_T2,
    0x00010303: PICOHARP_T3,
    0x00010204: HYDRAHARP_V1_T2,
    0x00010304: HYDRAHARP_V1_T3,
    0x01010204: HYDRAHARP_T2,
    0x01010304: HYDRAHARP_T3,
    0x00010205: _harp("TimeHarp 260 N", "T2"),
    0x00010305: _harp("TimeHarp 260 N", "T3"),
    0x00010206: _harp("TimeHarp 260 P", "T2"),
    0x00010306: _harp("TimeHarp 260 P", "T3"),
    # The documentation's list and its demo readers disagree about the first byte of the TimeHarp 260.
    0x01010205: _harp("TimeHarp 260 N", "T2"),
    0x01010305: _harp("TimeHarp 260 N", "T3"),
    0x01010206: _harp("TimeHarp 260 P", "T2"),
    0x01010306: _harp("TimeHarp 260 P", "T3"),
    GENERIC_T2: _harp("MultiHarp or generic", "T2"),
    GENERIC_T3: _harp("MultiHarp or generic", "T3"),
}
"""By the header's TTResultFormat_TTTRRecType."""
