"""The dose ledger: every second of light, or every pulse, is booked to the spot that took it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.clock import Clock
from ..core.errors import UsageError
from .limits import Beam

EMITTER = "emitter"
"""The spot on which a run starts."""
REACH = 0.5
"""um around the emitter within which light is booked on it: a spot beside it still lights it."""


@dataclass
class _Account:
    energy: float = 0.0
    on_time: float = 0.0
    shots: int = 0


class DoseLedger:
    """Energy and time of light per spot, since the run began.

    Args:
        beam: turns energy into dose.
        clock: whose seconds are booked.
    """

    def __init__(self, beam: Beam, clock: Clock) -> None:
        self._beam = beam
        self._clock = clock
        self._accounts: dict[str, _Account] = {EMITTER: _Account()}
        self._spot = EMITTER
        self._watt: float | None = None
        self._since = 0.0
        self.watched: Callable[[float, int], None] | None = None
        """Is told of pulses right after they were booked: their energy in J in all, and how many."""

    def dose(self) -> float:
        """Return the dose at the centre of the present spot, in J/cm^2; 0 where the spot size is not stated."""
        return self.dose_on(self._spot)

    def dose_on(self, spot: str) -> float:
        """Return the dose at the centre of `spot`, in J/cm^2; 0 where the spot size is not stated."""
        self._book()
        account = self._accounts.get(spot)
        return 0.0 if account is None else self._beam.dose(account.energy) or 0.0

    def shine(self, watt: float) -> None:
        """Book from now on light of `watt` W at the sample."""
        self._book()
        self._since = self._clock.now()
        self._watt = watt

    def fired(self, joules: float, shots: int) -> None:
        """Book so many pulses of `joules` J at the sample in all to the present spot.

        Weak pulses on a noisy head may add up to less than nothing, which counts as 0 J.

        Raises:
            UsageError: no energy, or no number of pulses; nothing is booked.
            LimitError: the spot has taken more than its dose, or pulses of more energy than allowed; the light is off.
        """
        if not math.isfinite(joules) or shots < 0 or shots != int(shots):
            raise UsageError(
                f"cannot book {shots!r} pulses of {joules!r} J in all: give a whole number of pulses and their energy; "
                "for a pulse that was not read take the energy that was set"
            )
        self._book()
        account = self._accounts.setdefault(self._spot, _Account())
        account.energy += max(float(joules), 0.0)
        account.shots += int(shots)
        if self.watched is not None:
            self.watched(float(joules), int(shots))

    def shots(self) -> int:
        """Return the pulses that were booked to the present spot in this run."""
        account = self._accounts.get(self._spot)
        return 0 if account is None else account.shots

    def dark(self) -> None:
        """Book the light until now, and none from now on."""
        self._book()
        self._watt = None

    def move(self, spot: str) -> None:
        """Book the light from now on to `spot`."""
        self._book()
        self._spot = spot

    def begin(self) -> None:
        """Start a new run with empty accounts, at the present spot."""
        self._book()
        self._accounts = {}

    @property
    def spot(self) -> str:
        """The spot in the beam."""
        return self._spot

    @property
    def shining(self) -> bool:
        """True while light is being booked."""
        return self._watt is not None

    def entries(self) -> dict[str, dict[str, Any]]:
        """Return per spot: energy (J), on_time (s), dose (J/cm^2) and photons; None where not known.

        Where pulses were counted, also their number, `shots`.
        """
        self._book()
        photon = self._beam.photon_energy
        return {
            spot: {
                "energy": account.energy,
                "on_time": account.on_time,
                "dose": self._beam.dose(account.energy),
                "photons": None if photon is None else account.energy / photon,
                **({"shots": account.shots} if account.shots else {}),
            }
            for spot, account in self._accounts.items()
        }

    def _book(self) -> None:
        if self._watt is None:
            return
        now = self._clock.now()
        account = self._accounts.setdefault(self._spot, _Account())
        account.energy += self._watt * (now - self._since)
        account.on_time += now - self._since
        self._since = now
