"""Pieces of one recording, counted by delay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.tags import Tags


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
