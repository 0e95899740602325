"""What a burst is made of: how the camera looks at it, who counts its pulses, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from perovskite_meas.core.roles import EnergyRecording, Shots, Spectrum

SPARE = 2
"""Pulses beyond those asked for that a row and a series of frames have room for."""


class Taking(NamedTuple):
    """How the camera looks at a burst."""

    frames: int
    """Most frames."""
    seconds: float
    """Of each."""
    triggered: bool
    """One frame per pulse; else one frame over the whole burst."""


@dataclass(frozen=True)
class Burst:
    """What one exposure put on the sample, and what was seen of it."""

    shots: Shots
    """The pulses on the sample."""
    uncertain: int
    """Of these, pulses that came while the shutter was opening or closing, or before the picker held again."""
    frames: list[Spectrum]
    """In order; with a triggered camera the frame j is that of the pulse j where `paired`."""
    paired: bool
    beside: Shots | None
    """The same pulses on a second meter."""


class Heads(NamedTuple):
    """Recordings of the meters that look at a burst."""

    meter: EnergyRecording
    """Sees every pulse that leaves the laser."""
    beside: EnergyRecording | None
    """Behind the shutter; None without one."""


class Counted(NamedTuple):
    """Pulses of a recording, and which of them were on the sample."""

    first: int
    """The first on the sample."""
    shots: Shots
    """All pulses of the recording."""
    uncertain: int
