"""Thorlabs Elliptec ELL14 rotation mounts, one or several on a multidrop serial line.

Source: the ELLx protocol as public drivers use it (pylablib, Micro-Manager); its manual was not at hand.
Unverified against the manual: the top speed of 430 deg/s, the landing error, what a stop answers, that a move
beyond one turn is refused, and the frames of the buttons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.errors import UsageError
from .device import Laboratory, Reply, WireDevice, Wiring
from .faults import Faults
from .mount import PULSES, Mount

OK, MECHANICAL, UNSUPPORTED, RANGE, BUSY = 0x00, 0x02, 0x03, 0x04, 0x09
_ADDRESSES = frozenset("0123456789ABCDEF")
_LENGTHS = {"ho": 1, "ma": 8, "mr": 8, "sj": 8, "so": 8, "sv": 2, "ca": 1, "ga": 1, "is": 2}
"""Characters of data behind a command; none for all others."""


class MountFaults(Faults):
    """Faults of the line and of the mounts on it."""

    def __init__(self) -> None:
        super().__init__()
        self.stalls = 0
        self._press: Callable[[], None] = lambda: None

    def stall(self, n: int = 1) -> None:
        """Block the next `n` motions half way: mechanical timeout."""
        self.stalls += n

    def press_button(self) -> None:
        """Have somebody press a button on the first mount: an unsolicited frame."""
        self._press()


class EllBus(WireDevice):
    """The serial line with its mounts; only the one that is spoken to answers.

    Args:
        mounts: bus address ("0" to "F") -> mount.
    """

    faults: MountFaults

    def __init__(self, mounts: dict[str, Mount]) -> None:
        super().__init__(baud=9600, turnaround=0.004)
        self.faults = MountFaults()
        self.faults._press = self._button  # noqa: SLF001 - the button is on this device
        self.mounts = mounts
        self._arrivals: dict[str, tuple[float, Reply]] = {}
        self._now = 0.0

    def feed(self, data: bytes, now: float) -> None:
        """Take in bytes that have arrived at simulated time `now` in s."""
        self._now = now
        super().feed(data, now)

    def clear(self) -> None:
        """Drop what came in and what was to go out, frames that motions have promised as well."""
        super().clear()
        self._arrivals.clear()

    def _split(self) -> bytes | None:
        """Take a command by its length: ELLx commands need no terminator."""
        line = self._incoming
        while line and line[0] not in b"0123456789ABCDEF":
            del line[0]
        if len(line) < 3:
            return None
        length = 3 + _LENGTHS.get(line[1:3].decode("ascii", "replace"), 0)
        if line[1:3] == b"ho" and len(line) > 3 and line[3] not in b"01":
            length = 3
        if len(line) < length:
            return None
        command = bytes(line[:length])
        del line[:length]
        return command

    def _command(self, command: bytes, now: float) -> None:
        text = command.decode("ascii", "replace")
        address, word, data = text[0], text[1:3], text[3:]
        mount = self.mounts.get(address)
        if mount is None:
            return
        if now < mount.busy_until:
            if word in ("ms", "st"):
                mount.stop(now)
                self._send(address, self._position(mount, now), now, instead=True)
            else:
                self._say(address, f"GS{BUSY:02X}")
            return
        try:
            self._obey(address, mount, word, data)
        except ValueError:
            self._fault(address, mount, UNSUPPORTED)

    def _obey(self, address: str, mount: Mount, word: str, data: str) -> None:
        """Carry out one command of a mount that stands still."""
        now = self._now
        if word == "gs":
            self._say(address, f"GS{mount.status:02X}")
            mount.status = OK
        elif word in ("ho", "ma", "mr", "fw", "bw"):
            self._start(address, mount, word, data)
        elif word in ("gp", "ms", "st"):
            self._send(address, self._position(mount, now), now)
        elif word == "in":
            self._say(address, f"IN{mount.info}")
        elif word in ("gv", "gj", "go", "i1", "i2"):
            self._say(address, _asked(mount, word))
        elif word == "sv" and not 1 <= int(data, 16) <= 100:
            self._fault(address, mount, RANGE)
        elif word in ("sv", "sj", "so", "us", "is", "s1", "s2"):
            _store(mount, word, data)
            self._say(address, f"GS{OK:02X}", after=4.0 if word in ("s1", "s2") else 0.0)
        elif word == "ca" and (data.upper() not in _ADDRESSES or data.upper() in self.mounts.keys() - {address}):
            self._fault(address, mount, RANGE)
        elif word == "ca":
            self.mounts[data.upper()] = self.mounts.pop(address)
            self._say(data.upper(), f"GS{OK:02X}")
        else:
            self._fault(address, mount, UNSUPPORTED)

    def _start(self, address: str, mount: Mount, word: str, data: str) -> None:
        """Start a motion; its reply comes when it ends."""
        now = self._now
        here = mount.pulses(now)
        if word == "ho":
            target = 0
        elif word == "ma":
            target = _signed(data)
        else:
            target = here + (_signed(data) if word == "mr" else mount.jog if word == "fw" else -mount.jog)
        if abs(target if word == "ma" else target - here) > PULSES and word != "ho":
            self._fault(address, mount, RANGE)
        elif self.faults.stalls > 0:
            self.faults.stalls -= 1
            end = mount.stall(now, target)
            mount.status = MECHANICAL
            self._send(address, lambda: f"GS{MECHANICAL:02X}", end)
        else:
            end = mount.home(now, data != "1") if word == "ho" else mount.move(now, target)
            self._send(address, self._position(mount, end), end)

    def _position(self, mount: Mount, t: float) -> Callable[[], str]:
        return lambda: f"PO{mount.pulses(t) & 0xFFFFFFFF:08X}"

    def _fault(self, address: str, mount: Mount, status: int) -> None:
        mount.status = status
        self._say(address, f"GS{status:02X}")

    def _button(self) -> None:
        self._say(next(iter(self.mounts)), "BS02")

    def _say(self, address: str, text: str, after: float = 0.0) -> None:
        self._send(address, lambda: text, self._now + after)

    def _send(self, address: str, text: Callable[[], str], at: float, *, instead: bool = False) -> None:
        """Send a frame at its own time; `instead` of the one that a motion had promised."""

        def frame() -> bytes:
            if address in self._arrivals and self._arrivals[address][1] is frame:
                del self._arrivals[address]
            return f"{address}{text()}\r\n".encode()

        if instead and address in self._arrivals:
            promised = self._arrivals.pop(address)
            self._pending.remove(promised)
        due = at + self.turnaround + self.transit(13)
        if at > self._now:
            self._arrivals[address] = (due, frame)
        self._insert(due, frame)


def _asked(mount: Mount, word: str) -> str:
    """Return the answer to a question about a setting."""
    if word == "gv":
        return f"GV{mount.velocity:02X}"
    if word == "gj":
        return f"GJ{mount.jog & 0xFFFFFFFF:08X}"
    if word == "go":
        return f"HO{mount.home_offset & 0xFFFFFFFF:08X}"
    return f"{word.upper()}100000FFFFFFFF00AD008E"


def _store(mount: Mount, word: str, data: str) -> None:
    if word == "sv":
        mount.velocity = int(data, 16)
    elif word == "sj":
        mount.jog = _signed(data)
    elif word == "so":
        mount.home_offset = _signed(data)


def _signed(data: str) -> int:
    value = int(data, 16)
    return value - 0x100000000 if value & 0x80000000 else value


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> EllBus:
    """Wire up the mounts of one line, each with `port`, `bus_address`, perhaps `serial` or `identity`."""
    mounts: dict[str, Mount] = {}
    for entry in entries:
        address = str(entry.get("bus_address", "0")).upper()
        if address in mounts or address not in _ADDRESSES:
            raise UsageError(f"ELL14: bus address {address!r} is taken or not one of 0 to F")
        serial = str(entry.get("serial", f"1140{len(mounts):04d}"))
        info = str(entry.get("identity", f"0E{serial:0>8}202115010168{PULSES:08X}"))
        mounts[address] = Mount(laboratory.port(entry["port"]), laboratory.rng(f"ELL14 {entry['port']}"), info)
    return EllBus(mounts)
