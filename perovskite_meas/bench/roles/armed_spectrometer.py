"""A spectrometer whose camera is armed and read later, so that each laser pulse has a frame of its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import HardwareFault, ReplyError, UsageError
from ...core.roles import Armed, Spectrum
from ..attempt import Bracket
from .base import RoleSpec, Table
from .spectrograph import PlannedSpectrograph, PlannedSpectrometer, SpectrographAdapter
from .spectrometer import SpectrometerAdapter

_NEEDED = ("frames", "frames_taken", "series")
"""Targets without which a camera that can be armed is of no use."""


class ArmedSpectrometerAdapter(SpectrometerAdapter):
    """The same with a camera that takes frames while other things happen."""

    def __init__(self, role: RoleSpec, table: Table) -> None:
        missing = [name for name in _NEEDED if name not in role.targets]
        missing += ["frame_time"] if role.options["frame_time"] is None else []
        if missing:
            raise UsageError(
                f"a spectrometer that is `armed` also needs {', '.join(f'`{name}`' for name in missing)}; state what "
                "is missing, or leave out `armed`"
            )
        super().__init__(role, table)
        self._running: Frames | None = None

    def begin(self) -> None:
        """Stop a camera that was left armed: a hand or an earlier session may have left it so."""
        super().begin()
        self._disarm()

    def armed(self, frames: int, seconds: float, *, triggered: bool) -> Bracket[Armed]:
        """Take up to `frames` frames of `seconds` each for the duration of a `with` block, and stop then.

        Args:
            frames: most frames.
            seconds: exposure of each.
            triggered: each frame begins with a trigger of the laser; else with the block, one after another.

        Raises:
            UsageError: no frames, no exposure, no trigger, or it is armed already.
            HardwareFault: the sensor is warmer than `cold_below`.
        """
        return Bracket(
            lambda: self._arm(frames, seconds, triggered=triggered),
            {"the camera was not disarmed": self._disarm},
            lambda: self._check_arming(frames, seconds, triggered=triggered),
        )

    def triggerable(self) -> bool:
        """Return whether the laser's trigger is wired to the camera: whether the bench names `trigger`."""
        return "trigger" in self.role.targets

    def frame_time(self) -> float:
        """Return the seconds from one trigger to the next that it needs beside the exposure."""
        return float(self.option("frame_time"))

    def expose(self, seconds: float) -> Spectrum:
        """Expose once and return the spectrum as read; not while it is armed.

        Raises:
            UsageError: it is armed.
        """
        self._require_idle()
        return super().expose(seconds)

    def frames_of(self, answer: Any, exposure: float, sensor: float) -> list[Spectrum]:
        """Return what the camera calls its frames as spectra.

        Raises:
            ReplyError: not one finite count per pixel in each.
        """
        found = np.asarray(answer, np.float64)
        if found.size == 0:
            return []
        if found.ndim != 2 or found.shape[1] != self._pixels:
            raise ReplyError(
                f"{self.label}: a series is of shape (frames, {self._pixels}); got {found.shape}: state the right "
                "`pixels`, and bin the sensor fully over its height"
            )
        return [self._spectrum(self._array(frame, "frame"), exposure, sensor) for frame in found]

    def _check_arming(self, frames: int, seconds: float, *, triggered: bool) -> None:
        if frames < 1 or not 0 < seconds < math.inf:
            raise UsageError(f"{self.label}: {frames} frames of {seconds} s; ask for 1 or more, longer than 0 s")
        if triggered and not self.triggerable():
            raise UsageError(
                f"{self.label}: no trigger of the laser is wired to the camera; name it with `trigger` in the bench "
                "file, or take frames one after another"
            )
        self._require_idle()

    def _require_idle(self) -> None:
        if self._running is not None:
            raise UsageError(f"{self.label}: the camera is armed already; end that `with` block first")

    def _arm(self, frames: int, seconds: float, *, triggered: bool) -> Armed:
        sensor = self._require_cold()  # a camera that is armed tells no temperature
        self.guard.watch()
        exposure = self._set_exposure(seconds)
        if "trigger" in self.handles:
            self.handles["trigger"].set(self.option("external" if triggered else "internal"))
        self.handles["frames"].set(frames)
        found = int(self.handles["frames"].get())
        if found != frames:
            raise HardwareFault(f"{self.label}: the camera takes {found} frames where {frames} were set; ask for fewer")
        self._running = Frames(self, exposure, sensor)
        self.handles["armed"].set(True)
        return self._running

    def _disarm(self) -> None:
        if self._running is not None:
            self._running.end()
        self._running = None
        self.handles["armed"].set(False)
        if "trigger" in self.handles:
            self.handles["trigger"].set(self.option("internal"))


