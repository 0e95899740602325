"""Thorlabs KPZ101 piezo controller."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.ramp import Ramp

from ._apt import APT_LINE, CHANNEL, Message
from ._lut import LAYOUT, Table
from ._piezo import ENABLED, POLL, PiezoOutput

if TYPE_CHECKING:
    from typing_extensions import Unpack


class KPZ101(PiezoOutput):
    """Open-loop high-voltage output for one piezo actuator, with a waveform table for fast ramps.

    The controller's own limit (75, 100 or 150 V) scales every voltage, and too high a one destroys the actuator: unless
    it equals `maximum`, nothing is set. The output comes on at 0 V.
    Source: Thorlabs, APT protocol, issue 15. Unverified against the manual: the waveform table on this controller (see
    `_lut`), that the status says whether an actuator is connected (believed only once it was), and that the
    channel's enable state switches the output.

    Args:
        name: name in the station.
        address: VISA resource name of the virtual serial port.
        visalib: VISA library as PyVISA names it; None for the system's.
        maximum: what the actuator stands: 75, 100 or 150 V.
        tolerance: largest accepted difference between the voltage asked for and the one read back, in V.
        sample_interval: s, the shortest time of a sample of the waveform table.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    model = "KPZ101"

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        maximum: float = 75.0,
        tolerance: float = 0.05,
        sample_interval: float = 0.25e-3,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, maximum, tolerance, **kwargs)
        self._interval = sample_interval
        self._table: Table | None = None
        self.ramp: Parameter[Ramp | None, Self] = self.add_parameter(
            "ramp", label="Ramp", unit="V", get_cmd=self._get_ramp, set_cmd=self._set_ramp, vals=vals.Anything()
        )
        """Ramp in V that `ramping` runs, a `core.ramp.Ramp`; read back, its times are whole samples of the table."""
        self.ramping: Parameter[bool, Self] = self.add_parameter(
            "ramping", label="Ramping", get_cmd=self._get_ramping, set_cmd=self._set_ramping, vals=vals.Bool()
        )
        """Whether the ramp runs, with a trigger as each cycle starts; stopped, the output stays where it was."""
        self._connect(APT_LINE)

    def _get_ramp(self) -> Ramp | None:
        return None if self._table is None else self._table.ramp

    def _set_ramp(self, ramp: Ramp | None) -> None:
        if not isinstance(ramp, Ramp):
            raise UsageError(f"{self._where}: {ramp!r} is no core.ramp.Ramp")
        if ramp.low < 0 or ramp.high > self._maximum:
            raise UsageError(
                f"{self._where}: a ramp from {ramp.low:g} V to {ramp.high:g} V refused; 0 to {self._maximum:g} V are "
                "allowed by `maximum` in the station file"
            )
        table = Table.of(ramp, self._maximum, self._interval)
        with self._link.lock:
            self._refuse_while_ramping("another ramp")
            self._check_limit("a ramp")
            self._table = None
            for index in range(len(table.samples)):
                self._order(Message.PZ_SET_OUTPUTLUT, data=table.sample(index))
            self._order(Message.PZ_SET_OUTPUTLUTPARAMS, data=table.parameters())
            if not self._holds(table):
                raise self._fault("the ramp's table reads back otherwise than it was written", "set the ramp again")
            self._table = table

    def _holds(self, table: Table) -> bool:
        fields = self._request(Message.PZ_REQ_OUTPUTLUTPARAMS, Message.PZ_GET_OUTPUTLUTPARAMS, LAYOUT)
        return fields == struct.unpack(LAYOUT, table.parameters())

    def _get_ramping(self) -> bool:
        with self._link.lock:
            if self._running:
                self._still_there("the ramp ran")
            return self._running

    def _set_ramping(self, wanted: bool) -> None:
        with self._link.lock:
            if not wanted:
                self._stop()
            elif not self._get_ramping():
                self._start()

    def _start(self) -> None:
        if self._table is None:
            raise UsageError(f"{self._where}: there is no ramp to run; set `ramp` first")
        self._ready("the ramp")
        if not self._holds(self._table):
            self._table = None
            raise self._fault("the controller has lost the ramp, so it was reset", "set `ramp` again")
        self._order(Message.PZ_START_LUTOUTPUT, CHANNEL)
        self._running = True
        self._still_there("the ramp was started")

    def _stop(self) -> None:
        """Stop the ramp and see that the output rests; says so where it had stopped by itself.

        Until the controller has answered, the ramp counts as running, and the next stop looks again.
        """
        self._order(Message.PZ_STOP_LUTOUTPUT, CHANNEL)
        if not self._running:
            return
        self._still_there("the ramp ran")
        self._running = False
        before = self._get_voltage()
        self.clock.sleep(2 * POLL)
        if not self._is_at(before):
            raise self._fault("the output still moves after the ramp was stopped", "set `enabled` to False")

    def _still_there(self, when: str) -> None:
        """Refuse to believe in a ramp that a reset or the button has ended."""
        disabled = not self._status() & ENABLED
        if self._table is not None and not disabled and self._holds(self._table):
            return
        self._running, self._table = False, None
        what = "its output went off" if disabled else "it lost the waveform"
        raise self._fault(
            f"{what} while {when}: somebody pressed the button, or the controller was reset, and what was measured "
            "meanwhile is worth nothing",
            "enable it, set voltage and ramp again, and repeat the measurement",
        )
