"""PI General Command Set 2.0: what the simulated controllers of that language share.

Source: E-727 manual (E727T0005) p. 66 to 69, 100, 108 and C-863 manual (MS249E) p. 117, 136, 204, and the exchanges of
PI's own pipython. Unverified against the manuals: which error a refused command leaves, that a newer error replaces an
older one, the formats of the numbers, and that a reset takes no time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...core.errors import UsageError
from ..clock import SimClock
from .device import WireDevice, Wiring
from .gcs_faults import GcsFaults
from .stage import finite

SYNTAX, UNKNOWN, UNREADY, RANGE, SPEED, STOPPED = 1, 2, 5, 7, 8, 10
NO_AXIS, OUT_OF_RANGE, NO_NUMBER, MISSING, NO_PARAMETER = 15, 17, 25, 26, 54

_SINGLE = {0x05: "#5", 0x07: "#7", 0x09: "#9", 0x18: "#24"}
"""Commands of one byte, which need no line feed."""

Handler = Callable[[list[str], float], Sequence[str] | None]
"""Takes the words behind the command and the time in s; returns the lines of a reply, or None."""


class GcsError(Exception):
    """A command that the controller refuses; `number` is what ERR? will say."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class GcsController(WireDevice):
    """One controller with one axis.

    Args:
        identity: the reply to *IDN?.
        axis: the axis's name.
        clock: when faults strike.
        travel: lowest and highest position.
        baud: of a serial line; None on a TCP socket.
    """

    faults: GcsFaults

    def __init__(
        self, identity: str, axis: str, clock: SimClock, travel: tuple[float, float], baud: float | None
    ) -> None:
        super().__init__(baud=baud, turnaround=0.0005)
        self.faults = GcsFaults(self)
        self.axis = axis
        self.travel = travel
        self.servo = False
        self.target = 0.0
        self.error = 0
        self._identity = identity
        self._clock = clock
        self.commands: dict[str, Handler] = {
            "*IDN?": lambda words, now: [self._identity],
            "CSV?": lambda words, now: ["2.0"],
            "ERR?": self._ask_error,
            "HLP?": self._help,
            "SAI?": lambda words, now: [self.axis],
            "SVO?": self.of_axis(lambda now: str(int(self.servo))),
            "MOV?": self.of_axis(lambda now: real(self.target)),
            "POS?": self.of_axis(lambda now: real(self.position(now))),
            "ONT?": self.of_axis(lambda now: str(int(self.on_target(now)))),
            "TMN?": self.of_axis(lambda now: real(self.travel[0])),
            "TMX?": self.of_axis(lambda now: real(self.travel[1])),
            "SPA": lambda words, now: refuse(NO_PARAMETER),
            "VER?": lambda words, now: [f"FW: V{self._identity.rpartition(',')[2].strip()}"],
            "#5": lambda words, now: [f"{int(self.is_moving(now)):x}"],
            "#7": lambda words, now: ["\xb0" if self.is_busy(now) else "\xb1"],
            "#24": self._stop,
            "STP": self._stop,
            "HLT": self._stop,
        }
        """Command -> what does it; subclasses and their parts add theirs."""

    def position(self, now: float) -> float:
        """Return what its sensor says at time `now`."""
        raise NotImplementedError

    def on_target(self, now: float) -> bool:
        """Whether it says at time `now` that the axis is where it shall be."""
        raise NotImplementedError

    def is_moving(self, now: float) -> bool:
        """Whether the axis is on its way at time `now`."""
        raise NotImplementedError

    def is_busy(self, now: float) -> bool:
        """Whether the controller does something at time `now` during which it is not ready."""
        raise NotImplementedError

    def halt(self, now: float) -> None:
        """Stop everything that moves."""
        raise NotImplementedError

    def drop_servo(self) -> None:
        """Lose the servo, at the clock's time."""
        raise NotImplementedError

    def restart(self) -> None:
        """Be as after power-on, at the clock's time."""
        raise NotImplementedError

    def own_axis(self, words: list[str]) -> None:
        """Check the axis of a query, which may be left out.

        Raises:
            GcsError: 15, another axis.
        """
        if any(word != self.axis for word in words):
            raise GcsError(NO_AXIS)

    def axis_value(self, words: list[str]) -> float:
        """Return the value of `<axis> <value>`.

        Raises:
            GcsError: 26, 15 or 25.
        """
        if len(words) < 2:
            raise GcsError(MISSING)
        self.own_axis(words[:1])
        return number(words[1])

    def of_axis(self, read: Callable[[float], str]) -> Handler:
        """Return a handler for a query that answers `axis=value`."""

        def answer(words: list[str], now: float) -> list[str]:
            self.own_axis(words)
            return [f"{self.axis}={read(now)}"]

        return answer

    def _split(self) -> bytes | None:
        if self._incoming and self._incoming[0] in _SINGLE:
            return bytes([self._incoming.pop(0)])
        return super()._split()

    def _command(self, command: bytes, now: float) -> None:
        text = _SINGLE.get(command[0]) if len(command) == 1 else None
        words = (text or command.decode("latin-1")).split()
        if not words:
            return
        handler = self.commands.get(words[0].upper())
        try:
            if handler is None:
                raise GcsError(UNKNOWN)
            lines = handler(words[1:], now)
        except GcsError as error:
            self.error = error.number
            return
        if lines is not None:
            self._reply((" \n".join(lines) + "\n").encode("latin-1"), now + self.turnaround)

    def _ask_error(self, words: list[str], now: float) -> list[str]:
        found, self.error = self.error, 0
        return [str(found)]

    def _stop(self, words: list[str], now: float) -> None:
        self.own_axis(words)
        self.halt(now)
        raise GcsError(STOPPED)

    def _help(self, words: list[str], now: float) -> list[str]:
        listed = [f"{name} - see the manual" for name in sorted(self.commands)]
        return ["The following commands are valid:", *listed, "end of help"]


