"""Thorlabs PM100 family of optical power and energy meters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError

from ._pm100_stream import PM100Stream
from ._pm100_talk import ENERGY, LINE, POWER, WAVELENGTH

if TYPE_CHECKING:
    from typing_extensions import Unpack

_OVERRANGE = 9.0e37
"""An overload reads 9.9E37, no number reads 9.91E37 (unverified against the manual)."""

_SECONDS_PER_SAMPLE = 0.01
"""Generous: about 3 ms per averaged sample (unverified against the manual)."""

_ZERO_TIMEOUT = 60.0


class PM100(PM100Stream):
    """Power meter console with an exchangeable head.

    With a pyroelectric head `energy` waits for the next pulse; that it does, and from what level on a pulse is seen, is
    unverified against the manual.

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
        self._samples = 1
        self.power: Parameter[float, Self] = self.add_parameter(
            "power", label="Power", unit="W", get_cmd=self._get_power, vals=vals.Numbers(), snapshot_get=False
        )
        """Optical power on the head, averaged over `averaging` samples, at the head's `wavelength`."""
        self.energy: Parameter[float, Self] = self.add_parameter(
            "energy", label="Energy", unit="J", get_cmd=self._get_energy, vals=vals.Numbers(), snapshot_get=False
        )
        """Energy of the next pulse; energy heads only."""
        self.energy_range: Parameter[float, Self] = self.add_parameter(
            "energy_range",
            label="Energy range",
            unit="J",
            get_cmd=lambda: self._ask_energy("SENS:ENER:RANG:UPP?"),
            set_cmd=self._set_energy_range,
            vals=vals.Numbers(1e-12, 1e4),
            snapshot_get=False,
        )
        """Highest energy of the range; setting it picks the range that holds it. There is no automatic one."""
        self.peak_threshold: Parameter[float, Self] = self.add_parameter(
            "peak_threshold",
            label="Peak threshold",
            unit="percent",
            get_cmd=lambda: self._ask_energy("SENS:PEAK:THR?"),
            set_cmd=self._set_peak_threshold,
            vals=vals.Numbers(1, 70),
            snapshot_get=False,
        )
        """Share of `energy_range` that a pulse must reach to be seen."""
        self.pulse_rate: Parameter[float, Self] = self.add_parameter(
            "pulse_rate",
            label="Pulse rate",
            unit="Hz",
            get_cmd=lambda: self._ask_energy("MEAS:FREQ?"),
            vals=vals.Numbers(0),
            snapshot_get=False,
        )
        """Pulses per second as the meter sees them; energy heads only."""
        self.pulse_timeout: Parameter[float, Self] = self.add_parameter(
            "pulse_timeout",
            label="Longest wait for a pulse",
            unit="s",
            set_cmd=None,
            initial_value=3.0,
            vals=vals.Numbers(0.01, 3600),
        )
        """How long `energy` waits for a pulse."""
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
        self._connect(LINE)

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

    def _greet(self) -> None:
        super()._greet()
        self._get_averaging()
        if self._flags & POWER:
            self._set("SENS:POW:UNIT W")  # a meter left in dBm would answer dBm
        if self._flags & WAVELENGTH:
            low, high = (self._ask_number(f"SENS:CORR:WAV? {end}") for end in ("MIN", "MAX"))
            self.wavelength.vals = vals.Numbers(low, high)
        if self._flags & ENERGY:
            for parameter in (self.energy_range, self.peak_threshold):
                parameter.get()  # a snapshot has what is known

    def _get_power(self) -> float:
        if not self._flags & POWER:
            self._need(POWER, "power")
        try:
            reading = self._ask_number("MEAS:POW?", LINE.timeout + _SECONDS_PER_SAMPLE * self._samples)
        except CommunicationError:
            self._refuse_missing_head()
            raise
        return self._checked(reading, "W", "set a higher `range` or `auto_range`, or attenuate")

    def _get_energy(self) -> float:
        self._need(ENERGY, "energy")
        with self._link.lock:
            try:
                reading = self._ask_number("MEAS:ENER?", self.pulse_timeout() + _SECONDS_PER_SAMPLE * self._samples)
            except CommunicationError as error:
                self._refuse_missing_head()
                raise self._fault(
                    f"no pulse above the threshold ({self.peak_threshold.get():g} % of {self.energy_range.get():g} J) "
                    f"came within {self.pulse_timeout():g} s",
                    "see that the laser fires and the beam is on the head, or lower `peak_threshold` or `energy_range`",
                ) from error
            return self._checked(reading, "J", "set a higher `energy_range`, or attenuate")

    def _checked(self, reading: float, unit: str, advice: str) -> float:
        if 0 < abs(reading) < _OVERRANGE:
            return reading
        self._refuse_missing_head()
        if reading == 0:
            return reading
        raise self._fault(f"reading is out of range ({reading:g} {unit})", advice)

    def _ask_energy(self, command: str) -> float:
        """Ask for what only energy heads have."""
        self._need(ENERGY, "energy")
        return self._ask_number(command)

    def _set_energy_range(self, energy: float) -> None:
        self._need(ENERGY, "energy")
        with self._link.lock:
            energy = max(energy, self._ask_number("SENS:ENER:RANG:UPP? MIN"))  # a meter refuses less
            self._set(f"SENS:ENER:RANG:UPP {energy:.6G}")
            found = self._ask_number("SENS:ENER:RANG:UPP?")
        if found < energy * (1 - 1e-4):
            raise self._fault(f"its highest range is {found:g} J, below {energy:g} J", "change the head")

    def _set_peak_threshold(self, percent: float) -> None:
        self._need(ENERGY, "energy")
        with self._link.lock:
            self._set(f"SENS:PEAK:THR {percent:g}")
            self._confirm("peak_threshold", "%", percent, self._ask_number("SENS:PEAK:THR?"), 0.5)

    def _get_averaging(self) -> int:
        self._samples = self._integer("SENS:AVER:COUN?", self._ask("SENS:AVER:COUN?\n"))
        return self._samples

    def _set_averaging(self, samples: int) -> None:
        with self._link.lock:
            self._set(f"SENS:AVER:COUN {samples}")
            self._confirm("averaging", "", samples, self._get_averaging(), 0)

    def _set_wavelength(self, wavelength: float) -> None:
        self._need(WAVELENGTH, "power at a chosen wavelength")
        with self._link.lock:
            self._set(f"SENS:CORR:WAV {wavelength:g}")
            self._confirm("wavelength", "nm", wavelength, self._ask_number("SENS:CORR:WAV?"), 0.5)

    def _set_range(self, power: float) -> None:
        with self._link.lock:
            self._set(f"SENS:POW:RANG:UPP {power:.6G}")
            found = self._ask_number("SENS:POW:RANG:UPP?")
        if found < power * (1 - 1e-4):
            raise self._fault(f"its highest range is {found:g} W, below {power:g} W", "change the head")
