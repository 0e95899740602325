"""Thorlabs PM100D power meter with a photodiode head, as it answers on USB.

Source: PM100D operation manual p.49-51 and PM100USB manual p.20-21. The 3 ms per sample, the zeroing time
and the reading 9.9E37 beyond the range are unverified against the manual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .address import serial_number
from .device import Laboratory, Reply, WireDevice, Wiring
from .faults import Faults
from .pm100d_settings import OVERRANGE, MeterSettings
from .scpi import Handler, Parser, ScpiError, real

SAMPLE = 0.003
"""Seconds for one of the samples that a reading averages."""
ZEROING = 1.0
"""Seconds that a zero adjustment takes."""


class MeterFaults(Faults):
    """Faults of a power meter."""

    def __init__(self) -> None:
        super().__init__()
        self.sensor_missing = False

    def no_sensor(self) -> None:
        """Pull the head off the console."""
        self.sensor_missing = True

    def sensor(self) -> None:
        """Put the head back."""
        self.sensor_missing = False


class PM100D(WireDevice):
    """A console and its head.

    Args:
        head: the World's port with `watts(t0, t1, correction_nm)`.
        identity: the reply to `*IDN?`.
        sensor: the reply to `SYST:SENS:IDN?`: name, serial number, calibration, type, subtype, flags.
    """

    faults: MeterFaults

    def __init__(self, head: Any, *, identity: str, sensor: str) -> None:
        super().__init__(turnaround=0.001)
        self.faults = MeterFaults()
        self._head = head
        self._identity = identity
        self._sensor = sensor
        self.settings = MeterSettings()
        self._parser = Parser({**self.settings.commands(), **self._commands()})
        self._busy = 0.0
        self._now = 0.0
        self._zeroing: tuple[float, float] | None = None
        self.zero = 0.0
        """What the last zero adjustment subtracts, W."""
        self._latest: float | None = None

    def _command(self, command: bytes, now: float) -> None:
        self._now = max(now, self._busy)
        replies = self._parser.execute(command.decode("ascii", "replace"))
        if not replies:
            return
        if len(replies) == 1:
            only = replies[0]
            joined: Reply = only + b"\n" if isinstance(only, bytes) else lambda: only() + b"\n"
        else:
            joined = lambda: b";".join(r if isinstance(r, bytes) else r() for r in replies) + b"\n"  # noqa: E731
        self._send(joined)

    def _send(self, reply: Reply) -> None:
        """Send the replies to one line when the readings among them are over."""
        self._reply(reply, max(self._now, self._busy) + self.turnaround)

    def clear(self) -> None:
        """Stop what is being measured and drop all buffers."""
        super().clear()
        self._busy = 0.0

    def _commands(self) -> dict[str, Handler]:
        zero = "[SENSe:]CORRection:COLLect:ZERO"
        return {
            "*IDN?": self._identify,
            "*RST": self._reset,
            "*OPC?": lambda _: b"1",
            "*TST?": lambda _: b"0",
            "SYSTem:SENSor:IDN?": self._get_sensor,
            "SYSTem:VERSion?": lambda _: b"1999.0",
            zero + "[:INITiate]": self._zero_start,
            zero + ":ABORt": self._zero_abort,
            zero + ":STATe?": self._zero_running,
            zero + ":MAGNitude?": self._zero_value,
            "CONFigure[:SCALar][:POWer]": lambda _: None,
            "CONFigure?": lambda _: b"POW",
            "INITiate[:IMMediate]": self._initiate,
            "FETCh?": self._fetch,
            "READ?": self._measure,
            "MEASure[:SCALar][:POWer]?": self._measure,
            "MEASure[:SCALar]:ENERgy?": self._not_for_this_head,
            "MEASure[:SCALar]:FREQuency?": self._not_for_this_head,
            "ABORt": lambda _: None,
        }

    # Common commands and system -----------------------------------------------------------------------

    def _reset(self, _: str) -> None:
        """`*RST`: power-on settings; the zero stays."""
        self.settings.reset()

    def _identify(self, _: str) -> bytes:
        """`*IDN?`."""
        return self._identity.encode()

    def _get_sensor(self, _: str) -> bytes:
        """`SYST:SENS:IDN?`; without a head the first field says so."""
        return b"no sensor,,,0,0,0" if self.faults.sensor_missing else self._sensor.encode()

    # Measuring ----------------------------------------------------------------------------------------

    def _measure(self, _: str) -> Reply:
        """`MEAS:POW?` and `READ?`: the reading is over when its samples are."""
        start, end = self._occupy(self.settings.averages * SAMPLE)
        return lambda: real(self._read(start, end))

    def _initiate(self, _: str) -> None:
        """`INIT`: start a reading that `FETC?` returns."""
        start, end = self._occupy(self.settings.averages * SAMPLE)
        self._latest = None
        self._insert(end, lambda: self._keep(start, end))

    def _fetch(self, _: str) -> Reply:
        """`FETC?`: the latest reading; waits for one that is under way."""
        return lambda: real(OVERRANGE if self._latest is None else self._latest)

    def _not_for_this_head(self, _: str) -> None:
        """Energy, frequency: a photodiode has none."""
        raise ScpiError(-221, "Settings conflict")

    def _zero_start(self, _: str) -> None:
        """`SENS:CORR:COLL:ZERO:INIT`."""
        self._zeroing = (self._now, self._now + ZEROING)

    def _zero_abort(self, _: str) -> None:
        """`SENS:CORR:COLL:ZERO:ABOR`."""
        self._zeroing = None

    def _zero_running(self, _: str) -> bytes:
        """`SENS:CORR:COLL:ZERO:STAT?`: 1 while it runs."""
        self._settle_zero()
        return b"0" if self._zeroing is None else b"1"

    def _zero_value(self, _: str) -> bytes:
        """`SENS:CORR:COLL:ZERO:MAGN?`, W."""
        self._settle_zero()
        return real(self.zero)

    def poll(self, now: float) -> list[bytes]:
        """Return the replies that are due; a reading begun by `INIT` ends in silence."""
        return [reply for reply in super().poll(now) if reply]

    def _occupy(self, seconds: float) -> tuple[float, float]:
        start = max(self._now, self._busy)
        self._busy = start + seconds
        return start, self._busy

    def _keep(self, start: float, end: float) -> bytes:
        self._latest = self._read(start, end)
        return b""

    def _read(self, start: float, end: float) -> float:
        """Return the reading over [start, end] in the unit that is set."""
        self._settle_zero()
        if self.faults.sensor_missing:
            return OVERRANGE
        watts = float(self._head.watts(start, end, self.settings.wavelength)) - self.zero
        return self.settings.shown(watts)

    def _settle_zero(self) -> None:
        """Take over a zero adjustment that has run to its end."""
        if self._zeroing is not None and self._zeroing[1] <= self._now:
            self.zero = float(self._head.watts(*self._zeroing, self.settings.wavelength))
            self._zeroing = None


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> PM100D:
    """Wire up one meter: `port`, and perhaps `serial` (else that of its USB address), `identity` and `sensor`."""
    entry = entries[0]
    return PM100D(
        laboratory.port(entry["port"]),
        identity=identity(entry),
        sensor=entry.get("sensor", "S120C,12345678,01-Jan-2024,1,18,33"),
    )


def identity(entry: Wiring) -> str:
    """Return what a console of the wiring table says to `*IDN?`."""
    serial = entry.get("serial") or serial_number(entry["address"]) or "P0000001"
    found: str = entry.get("identity", f"THORLABS,PM100D,{serial},2.4.0")
    return found