def real(value: float) -> str:
    """Return a number as these controllers print it."""
    return f"{value:.9e}"


def refuse(error: int) -> None:
    """Raise GcsError, for commands that are known and never allowed."""
    raise GcsError(error)


def number(word: str) -> float:
    """Parse a number.

    Raises:
        GcsError: 25, it is none.
    """
    try:
        return finite(word)
    except ValueError:
        raise GcsError(NO_NUMBER) from None


def whole(word: str, low: int, high: int) -> int:
    """Parse a whole number, decimal or 0x hexadecimal, between two bounds.

    Raises:
        GcsError: 25 or 17.
    """
    try:
        value = int(word, 0)
    except ValueError:
        raise GcsError(NO_NUMBER) from None
    if not low <= value <= high:
        raise GcsError(OUT_OF_RANGE)
    return value


def groups(words: list[str], size: int) -> list[list[str]]:
    """Return the words in groups of this size.

    Raises:
        GcsError: 26, there are none or some left over.
    """
    if not words or len(words) % size:
        raise GcsError(MISSING)
    return [words[start : start + size] for start in range(0, len(words), size)]


class Plugs(NamedTuple):
    """What a wiring entry says of a controller."""

    axis: str
    port: str
    travel: tuple[float, float]
    baud: float | None


def plugs(entry: Wiring, travel: tuple[float, float]) -> Plugs:
    """Read a wiring entry: `axis_1: <port>` (or axis_2 ...), and perhaps `low` and `high`.

    Raises:
        UsageError: no axis or several, or a travel that is none.
    """
    axes = [key for key in entry if key.startswith("axis_")]
    if len(axes) != 1:
        raise UsageError(f"{entry['address']}: a GCS controller is wired by one axis, such as `axis_1: fine`")
    try:
        low, high = (float(entry.get(key, end)) for key, end in zip(("low", "high"), travel, strict=True))
    except ValueError as error:
        raise UsageError(f"{entry['address']}: low and high are numbers: {error}") from None
    if not low < high:
        raise UsageError(f"{entry['address']}: low {low:g} is not below high {high:g}")
    baud = 115200.0 if str(entry["address"]).upper().startswith("ASRL") else None
    return Plugs(axes[0].removeprefix("axis_"), str(entry[axes[0]]), (low, high), baud)
