"""Thorlabs PM100 family of optical power and energy meters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError

from ._instrument import WireInstrument
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_POWER, _ENERGY, _WAVELENGTH = 1, 2, 32
"""Flags of `SYST:SENS:IDN?`. Source: PM100D manual, SCPI chapter, p. 49."""

_OVERRANGE = 9.0e37
"""An overload reads 9.9E37, no number reads 9.91E37 (unverified against the manual)."""

_SECONDS_PER_SAMPLE = 0.01
"""Generous: about 3 ms per averaged sample (unverified against the manual)."""

_ZERO_TIMEOUT = 60.0
_LINE = Line(timeout=3.0)


class PM100(WireInstrument):
    """Power meter console with an exchangeable head.

    Source: Thorlabs PM100D manual, SCPI chapter, pp. 49-51; PM100USB manual, pp. 20-21.

    Args:
        name: name in the station.
        address: VISA resource name (USBTMC).
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self, name: str, address: str, visalib: str | None = None, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._idn: dict[str, str | None] = {}
        self._flags = 0
        self._samples = 1
        self.power: Parameter[float, Self] = self.add_parameter(
            "power", label="Power", unit="W", get_cmd=self._get_power, vals=vals.Numbers(), snapshot_get=False
        )
        """Optical power on the head, averaged over `averaging` samples, at the head's `wavelength`."""
        self.energy: Parameter[float, Self] = self.add_parameter(
            "energy", label="Energy", unit="J", get_cmd=self._get_energy, vals=vals.Numbers(), snapshot_get=False
        )
        """Energy of a pulse; energy heads only."""
        self.wavelength: Parameter[float, Self] = self.add_parameter(
            "wavelength",
            label="Wavelength",
            unit="nm",
            get_cmd=lambda: self._ask_number("SENS:CORR:WAV?"),
            set_cmd=self._set_wavelength,
            vals=vals.Numbers(1, 100_000),
        )
        """Wavelength that the head's responsivity is corrected for; its limits are the head's."""
        self.averaging: Parameter[int, Self] = self.add_parameter(
            "averaging",
            label="Averaging",
            unit="1",
            get_cmd=self._get_averaging,
            set_cmd=self._set_averaging,
            vals=vals.Ints(1, 10_000),
        )
        """Number of samples averaged into one reading."""
        self.range: Parameter[float, Self] = self.add_parameter(
            "range",
            label="Range",
            unit="W",
            get_cmd=lambda: self._ask_number("SENS:POW:RANG:UPP?"),
            set_cmd=self._set_range,
            vals=vals.Numbers(1e-12, 1e4),
        )
        """Highest power of the range; setting it picks the range that holds it and ends `auto_range`."""
        self.auto_range: Parameter[bool, Self] = self.add_parameter(
            "auto_range",
            label="Automatic range",
            get_cmd=lambda: self._ask_number("SENS:POW:RANG:AUTO?") != 0,
            set_cmd=lambda on: self._set(f"SENS:POW:RANG:AUTO {on:d}"),
            vals=vals.Bool(),
        )
        """Whether the meter picks the range."""
        self.sensor: Parameter[str, Self] = self.add_parameter(
            "sensor", label="Sensor", get_cmd=self._get_sensor, vals=vals.Strings()
        )
        """Name, serial number and calibration date of the head, or 'no sensor'."""
        self._connect(_LINE)

    def zero(self) -> float:
        """Take the present signal as zero and return the zero that the meter then subtracts.

        The head must be dark. The unit of the zero is the head's own (A, V or W).

        Raises:
            HardwareFault: the zero was not found in time, or the meter reports an error.
        """
        with self._link.lock:
            self._set("SENS:CORR:COLL:ZERO:INIT")
            try:
                wait_until(
                    self.clock,
                    lambda: self._ask_number("SENS:CORR:COLL:ZERO:STAT?") == 0,
                    timeout=_ZERO_TIMEOUT,
                    poll=0.1,
                )
            except BaseException as error:
                self._tell("SENS:CORR:COLL:ZERO:ABOR\n")
                if isinstance(error, TimeoutError):
                    raise self._fault(
                        f"no zero was found within {_ZERO_TIMEOUT:g} s", "darken the head and zero it again"
                    ) from error
                raise
            return self._ask_number("SENS:CORR:COLL:ZERO:MAGN?")

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        return dict(self._idn)

    def _greet(self) -> None:
        found = self._ask_text("*IDN?")
        parts = [part.strip() for part in found.split(",")]
        if len(parts) != 4 or parts[0].upper() != "THORLABS" or not parts[1].upper().startswith("PM"):
            raise self._stranger(repr(found), "a Thorlabs PM100-family meter")
        self._idn = dict(zip(("vendor", "model", "serial", "firmware"), parts, strict=True))
        for old in self.errors():
            self.log.warning("%s had an error from before, now cleared: %s", self._where, old)
        self._get_sensor()
        self._get_averaging()
        if self._flags & _POWER:
            self._set("SENS:POW:UNIT W")  # a meter left in dBm would answer dBm
        if self._flags & _WAVELENGTH:
            low, high = (self._ask_number(f"SENS:CORR:WAV? {end}") for end in ("MIN", "MAX"))
            self.wavelength.vals = vals.Numbers(low, high)

    def _get_power(self) -> float:
        if not self._flags & _POWER:
            self._need(_POWER, "power")
        return self._measure("MEAS:POW?", "W")

    def _get_energy(self) -> float:
        self._need(_ENERGY, "energy")
        return self._measure("MEAS:ENER?", "J")

    def _measure(self, command: str, unit: str) -> float:
        try:
            reading = self._ask_number(command, _LINE.timeout + _SECONDS_PER_SAMPLE * self._samples)
        except CommunicationError:
            self._refuse_missing_head()
            raise
        if 0 < abs(reading) < _OVERRANGE:
            return reading
        self._refuse_missing_head()
        if reading == 0:
            return reading
        raise self._fault(
            f"reading is out of range ({reading:g} {unit})", "set a higher `range` or `auto_range`, or attenuate"
        )

    def _refuse_missing_head(self) -> None:
        """Look at the head again: a missing one explains an odd reading."""
        if self._get_sensor() == "no sensor":
            raise self._fault("no sensor is connected", "plug the head in and open the instrument again")

    def _need(self, flag: int, what: str) -> None:
        if not self._flags & flag:
            sensor = self._get_sensor()
            if not self._flags & flag:
                raise self._fault(f"the head ({sensor}) measures no {what}", f"connect a head for {what}")

    def _get_sensor(self) -> str:
        command = "SYST:SENS:IDN?"
        text = self._ask_text(command)
        parts = [part.strip().strip('"') for part in text.split(",")]
        if parts[0].lower() == "no sensor":
            self._flags = 0
            return "no sensor"
        if len(parts) < 6 or not parts[5].isdigit():
            raise self._garbage(command, text.encode(), "name,serial,calibration,type,subtype,flags")
        self._flags = int(parts[5])
        return f"{parts[0]}, serial {parts[1]}, calibrated {parts[2]}"

    def _get_averaging(self) -> int:
        self._samples = self._integer("SENS:AVER:COUN?", self._ask("SENS:AVER:COUN?\n"))
        return self._samples

    def _set_averaging(self, samples: int) -> None:
        with self._link.lock:
            self._set(f"SENS:AVER:COUN {samples}")
            self._confirm("averaging", "", samples, self._get_averaging(), 0)

    def _set_wavelength(self, wavelength: float) -> None:
        self._need(_WAVELENGTH, "power at a chosen wavelength")
        with self._link.lock:
            self._set(f"SENS:CORR:WAV {wavelength:g}")
            self._confirm("wavelength", "nm", wavelength, self._ask_number("SENS:CORR:WAV?"), 0.5)

    def _set_range(self, power: float) -> None:
        with self._link.lock:
            self._set(f"SENS:POW:RANG:UPP {power:.6G}")
            found = self._ask_number("SENS:POW:RANG:UPP?")
        if found < power * (1 - 1e-4):
            raise self._fault(f"its highest range is {found:g} W, below {power:g} W", "change the head")

    def _confirm(self, what: str, unit: str, wanted: float, found: float, tolerance: float) -> None:
        if abs(found - wanted) > tolerance:
            raise self._fault(
                f"{what} is {found:g} {unit} after setting {wanted:g} {unit}", "choose a value that the head can take"
            )

    def _set(self, command: str) -> None:
        """Send a setting and read the error queue."""
        with self._link.lock:
            self._tell(f"{command}\n")
            errors = self.errors()
        if errors:
            raise self._fault(f"{command!r} was refused: {'; '.join(errors)}", "correct the value or the head")

    def errors(self) -> list[str]:
        """Read the error queue, which empties it; the oldest first, such as '-113 Undefined header'."""
        errors: list[str] = []
        for _ in range(20):
            code, _, message = (text := self._ask_text("SYST:ERR?")).partition(",")
            if not code.strip().lstrip("+-").isdigit():
                raise self._garbage("SYST:ERR?", text.encode(), 'an entry such as +0,"No error"')
            if int(code) == 0:
                break
            errors.append(f"{int(code)} {message.strip().strip(chr(34))}")
        return errors

    def _ask_text(self, command: str) -> str:
        raw = self._ask(f"{command}\n")
        try:
            return raw.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise self._garbage(command, raw, "ASCII text") from error

    def _ask_number(self, command: str, timeout: float | None = None) -> float:
        return self._number(command, self._ask(f"{command}\n", timeout))
