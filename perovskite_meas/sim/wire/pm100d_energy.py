"""Thorlabs PM100D with a pyroelectric energy head: every reading waits for the next laser pulse.

Source: PM100D operation manual p.49-51 (commands; no automatic range for energies; threshold 1 to 70 %). Unverified
against it: the ranges, the threshold at power-on, that a reading is that of one pulse whatever the averaging, that it
is known 5 ms after the pulse, 9.9E37 for a pulse beyond the range, and what is refused with which error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import pm100d
from .device import Laboratory, Reply, Wiring
from .energy_channel import EnergyChannel
from .pm100d import PM100D
from .pm100d_settings import OVERRANGE
from .scpi import Handler, real


class EnergyConsole(PM100D):
    """A console and an energy head.

    Args:
        head: the World's port with `shots(t0, t1)`.
        now: simulated time in s.
        identity: the reply to `*IDN?`.
        sensor: the reply to `SYST:SENS:IDN?`.
    """

    def __init__(self, head: Any, now: float, *, identity: str, sensor: str) -> None:
        self.channel = EnergyChannel(head, now)
        self._since: float | None = None
        """From when on the pulse counts that is waited for; None if it has come or nobody waits."""
        self._reading = OVERRANGE
        self._held: list[Reply] = []
        self._waits = False
        super().__init__(head, identity=identity, sensor=sensor)

    def poll(self, now: float) -> list[bytes]:
        """Return what is due by simulated time `now` in s; a pulse that was waited for lets its reply out."""
        self._follow(now)
        return super().poll(now)

    def next_due(self) -> float | None:
        """Return when a reply may come next, in s of simulated time; None if nobody waits for one."""
        due = super().next_due()
        if not self._held or self.faults.unplugged:
            return due
        look = self.channel.next_look()
        return look if due is None else min(due, look)

    def status_byte(self, now: float) -> int:
        """Return the byte that a serial poll reads: 16 while a reply waits, not while a pulse is waited for."""
        self._follow(now)
        due = super().next_due()
        return 16 if due is not None and due <= now else 0

    def clear(self) -> None:
        """Wait for no pulse any more and drop all buffers."""
        super().clear()
        self._since = None
        self._held.clear()

    def _commands(self) -> dict[str, Handler]:
        commands = {
            **super()._commands(),
            **self.channel.commands(),
            "CONFigure[:SCALar]:ENERgy": lambda _: None,
            "CONFigure?": lambda _: b"ENER",
            "MEASure[:SCALar]:ENERgy?": self._measure,
            "MEASure[:SCALar]:FREQuency?": lambda _: real(self.channel.rate(self._now)),
        }
        zero = "[SENSe:]CORRection:COLLect:ZERO[:INITiate]"
        for refused in (zero, "CONFigure[:SCALar][:POWer]", "MEASure[:SCALar][:POWer]?"):
            commands[refused] = self._not_for_this_head
        return commands

    def _command(self, command: bytes, now: float) -> None:
        self._follow(now)
        super()._command(command, now)

    def _reset(self, text: str) -> None:
        """`*RST`."""
        super()._reset(text)
        self.channel.reset()

    def _measure(self, text: str) -> Reply:
        """`MEAS:ENER?` and `READ?`: the energy of the next pulse."""
        self._initiate(text)
        return self._fetch(text)

    def _initiate(self, _: str) -> None:
        """`INIT`: wait for the next pulse; without a head the reading is there at once."""
        self._since = None if self.faults.sensor_missing else self._now
        self._reading = OVERRANGE

    def _fetch(self, _: str) -> Reply:
        """`FETC?`: the reading, as soon as there is one."""
        self._waits = self._since is not None
        return lambda: real(self._reading)

    def _send(self, reply: Reply) -> None:
        if self._waits:
            self._held.append(reply)
            self._waits = False
        else:
            super()._send(reply)

    def _follow(self, now: float) -> None:
        for t, joule in self.channel.take(now):
            if self._since is None or t <= self._since or self.faults.sensor_missing:
                continue
            self._since = None
            self._reading = joule if joule == OVERRANGE else joule * 10 ** (self.settings.loss_db / 10)
            for reply in self._held:
                self._insert(t, reply)
            self._held.clear()


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> PM100D:
    """Wire up one meter: `energy` names the port of a pyroelectric head, else as for `pm100d.make`."""
    entry = entries[0]
    if "energy" not in entry:
        return pm100d.make(laboratory, entries)
    return EnergyConsole(
        laboratory.port(entry["energy"]),
        laboratory.clock.now(),
        identity=pm100d.identity(entry),
        sensor=entry.get("sensor", "ES111C,12345678,01-Jan-2024,3,1,34"),
    )
