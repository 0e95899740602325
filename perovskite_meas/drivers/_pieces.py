"""Pieces of one recording: joined, and counted by delay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.tags import Tags


def joined(pieces: Sequence[Tags]) -> Tags:
    """Return the recording of which these are the pieces, in order; at least one."""
    last = pieces[-1]
    pulses = dtimes = None
    if last.is_pulsed:
        pulses = np.concatenate([cast(NDArray[np.int64], piece.pulses) for piece in pieces])
        dtimes = np.concatenate([cast(NDArray[np.int32], piece.dtimes) for piece in pieces])
    return replace(
        last,
        times=np.concatenate([piece.times for piece in pieces]),
        channels=np.concatenate([piece.channels for piece in pieces]),
        pulses=pulses,
        dtimes=dtimes,
        marker_times=np.concatenate([piece.marker_times for piece in pieces]),
        marker_values=np.concatenate([piece.marker_values for piece in pieces]),
        overflow=any(piece.overflow for piece in pieces),
    )


def delay_counts(piece: Tags, width: float, inputs: int, bins: int) -> NDArray[np.int64]:
    """Count T3 photons by input and delay.

    Args:
        piece: T3 tags.
        width: of the bins in ps; the first starts at the laser pulse.
        inputs: rows.
        bins: columns; later photons are left out.

    Returns:
        counts of shape (inputs, bins).
    """
    if piece.dtimes is None:
        raise ValueError("delays need a T3 recording")
    place = np.floor(piece.dtimes * (piece.resolution / width)).astype(np.int64)
    kept = (place < bins) & (piece.channels < inputs)
    flat = piece.channels[kept].astype(np.int64) * bins + place[kept]
    return np.bincount(flat, minlength=inputs * bins).reshape(inputs, bins)
