"""Conversation with an Acton SpectraPro: the echo, the "ok" at the end, and what comes late after an interruption."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qcodes.instrument import InstrumentBaseKWArgs

from perovskite_meas.core.errors import CommunicationError, HardwareFault

from ._instrument import WireInstrument

if TYPE_CHECKING:
    from typing_extensions import Unpack

_MORE = 1.0
"""s until the next line of an answer that has begun."""
_SPARE = 2.0
_LINES = 40
"""Lines after which an answer without an end is none."""


class SpectraProInstrument(WireInstrument):
    """What an instrument says that ends every answer with "ok"; it may or may not repeat the command before it."""

    def __init__(
        self, name: str, address: str, visalib: str | None = None, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._echoes = False
        self._late = 0.0
        """Until when the "ok" of an interrupted motion may come, s."""

    def _say(self, command: str, timeout: float | None = None) -> str:
        """Send a command and return what stands between its echo and the "ok"; `timeout` in s.

        Raises:
            CommunicationError: no answer.
            ReplyError: an answer that is not one to this command.
            HardwareFault: the controller refuses it.
        """
        with self._link.lock:
            if self._link.behind:
                self._catch_up()
            raw = self._ask(f"{command}\r", timeout)
            told, count = _text(raw), 1
            self._echoes |= told.upper().startswith(command)
            if self._echoes and not told.upper().startswith(command):
                raise self._garbage(command, raw, f"its echo {command!r}")
            told = told[len(command) :] if self._echoes else told
            while not re.search(r"(^|\s)ok\s*$", told, re.IGNORECASE):
                if told.strip() == "?":
                    raise self._fault(
                        f"{command!r} was refused",
                        "the firmware does not know it, or the number is out of the range of the mounted grating",
                    )
                told += f"\n{_text(self._next(command, raw, count))}"
                count += 1
            return re.sub(r"\s*ok\s*$", "", told, flags=re.IGNORECASE).strip()

    def _finish(self, command: str, timeout: float) -> None:
        """Send a command that is answered when its motion has finished; if that fails, a stop is sent."""
        with self._link.lock:
            try:
                self._say(command, timeout)
            except HardwareFault:
                raise
            except BaseException:
                self._halt()
                self._late = self.clock.now() + timeout
                raise

    def _halt(self) -> None:
        """Send the stop after a failure, as far as the line allows, and wait for nothing.

        During a motion that cannot be stopped the controller hears it only afterwards.
        """
        self._link.behind = True
        try:
            self._tell("MONO-STOP\r")
        except CommunicationError as error:
            self.log.error("%s could not be stopped: %s", self._where, error)

    def _catch_up(self) -> None:
        """Wait until the controller hears again; what it still had to say before is dropped."""
        patience = max(_SPARE, self._late - self.clock.now() + _SPARE)
        raw, count = self._ask("?NM\r", patience), 1
        told = _text(raw)
        while not re.search(r"\d\s*nm\s+ok\s*$", told, re.IGNORECASE):
            raw = self._next("?NM", raw, count, patience)
            told += f"\n{_text(raw)}"
            count += 1
        self._link.behind = False

    def _next(self, command: str, raw: bytes, count: int, timeout: float = _MORE) -> bytes:
        if count >= _LINES:
            raise self._garbage(command, raw, "an answer that ends with 'ok'")
        try:
            return self._more(command, timeout)
        except CommunicationError as error:
            raise self._garbage(command, raw, "a whole answer that ends with 'ok'") from error

    def _value(self, command: str) -> float:
        """Return the number that a question is answered by, whatever unit follows it."""
        told = self._say(command)
        found = re.match(r"[-+]?\d+(\.\d*)?(?=\s|$)", told)
        if found is None:
            raise self._garbage(command, told.encode(), "a number")
        return float(found[0])


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip("\r\n\0 ")
