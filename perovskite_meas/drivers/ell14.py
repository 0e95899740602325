"""Thorlabs Elliptec ELL14 rotation mount."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from pyvisa.constants import Parity, StopBits
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.errors import InstrumentError

from ._elliptec import ADVICE, DIGITS, FRAME, signed, status_text
from ._instrument import WireInstrument
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_BUSY = 0x09
_PAUSE = 0.1
"""s between a finished move and the next; without it the mount may go to zero (unverified against the manual)."""
_MOVE_TIMEOUT = 30.0
_BUSY_POLL = 0.05
_BUSY_POLLS = 100
_LINE = Line(
    settings={
        "baud_rate": 9600,
        "data_bits": 8,
        "parity": Parity.none,
        "stop_bits": StopBits.one,
        "read_termination": "\n",
    },
    timeout=1.0,
    spacing=0.01,
)


class ELL14(WireInstrument):
    """Rotation mount on the Elliptec multidrop bus; several may share one address.

    The angle is absolute only after `home()`: until then setting it is refused.
    Source: Thorlabs, ELLx communications protocol, issue 5.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        bus_address: one hexadecimal digit, as set in the mount.
        visalib: VISA library as PyVISA names it; None for the system's.
        tolerance: largest accepted difference between the angle asked for and the one reached, in deg.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        bus_address: str | int = "0",
        visalib: str | None = None,
        tolerance: float = 0.1,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._bus = str(bus_address).upper()
        if not re.fullmatch("[0-9A-F]", self._bus):
            raise ValueError(f"{name}: bus_address {bus_address!r} is not one hexadecimal digit 0..F")
        self._tolerance = tolerance
        self._pulses_per_turn = 0
        self._homed = False
        self._rest_until = float("-inf")
        self._idn: dict[str, str | None] = {}
        self.angle: Parameter[float, Self] = self.add_parameter(
            "angle",
            label="Angle",
            unit="deg",
            get_cmd=self._get_angle,
            set_cmd=self._set_angle,
            vals=vals.Numbers(-36000, 36000),
        )
        """Angle of the mount, read in [0, 360) deg, set modulo 360; a set returns when it is reached."""
        self.homed: Parameter[bool, Self] = self.add_parameter(
            "homed", label="Homed", get_cmd=lambda: self._homed, vals=vals.Bool()
        )
        """Whether the mount was homed by this driver since it was opened."""
        self.velocity: Parameter[int, Self] = self.add_parameter(
            "velocity",
            label="Velocity",
            unit="%",
            get_cmd=self._get_velocity,
            set_cmd=self._set_velocity,
            vals=vals.Ints(1, 100),
        )
        """Speed of a move, in percent of the highest."""
        self.status: Parameter[str, Self] = self.add_parameter(
            "status", label="Status", get_cmd=self._get_status, vals=vals.Strings(), snapshot_get=False
        )
        """What the mount says of itself; reading it clears a fault."""
        self._connect(_LINE)

    def home(self) -> None:
        """Turn to the mechanical zero, after which angles can be trusted.

        Raises:
            HardwareFault: the mount reports a fault or does not reach zero.
        """
        with self._link.lock:
            self._homed = False
            self._arrive("ho0", 0)
            self._homed = True

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        return dict(self._idn)

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} at {self._address}, bus address {self._bus})"

    def _greet(self) -> None:
        data = self._query("in", "IN")
        kind, serial, year, firmware, hardware = data[:2], data[2:10], data[10:14], data[14:16], data[16:18]
        if kind != "0E":
            raise self._stranger(f"Elliptec type {int(kind, 16)}, serial {serial}", "an ELL14 (type 14)")
        self._pulses_per_turn = int(data[22:30], 16)
        if not self._pulses_per_turn:
            raise self._garbage(f"{self._bus}in", data.encode(), "an identity with pulses per revolution")
        self._idn = {
            "vendor": "Thorlabs",
            "model": "ELL14",
            "serial": serial,
            "firmware": f"{firmware} (hardware {hardware}, {year})",
        }
        code = self._status_code()
        if code not in (0, _BUSY):
            self.log.warning("%s had a fault from before, now cleared: %s", self._where, status_text(code))

    def _get_angle(self) -> float:
        pulses = signed(self._query("gp", "PO")) % self._pulses_per_turn
        return pulses * 360 / self._pulses_per_turn

    def _set_angle(self, angle: float) -> None:
        if not self._homed:
            raise self._fault(
                f"angle {angle:g} deg refused, because the mount was not homed in this session and an unknown "
                "angle is an unknown power",
                "block the light and call home() first",
            )
        target = round(angle % 360 / 360 * self._pulses_per_turn) % self._pulses_per_turn
        self._arrive(f"ma{target:08X}", target)

    def _arrive(self, body: str, target: int) -> None:
        """Move and compare where it ended with `target`, in pulses."""
        with self._link.lock:
            rest = self._rest_until - self.clock.now()
            if rest > 0:
                self.clock.sleep(rest)
            try:
                reached = signed(self._query(body, "PO", _MOVE_TIMEOUT))
            finally:
                self._rest_until = self.clock.now() + _PAUSE
        turn = self._pulses_per_turn
        error = ((reached - target + turn // 2) % turn - turn // 2) * 360 / turn
        if abs(error) > self._tolerance:
            raise self._fault(
                f"'{self._bus}{body}' ended {error:+.3f} deg from {target * 360 / turn:.3f} deg, further than "
                f"the tolerance of {self._tolerance:g} deg",
                "check that nothing blocks the mount, then home it again",
            )

    def _get_velocity(self) -> int:
        return int(self._query("gv", "GV"), 16)

    def _set_velocity(self, percent: int) -> None:
        with self._link.lock:
            self._query(f"sv{percent:02X}", "GS")
            found = self._get_velocity()
        if found != percent:
            raise self._fault(f"velocity is {found} % after setting {percent} %", "choose another velocity")

    def _get_status(self) -> str:
        return status_text(self._status_code())

    def _status_code(self) -> int:
        return int(self._next_frame(f"{self._bus}gs", ("GS",))[1], 16)

    def _query(self, body: str, want: str, timeout: float | None = None) -> str:
        """Send a command until the mount is not busy and return the data of the frame `want`."""
        command = f"{self._bus}{body}"
        with self._link.lock:
            for _ in range(_BUSY_POLLS):
                head, data = self._next_frame(command, (want, "GS"), timeout)
                if head == want != "GS":
                    return data
                code = int(data, 16)
                if code == 0:
                    return data
                if code != _BUSY:
                    raise self._reported(command, code)
                self.clock.sleep(_BUSY_POLL)
                self._link.dirty = True
        raise self._fault(f"still busy {_BUSY_POLL * _BUSY_POLLS:g} s after {command!r}", "wait, or power-cycle it")

    def _reported(self, command: str, code: int) -> InstrumentError:
        fault = self._fault(
            f"fault {code:02X} ({status_text(code)}) after {command!r}",
            ADVICE.get(code, "read `status`, correct the cause and home the mount"),
        )
        try:
            self._status_code()  # the fault would be reported once more, to whoever asks next
        except InstrumentError as error:
            self.log.warning("the fault could not be cleared: %s", error)
        return fault

    def _next_frame(self, command: str, want: tuple[str, ...], timeout: float | None = None) -> tuple[str, str]:
        """Return head and data of the first wanted frame; frames of buttons and neighbours pass by."""
        with self._link.lock:
            raw = self._ask(command, timeout)
            for _ in range(16):
                match = FRAME.fullmatch(raw)
                if match is None:
                    raise self._garbage(command, raw, f"a frame {' or '.join(want)}")
                source, head, data = (part.decode("ascii") for part in match.groups())
                button = head == "GS" and data == "00" and want[0] != "GS"
                if source == self._bus and head in want and not button:
                    if len(data) != DIGITS[head]:
                        raise self._garbage(command, raw, f"{DIGITS[head]} digits after {head}")
                    return head, data
                raw = self._more(command, timeout)
        raise self._garbage(command, raw, f"a frame {' or '.join(want)} among 16")
