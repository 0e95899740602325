"""Thorlabs' controllers that repeat what they hear, answer it and end with the prompt `> `.

Source: public drivers of these controllers. Unverified against the manuals: the words of the errors.
"""

from __future__ import annotations

from .device import WireDevice

UNKNOWN, BAD_ARGUMENT = "Command error CMD_NOT_DEFINED", "Command error CMD_ARG_INVALID"


class PromptDevice(WireDevice):
    """A controller of this kind; a subclass answers in `_answer`."""

    stop_bytes = b"\r"

    def _split(self) -> bytes | None:
        self._incoming[:] = self._incoming.replace(b"\n", b"")
        return super()._split()

    def _command(self, command: bytes, now: float) -> None:
        self._reply(command + b"\r", now)
        answer = self._answer(command.decode("ascii", "replace").strip(), now)
        line = f"{answer}\r" if answer is not None else ""
        self._reply(f"{line}> ".encode(), self._free(now) + self.turnaround)

    def _free(self, now: float) -> float:
        """Return from when on it answers, in s: at once, unless it is busy."""
        return now

    def _answer(self, text: str, now: float) -> str | None:
        """Carry out one command and return its answer; None for one without."""
        raise NotImplementedError
