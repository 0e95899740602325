"""Single laser pulses at the sample: what the guard knows of their energy and rate, and the limits on both."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..core.units import show
from .limits import Beam, Limit, Limits
from .worst_case import WorstCase

Refuse = Callable[[Limit, float, str, str], None]
"""Takes the limit that is broken, the value, where, and the end of the message."""


class PulseLight:
    """The pulses that fall on the sample while a shutter is open.

    Args:
        limits: the bench's limits.
        beam: turns energy into fluence and irradiance.
        refuse: is told of every limit that would be broken.
    """

    def __init__(self, limits: Limits, beam: Beam, refuse: Refuse) -> None:
        self._limits = limits
        self._beam = beam
        self._refuse = refuse
        self._energy: float | None = None
        self._rate: float | None = None
        self.counted = False
        """True in a run that counts its pulses one by one: `ledger.fired` books them, and no light is booked by time.
        """
        self.held = False
        """True while the picker holds all pulses."""
        self.worst: WorstCase | None = None
        """What is taken for the energy wherever that is not known; None where nothing is stated."""
        self.max_energy = 0.0
        """Highest energy of the pulses of an exposure so far, in J."""

    @property
    def energy(self) -> float | None:
        """Energy of a pulse at the sample, in J, as it was set; None while unknown."""
        return self._energy

    @property
    def most(self) -> float | None:
        """What the limits take for the energy of a pulse, in J: as set, else the most that is stated."""
        if self._energy is not None and math.isfinite(self._energy):
            return self._energy
        return None if self.worst is None else self.worst.level

    @property
    def rate(self) -> float | None:
        """Pulses per second that leave the picker while it does not hold, in Hz; nominal until the role tells."""
        return self._beam.rate if self._rate is None else self._rate

    @property
    def watt(self) -> float | None:
        """Average power at the sample in W of pulses of `most` J at `rate`; None where one is not known."""
        return None if self.most is None or self.rate is None else self.most * self.rate

    def energy_is(self, joule: float | None) -> None:
        """Take note of the energy of a pulse at the sample; None where it is not known, and the worst is assumed."""
        self._energy = joule

    def rate_is(self, hertz: float | None) -> None:
        """Take note of the rate of the pulses in Hz; None where it is not known, and the nominal one is assumed."""
        self._rate = hertz

    def check(self, joule: float, slack: float = 1e-9, why: str = "") -> None:
        """Refuse an energy of a pulse at the sample that breaks a limit by more than the share `slack`.

        Args:
            joule: of one pulse.
            slack: relative.
            why: ends the message.

        Raises:
            LimitError: it does; the light is off.
        """
        found = {"pulse_energy": (joule, " of a pulse at the sample")}
        if self.rate is not None:
            found["average_power"] = (joule * self.rate, f" of pulses of {show(joule, 'J')} at {show(self.rate, 'Hz')}")
        found["fluence"] = (self._beam.dose(joule) or 0.0, f" of a pulse of {show(joule, 'J')}")
        found["peak_irradiance"] = (self._beam.irradiance_of(joule) or 0.0, f" of a pulse of {show(joule, 'J')}")
        for limit in self._limits:
            if limit.name in found and not found[limit.name][0] <= limit.value * (1 + slack):
                self._refuse(limit, *found[limit.name], why)

    def check_opening(self) -> None:
        """Refuse to open a shutter on pulses that would break a limit; the energy must be known, or the most of it.

        Raises:
            LimitError: it does; the light is off.
        """
        joule = self.most or 0.0
        # The energy asked for was held to the limit itself; read back, it may miss by a step of the mount.
        if joule == self._energy:
            self.check(joule, slack=0.02)
        else:
            self.check(joule, why=f"; {self.worst}")
        self.max_energy = max(self.max_energy, joule)
