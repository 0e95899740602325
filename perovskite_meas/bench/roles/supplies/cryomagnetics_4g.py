"""The Cryomagnetics 4G, through QCoDeS' `CryomagneticsModel4G`.

The driver blocks and reads the status only where nothing is wrong, so this speaks the commands that it uses (`IMAG?`,
`ULIM`, `LLIM`, `SWEEP`, `RATE`, `*STB?` with its bits) in its units (kG, A/s). `PSHTR` and `IOUT?` of a cold switch are
unverified against the manual.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from ....core.errors import ReplyError
from .base import Fitting, Supply

_SWEEPING, _QUENCH, _FAILURE = 1, 4, 8
"""Bits of the status byte."""
_READING = re.compile(r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s*(kG|T|A|G)")
_IN_TESLA = {"kG": 0.1, "T": 1.0, "G": 1e-4}


class Cryomagnetics4G(Supply):
    """A 4G; it goes on sweeping at a limit until it is told to pause."""

    kind: ClassVar[str] = "cryomagnetics_4g"
    resolution: ClassVar[float] = 1e-4

    def __init__(self, owner: Any, field_name: str, fitting: Fitting) -> None:
        super().__init__(owner, field_name, fitting)
        self._constant = float(owner.coil_constant)
        """T/A."""

    def field(self) -> float:
        """Return the field of the coil, in T."""
        return self._tesla("IMAG?")

    def state(self) -> str:
        """Return the state as a word."""
        status = int(self._ask("*STB?"))
        if status & _QUENCH:
            return "quench"
        if status & _FAILURE:
            return "fault"
        if status & _SWEEPING:
            return "ramping"
        return "persistent" if self._fitting.switch and not int(self._ask("PSHTR?")) else "holding"

    def start(self, tesla: float, rate: float) -> None:
        """Begin to sweep to a field in T at `rate` T/s."""
        for number in self.owner.max_current_limits:
            self.owner.write(f"RATE {number} {rate / self._constant:.6g}")
            understood = float(self._ask(f"RATE? {number}")) * self._constant
            self._verify(f"rate (range {number})", rate * 60, understood * 60, "T/min", 2e-3)
        self._sweep(tesla, tesla < self.field())

    def hold(self) -> None:
        """Pause the sweep."""
        self.owner.write("SWEEP PAUSE")

    def arrived(self) -> None:
        """Pause the sweep at its limit."""
        self.hold()

    def ceiling(self) -> tuple[float, float]:
        """Return the highest range and the slowest of the fastest rates that the driver was given."""
        limits = self.owner.max_current_limits.values()
        return (
            max(current for current, _ in limits) * self._constant,
            min(rate for _, rate in limits) * self._constant,
        )

    def leads(self) -> float:
        """Return the field to which the output current corresponds, in T."""
        return self._tesla("IOUT?")

    def start_leads(self, tesla: float, rate: float) -> None:
        """Begin to sweep the leads at `rate`; the fast mode of the supply is not used."""
        for number in self.owner.max_current_limits:
            self.owner.write(f"RATE {number} {rate / self._constant:.6g}")
        self._sweep(tesla, tesla < self.leads())

    def heat(self, on: bool) -> None:
        """Turn the heater of the switch on or off."""
        self.owner.write(f"PSHTR {'ON' if on else 'OFF'}")

    def _sweep(self, tesla: float, down: bool) -> None:
        limit, direction = ("LLIM", "DOWN") if down else ("ULIM", "UP")
        self.owner.write(f"{limit} {tesla * 10:.6g}")
        self.owner.write(f"SWEEP {direction}")

    def _tesla(self, question: str) -> float:
        reply = self._ask(question)
        found = _READING.fullmatch(reply)
        if found is None:
            raise ReplyError(
                f"{type(self.owner).__name__} answered {reply!r} to {question}; expected a field such as '5 kG'"
            )
        number = float(found[1])
        return number * (self._constant if found[2] == "A" else _IN_TESLA[found[2]])

    def _ask(self, question: str) -> str:
        return str(self.owner.ask(question)).strip()
