"""Replies that nobody has read."""

from __future__ import annotations

from typing import Any


def drop_unread(instrument: Any) -> None:
    """Drop what an instrument has said and nobody has read.

    Ctrl-C between a question and its answer leaves one behind, and a reply that came too late another: each later
    answer would then be that to the question before. Drivers of QCoDeS and adapters of PyMeasure can drop them; an
    instrument that can neither keeps no replies.

    Args:
        instrument: whose parameter a role uses; of QCoDeS, or PyMeasure's behind the bridge.
    """
    adapter = getattr(getattr(instrument, "driver", None), "adapter", None)
    root = getattr(instrument, "root_instrument", instrument)
    drop = getattr(adapter, "flush_read_buffer", None) or getattr(root, "device_clear", None)
    if callable(drop):
        drop()
