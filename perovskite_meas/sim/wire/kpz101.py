"""Thorlabs KPZ101 piezo controller with an open-loop actuator.

Source: APT protocol, issue 15. Unverified against the manual: that the enable state switches the output (and takes it
to 0 V), what is read back when the output is overloaded, that the read-back follows the waveform, where a waveform
leaves the output when it is stopped, the sample interval (0.25 ms, as of the T-Cube), the trigger output, and that a
power cycle forgets everything but the voltage limit. The waveform is smooth between its samples. Position messages
need a strain gauge reader, which is not there; status updates come only when asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UsageError
from ..clock import SimClock
from .apt import Packet, double_words, packed, short, taken, unpacked, words
from .device import Laboratory, WireDevice, Wiring
from .kpz101_faults import PiezoFaults

INTERVAL = 0.25e-3
"""Seconds of a sample interval of the waveform."""
SAMPLES = 513
FULL = 32767
_CODES = {1: 75.0, 2: 100.0, 3: 150.0}
_LIMIT_BITS = {1: 0x1000, 2: 0x2000, 3: 0x4000}
_CONTINUOUS, _TRIGGER, _REPEAT = 0x01, 0x04, 0x80
_STORED = {
    0x0655: (0x0656, 0x0657, 6),
    0x0652: (0x0653, 0x0654, 4),
    0x0703: (0x0704, 0x0705, 30),
    0x07D4: (0x07D5, 0x07D6, 10),
    0x07D1: (0x07D2, 0x07D3, 2),
    0x07F3: (0x07F4, 0x07F5, 12),
}
"""Settings that are kept as they come: number that sets -> those that ask and answer, length of the data."""


class KPZ101(WireDevice):
    """A controller and its actuator.

    Args:
        port: the World's port with `move(um, t, servo)`, `wave(t0, samples_um, dt, servo)` and `hold(t)`.
        trigger: the World's port with `pulses(t0, period)` and `stop(t)`; None if nothing is plugged in there.
        clock: when a fault strikes.
        um_per_volt: of the actuator.
        serial: serial number, eight digits.
        limit: voltage limit at the start, in V.
        maximum: V from which on the actuator moves no further (a real one would break).
    """

    faults: PiezoFaults

    def __init__(
        self, port: Any, trigger: Any, clock: SimClock, *, um_per_volt: float, serial: int, limit: float, maximum: float
    ) -> None:
        super().__init__(baud=115200, turnaround=0.001)
        self.faults = PiezoFaults(self._refresh, self._button, self._power_cycle)
        self._port, self._trigger, self._clock = port, trigger, clock
        self._um_per_volt, self._serial, self._maximum = um_per_volt, serial, maximum
        self._code = next(code for code, volts in _CODES.items() if volts == limit)
        self._forget()

    def volts(self, now: float) -> float:
        """Return what the output puts out, in V."""
        if not self.enabled:
            return 0.0
        return float(self._bounded(np.array([self._asked(now)]))[0])

    def _forget(self) -> None:
        self.enabled = False
        self._steps = 0
        self._mode = 1
        self._table = np.zeros(SAMPLES)
        self._stored = {number: bytes(length) for number, (_, _, length) in _STORED.items()}
        self._stored[0x07D4] = words(1, self._code, 3, 0, 0)
        self._wave: tuple[float, float, NDArray[np.float64]] | None = None
        self._read = 0

    def _split(self) -> bytes | None:
        return taken(self._incoming)

    def _command(self, command: bytes, now: float) -> None:
        packet = unpacked(command)
        for setter, (asker, answer, length) in _STORED.items():
            if packet.number == setter and len(packet.data) == length:
                self._store(packet, now)
                return
            if packet.number == asker:
                self._say(packed(answer, self._stored[setter]), now)
                return
        if (reply := self._answer(packet, now)) is not None:
            self._say(reply, now)
        else:
            self._obey(packet, now)

    def _say(self, reply: bytes, now: float) -> None:
        self._reply(reply, now + self.turnaround)

    def _answer(self, packet: Packet, now: float) -> bytes | None:
        steps = round(self.volts(now) / _CODES[self._code] * FULL) if self.enabled else self._steps
        if packet.number == 0x0005:
            name = b"KPZ101\0\0" + words(16) + bytes([3, 0, 1, 0])
            notes = b"KCube Piezo Controller".ljust(48, b"\0")
            return packed(0x0006, double_words(self._serial) + name + notes + bytes(12) + words(1, 0, 1))
        if packet.number == 0x0211:
            return short(0x0212, 1, 1 if self.enabled else 2)
        if packet.number == 0x0641:
            return short(0x0642, 1, self._mode)
        if packet.number == 0x0644:
            return packed(0x0645, words(1, steps))
        if packet.number == 0x065B:
            return packed(0x065C, words(1) + double_words(self._bits()))
        if packet.number == 0x0660:
            return packed(0x0661, words(1, steps, 0) + double_words(self._bits()))
        if packet.number == 0x0701:
            index, self._read = self._read, (self._read + 1) % SAMPLES
            return packed(0x0702, words(1, index, int(self._table[index])))
        return None

    def _bits(self) -> int:
        connected = 0 if self.faults.actuator_unplugged else 1
        return connected | _LIMIT_BITS[self._code] | (0xA0000000 if self.enabled else 0x20000000)

    def _obey(self, packet: Packet, now: float) -> None:
        number, size = packet.number, len(packet.data)
        if number == 0x0210 and packet.second in (1, 2):
            self._switch(packet.second == 1, now)
        elif number == 0x0640 and packet.second in (1, 3):  # closed loop is refused without a strain gauge reader
            self._mode = packet.second
        elif number == 0x0643 and size == 4 and self._wave is None:
            self._steps = max(0, packet.signed_word(2))
            self._move(now)
        elif number == 0x0700 and size == 6 and packet.word(2) < SAMPLES:
            self._table[packet.word(2)] = packet.signed_word(4)
        elif number == 0x0706:
            self._start(now)
        elif number == 0x0707:
            self._stop(now)

    def _store(self, packet: Packet, now: float) -> None:
        if packet.number == 0x07D4:
            if packet.word(2) not in _CODES:
                return
            self._code = packet.word(2)
        self._stored[packet.number] = packet.data
        if packet.number == 0x07D4:
            self._move(now)

    def _switch(self, enabled: bool, now: float) -> None:
        self._stop(now)
        self.enabled = enabled
        self._move(now)

    def _start(self, now: float) -> None:
        """Let the waveform run for ever; a fixed number of cycles is not simulated, nor rests around a cycle."""
        settings = Packet(0, 0, 0, self._stored[0x0703])
        mode, length, delay = settings.word(2), settings.word(4), settings.double_word(10)
        if not (self.enabled and mode & _CONTINUOUS and 1 < length <= SAMPLES):
            return
        step = max(1, delay) * INTERVAL
        self._wave = (now, step, self._table[:length].copy())
        self._move(now)
        if self._trigger is not None and mode & _TRIGGER and mode & _REPEAT:
            every = max(1, settings.word(28)) * length * step
            self._trigger.pulses(now + settings.word(22) % length * step, every)

    def _stop(self, now: float) -> None:
        if self._wave is None:
            return
        self._steps = round(self._asked(now) / _CODES[self._code] * FULL)
        self._wave = None
        self._port.hold(now)
        if self._trigger is not None:
            self._trigger.stop(now)

    def _asked(self, now: float) -> float:
        """Return the voltage that is asked of the output."""
        steps: float = self._steps
        if self._wave is not None:
            start, step, table = self._wave
            steps = float(np.interp((now - start) / step % len(table), np.arange(len(table) + 1), [*table, table[0]]))
        return steps / FULL * _CODES[self._code]

    def _bounded(self, volts: NDArray[np.float64]) -> NDArray[np.float64]:
        most = _CODES[self._code] if self.faults.most is None else self.faults.most
        return np.clip(volts, 0.0, most)

    def _move(self, now: float) -> None:
        """Bring the mirror where the output wants it, or into the waveform."""
        scale = 0.0 if self.faults.actuator_unplugged else self._um_per_volt
        if self._wave is None:
            self._port.move(scale * min(self.volts(now), self._maximum), now, servo=False)
            return
        start, step, table = self._wave
        volts = np.minimum(self._bounded(table / FULL * _CODES[self._code]), self._maximum)
        self._port.wave(start, scale * volts, step, servo=False)

    def _refresh(self) -> None:
        self._move(self._clock.now())

    def _button(self) -> None:
        self._switch(False, self._clock.now())

    def _power_cycle(self) -> None:
        now = self._clock.now()
        self._stop(now)
        self._forget()
        self.clear()
        self._move(now)


def make(laboratory: Laboratory, entries: Sequence[Wiring]) -> KPZ101:
    """Wire up one controller: `port`, perhaps `trigger`, `um_per_volt`, `maximum` (of the actuator), `limit`, `serial`.

    `um_per_volt` is by default that of the port, the others are those of an actuator for 75 V.
    """
    entry = entries[0]
    limit = float(entry.get("limit", 75))
    if limit not in _CODES.values():
        raise UsageError(f"KPZ101 at {entry.get('address')}: limit {limit:g} V is not one of 75, 100 and 150 V")
    trigger, port = entry.get("trigger"), laboratory.port(entry["port"])
    return KPZ101(
        port,
        None if trigger is None else laboratory.port(trigger),
        laboratory.clock,
        um_per_volt=float(entry.get("um_per_volt", getattr(port, "um_per_volt", 0.2))),
        serial=int(entry.get("serial", 29500001)),
        limit=limit,
        maximum=float(entry.get("maximum", 75)),
    )
