"""What is set on a PM100D, within which limits, and what it makes of a power.

Source: PM100D operation manual p.49-51. The ranges and the wavelengths of the head are unverified against it.
"""

from __future__ import annotations

import math

from .scpi import Handler, ScpiError, limit, number, real, switch

RANGES = tuple(50e-9 * 10**decade for decade in range(7))
"""Upper ends of the ranges, W."""
WAVELENGTHS = (400.0, 1100.0)
"""Limits of the head's wavelength correction, nm."""
OVERRANGE = 9.9e37
"""Shown beyond the range."""


class MeterSettings:
    """Everything that `*RST` puts back, with the commands for it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Take the settings of power-on."""
        self.wavelength = 800.0
        self.averages = 1
        self.auto = True
        self.range = RANGES[-1]
        self.unit = "W"
        self.loss_db = 0.0
        self.reference = 0.0
        self.relative = False

    def shown(self, watts: float) -> float:
        """Return what the console shows for a power on the head, in the unit that is set."""
        if self.auto:
            self.range = next((upper for upper in RANGES if abs(watts) <= upper), RANGES[-1])
        if watts > self.range * 1.05:
            return OVERRANGE
        watts *= 10 ** (self.loss_db / 10)
        if self.relative:
            watts -= self.reference
        if self.unit == "W":
            return watts
        return 10 * math.log10(max(watts, 1e-15) / 1e-3)

    def commands(self) -> dict[str, Handler]:
        """Return header -> handler for all settings."""
        correction, power = "[SENSe:]CORRection", "[SENSe:]POWer[:DC]"
        loss = correction + "[:LOSS[:INPut[:MAGNitude]]]"
        return {
            correction + ":WAVelength": self._set_wavelength,
            correction + ":WAVelength?": lambda text: real(limit(text, *WAVELENGTHS, now=self.wavelength)),
            loss: self._set_loss,
            loss + "?": lambda _: real(self.loss_db),
            "[SENSe:]AVERage[:COUNt]": self._set_averages,
            "[SENSe:]AVERage[:COUNt]?": lambda _: b"%d" % self.averages,
            power + ":RANGe:AUTO": self._set_auto,
            power + ":RANGe:AUTO?": lambda _: b"%d" % self.auto,
            power + ":RANGe[:UPPer]": self._set_range,
            power + ":RANGe[:UPPer]?": lambda text: real(limit(text, RANGES[0], RANGES[-1], now=self.range)),
            power + ":UNIT": self._set_unit,
            power + ":UNIT?": lambda _: self.unit.encode(),
            power + ":REFerence": self._set_reference,
            power + ":REFerence?": lambda _: real(self.reference),
            power + ":REFerence:STATe": self._set_relative,
            power + ":REFerence:STATe?": lambda _: b"%d" % self.relative,
        }

    def _set_wavelength(self, text: str) -> None:
        """`SENS:CORR:WAV`, nm."""
        self.wavelength = number(text, *WAVELENGTHS)

    def _set_averages(self, text: str) -> None:
        """`SENS:AVER:COUN`."""
        self.averages = int(number(text, 1, 300000))

    def _set_range(self, text: str) -> None:
        """`SENS:POW:RANG:UPP`, W: the smallest range that holds the value; ends auto-ranging."""
        wanted = number(text, RANGES[0], RANGES[-1])
        self.range = next(upper for upper in RANGES if upper >= wanted * (1 - 1e-9))
        self.auto = False

    def _set_unit(self, text: str) -> None:
        """`SENS:POW:UNIT W|DBM`."""
        if text.upper() not in ("W", "DBM"):
            raise ScpiError(-224, "Illegal parameter value")
        self.unit = text.upper()

    def _set_auto(self, text: str) -> None:
        """`SENS:POW:RANG:AUTO 0|1`."""
        self.auto = switch(text)

    def _set_loss(self, text: str) -> None:
        """`SENS:CORR:LOSS:INP:MAGN`, dB of attenuation in front of the head."""
        self.loss_db = number(text, -60, 60)

    def _set_reference(self, text: str) -> None:
        """`SENS:POW:REF`, W."""
        self.reference = number(text, -1e3, 1e3)

    def _set_relative(self, text: str) -> None:
        """`SENS:POW:REF:STAT 0|1`."""
        self.relative = switch(text)
