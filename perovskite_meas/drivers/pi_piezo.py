"""PI piezo controllers (E-709, E-727 and their kin): positions in um, fast ramps and their recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, ReplyError, UsageError
from perovskite_meas.core.ramp import Ramp, RampRecord

from ._gcs import parse_array
from ._gcs_ramps import Grid
from .pi_gcs import GcsInstrument

if TYPE_CHECKING:
    from typing_extensions import Unpack

_ARRIVAL, _POLL = 2.0, 0.005
_SERVO_CYCLE = "0x0E000200"
_RECORDED_CYCLES = 3
_TRIGGER_LINE = 1


class PIPiezo(GcsInstrument):
    """One piezo axis with its own sensor; it moves in closed loop only.

    A ramp is the controller's wave generator running for ever; at the start of each cycle it raises the controller's
    trigger output for one point. Recording begins with the ramp.
    Source: E-727 manual (E727T0005) p. 66 to 69, 100, 108. Unverified against the manuals: everything about E-709, that
    trigger mode 4 belongs to the wave generator, and that the first point is recorded when the ramp starts.

    Args:
        name: name in the station.
        address: VISA resource name: a TCP socket (port 50000) or a serial line (115200 baud).
        axis: name of the axis.
        visalib: VISA library as PyVISA names it; None for the system's.
        tolerance: largest accepted difference between the position asked for and the one reached, in um.
        rounding: s of even acceleration at the ends of both parts of a ramp; 0 makes sharp corners.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    unit = "um"
    models = r"E-[57]\d\d"

    def __init__(
        self,
        name: str,
        address: str,
        axis: str | int = "1",
        visalib: str | None = None,
        tolerance: float = 0.05,
        rounding: float = 0.0,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, axis, visalib, tolerance, **kwargs)
        self._rounding = rounding
        self._cycle = 0.0
        self._grid: Grid | None = None
        self._started = False
        self._ended: int | None = None
        self.overflow: Parameter[bool, Self] = self.add_parameter(
            "overflow", label="Overflow", get_cmd=lambda: self._flag("OVF?"), vals=vals.Bool()
        )
        """Whether the piezo voltage is at its end, so that the sensor is no longer in control."""
        self.ramp: Parameter[Ramp, Self] = self.add_parameter(
            "ramp",
            label="Ramp",
            unit="um",
            get_cmd=self._get_ramp,
            set_cmd=self._set_ramp,
            vals=vals.Anything(),
            snapshot_get=False,
            snapshot_value=False,
        )
        """Fast ramp (a `core.ramp.Ramp`): a set writes it to the controller, a get tells the times that this made."""
        self.ramping: Parameter[bool, Self] = self.add_parameter(
            "ramping", label="Ramping", get_cmd=self._get_ramping, set_cmd=self._set_ramping, vals=vals.Bool()
        )
        """Whether the wave generator runs, whoever started it; True goes to the ramp's low end and starts it there."""
        self.recorded: Parameter[RampRecord, Self] = self.add_parameter(
            "recorded",
            label="Recorded ramp",
            unit="um",
            get_cmd=self._get_recorded,
            snapshot_get=False,
            snapshot_value=False,
        )
        """Where the sensor saw the axis during the first cycles of the ramp (a `core.ramp.RampRecord`)."""
        self._connect()

    def _greet(self) -> None:
        super()._greet()
        question = f"SPA? {self._axis} {_SERVO_CYCLE}"
        reply = " ".join(self._query(question))
        self._cycle = self._number(question, reply.rpartition("=")[2].encode())
        if not 0 < self._cycle < 1:
            raise self._garbage(question, reply.encode(), "the seconds of a servo cycle")
        if self._get_ramping():
            self.log.warning("%s: the wave generator is running, started by somebody else", self._where)

    def _set_position(self, target: float) -> None:
        with self._link.lock:
            self._within(target)
            self._need_servo(f"position {target:g} um")
            self._order(f"MOV {self._axis} {target:.6f}")
            try:
                wait_until(self.clock, lambda: self._there(target), timeout=_ARRIVAL, poll=_POLL)
            except TimeoutError as error:
                raise self._fault(
                    f"not on target {target:g} um within {_ARRIVAL:g} s, but at {self._get_position():.4f} um",
                    "check that nothing blocks the stage and that the servo is tuned to it",
                ) from error
            self._arrived(target)

    def _there(self, target: float) -> bool:
        arrived = self._flag("ONT?")
        if self._flag("OVF?"):
            raise self._fault(
                f"the piezo voltage is at its end (overflow) on the way to {target:g} um, at "
                f"{self._get_position():.4f} um; the position is not controlled",
                "go to the middle of the travel, switch the servo off and on, and autozero the stage if this repeats",
            )
        if not arrived:
            self._need_servo(f"waiting for {target:g} um")
        return arrived

    def _get_ramp(self) -> Ramp:
        if self._grid is None:
            raise UsageError(f"{self._where}: no ramp was set since this instrument was opened")
        return self._grid.ramp

    def _set_ramp(self, ramp: Ramp) -> None:
        if not isinstance(ramp, Ramp):
            raise UsageError(f"{self._where}: `ramp` takes a perovskite_meas.core.ramp.Ramp, got {ramp!r}")
        self._within(ramp.low, "begin of the ramp")
        self._within(ramp.high, "end of the ramp")
        try:
            grid = Grid.of(ramp, self._cycle)
        except UsageError as error:
            raise UsageError(f"{self._where}: {error}") from None
        with self._link.lock:
            self._refuse_while_ramping("a new ramp")
            self._grid, self._started = None, False
            self._write(grid)
            self._grid = grid

    def _write(self, grid: Grid) -> None:
        generator, ramp = self._place, grid.ramp
        wave = grid.wave(self._rounding)
        self._order(f"WAV {generator} X RAMP {wave}")
        self._order(f"WSL {generator} {generator}")
        self._order(f"WTR {generator} {grid.rate} 1")
        self._order(f"WGC {generator} 0")
        found = self._query(f"WAV? {generator} 1")[0].rpartition("=")[2]
        if self._number(f"WAV? {generator} 1", found.encode()) != grid.points:
            raise self._fault(f"its wave has {found} points instead of {grid.points}", f"set the ramp {ramp} again")
        self._order("TWC")
        self._order(f"TWS {_TRIGGER_LINE} 1 1")
        self._order(f"CTO {_TRIGGER_LINE} 3 4")
        self._order(f"DRC 1 {self._axis} 2")
        self._order(f"RTR {grid.record_rate}")

    def _get_ramping(self) -> bool:
        raw = self._query("\t")
        try:
            running = int(raw[0], 16)
        except ValueError as error:
            raise self._garbage("#9", raw[0].encode(), "a hexadecimal number") from error
        return bool(running >> (self._place - 1) & 1)

    def _set_ramping(self, on: bool) -> None:
        with self._link.lock:
            if on:
                self._start()
                return
            try:
                self._stop()
            except (CommunicationError, ReplyError) as error:
                self.log.warning("stopping the ramp is tried once more after: %s", error)
                self._stop()

    def _start(self) -> None:
        grid = self._grid
        if grid is None:
            raise UsageError(f"{self._where}: no ramp to start; set `ramp` first")
        self._refuse_while_ramping("starting a ramp")
        self._set_position(grid.ramp.low)
        self._started, self._ended = False, None
        self._order(f"WGO {self._place} 1")
        self._started = True
        if not self._get_ramping():
            raise self._fault("the wave generator does not run after it was started", "set `ramp` again and repeat")

    def _stop(self) -> None:
        if not self._get_ramping():
            return
        ended = self._count() if self._started else None
        self._order(f"WGO {self._place} 0")
        self._ended = ended
        if self._get_ramping():
            raise self._fault("the wave generator still runs after it was stopped", "stop it at the controller")

    def _refuse_while_ramping(self, what: str) -> None:
        if self._get_ramping():
            raise UsageError(f"{self._where}: {what} is refused while the wave generator runs; end it: ramping(False)")

    def _get_recorded(self) -> RampRecord:
        with self._link.lock:
            grid = self._grid
            if grid is None or not self._started:
                raise UsageError(f"{self._where}: nothing was recorded, because no ramp was started with `ramping`")
            if self._ended is None and not self._get_ramping():
                raise self._fault(
                    "the ramp ended by itself: somebody stopped it, or the controller was reset or lost its servo",
                    "find out why, then set `ramp` and start it again",
                )
            count = min(self._count() if self._ended is None else self._ended, grid.recorded(_RECORDED_CYCLES))
            if count < 2:
                raise self._fault(f"only {count} points of the ramp were recorded", "let it run for a while first")
            command = f"DRR? 1 {count} 1"
            lines = self._query(command)
        try:
            found = parse_array(lines)
        except ValueError as error:
            raise self._garbage(command, "\n".join(lines)[:200].encode(), f"a GCS array ({error})") from error
        if found.columns.shape != (1, count):
            raise self._garbage(command, str(found.columns.shape).encode(), f"one column of {count} numbers")
        return RampRecord(np.arange(count, dtype=np.float64) * found.dt, found.columns[0])

    def _count(self) -> int:
        reply = self._query("DRL? 1")[0].rpartition("=")[2]
        return self._integer("DRL? 1", reply.encode())
