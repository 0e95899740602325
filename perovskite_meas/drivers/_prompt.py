"""Conversation with Thorlabs' controllers that repeat a command, answer it and end with the prompt `> `.

Source: command lists of the SC10 and FW102C manuals.
"""

from __future__ import annotations

from pyvisa.constants import Parity, StopBits

from ._instrument import WireInstrument
from ._visa import Line


def prompt_line(baud_rate: int) -> Line:
    """Return the settings of their serial lines; `baud_rate` in bits per second."""
    return Line(
        settings={
            "baud_rate": baud_rate,
            "data_bits": 8,
            "parity": Parity.none,
            "stop_bits": StopBits.one,
            "read_termination": ">",
        },
        timeout=1.0,
    )


class PromptInstrument(WireInstrument):
    """What a controller says that ends every answer with a prompt; it may or may not repeat the command before it."""

    def _flag(self, command: str) -> bool:
        number = self._whole(command)
        if number not in (0, 1):
            raise self._garbage(command, str(number).encode(), "0 or 1")
        return number == 1

    def _whole(self, command: str) -> int:
        text = self._query(command)
        if not text.isdigit():
            raise self._garbage(command, text.encode(), "a whole number")
        return int(text)

    def _query(self, command: str) -> str:
        lines = self._exchange(command)
        if len(lines) != 1:
            raise self._garbage(command, "; ".join(lines).encode(), "one line")
        return lines[0]

    def _command(self, command: str, timeout: float | None = None) -> None:
        lines = self._exchange(command, timeout)
        if lines:
            raise self._garbage(command, "; ".join(lines).encode(), "the prompt alone")

    def _exchange(self, command: str, timeout: float | None = None) -> list[str]:
        """Send a command and return the lines between its echo, if there is one, and the prompt; `timeout` in s."""
        with self._link.lock:
            raw = self._ask(f"{command}\r", timeout)
            lines = self._lines(command, raw)
            if not lines and command.endswith("?"):  # a prompt that was left over from before
                lines = self._lines(command, self._more(command))
        for line in lines:
            if "CMD_" in line or "error" in line.lower():
                raise self._fault(f"{command!r} was refused: {line}", "check the command and the controller's firmware")
        return lines

    def _lines(self, command: str, raw: bytes) -> list[str]:
        try:
            text = raw.decode("ascii")
        except UnicodeDecodeError as error:
            raise self._garbage(command, raw, "ASCII text") from error
        lines = [line.strip() for line in text.rstrip("> ").replace("\n", "\r").split("\r")]
        return [line for line in lines if line and line not in (command, ">")]
