"""Gentec-EO MAESTRO energy meter with a pyroelectric head, as it answers on its USB serial port; also the BLU.

Source: MAESTRO user's manual rev. 8.1, p. 57-71 and 81-86 (commands without terminator, numbers of fixed length,
scales, corrections, the words of `*NVU`), and public drivers (contrib, InstrumentKit, fsc2) for the words of the other
replies, for settings that the MAESTRO leaves unanswered and the BLU answers by ACK, and for the modes.

Unverified against the manual: the reply to a command that it does not know, 3.402823e+38 beyond the scale and that
it begins 5 % above the full scale, 5 ms until a value is shown, pulses closer than 2 ms, what the automatic scale does
with one pulse, that the zero offset takes the last value, mode 7 and an unanswered `*NVU` flag without a head, the text
of `*GFW`, and what is set when the power comes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..clock import SimClock
from .device import Laboratory, WireDevice, Wiring
from .faults import Faults
from .gentec_pulses import Pulses, full_scale

_DIGITS = {"ANO": 1, "ANT": 1, "MUL": 8, "OFF": 8, "PWC": 5, "SAS": 1, "SCS": 2, "SS1": 1, "SSE": 1, "STL": 4}
"""How many characters follow a command."""
_PYRO, _SINGLE_SHOT, _NO_HEAD = 1, 2, 7
"""Modes as `*GMD` tells them."""
_WAVELENGTHS, _OWN_WAVELENGTH = (200, 2500), 1064
"""nm: limits of the head, and what it falls back to."""
_IDENTITIES = {"MAESTRO": "MAESTRO Version 1.00.18", "BLU": "Blu firmware Version 1.95"}


class EnergyMeterFaults(Faults):
    """Faults of an energy meter."""

    def __init__(self) -> None:
        super().__init__()
        self.head_missing = False

    def no_head(self) -> None:
        """Pull the head off the meter."""
        self.head_missing = True

    def head(self) -> None:
        """Put the head back."""
        self.head_missing = False


class GentecMaestro(WireDevice):
    """A meter and its head.

    Args:
        head: the World's port with `shots(t0, t1)`.
        clock: of the World.
        scales: indices of the lowest and the highest scale of the head.
        identity: the reply to `*VER`.
        acknowledges: whether it answers settings.
    """

    faults: EnergyMeterFaults
    buffer = 256

    def __init__(
        self, head: Any, clock: SimClock, *, scales: tuple[int, int], identity: str, acknowledges: bool
    ) -> None:
        super().__init__(baud=115200, turnaround=0.001)
        self.faults = EnergyMeterFaults()
        self.pulses = Pulses(head, scales, clock.now())
        self._identity, self._acknowledges = identity, acknowledges
        self._wavelength = _OWN_WAVELENGTH
        self._single_shot = self._anticipates = self._streams = False
        self._questions: dict[str, Callable[[float], str]] = self._answers()
        self._settings: dict[str, Callable[[str], bool]] = self._setters()

    def poll(self, now: float) -> list[bytes]:
        """Return what is due by simulated time `now` in s: replies, and each pulse's value while it streams."""
        self._follow(now)
        return super().poll(now)

    def next_due(self) -> float | None:
        """Return when something may be sent next, in s of simulated time; None if nothing can come."""
        due = super().next_due()
        if not self._streams or self.faults.unplugged:
            return due
        look = self.pulses.next_look()
        return look if due is None else min(due, look)

    def _follow(self, now: float) -> None:
        self.pulses.connected = not self.faults.head_missing
        for t, value in self.pulses.follow(now):
            if self._streams:
                self._insert(t, _line(_number(value)))

    def _split(self) -> bytes | None:
        incoming = self._incoming
        start = incoming.find(b"*")
        del incoming[: start if start >= 0 else len(incoming)]
        if len(incoming) < 2:
            return None
        wanted = 4 + _DIGITS.get(incoming[1:4].decode("ascii", "replace").upper(), 0)
        early = next((place for place in range(1, min(wanted, len(incoming))) if incoming[place] in b"*\r\n"), None)
        if early is None and len(incoming) < wanted:
            return None
        command = bytes(incoming[: early or wanted])
        del incoming[: len(command)]
        return command

    def _command(self, command: bytes, now: float) -> None:
        self._follow(now)
        word = command[1:4].decode("ascii", "replace").upper()
        digits = command[4:].decode("ascii", "replace")
        start = now + self.turnaround
        if word in self._questions:
            self._reply(_line(self._questions[word](now)), start)
        elif word not in self._settings:
            self._reply(_line("Command Not Found"), start)
        elif len(digits) == _DIGITS.get(word, 0) and self._settings[word](digits) and self._acknowledges:
            self._reply(_line("ACK"), start)

    def _answers(self) -> dict[str, Callable[[float], str]]:
        pulses = self.pulses
        return {
            "CVU": self._current_value,
            "NVU": lambda _: f"New Data {'' if pulses.fresh else 'Not '}Available",
            "GMD": lambda _: f"Mode: {self._mode()}",
            "GSE": lambda _: f"SSE: {self._single_shot:d}",
            "GTL": self._trigger_level,
            "GCR": lambda _: f"Range: {pulses.scale}",
            "DVS": self._scales,
            "GAS": lambda _: f"AutoScale: {pulses.auto:d}",
            "GWL": lambda _: f"PWC: {self._wavelength}",
            "GAN": lambda _: f"Anticipation: {self._anticipates:d}",
            "GZO": lambda _: f"Zero: {pulses.zeroed:d}",
            "GUM": lambda _: f"User Multiplier: {pulses.multiplier:.7e}",
            "GUO": lambda _: f"User Offset: {pulses.offset:.7e}",
            "GRR": lambda now: f"{pulses.rate(now):.4f}",
            "GBM": lambda _: "Binary Joulemeter Mode: 0",
            "QSO": lambda _: "98",
            "VER": lambda _: self._identity,
            "GFW": lambda _: "NIG : 0, No head" if self.faults.head_missing else "NIG : 104552, Joulemeter, V1.95",
        }

    def _setters(self) -> dict[str, Callable[[str], bool]]:
        pulses = self.pulses
        return {
            "SCS": lambda text: text.isdigit() and pulses.set_scale(int(text)),
            "SSU": lambda _: pulses.set_scale(pulses.scale + 1),
            "SSD": lambda _: pulses.set_scale(pulses.scale - 1),
            "SAS": lambda text: self._switch(pulses, "auto", text),
            "SSE": lambda text: self._switch(self, "_single_shot", text),
            "STL": lambda text: self._decimal("trigger", text, 0.1, 99.9),
            "PWC": self._set_wavelength,
            "ANT": lambda text: self._switch(self, "_anticipates", text),
            "MUL": lambda text: self._decimal("multiplier", text, 0, 1e9),
            "OFF": lambda text: self._decimal("offset", text, -1e9, 1e9),
            "SOU": lambda _: self._zero(True),
            "COU": lambda _: self._zero(False),
            "CAU": lambda _: self._stream(True),
            "CSU": lambda _: self._stream(False),
            "SS1": lambda text: text == "0",
            "ANO": lambda text: text in ("0", "1"),
        }

    def _mode(self) -> int:
        if self.faults.head_missing:
            return _NO_HEAD
        return _SINGLE_SHOT if self._single_shot else _PYRO

    def _current_value(self, _: float) -> str:
        """`*CVU`: what stands on the display, new or not."""
        self.pulses.fresh = False
        return _number(self.pulses.value)

    def _trigger_level(self, _: float) -> str:
        """`*GTL`; the BLU says more than the MAESTRO."""
        level = self.pulses.trigger
        if not self._acknowledges:
            return f"Trigger Level: {level:g}"
        full = full_scale(self.pulses.scale)
        return f"Trigger level: {level:g}% ({full * level / 100:g} Joules) of max energy: {full:g} Joules"

    def _scales(self, _: float) -> str:
        """`*DVS`: a line for each scale that the head has."""
        indices = range(self.pulses.lowest, self.pulses.highest + 1)
        return "\r\n".join(f"[{index:02d}]: {_engineering(full_scale(index))}" for index in indices)

    def _set_wavelength(self, text: str) -> bool:
        """`*PWC`: one beyond the head's limits means its own."""
        if not text.isdigit():
            return False
        low, high = _WAVELENGTHS
        self._wavelength = int(text) if low <= int(text) <= high else _OWN_WAVELENGTH
        return True

    def _decimal(self, name: str, text: str, low: float, high: float) -> bool:
        try:
            value = float(text)
        except ValueError:
            return False
        if not low <= value <= high:
            return False
        setattr(self.pulses, name, value)
        return True

    def _zero(self, on: bool) -> bool:
        self.pulses.set_zero(on)
        return True

    def _stream(self, on: bool) -> bool:
        self._streams = on
        return True

    @staticmethod
    def _switch(owner: object, name: str, text: str) -> bool:
        if text not in ("0", "1"):
            return False
        setattr(owner, name, text == "1")
        return True


def _line(text: str) -> bytes:
    return text.encode("ascii") + b"\r\n"


def _number(value: float) -> str:
    return f"{value:.6e}"


def _engineering(value: float) -> str:
    """Return a full scale as the display shows it, such as `30.00 u`."""
    step = next(step for step in range(-4, 3) if value < 999 * 1000.0**step)
    return f"{value / 1000.0**step:#.4g} {'pnum kM'[step + 4]}".rstrip()


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> GentecMaestro:
    """Wire up one meter: `port`, perhaps `model` (MAESTRO or BLU), `identity` and `scales` (of the head: `6-23`)."""
    entry = entries[0]
    model = str(entry.get("model", "MAESTRO")).upper()
    lowest, _, highest = str(entry.get("scales", "6-23")).partition("-")
    return GentecMaestro(
        laboratory.port(entry["port"]),
        laboratory.clock,
        scales=(int(lowest), int(highest)),
        identity=entry.get("identity", _IDENTITIES.get(model, model)),
        acknowledges=model == "BLU",
    )
