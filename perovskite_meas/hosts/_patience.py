"""Patience, before any light, with a database that another program is writing to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from perovskite_meas.core.clock import WallClock
from perovskite_meas.core.errors import UsageError

T = TypeVar("T")

_WAITS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries; SQLite refuses at once, whatever its own patience, where two programs begin together."""
_PASSING = ("locked", "busy", "duplicate column", "already exists")


def _nobody_asks() -> None:
    """Nobody wants to end."""


def patiently(database: Path, begin: Callable[[], T], between: Callable[[], None] = _nobody_asks) -> T:
    """Do what begins a run in a database, again where another program only just got in first.

    Args:
        database: its file, for messages.
        begin: what to do; tried some times.
        between: called before each new try; whatever it raises ends the patience.

    Raises:
        UsageError: the database cannot be written: locked for long, disk full, not ours.
    """
    clock = WallClock()
    for wait in (*_WAITS, None):
        try:
            return begin()
        except (sqlite3.Error, RuntimeError) as error:
            if not isinstance(reason(error), sqlite3.Error):
                raise
            if wait is None or not any(word in str(reason(error)) for word in _PASSING):
                raise UsageError(
                    f"no run can begin in {database}: {reason(error)}; close the program that holds it, make room, "
                    "or choose another folder with into="
                ) from error
            clock.sleep(wait)
            between()
    raise AssertionError("the last try returns or raises")


def reason(error: BaseException) -> BaseException:
    """Return what SQLite said, in whose place QCoDeS raises "Rolling back"; else the error itself."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, sqlite3.Error):
        found = found.__cause__ or found.__context__
    return error if found is None else found
