"""Spectra-Physics Mai Tai on a serial line.

Source: Mai Tai manual, chapter on the serial interface: short forms, XON/XOFF, warm-up, ON below 100 % is an execution
error, watchdog, *STB?. Public drivers: the bits of later heads, "nm", "W" and "%" behind numbers. Unverified against
the manual: the words of SYST:ERR?, codes of PLAS:ERRC?, how long the emission takes to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .scpi import Parser, ScpiError
from .titanium import Dump, Titanium, TitaniumFaults

_XON, _XOFF = 0x11, 0x13
WARM_UP = 120.0
"""s from cold to warm."""
_RAMP = 4.0
"""s from ON until it emits, when it is warm."""
_COMMAND, _EXECUTION, _SYSTEM, _LASER_ON, _ANY = 1, 2, 32, 64, 128
_LATER_ON, _LATER_LOCKED, _LATER_SHUTTER = 1, 2, 4
_READINGS = {"PCURrent": "22.1A", "SHGStemp": "147.2", "DIODe1:CURRent": "22.0A", "DIODe1:TEMPerature": "21.5"}


class MaiTai(WireDevice):
    """A laser.

    Args:
        head: what shines.
        warm: how warm it is at the start, percent.
        later: whether the status byte is that of later heads.
        identity: the reply to `*IDN?`.
    """

    faults: TitaniumFaults
    stop_bytes = b"\r\n"

    def __init__(self, head: Titanium, clock: SimClock, *, warm: float, later: bool, identity: str) -> None:
        super().__init__(baud=9600, turnaround=0.02)
        self.faults = TitaniumFaults(head, clock)
        self.head = head
        self._warm = (clock.now(), warm, 0.0)
        self._later = later
        self._held = False
        self._now = clock.now()
        self._raised = 0
        self._mode = "PPOW"
        self._parser = Parser(
            {
                "*IDN?": lambda _: identity.encode(),
                "*STB?": lambda _: b"%d" % self._status(),
                "ON": self._on,
                "OFF": lambda _: self.head.switch_off(self._now),
                "SHUTter": self._shut,
                "SHUTter?": lambda _: b"%d" % self.head.reported_open(self._now),
                "WAVelength": self._tune,
                "WAVelength?": lambda _: _nm(self.head.commanded),
                "WAVelength:MINimum?": lambda _: _nm(self.head.port.limits[0]),
                "WAVelength:MAXimum?": lambda _: _nm(self.head.port.limits[1]),
                "READ:WAVelength?": lambda _: _nm(self.head.port.wavelength(self._now)),
                "READ:PCTWarmedup?": lambda _: b"%03d%%" % self._percent(),
                "READ:POWer?": lambda _: self._watts(),
                "READ:PLASer:POWer?": lambda _: b"%.2fW" % (10.0 if self.head.emits(self._now) else 0.0),
                "TIMer:WATChdog": self._watch,
                "TIMer:WATChdog?": lambda _: b"%d" % self.head.watchdog,
                "MODE": self._set_mode,
                "MODE?": lambda _: self._mode.encode(),
                "PLASer:ERRCode?": lambda _: b"90" if self.head.interlock else b"0",
                "PLASer:HISTory?": lambda _: b"0 0 0 0",
                "PLASer:AHIStory?": lambda _: b"0 0 0 0",
                "CONTrol:MLENable": lambda _: None,
                "CONTrol:MLENable?": lambda _: b"1",
                "SAVe": lambda _: None,
                **{f"READ:PLASer:{word}?": _constant(text) for word, text in _READINGS.items()},
            }
        )

    def feed(self, data: bytes, now: float) -> None:
        """Take in bytes; XOFF holds the replies back until XON."""
        for byte in data:
            if byte in (_XON, _XOFF):
                self._held = byte == _XOFF
        super().feed(bytes(byte for byte in data if byte not in (_XON, _XOFF)), now)

    def poll(self, now: float) -> list[bytes]:
        """Return the replies that are due, unless the other end has asked to wait."""
        return [] if self._held else super().poll(now)

    def next_due(self) -> float | None:
        """Return when the next reply is due; None while they are held back."""
        return None if self._held else super().next_due()

    def _command(self, command: bytes, now: float) -> None:
        text = command.decode("ascii", "replace").strip()
        if not text:
            return
        self._now = now
        before = len(self._parser.errors)
        for reply in self._parser.execute(text):
            self._reply((reply if isinstance(reply, bytes) else reply()) + b"\n", now + self.turnaround)
        if len(self._parser.errors) > before:
            self._raised |= _COMMAND if "-113" in self._parser.errors[-1] else _EXECUTION
        else:
            self.head.touch(now)

    def _status(self) -> int:
        raised, self._raised = self._raised, 0
        system = _SYSTEM if self.head.interlock else 0
        on = self.head.emits(self._now)
        if self._later:
            lit = _LATER_ON * on + _LATER_LOCKED * self.head.locked(self._now)
            return lit + _LATER_SHUTTER * self.head.reported_open(self._now) + system
        byte = raised | system | _LASER_ON * on
        return byte | (_ANY if raised or system else 0)

    def _percent(self) -> int:
        since, first, rate = self._warm
        return min(100, int(first + rate * (self._now - since)))

    def _on(self, _: str) -> None:
        percent = self._percent()
        if percent == 0:
            self._warm = (self._now, 1.0, 100 / WARM_UP)
        elif percent < 100 or self.head.interlock:
            raise ScpiError(-200, "Execution error")
        else:
            self.head.switch_on(self._now, _RAMP)

    def _shut(self, text: str) -> None:
        self.head.move_shutter(bool(_integer(text, 0, 1)), self._now)

    def _tune(self, text: str) -> None:
        low, high = self.head.port.limits
        self.head.tune(float(_integer(text, low, high)), self._now)

    def _watch(self, text: str) -> None:
        self.head.watchdog = float(_integer(text, 0, 3600))

    def _set_mode(self, text: str) -> None:
        if text.upper() not in ("PPOW", "PCUR"):
            raise ScpiError(-224, "Illegal parameter value")
        self._mode = text.upper()

    def _watts(self) -> bytes:
        return b"%.4gW" % self.head.port.watts(self._now)


def _nm(value: float) -> bytes:
    return b"%dnm" % round(value)


def _constant(text: str) -> Any:
    return lambda _: text.encode()


def _integer(text: str, low: float, high: float) -> int:
    try:
        value = round(float(text))
    except (ValueError, OverflowError):
        raise ScpiError(-104, "Data type error") from None
    if not low <= value <= high:
        raise ScpiError(-222, "Data out of range")
    return value


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> MaiTai:
    """Wire up one laser: `port` (without it, it shines into a beam dump), perhaps `identity`.

    More of them: `status` (`later` or `early`, the bits of `*STB?`), for the start `warm` (percent), `emission` (on or
    off), `shutter` (open or closed).
    """
    entry = entries[0]
    warm = float(entry.get("warm", 100))
    emits = warm >= 100 and entry.get("emission", True) not in (False, "off")
    head = Titanium(
        laboratory.port(entry["port"]) if "port" in entry else Dump(),
        laboratory.clock,
        emits=emits,
        opened=entry.get("shutter", "closed") == "open",
        lag=1.0,
    )
    return MaiTai(
        head,
        laboratory.clock,
        warm=warm,
        later=entry.get("status", "later") == "later",
        identity=str(entry.get("identity", "Spectra-Physics,MaiTai,0100,0450-7780A/214-00.004.057")),
    )
