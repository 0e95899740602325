"""One line for each question, and how to get into step again when a line was given up and comes late."""

from __future__ import annotations

from perovskite_meas.core.errors import CommunicationError, ReplyError

from ._instrument import WireInstrument

_LINES = 20
"""Lines after which the one that is looked for will not come."""
_PATIENCE = 5.0


class InStepInstrument(WireInstrument):
    """An instrument whose answers do not say what they answer.

    After an exchange that failed, the answer may yet come and would be taken for that to the next question; so a
    question whose answer cannot be mistaken is asked first, and everything before its answer is dropped.
    """

    _mark = ""
    """Question, with its end, whose answer `_is_mark` knows."""

    def _is_mark(self, line: str) -> bool:
        raise NotImplementedError

    def _line(self, message: str) -> str:
        """Send a message and return the line that answers it.

        Raises:
            CommunicationError: no answer.
            ReplyError: an answer that is no text.
        """
        with self._link.lock:
            if self._link.behind:
                self._catch_up()
            return self._text(message, self._heard(message))

    def _heard(self, message: str) -> bytes:
        try:
            return self._ask(message)
        except CommunicationError:
            self._link.behind = True
            raise

    def _catch_up(self) -> None:
        raw = self._ask(self._mark, _PATIENCE)
        for _ in range(_LINES):
            if self._is_mark(raw.decode("ascii", "replace").strip()):
                self._link.behind = False
                return
            raw = self._more(self._mark, _PATIENCE)
        raise self._garbage(self._mark, raw, "its answer")

    def _garbage(self, command: str, raw: bytes, expected: str) -> ReplyError:
        """Return the error for a reply that makes no sense; it may have been the answer to another question."""
        self._link.behind = True
        return super()._garbage(command, raw, expected)

    def _text(self, message: str, raw: bytes) -> str:
        try:
            return raw.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise self._garbage(message, raw, "ASCII text") from error
