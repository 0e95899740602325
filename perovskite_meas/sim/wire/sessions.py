"""All open VISA sessions of one laboratory, by their handles."""

from __future__ import annotations

from itertools import count

from pyvisa.constants import StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from .line import Line
from .session import Session, StaleSessionError


class Sessions:
    """Sessions by handle; those from before a reset are remembered, so that they can say what became of them."""

    def __init__(self) -> None:
        self._handles = count(1)
        self._open: dict[int, Session] = {}
        self._lapsed: dict[int, str] = {}

    def handle(self) -> int:
        """Return a handle that nothing else has."""
        return next(self._handles)

    def open(self, line: Line, *, alone: bool) -> int:
        """Open a session on a line and return its handle; `alone` locks the line.

        Raises:
            VisaIOError: VI_ERROR_RSRC_LOCKED.
        """
        opened, handle = Session(line), self.handle()
        if alone:
            self._own(line, handle)
        line.open()
        self._open[handle] = opened
        return handle

    def find(self, handle: int) -> Session:
        """Return an open session.

        Raises:
            StaleSessionError: it was opened before the laboratory was reset.
            InvalidSession: it is closed.
            VisaIOError: VI_ERROR_RSRC_LOCKED, another session has the line for itself.
        """
        session = self._open.get(handle)
        if session is None:
            raise StaleSessionError(self._lapsed[handle]) if handle in self._lapsed else InvalidSession
        if session.line.owner not in (None, handle):
            raise VisaIOError(StatusCode.error_resource_locked)
        return session

    def lock(self, handle: int) -> None:
        """Keep all other sessions out of the line of this one."""
        self._own(self.find(handle).line, handle)

    def unlock(self, handle: int) -> None:
        """Let the others in again."""
        line = self.find(handle).line
        if line.owner == handle:
            line.owner = None

    def close(self, handle: int) -> None:
        """Close a session and give back its lock; one that is closed already stays closed."""
        closed = self._open.pop(handle, None)
        if closed is not None:
            closed.line.close()
        if closed is not None and closed.line.owner == handle:
            closed.line.owner = None
        self._lapsed.pop(handle, None)

    def lapse(self) -> None:
        """Make all open sessions invalid: their laboratory is gone."""
        self._lapsed.update((handle, session.line.address) for handle, session in self._open.items())
        self._open.clear()

    def _own(self, line: Line, handle: int) -> None:
        if line.owner not in (None, handle):
            raise VisaIOError(StatusCode.error_resource_locked)
        line.owner = handle
