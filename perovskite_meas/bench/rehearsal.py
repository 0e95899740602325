"""A dry run's view of the bench: planned time, planned light, and the limits that would be broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .guard import Guard
from .ledger import EMITTER, DoseLedger
from .limits import Beam
from .roles import RoleAdapter

_ADVICE = re.compile("; [^;]*, or change the limit there")
"""Said once is enough."""


class PlanningClock:
    """A clock that only adds up what is slept on it."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the planned time so far, in s."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let planned time pass."""
        if seconds > 0:
            self._now += seconds


class Breaches:
    """Collects what would be refused: of each kind the worst."""

    def __init__(self) -> None:
        self._worst: dict[str, tuple[float, str, float | None]] = {}

    def __call__(self, what: str, how_far: float, text: str, watt: float | None = None) -> None:
        """Take one refusal; `watt` is the power at the sample that broke it, where it was one."""
        if what not in self._worst or how_far > self._worst[what][0]:
            self._worst[what] = (how_far, text, watt)

    def texts(self) -> list[str]:
        """Return one line per kind."""
        return [text for _, text, _ in self._worst.values()]

    def causes(self, why: Callable[[float], str]) -> list[str]:
        """Return one line per cause: all that one power breaks, and the dose that comes with it, is one.

        Args:
            why: tells where a power in W comes from and what to change; '' where there is nothing to add.
        """
        found: dict[float | str, list[str]] = {}
        highest = max((watt for _, _, watt in self._worst.values() if watt is not None), default=None)
        for what, (_, text, watt) in self._worst.items():
            cause = highest if what == "dose" and highest is not None else watt
            found.setdefault(what if cause is None else cause, []).append(text)
        return [_joined(texts, why(cause) if isinstance(cause, float) else "") for cause, texts in found.items()]


def _joined(texts: list[str], why: str) -> str:
    if len(texts) == 1 and not why:
        return texts[0]
    shorter = [_ADVICE.sub("", text) for text in texts[:-1]]
    return (f"{why}: " if why else "") + "; ".join([*shorter, texts[-1]])


class Rehearsal:
    """Planning twins of the bench's roles; run `procedure.measure(**rehearsal.arguments)` to the end, then look.

    Attributes:
        arguments: for `measure`.
        clock: planning clock; `clock.now()` is the planned duration in s.
        ledger: planned dose per spot.
    """

    def __init__(
        self,
        arguments: dict[str, Any],
        clock: PlanningClock,
        ledger: DoseLedger,
        guard: Guard,
        beam: Beam,
        breaches: Breaches,
    ) -> None:
        self.arguments = arguments
        self.clock = clock
        self.ledger = ledger
        self._guard = guard
        self._beam = beam
        self._breaches = breaches

    @property
    def problems(self) -> list[str]:
        """Limits and ranges that would be broken, one line each; empty where the run may go ahead."""
        return self._breaches.texts()

    @property
    def remarks(self) -> list[str]:
        """What the roles took for granted, one line each."""
        told = (twin.remarks() for twin in self.arguments.values() if isinstance(twin, RoleAdapter))
        return [line for lines in told for line in lines]

    def refusals(self, why: Callable[[float], str]) -> list[str]:
        """Return one line per cause: all that one power breaks is one, after what `why` says of that power in W."""
        return self._breaches.causes(why)

    @property
    def dose(self) -> float | None:
        """Planned dose in J/cm^2 on the emitter, or on the spot that takes most where pulses are counted.

        None where the spot is not stated.
        """
        if self._beam.dose(0.0) is None:
            return None
        spots = [EMITTER] if self.pulses is None else [EMITTER, *self.ledger.entries()]
        return max(self.ledger.dose_on(spot) for spot in spots)

    @property
    def pulses(self) -> int | None:
        """Planned pulses on the sample; None where they are not counted."""
        if not self._guard.pulses.counted:
            return None
        return sum(int(entry.get("shots") or 0) for entry in self.ledger.entries().values())

    @property
    def opened(self) -> int:
        """Planned exposures."""
        return self._guard.opened

    @property
    def max_power(self) -> float:
        """Highest planned power at the sample, in W."""
        return self._guard.max_power

    @property
    def max_fluence(self) -> float | None:
        """Highest planned peak fluence in J/cm^2; None where spot or pulse are not stated."""
        if self._guard.pulses.max_energy:
            return self._beam.dose(self._guard.pulses.max_energy)
        return self._beam.fluence(self._guard.max_power)

    @property
    def max_irradiance(self) -> float | None:
        """Highest planned peak irradiance in W/cm^2; None where spot or pulse are not stated."""
        if self._guard.pulses.max_energy:
            return self._beam.irradiance_of(self._guard.pulses.max_energy)
        return self._beam.irradiance(self._guard.max_power)
