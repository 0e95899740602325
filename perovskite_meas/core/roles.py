"""Roles: what a procedure may ask of the optical table, in lab units.

A role is never the driver itself but an adapter that the bench makes around it. Roles speak in
methods; how a lab's instrument fulfils them is written in `bench.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from .clock import Clock as Clock
from .cryogenics import Cryostat as Cryostat
from .cryogenics import CryostatReading as CryostatReading
from .cryogenics import Magnet as Magnet
from .cryogenics import MagnetReading as MagnetReading
from .delays import DelayLine as DelayLine
from .delays import DelayReading as DelayReading
from .delays import RunningRamp as RunningRamp
from .pulses import EnergyMeter as EnergyMeter
from .pulses import EnergyRecording as EnergyRecording
from .pulses import Filter as Filter
from .pulses import Positioner as Positioner
from .pulses import Pulse as Pulse
from .pulses import PulseAttenuator as PulseAttenuator
from .pulses import PulseState as PulseState
from .pulses import Shots as Shots
from .spectra import Analyser as Analyser
from .spectra import Armed as Armed
from .spectra import ArmedSpectrometer as ArmedSpectrometer
from .spectra import Spectrograph as Spectrograph
from .spectra import Spectrometer as Spectrometer
from .spectra import Spectrum as Spectrum
from .tags import Tags


class PowerReading(NamedTuple):
    """One averaged reading of a power meter."""

    power: float
    """Power at the sample, in W, through the meter's calibration; the head's reading where it has none."""
    head: float
    """What the head itself showed, in W."""


class Count(NamedTuple):
    """One gate of a photon counter."""

    counts: float
    """Registered counts, uncorrected."""
    live_time: float
    """Length of the gate, in s."""


@runtime_checkable
class Shutter(Protocol):
    """Lets light onto the sample, or not."""

    def block(self) -> None:
        """Block the light and confirm it."""

    def is_blocking(self) -> bool:
        """Return whether the light is blocked, as the shutter itself reports."""

    def exposure(self) -> AbstractContextManager[None]:
        """Open for the duration of a `with` block; blocked again however the block ends."""


@runtime_checkable
class Attenuator(Protocol):
    """Sets the average power at the sample."""

    def set_power(self, watt: float) -> float:
        """Set the power and return the power reached, in W, by calibration. Only in the dark."""

    def minimum(self) -> None:
        """Turn to the least transmission."""


@runtime_checkable
class Waveplate(Protocol):
    """Turns a wave plate."""

    def rotate_to(self, degrees: float) -> float:
        """Turn to an angle and return the angle reached, in deg."""


@runtime_checkable
class PowerMeter(Protocol):
    """Reads an average optical power."""

    def read(self, seconds: float) -> PowerReading:
        """Average for about `seconds` and return the reading."""


@runtime_checkable
class PhotonCounter(Protocol):
    """Counts photons in a gate."""

    def count(self, dwell: float) -> Count:
        """Count for `dwell` s and return counts and live time."""


@runtime_checkable
class TimeTagger(Protocol):
    """Records the arrival time of every photon."""

    def acquire(self, seconds: float, mark: int = 1) -> Tags:
        """Record for `seconds` and return the tags, times from the start of this recording.

        Where the run keeps raw tags they are appended to its file, between a marker `mark` (1 to 14) at the start
        and a marker 15 at the end.
        """

    def sync_rate(self) -> float:
        """Return the laser pulses per second on the sync input, in Hz; 0 where there are none."""


@runtime_checkable
class WiredTagger(TimeTagger, Protocol):
    """A tagger of which the bench says what is plugged into it."""

    def inputs(self) -> Mapping[str, int]:
        """Return channel by use: 'signal' (the emission), and where there are such, 'monitor' and 'trigger'."""


@runtime_checkable
class ReferenceLight(Protocol):
    """Split, attenuated laser light at the emission colour that goes to the detectors and not to the sample."""

    def shining(self) -> AbstractContextManager[None]:
        """Let it onto the detectors for the duration of a `with` block; blocked again however the block ends."""


@runtime_checkable
class Scanner(Protocol):
    """Moves the spot on the sample."""

    def move_to(self, x: float, y: float) -> None:
        """Move to x, y in um, relative to the emitter."""

    def on_emitter(self) -> None:
        """Return to the emitter."""

    def off_emitter(self) -> None:
        """Go where the sample is empty but everything else the same."""


@runtime_checkable
class CentringScanner(Scanner, Protocol):
    """A scanner that can be told where the emitter is; a procedure that centres does without where it cannot."""

    def position(self) -> tuple[float, float]:
        """Return where the spot is: x, y in um, relative to the emitter."""

    def centre_on(self, x: float, y: float) -> None:
        """Take the emitter to be at x, y in um, relative to where it was taken to be; does not move."""


@runtime_checkable
class FocusingScanner(CentringScanner, Protocol):
    """A scanner that also moves the focus; a procedure that refocuses does without where it cannot."""

    def focus(self) -> float:
        """Return where the focus is: z in um, relative to where the emitter was taken to be at first."""

    def focus_to(self, z: float) -> float:
        """Move the focus to z in um, within the range that the bench allows, and return where it is."""

    def focus_span(self) -> tuple[float, float]:
        """Return the lowest and the highest z that the bench allows, in um."""


@runtime_checkable
class Ledger(Protocol):
    """The light that the present spot has taken in this run."""

    def dose(self) -> float:
        """Return the dose at the beam centre, in J/cm^2; 0 where the spot size is not stated."""


@runtime_checkable
class PulseLedger(Ledger, Protocol):
    """A ledger in which pulses are counted one by one."""

    def fired(self, joules: float, shots: int) -> None:
        """Book so many pulses of `joules` J at the sample in all to the present spot."""

    def shots(self) -> int:
        """Return the pulses that the present spot has taken in this run."""
