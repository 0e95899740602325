"""Time tags: one recording of a time tagger, in the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError

Times = NDArray[np.int64]
Channels = NDArray[np.uint8]


def _no_times() -> Times:
    return np.empty(0, np.int64)


def _no_values() -> Channels:
    return np.empty(0, np.uint8)


@dataclass(frozen=True, eq=False)
class Tags:
    """Photons of one recording, merged over channels as the hardware delivers them.

    T2 recordings hold times alone. T3 recordings also hold the number of the laser pulse before each photon
    and the delay from it; their `times` are round(pulse * period + dtime * resolution), which may go back by a
    little where a delay exceeds the period.

    Raises:
        UsageError: arrays of unequal length or of another type.
    """

    times: Times
    """ps from the start of the recording, int64, shape (n,)."""
    channels: Channels
    """Detector inputs counted from 0, uint8, shape (n,); the sync is no event."""
    duration: int
    """Length of the recording in ps."""
    pulses: Times | None = None
    """T3: number of the last laser pulse before each photon, int64, shape (n,); non-decreasing."""
    dtimes: NDArray[np.int32] | None = None
    """T3: delay from that pulse, in units of `resolution`, int32, shape (n,)."""
    period: float | None = None
    """ps between two laser pulses, where known; need not be a whole number."""
    resolution: float = 1.0
    """ps per unit of `dtimes` (T3) or of the recorder's clock (T2)."""
    marker_times: Times = field(default_factory=_no_times)
    """ps, int64, shape (m,)."""
    marker_values: Channels = field(default_factory=_no_values)
    """1 to 15, uint8, shape (m,)."""
    overflow: bool = False
    """Whether the recorder said that it lost events."""

    def __post_init__(self) -> None:
        _check("times", self.times, np.int64, len(self.times))
        _check("channels", self.channels, np.uint8, len(self.times))
        _check("marker_values", self.marker_values, np.uint8, len(self.marker_times))
        if (self.pulses is None) != (self.dtimes is None):
            raise UsageError("pulses and dtimes go together: a T3 recording has both, a T2 recording neither")
        if self.pulses is not None and self.dtimes is not None:
            _check("pulses", self.pulses, np.int64, len(self.times))
            _check("dtimes", self.dtimes, np.int32, len(self.times))

    def __len__(self) -> int:
        return len(self.times)

    @property
    def is_pulsed(self) -> bool:
        """Whether each photon knows its laser pulse (T3)."""
        return self.pulses is not None

    def of(self, channel: int) -> Times:
        """Return the times of one channel, in ps."""
        times: Times = self.times[self.channels == channel]
        return times

    def take(self, chosen: NDArray[np.bool_] | slice) -> Tags:
        """Return these photons alone; duration and markers stay."""
        pulses = None if self.pulses is None else self.pulses[chosen]
        dtimes = None if self.dtimes is None else self.dtimes[chosen]
        return replace(self, times=self.times[chosen], channels=self.channels[chosen], pulses=pulses, dtimes=dtimes)

    def __repr__(self) -> str:
        kind = "T3" if self.is_pulsed else "T2"
        return f"Tags({len(self)} photons, {kind}, {self.duration * 1e-12:.6g} s)"


def joined(pieces: Sequence[Tags]) -> Tags:
    """Return the recording of which these are the pieces, in order and of one kind; at least one.

    Their times continue; its duration is that of the last.
    """
    last = pieces[-1]
    return replace(
        last,
        times=np.concatenate([piece.times for piece in pieces]),
        channels=np.concatenate([piece.channels for piece in pieces]),
        pulses=np.concatenate([piece.pulses for piece in pieces if piece.pulses is not None])
        if last.is_pulsed
        else None,
        dtimes=np.concatenate([piece.dtimes for piece in pieces if piece.dtimes is not None])
        if last.is_pulsed
        else None,
        marker_times=np.concatenate([piece.marker_times for piece in pieces]),
        marker_values=np.concatenate([piece.marker_values for piece in pieces]),
        overflow=any(piece.overflow for piece in pieces),
    )


def _check(name: str, array: object, kind: type[np.generic], length: int) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != kind or array.ndim != 1:
        got = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise UsageError(f"tags: {name} must be one-dimensional {np.dtype(kind)}; got {got}")
    if len(array) != length:
        raise UsageError(f"tags: {name} has {len(array)} entries where there are {length} photons")
