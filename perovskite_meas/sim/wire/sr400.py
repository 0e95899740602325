"""Stanford Research SR400 two-channel photon counter on GPIB.

Source: SR400 manual: each reply ends with CR LF on GPIB, an input buffer of 256 characters that is erased when it
overflows (p.37), Data Ready stays until it is read, -1 before the first complete period (p.45), what an error
leaves of its line (p.47), the status bits (p.46). Pages 37 and 47 as public drivers quote them. Not simulated:
external triggers and dwell, gates (stored, always open), discriminators (stored, every pulse passes), counting
A for B preset. Unverified against the manual: that CS after a finished scan starts a new one, NN, CH and EA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import UsageError
from .counting import Scan
from .device import Laboratory, WireDevice, Wiring
from .sr400_settings import CommandError, CounterSettings, pick

DATA_READY, SCAN_FINISHED, OVERFLOW, COMMAND_ERROR = 0x02, 0x04, 0x08, 0x80
TICK = 1e-7
"""Seconds of one tick of the 10 MHz time base."""
_FULL = 999_999_999
"""Counts that one counter holds."""


class SR400(WireDevice):
    """A counter with what is plugged into it.

    Args:
        inputs: detectors at INPUT 1 and INPUT 2, with `counts(t0, t1)`; None where nothing is plugged in.
        ports: levels behind PORT1 and PORT2, with `set(volts, t)`; None where nothing is plugged in.
        now: simulated time of power-up, s.
    """

    stop_bytes = b"\r\n"
    buffer = 256

    def __init__(self, inputs: tuple[Any, Any], ports: tuple[Any, Any], now: float = 0.0) -> None:
        super().__init__(turnaround=0.003)
        self._inputs = inputs
        self._ports = ports
        self._status = 0
        self._settings = CounterSettings()
        self._now = now
        self._recall_defaults()

    def status_byte(self, now: float) -> int:
        """Return the status byte by a serial poll, which clears nothing."""
        self._update(now)
        return self._status

    def _command(self, command: bytes, now: float) -> None:
        self._update(now)
        line = command.decode("ascii", "replace").replace(" ", "").upper()
        for part in filter(None, line.split(";")):
            try:
                answer = self._answer(part)
            except (CommandError, ValueError, IndexError):
                self._status |= COMMAND_ERROR
                return  # what is left of the line is lost
            if answer is not None:
                self._reply(f"{answer}\r\n".encode(), now + self.turnaround)

    def _answer(self, text: str) -> str | None:
        """Carry out one command and return its answer, if it has one."""
        word, arguments = text[:2], text[2:].split(",") if text[2:] else []
        if word in self._settings:
            answer = self._settings.command(word, arguments)
            if answer is None:
                self._changed(word, arguments)
            return answer
        try:
            handler = _HANDLERS[word]
        except KeyError:
            raise CommandError(text) from None
        return handler(self, arguments)

    # Settings -----------------------------------------------------------------------------------------

    def _changed(self, word: str, arguments: list[str]) -> None:
        """Let a new setting act."""
        if word == "PL" or (word == "PM" and float(arguments[1]) == 0):
            self._put_port(int(arguments[0]))
        elif word == "CP":
            self._scan.pause(self._now)
        elif word == "CM":
            self._reset([])

    def _put_port(self, which: int) -> None:
        port = self._ports[which - 1]
        if port is not None:
            port.set(self._settings["PL", which], self._now)

    def _clear_instrument(self, arguments: list[str]) -> None:
        self.clear()
        self._recall_defaults()

    def _recall(self, arguments: list[str]) -> None:
        if int(arguments[0]) != 0:
            raise CommandError("RC")
        self._recall_defaults()

    def _recall_defaults(self) -> None:
        self._settings.recall()
        self._scan = Scan((), 1.0, 0.0, 1, repeat=False)
        for port in (1, 2):
            self._put_port(port)

    # Counting -----------------------------------------------------------------------------------------

    def _start(self, arguments: list[str]) -> None:
        """`CS`: go on after a pause, or start a new scan."""
        if self._scan.resume(self._now):
            return
        period, dwell = self._settings["CP", 2] * TICK, self._settings["DT", 0] or 2e-3
        sources = (self._source(0), self._source(1))
        periods = int(self._settings["NP", 0])
        self._scan = Scan(sources, period, dwell, periods, repeat=bool(self._settings["NE", 0]))
        self._scan.start(self._now)
        for which in (1, 2):
            if self._settings["PM", which] and self._ports[which - 1] is not None:
                for point in range(periods):
                    level = self._settings["PL", which] + point * self._settings["PY", which]
                    at = self._now + point * (period + dwell)
                    self._ports[which - 1].set(min(10.0, max(-10.0, level)), at)

    def _source(self, counter: int) -> Callable[[float, float], int] | None:
        number = int(self._settings["CI", counter])
        if number == 0:
            return lambda t0, t1: round((t1 - t0) / TICK)
        detector = self._inputs[number - 1]
        return None if detector is None else detector.counts

    def _halt(self, arguments: list[str]) -> None:
        """`CH`: pause."""
        self._scan.pause(self._now)

    def _reset(self, arguments: list[str]) -> None:
        """`CR`: stop, and forget the scan."""
        self._scan = Scan((), 1.0, 0.0, 1, repeat=False)
        for which in (1, 2):
            if self._settings["PM", which]:
                self._put_port(which)

    def _update(self, now: float) -> None:
        """Count up to `now` and raise the status bits of what has been finished."""
        self._now = now
        try:
            finished, ended = self._scan.advance(now)
        except UsageError:  # the light of a gate that nobody asked for in time is forgotten
            self._reset([])
            raise
        self._status |= (DATA_READY if finished else 0) | (SCAN_FINISHED if ended else 0)
        if finished and max(max(row) for row in self._scan.rows[-finished:]) > _FULL:
            self._status |= OVERFLOW

    def _read(self, counter: int, arguments: list[str]) -> str:
        """`QA`, `QB`: the last complete period, or point m of the scan."""
        rows = self._scan.rows
        if arguments and not 1 <= int(arguments[0]) <= 2000:
            raise CommandError("Q")
        place = int(arguments[0]) if arguments else len(rows)
        return str(min(rows[place - 1][counter], _FULL)) if 1 <= place <= len(rows) else "-1"

    def _examine(self, counter: int) -> str:
        """`XA`, `XB`: what stands in the counter now."""
        return str(self._scan.live(self._now)[counter])

    def _dump(self, counter: int) -> None:
        """`EA`, `EB`: every point of the scan so far."""
        for row in self._scan.rows:
            self._reply(f"{row[counter]}\r\n".encode(), self._now + self.turnaround)

    def _read_status(self, arguments: list[str]) -> str:
        """`SS`: the status byte, or one bit; what is read is cleared."""
        if not arguments:
            status, self._status = self._status, 0
            return str(status)
        bit = 1 << pick(arguments[0], tuple(range(8)))
        is_set = bool(self._status & bit)
        self._status &= ~bit
        return str(int(is_set))

    def _read_secondary(self, arguments: list[str]) -> str:
        """`SI`: bit 2 while counting."""
        value = 4 if self._scan.counting(self._now) else 0
        return str(value if not arguments else value >> pick(arguments[0], (0, 1, 2)) & 1)


_HANDLERS: dict[str, Callable[[SR400, list[str]], str | None]] = {
    "NN": lambda counter, _: str(len(counter._scan.rows)),  # noqa: SLF001
    "CS": SR400._start,  # noqa: SLF001 - this table is the instrument's own command list
    "CH": SR400._halt,  # noqa: SLF001
    "CR": SR400._reset,  # noqa: SLF001
    "CL": SR400._clear_instrument,  # noqa: SLF001
    "RC": SR400._recall,  # noqa: SLF001
    "QA": lambda counter, arguments: counter._read(0, arguments),  # noqa: SLF001
    "QB": lambda counter, arguments: counter._read(1, arguments),  # noqa: SLF001
    "XA": lambda counter, _: counter._examine(0),  # noqa: SLF001
    "XB": lambda counter, _: counter._examine(1),  # noqa: SLF001
    "EA": lambda counter, _: counter._dump(0),  # noqa: SLF001
    "EB": lambda counter, _: counter._dump(1),  # noqa: SLF001
    "SS": SR400._read_status,  # noqa: SLF001
    "SI": SR400._read_secondary,  # noqa: SLF001
}


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> SR400:
    """Wire up one counter: `counter_a`, `counter_b` (detectors), `port_1`, `port_2` (levels), each optional."""
    entry = entries[0]
    at = [laboratory.port(entry[name]) if name in entry else None for name in _SOCKETS]
    return SR400((at[0], at[1]), (at[2], at[3]), laboratory.clock.now())


_SOCKETS = ("counter_a", "counter_b", "port_1", "port_2")
