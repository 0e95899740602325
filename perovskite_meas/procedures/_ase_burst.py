"""Bursts of exactly so many laser pulses on the sample: counted out by the picker, else by the shutter."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from perovskite_meas.core.errors import HardwareFault, InstrumentError, LimitError
from perovskite_meas.core.roles import (
    Armed,
    ArmedSpectrometer,
    Clock,
    EnergyMeter,
    EnergyRecording,
    Pulse,
    PulseLedger,
    Shots,
    Shutter,
    Spectrum,
)
from perovskite_meas.core.units import show

from ._ase_counted import Burst, Counted, Heads, Taking, missed, of_pulses
from ._habits import afterwards

_LOOK_EVERY = 10
"""The picker is watched while it holds before the first of so many bursts."""
_WATCHED = 1.5
"""Periods without a pulse that prove that it holds."""
_PATIENCE = 0.5
"""s beyond two periods for which the next pulse of a burst is waited for."""

log = logging.getLogger(__name__)


class Bursts:
    """Makes bursts, and books every one of them, also those that failed.

    Where the picker holds, the shutter opens while nothing comes, and the picker lets out the pulses. Where it cannot,
    the shutter opens right after a pulse and closes right after the last. However a burst ends, the shutter blocks
    and the picker holds; where something goes wrong the shutter is first.

    Args:
        pulse: the laser.
        shutter: before the sample.
        meter: sees every pulse that leaves the laser.
        ledger: books them.
        clock: of the bench.
        spectrometer: takes frames meanwhile; None where none are wanted.
        beside: a second meter, behind the shutter.
    """

    def __init__(
        self,
        pulse: Pulse,
        shutter: Shutter,
        meter: EnergyMeter,
        ledger: PulseLedger,
        clock: Clock,
        spectrometer: ArmedSpectrometer | None = None,
        beside: EnergyMeter | None = None,
    ) -> None:
        self._pulse, self._shutter, self._meter, self._ledger = pulse, shutter, meter, ledger
        self._clock, self._spectrometer, self._beside = clock, spectrometer, beside
        self._made, self._suspect = 0, False

    @contextmanager
    def in_the_dark(self) -> Iterator[None]:
        """Block and hold now, and again however the block ends; first the shutter."""
        self._rest()
        with afterwards(self._shutter.block, self._pulse.hold):
            yield

    def fire(self, shots: int, joule: float, rate: float, taking: Taking | None = None) -> Burst:
        """Put `shots` pulses on the sample and return what was seen.

        Args:
            shots: pulses.
            joule: energy of each at the sample, in J; booked for pulses of which nobody knows better.
            rate: pulses per second, in Hz.
            taking: what the camera does; None leaves it alone.

        Raises:
            HardwareFault: the picker does not hold, pulses do not come, or the meter or the camera failed.
        """
        self._pulse.hold()
        with ExitStack() as stack:
            recording = stack.enter_context(self._meter.recording())
            heads = Heads(recording, None if self._beside is None else stack.enter_context(self._beside.recording()))
            if self._pulse.gated():
                self._require_held(recording, rate)
                armed, began = stack.enter_context(self._armed(taking)), self._clock.now()
                counted, in_step = self._by_picker(heads, shots, joule, rate), True
            else:
                # A pulse has just passed: time until the next one for camera and shutter.
                passed = recording.wait(len(recording.shots().times) + 1, 5.0 + 2 / rate)
                armed, began = stack.enter_context(self._armed(taking)), self._clock.now()
                in_step = len(recording.shots().times) == passed
                counted = self._by_shutter(heads, shots, joule, rate)
            took = self._clock.now() - began
            if taking is not None and not taking.triggered:
                self._clock.sleep(max(0.0, taking.seconds - took))  # the frame ends in the dark
            frames = [] if armed is None else of_pulses(armed.read(), len(counted.shots.times))
            seen = None if heads.beside is None else heads.beside.shots()
            if self._pulse.gated() and (stray := len(recording.shots().times) - len(counted.shots.times)):
                raise HardwareFault(_stray(stray))
        self._made += 1
        if unseen := missed(_from(counted.shots, counted.first), rate):
            log.warning("between %d pulses the meter seems to have missed %d; the row says so", shots, unseen)
            self._ledger.fired(unseen * joule, unseen)
            counted, in_step = counted._replace(uncertain=counted.uncertain + unseen), False
        return self._burst(counted, frames, seen, in_step, taking, took)

    def _burst(
        self,
        counted: Counted,
        frames: list[Spectrum],
        beside: Shots | None,
        in_step: bool,
        taking: Taking | None,
        took: float,
    ) -> Burst:
        on_film = _from(counted.shots, counted.first)
        number = len(on_film.times)
        paired = in_step and taking is not None and taking.triggered
        if paired:
            # Without a picker that holds, triggers go on after the last pulse on the sample.
            paired = len(frames) == number or (len(frames) > number and not self._pulse.gated())
            if not paired:
                log.warning("the camera took %d frames of %d pulses; the row says so", len(frames), number)
            frames = frames[:number]
        elif taking is not None and not taking.triggered and took > taking.seconds:
            raise HardwareFault(
                f"the burst took {show(took, 's')}, longer than its frame of {show(taking.seconds, 's')}: some of its "
                "light is not in the spectrum; give shutter and picker more time (`overhead`)"
            )
        return Burst(on_film, counted.uncertain, frames, paired, beside)

    def _by_picker(self, heads: Heads, shots: int, joule: float, rate: float) -> Counted:
        if stray := len(heads.meter.shots().times):
            raise HardwareFault(_stray(stray))
        with self._booking(joule, rate) as fallen:
            began = self._clock.now()
            with self._shutter.exposure():
                if stray := len(heads.meter.shots().times):
                    raise HardwareFault(_stray(stray))
                with self._pulse.releasing():
                    self._wait(heads, shots, shots, rate)
            took, seen = self._clock.now() - began, heads.meter.shots()
            fallen.append(seen)
        number = len(seen.times)
        if number > shots + 1:
            raise HardwareFault(
                f"{number} pulses came within {show(took, 's')} where {shots} were let out: an instrument answered "
                f"late (see the log), or {_LOOK}"
            )
        if number > shots:
            log.warning("%d pulses came where %d were let out; the row says so", number, shots)
            self._suspect = True
        return Counted(0, seen, number - shots)

    def _by_shutter(self, heads: Heads, shots: int, joule: float, rate: float) -> Counted:
        first = len(heads.meter.shots().times)
        with self._booking(joule, rate) as fallen:
            with self._shutter.exposure():
                opened = len(heads.meter.shots().times)
                counted = self._wait(heads, first + shots, shots, rate)
            seen = heads.meter.shots()
            fallen.append(_from(seen, first))
        return Counted(first, seen, (opened - first) + (len(seen.times) - counted))

    def _wait(self, heads: Heads, until: int, shots: int, rate: float) -> int:
        try:
            # One by one: where the head goes blind, every moment of patience is a pulse on the sample.
            for number in range(until - shots + 1, until):
                heads.meter.wait(number, _PATIENCE + 2.5 / rate)
                if heads.beside is not None:
                    heads.beside.shots()  # some heads keep the last pulse alone
            return heads.meter.wait(until, _PATIENCE + 2.5 / rate)
        except BaseException as error:
            # First the shutter: the picker answers more slowly, and may be what failed.
            self._shutter.block()
            if isinstance(error, HardwareFault):
                self._ask_laser(error)
            raise

    def _ask_laser(self, fault: HardwareFault) -> None:
        """Add what the laser says of itself to a fault that it may have brought about."""
        try:
            self._pulse.state()
        except InstrumentError as why:
            fault.add_note(f"and {why}")

    @contextmanager
    def _booking(self, joule: float, rate: float) -> Iterator[list[Shots]]:
        """Book what the block puts on the list; where it fails, as many pulses as can have come."""
        fallen: list[Shots] = []
        began = self._clock.now()
        try:
            yield fallen
        except BaseException as error:
            number = math.ceil((self._clock.now() - began) * rate)
            try:
                self._ledger.fired(number * joule, number)
            except LimitError as more:
                error.add_note(str(more))
            raise
        for shots in fallen:
            self._ledger.fired(float(shots.energies.sum()), len(shots.times))

    def _require_held(self, recording: EnergyRecording, rate: float) -> None:
        if self._made % _LOOK_EVERY and not self._suspect:
            return
        self._suspect = False
        self._clock.sleep(_WATCHED / rate)
        if stray := len(recording.shots().times):
            raise HardwareFault(_stray(stray))

    @contextmanager
    def _armed(self, taking: Taking | None) -> Iterator[Armed | None]:
        if taking is None or self._spectrometer is None:
            yield None
            return
        with self._spectrometer.armed(taking.frames, taking.seconds, triggered=taking.triggered) as armed:
            yield armed

    def _rest(self) -> None:
        with afterwards(self._pulse.hold):
            self._shutter.block()


_LOOK = "the picker does not hold; the shutter is closed, so block the beam by hand and look at picker and laser"


def _stray(number: int) -> str:
    return f"{number} pulse{'s' * (number > 1)} came while the picker was told to hold: {_LOOK}"


def _from(seen: Shots, first: int) -> Shots:
    return Shots(*(numbers[first:] for numbers in seen))
