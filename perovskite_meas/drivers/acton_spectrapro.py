"""Acton (Princeton Instruments) SpectraPro monochromators SP-2xxx and SP-300i."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from pyvisa.constants import ControlFlow, Parity, StopBits
from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import UsageError

from ._spectrapro_talk import SpectraProInstrument
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SETTINGS = {
    "baud_rate": 9600,
    "data_bits": 8,
    "parity": Parity.none,
    "stop_bits": StopBits.one,
    "flow_control": ControlFlow.none,
    "read_termination": "\n",
}
_PER_TURRET = 3
_POLL = 0.1
_SPARE = 5.0
"""s that a scan may last beyond twice its length at the set rate."""
_LONG_SCAN = 20.0
"""s at the set rate above which a way is gone at full speed, which cannot be stopped."""
_LONGEST = 120.0
"""s that a motion at full speed or a change of the grating may last."""


class ActonSpectraPro(SpectraProInstrument):
    """Monochromator whose turret holds up to three gratings.

    A setting that moves something returns when the motion has finished and what was reached is read back. Short ways
    are scanned with `>NM` at `scan_rate`, which an exception or Ctrl-C stops; a way that would last longer than 20 s is
    gone with GOTO, and like a change of the grating it goes to its end even when it was interrupted.

    Source: public drivers of these instruments. Unverified against the manual: that an unknown command is answered by
    "?", and that the greatest wavelength goes with the inverse of the groove density.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        visalib: VISA library as PyVISA names it; None for the system's.
        tolerance: largest accepted difference between the wavelength asked for and the dial's, in nm.
        maximum: greatest wavelength with a grating of 1200 g/mm, in nm.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        tolerance: float = 0.01,
        maximum: float = 1400.0,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._tolerance, self._maximum = tolerance, maximum
        self._table: dict[int, str] = {}
        self._idn: dict[str, str | None] = {}
        self.wavelength: Parameter[float, Self] = self.add_parameter(
            "wavelength",
            label="Wavelength",
            unit="nm",
            get_cmd=lambda: self._value("?NM"),
            set_cmd=self._set_wavelength,
            vals=vals.Numbers(),
        )
        """Wavelength on the dial, in nm, by the drive's own calibration; a set returns on arrival."""
        self.scan_rate: Parameter[float, Self] = self.add_parameter(
            "scan_rate",
            label="Scan rate",
            unit="nm/min",
            get_cmd=lambda: self._value("?NM/MIN"),
            set_cmd=self._set_rate,
            vals=vals.Numbers(0.01, 2000),
        )
        """Rate of short ways, in nm/min, until the monochromator is switched off."""
        self.grating: Parameter[int, Self] = self.add_parameter(
            "grating",
            label="Grating",
            unit="1",
            get_cmd=lambda: int(self._value("?GRATING")),
            set_cmd=self._set_grating,
            vals=vals.Ints(1, 9),
        )
        """Number of the grating in the light, 1 to 9; a change lasts about 20 s and needs its turret."""
        self.gratings: Parameter[dict[int, str], Self] = self.add_parameter(
            "gratings", label="Gratings", unit="1", get_cmd=self._read_table, snapshot_get=False
        )
        """What is mounted: number of the grating and its text, such as {1: "1800 g/mm BLZ= 500NM"}."""
        self.turret: Parameter[int, Self] = self.add_parameter(
            "turret",
            label="Turret",
            unit="1",
            get_cmd=lambda: int(self._value("?TURRET")),
            set_cmd=self._set_turret,
            vals=vals.Ints(1, 3),
        )
        """Turret that is put in: 1 has gratings 1 to 3, 2 has 4 to 6, 3 has 7 to 9."""
        self.exit_mirror: Parameter[str, Self] = self.add_parameter(
            "exit_mirror",
            label="Exit mirror",
            get_cmd=self._get_mirror,
            set_cmd=self._set_mirror,
            vals=vals.Enum("front", "side"),
        )
        """Exit that the light leaves through."""
        self.done: Parameter[bool, Self] = self.add_parameter(
            "done", label="Motion finished", get_cmd=self._get_done, vals=vals.Bool()
        )
        """Whether the last scan has come to its end."""
        self._connect(Line(_SETTINGS, timeout=2.0))

    def stop(self) -> None:
        """End a scan wherever it is."""
        self._say("MONO-STOP")

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model and serial number."""
        return dict(self._idn)

    def _greet(self) -> None:
        model = self._say("MODEL")
        if not re.search(r"\bSP|\bHRS|ACTON|SPECTRAPRO", model.upper()):
            raise self._stranger(repr(model), "an Acton SpectraPro")
        serial = self._say("SERIAL")
        self._idn = {"vendor": "Princeton Instruments", "model": model, "serial": serial, "firmware": None}
        self._read_table()

    def _read_table(self) -> dict[int, str]:
        told = self._say("?GRATINGS")
        places = re.findall(r"^\W*(\d+)\s+(\S.*?)\s*$", told, re.MULTILINE)
        if not places:
            raise self._garbage("?GRATINGS", told.encode(), "a list of gratings")
        mounted = {int(n): " ".join(text.split()) for n, text in places if not re.match("not inst", text, re.I)}
        self._table = mounted
        return dict(mounted)

    def _get_done(self) -> bool:
        told = self._say("MONO-?DONE")
        if told not in ("0", "1"):
            raise self._garbage("MONO-?DONE", told.encode(), "0 or 1")
        return told == "1"

    def _refuse_beyond(self, nm: float) -> None:
        number = int(self._value("?GRATING"))
        grooves = re.match(r"[\d.]+(?=\s*g/mm)", self._table.get(number, ""), re.IGNORECASE)
        limit = self._maximum * 1200 / float(grooves[0]) if grooves else self._maximum
        if not 0 <= nm <= limit:
            raise UsageError(
                f"{self._where}: wavelength {nm:g} nm refused; with grating {number} the drive goes from 0 to "
                f"{limit:g} nm; ask for less, choose a coarser grating, or correct `maximum`"
            )

    def _set_wavelength(self, nm: float) -> None:
        with self._link.lock:
            self._refuse_beyond(nm)
            self._say("MONO-STOP")
            seconds = abs(nm - self._value("?NM")) / self._value("?NM/MIN") * 60
            if seconds <= _LONG_SCAN:
                self._scan(nm, 2 * seconds + _SPARE)
            else:
                self._finish(f"{nm:.3f} GOTO", _LONGEST)
            reached = self._value("?NM")
        if abs(reached - nm) > self._tolerance:
            raise self._fault(
                f"the dial shows {reached:.3f} nm after a move to {nm:.3f} nm, further than {self._tolerance:g} nm",
                "check that nobody stopped it and that nothing blocks the drive; switch it off and on to find its zero",
            )

    def _scan(self, nm: float, timeout: float) -> None:
        command = f"{nm:.3f} >NM"
        try:
            self._say(command)
            wait_until(self.clock, self._get_done, timeout=timeout, poll=_POLL)
            self._say("MONO-STOP")
        except TimeoutError as error:
            self._halt()
            raise self._fault(
                f"still moving {timeout:.0f} s after {command!r}; stopped", "check the drive and scan_rate"
            ) from error
        except BaseException:
            self._halt()
            raise

    def _set_rate(self, rate: float) -> None:
        self._say(f"{rate:.3f} NM/MIN")
        found = self._value("?NM/MIN")
        if abs(found - rate) > 0.01 + 1e-3 * rate:
            raise self._fault(f"scan_rate is {found:g} nm/min after setting {rate:g}", "try a rate between")

    def _set_grating(self, number: int) -> None:
        with self._link.lock:
            if number not in self._table:
                mounted = ", ".join(f"{n} ({text})" for n, text in self._table.items())
                raise UsageError(f"{self._where}: no grating {number} is mounted; there are {mounted}")
            turret = int(self._value("?TURRET"))
            needed = (number - 1) // _PER_TURRET + 1
            if turret != needed:
                raise UsageError(
                    f"{self._where}: grating {number} is on turret {needed}, and turret {turret} is put in; put the "
                    f"other one in and set turret to {needed}"
                )
            if int(self._value("?GRATING")) != number:
                self._say("MONO-STOP")
                self._finish(f"{number} GRATING", _LONGEST)
            self._require("grating", number)

    def _set_turret(self, number: int) -> None:
        with self._link.lock:
            self._say("MONO-STOP")
            self._finish(f"{number} TURRET", _LONGEST)
            self._require("turret", number)
            self._read_table()

    def _require(self, what: str, number: int) -> None:
        found = int(self._value(f"?{what.upper()}"))
        if found != number:
            raise self._fault(f"{what} {found} is in place after asking for {number}", "check the turret's drive")

    def _get_mirror(self) -> str:
        with self._link.lock:
            self._say("EXIT-MIRROR")
            told = self._say("?MIRROR").lower()
        if told not in ("front", "side"):
            raise self._garbage("?MIRROR", told.encode(), "'front' or 'side'")
        return told

    def _set_mirror(self, side: str) -> None:
        with self._link.lock:
            self._say("EXIT-MIRROR")
            self._finish(side.upper(), _LONGEST)
            if self._get_mirror() != side:
                raise self._fault(f"the exit mirror did not turn to {side!r}", "check that it has a motor")
