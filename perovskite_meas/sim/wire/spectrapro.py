"""Acton SpectraPro monochromator (SP-2xxx, SP-300i) on a serial line.

Source: public drivers of these instruments: every command is echoed, then comes what it says and " ok" in the same
line, for GOTO, NM and GRATING only when the motion has finished; ?GRATINGS has a line for each of nine places with
an arrow (byte 26) before the present one. Unverified against the manual: that an unknown or refused command is answered
by " ?", that commands which come during a motion wait for its end, NO-ECHO, and the texts of ?TURRETS and MODEL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .spectrapro_drive import FASTEST, SLOWEST, Drive, RefusedError

_PLACES = 9
_ARROW = "\x1a"
_GRATINGS = "1800 g/mm BLZ=  500NM, 600 g/mm BLZ=  500NM, 150 g/mm BLZ=  500NM"

Answer = tuple[str | Callable[[], str], float]
"""What comes after the echo, and when."""


class SpectraProFaults(Faults):
    """Faults of the line and of the mechanics."""

    def __init__(self, device: SpectraPro) -> None:
        super().__init__()
        self._device = device

    def jam(self) -> None:
        """Have the next motions never end: no "ok", and MONO-?DONE stays 0."""
        self._device.drive.jammed = True

    def free(self) -> None:
        """Repair what jammed; the controller starts to listen again."""
        self._device.release()

    def stall(self, n: int = 1) -> None:
        """Have the next `n` motions of the wavelength end half way, as if all were well."""
        self._device.drive.stalls += n

    def slip(self, n: int = 1) -> None:
        """Have the next `n` changes of the grating end at the next grating."""
        self._device.drive.slips += n

    def forget(self, word: str) -> None:
        """Make `word` one that this firmware does not know."""
        self._device.unknown.add(word.upper())


class SpectraPro(WireDevice):
    """A monochromator.

    Args:
        drive: what moves in it.
        clock: when a fault is repaired.
        model: the reply to MODEL.
        serial: the reply to SERIAL.
        echo: whether it repeats what it hears.
    """

    faults: SpectraProFaults
    stop_bytes = b"\r"
    buffer = 256

    def __init__(self, drive: Drive, clock: SimClock, *, model: str, serial: str, echo: bool) -> None:
        super().__init__(baud=9600, turnaround=0.003)
        self.faults = SpectraProFaults(self)
        self.drive = drive
        self.echo = echo
        self.unknown: set[str] = set()
        self._clock = clock
        self._texts = {"MODEL": model, "SERIAL": serial}
        self._mirror = "EXIT-MIRROR"
        self._free_at = 0.0

    def release(self) -> None:
        """Let it move again after a jam, and hear."""
        self.drive.jammed = False
        self._free_at = min(self._free_at, self._clock.now())

    def _split(self) -> bytes | None:
        self._incoming[:] = self._incoming.replace(b"\n", b"")
        return super()._split()

    def _command(self, command: bytes, now: float) -> None:
        start = max(now + self.turnaround, self._free_at)
        if math.isinf(start):
            return
        text = command.decode("ascii", "replace").strip()
        if self.echo:
            self._reply(command + b" ", start)
        try:
            answer, end = self._obey(text.upper().split(), start)
        except (RefusedError, ValueError, KeyError):
            answer, end = "?", start
        self._free_at = end
        if math.isinf(end):
            return
        if isinstance(answer, str):
            self._reply(_line(answer), end)
        else:
            self._reply(lambda: _line(answer()), end)

    def _obey(self, words: list[str], t: float) -> Answer:
        """Carry out one command that begins at time `t`.

        Raises:
            RefusedError: it is not carried out.
            ValueError: its number is none.
            KeyError: there is no such command.
        """
        *numbers, word = words
        if len(numbers) > 1 or word in self.unknown:
            raise KeyError(word)
        if numbers:
            return self._move(word, numbers[0], t)
        if word in self._texts:
            return self._texts[word], t
        if word in ("FRONT", "SIDE"):
            return "", self.drive.flip(word == "SIDE", t) if self._mirror == "EXIT-MIRROR" else t
        if word in ("EXIT-MIRROR", "ENT-MIRROR"):
            self._mirror = word
            return "", t
        if word in ("NO-ECHO", "ECHO"):
            self.echo = word == "ECHO"
            return "", t
        if word == "MONO-STOP":
            self.drive.stop(t)
            return "", t
        return self._tell(word, t), t

    def _tell(self, word: str, t: float) -> str | Callable[[], str]:
        drive = self.drive
        if word == "?NM":
            return lambda: f"{drive.dial(t):.3f} nm"
        if word == "MONO-?DONE":
            return str(int(drive.done(t)))
        if word == "?GRATINGS":
            return "".join(f"\r\n{self._place(place)}" for place in range(1, _PLACES + 1)) + "\r\n"
        if word == "?TURRETS":
            return "".join(f"\r\n{_mark(n == drive.turret)}{n}  TURRET {n} " for n in (1, 2, 3)) + "\r\n"
        front = "side" if drive.side and self._mirror == "EXIT-MIRROR" else "front"
        told = {
            "?NM/MIN": f"{drive.rate:.3f} nm/min",
            "?GRATING": str(drive.grating),
            "?TURRET": str(drive.turret),
            "?MIRROR": front,
            "?MIR": str(int(front == "side")),
        }
        return told[word]

    def _move(self, word: str, number: str, t: float) -> Answer:
        drive, value = self.drive, float(number)
        if not math.isfinite(value):
            raise ValueError(number)
        if word == ">NM":
            drive.start(value, t)
            return "", t
        if word == "NM/MIN":
            if not SLOWEST <= value <= FASTEST:
                raise RefusedError
            drive.rate = round(value, 3)
            return "", t
        moves: dict[str, Callable[[float, float], float]] = {
            "NM": drive.scan,
            "GOTO": drive.slew,
            "<NM>": drive.scan,
            "<GOTO>": drive.slew,
            "GRATING": lambda number, at: drive.change(int(number), at),
            "TURRET": lambda number, at: drive.swap(int(number), at),
        }
        return "", moves[word](value, t)

    def _place(self, place: int) -> str:
        mounted = self.drive.gratings
        text = mounted[place - 1] if place <= len(mounted) else "Not Installed"
        return f"{_mark(place == self.drive.grating)}{place}  {text} "


def _mark(present: bool) -> str:
    return _ARROW if present else " "


def _line(answer: str) -> bytes:
    if answer == "?":
        return b" ? \r\n"
    return f"{answer + '  ' if answer else ' '}ok\r\n".encode()


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> SpectraPro:
    """Wire up one monochromator: `port`, and perhaps `gratings` (a text with commas), `model`, `serial`, `echo`."""
    entry = entries[0]
    gratings = [text.strip() for text in str(entry.get("gratings", _GRATINGS)).split(",")]
    return SpectraPro(
        Drive(laboratory.port(str(entry["port"])), gratings),
        laboratory.clock,
        model=str(entry.get("model", "SP-2750")),
        serial=str(entry.get("serial", "27500123")),
        echo=str(entry.get("echo", "on")).lower() not in ("off", "false", "no"),
    )