class Frames:
    """The frames of an armed camera.

    Args:
        role: whose camera.
        exposure: of each frame, in s.
        sensor: temperature of the sensor before, in degC.
    """

    def __init__(self, role: ArmedSpectrometerAdapter, exposure: float, sensor: float) -> None:
        self._role = role
        self._exposure = exposure
        self._sensor = sensor
        self._open = True

    def taken(self) -> int:
        """Return how many frames are there."""
        self._require_open()
        return int(self._role.handles["frames_taken"].get())

    def read(self) -> list[Spectrum]:
        """Return the frames in order, those that were taken so far; a frame that began is waited for."""
        self._require_open()
        return self._role.frames_of(self._role.handles["series"].get(), self._exposure, self._sensor)

    def end(self) -> None:
        """Take note that the camera is armed no more."""
        self._open = False

    def _require_open(self) -> None:
        if not self._open:
            raise UsageError(f"{self._role.label}: it is armed no more; read the frames within the `with` block")


class ArmedSpectrographAdapter(ArmedSpectrometerAdapter, SpectrographAdapter):
    """Likewise with a monochromator."""


class PlannedArmedSpectrometer(PlannedSpectrometer, ArmedSpectrometerAdapter):
    """The same in a dry run: all frames come, in their time, and what they would show is not known."""

    def _arm(self, frames: int, seconds: float, *, triggered: bool) -> Armed:
        return PlannedFrames(self, frames, seconds, triggered=triggered)


class PlannedFrames:
    """Frames of a dry run: triggered ones come with their pulses, others one after another."""

    def __init__(self, role: ArmedSpectrometerAdapter, frames: int, seconds: float, *, triggered: bool) -> None:
        self._role = role
        self._frames = frames
        self._seconds = seconds
        self._cycle = 0.0 if triggered else seconds + role.frame_time()
        self._started, self._before = role.clock.now(), len(role.table.planned_pulses)

    def taken(self) -> int:
        """Return how many frames are there."""
        return min(self._frames, int(self._elapsed() / self._cycle) if self._cycle else self._pulses())

    def read(self) -> list[Spectrum]:
        """Return the frames so far, after the time of one that began."""
        began = min(self._frames, int(self._elapsed() / self._cycle) + 1 if self._cycle else self._pulses())
        self._role.clock.sleep(began * self._cycle - self._elapsed())
        unknown = np.full(self._role.pixels(), np.nan)
        return [Spectrum(unknown, self._seconds, 0, -100.0) for _ in range(began)]

    def _elapsed(self) -> float:
        return self._role.clock.now() - self._started

    def _pulses(self) -> int:
        return len(self._role.table.planned_pulses) - self._before


class PlannedArmedSpectrograph(PlannedArmedSpectrometer, PlannedSpectrograph):
    """Likewise with a monochromator."""


SpectrometerAdapter.variants = {
    (True, False): SpectrographAdapter,
    (False, True): ArmedSpectrometerAdapter,
    (True, True): ArmedSpectrographAdapter,
}
PlannedSpectrometer.variants = {
    (True, False): PlannedSpectrograph,
    (False, True): PlannedArmedSpectrometer,
    (True, True): PlannedArmedSpectrograph,
}
