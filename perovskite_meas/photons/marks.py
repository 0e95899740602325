"""The markers that tell one recording of a run from the next."""

from __future__ import annotations

END = 15
"""Marker at the end of a recording; 1 to 14 stand at its start and tell its kind."""
MARKED = "Recording_IsMarked"
"""Entry in the header of a file whose markers are of this kind; those of other recorders mean something else."""
