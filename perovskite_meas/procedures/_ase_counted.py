"""What a burst is made of: how the camera looks at it, who counts its pulses, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from perovskite_meas.core.errors import HardwareFault
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
    """Of these, pulses that came while the shutter was opening or closing, or before the picker held again; and pulses
    between them that the meter seems to have missed."""
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


def missed(seen: Shots, rate: float) -> int:
    """Return how many pulses are missing between those that were seen, by the time between them.

    Args:
        seen: pulses on the sample; two that were read together bear one time, after a gap that is longer.
        rate: pulses per second, in Hz.

    Examples:
        >>> import numpy as np
        >>> even, together, gap = [1.0, 1.1, 1.2], [1.0, 1.2, 1.2], [1.0, 1.1, 1.5]
        >>> [missed(Shots(np.array(times), np.ones(3), np.ones(3)), 10.0) for times in (even, together, gap)]
        [0, 0, 3]
    """
    periods = np.rint(np.diff(seen.times) * rate)
    return max(0, int(periods.sum()) - periods.size)


def of_pulses(frames: list[Spectrum], pulses: int) -> list[Spectrum]:
    """Return the frames of so many pulses.

    Raises:
        HardwareFault: there are none.
    """
    if not frames:
        raise HardwareFault(
            f"the camera took no frame of {pulses} pulses: see that it is connected and not busy, and that the trigger "
            "of the picker reaches it"
        )
    return frames


def in_the_dark(frames: list[Spectrum]) -> list[Spectrum]:
    """Return dark frames.

    Raises:
        HardwareFault: there are none, or one is full of light.
    """
    if not frames:
        raise HardwareFault("the camera took no dark frame: see that it is connected and not busy, and load it again")
    full, pixels = max(frame.saturated for frame in frames), frames[0].counts.size
    if 2 * full > pixels:
        raise HardwareFault(
            f"{full} of the camera's {pixels} pixels are at full scale in the dark: switch the room's light off, see "
            "that no light leaks into the spectrometer, and that the camera is cold"
        )
    return frames
