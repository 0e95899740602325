"""Series of frames of an Andor camera, which it takes while other things happen."""

from __future__ import annotations

import ctypes
from typing import Self

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import Clock
from perovskite_meas.core.errors import HardwareFault

from ._addressed import AddressedInstrument
from ._andor import ACQUIRING, IDLE, SUCCESS, Sdk, word

SINGLE_SCAN, KINETICS = 1, 3
TRIGGERS = {"internal": 0, "external": 1}
_ALONE = (("SetAcquisitionMode", SINGLE_SCAN), ("SetTriggerMode", TRIGGERS["internal"]))
"""Settings for single exposures."""
_POLL = 0.005
_MARGIN = 0.01
"""s beyond exposure and readout in which a frame that has begun is there."""


class AndorSeries(AddressedInstrument):
    """What the driver of a camera builds on: kinetic series with the internal or the external trigger."""

    _pixels: int
    _armed = False

    @property
    def clock(self) -> Clock:
        """The clock that waits are counted on."""
        raise NotImplementedError

    @property
    def _sdk(self) -> Sdk:
        raise NotImplementedError

    @property
    def _where(self) -> str:
        raise NotImplementedError

    def _timings(self) -> tuple[float, float]:
        """Return the exposure and the time until it is read out, in s."""
        exposure, accumulate, kinetic = (ctypes.c_float() for _ in range(3))
        self._sdk.call("GetAcquisitionTimings", *map(ctypes.byref, (exposure, accumulate, kinetic)))
        return exposure.value, max(exposure.value, kinetic.value)

    def _add_series_parameters(self) -> None:
        self.frames: Parameter[int, Self] = self.add_parameter(
            "frames", label="Frames", unit="1", set_cmd=None, initial_value=1, vals=vals.Ints(1, 1_000_000)
        )
        """How many frames a series has."""
        self.trigger: Parameter[str, Self] = self.add_parameter(
            "trigger", label="Trigger", set_cmd=None, initial_value="internal", vals=vals.Enum(*TRIGGERS)
        )
        """What begins each frame of a series: the camera by itself, or a pulse at its trigger input.

        A pulse that comes before the frame before has been read out is missed. `spectrum` is never triggered.
        """
        self.armed: Parameter[bool, Self] = self.add_parameter(
            "armed", label="Armed", get_cmd=self._is_armed, set_cmd=self._set_armed, vals=vals.Bool()
        )
        """Whether it takes the frames of a series: true begins one, false ends it and forgets its frames."""
        self.frames_taken: Parameter[int, Self] = self.add_parameter(
            "frames_taken", label="Frames taken", unit="1", get_cmd=self._taken, snapshot_get=False
        )
        """Frames of the series that have been read out."""
        self.series: Parameter[NDArray[np.int32], Self] = self.add_parameter(
            "series",
            label="Series",
            unit="1",
            get_cmd=self._get_series,
            vals=vals.Arrays(valid_types=(np.integer,)),
            snapshot_value=False,
        )
        """Frames of the series so far, one that has begun included: counts, shape (frames, pixels)."""
        self.frame_time: Parameter[float, Self] = self.add_parameter(
            "frame_time", label="Frame time", unit="s", get_cmd=self._get_frame_time, snapshot_get=False
        )
        """What it needs from one frame to the next beside the exposure; not while it is armed."""

    def _is_armed(self) -> bool:
        return self._armed and self._sdk.integer("GetStatus") == ACQUIRING

    def _set_armed(self, on: bool) -> None:
        if not on:
            self._disarm()
            return
        self._require_disarmed()
        frames, external = int(self.frames.get()), TRIGGERS[self.trigger.get()]
        try:
            for name, value in (
                ("SetAcquisitionMode", KINETICS),
                ("SetNumberKinetics", frames),
                ("SetTriggerMode", external),
            ):
                self._sdk.call(name, ctypes.c_int(value))
            self._sdk.call("SetKineticCycleTime", ctypes.c_float(0.0))
            code = self._sdk.code("SetFastExtTrigger", ctypes.c_int(external))
            if code != SUCCESS:  # not every camera has it
                self.log.info("%s: SetFastExtTrigger said %s", self._where, word(code))
            self._require_room(frames)
            self._cycle = self._timings()[1]
            self._sdk.call("StartAcquisition")
            self._armed = True
        except BaseException:
            self._give_up()
            raise

    def _require_room(self, frames: int) -> None:
        room = ctypes.c_int()
        code = self._sdk.code("GetSizeOfCircularBuffer", ctypes.byref(room))
        if code == SUCCESS and room.value < frames:
            raise HardwareFault(
                f"{self._where}: its library keeps {room.value} frames, fewer than {frames}; ask for fewer"
            )

    def _disarm(self) -> None:
        """End a series, and be ready for single exposures again."""
        self._armed = False
        self._abort()
        for name, value in _ALONE:
            self._sdk.call(name, ctypes.c_int(value))

    def _give_up(self) -> None:
        """The same where something is wrong already."""
        self._armed = False
        self._abort()
        for name, value in _ALONE:
            code = self._sdk.code(name, ctypes.c_int(value))
            if code != SUCCESS:
                self.log.error("%s: %s said %s; open it again", self._where, name, word(code))

    def _abort(self) -> None:
        code = self._sdk.code("AbortAcquisition")
        if code not in (SUCCESS, IDLE):
            self.log.error("%s: the exposure could not be aborted: %s", self._where, word(code))

    def _taken(self) -> int:
        if not self._armed:
            raise HardwareFault(f"{self._where}: it has no series; set `armed` first")
        return self._sdk.integer("GetTotalNumberImagesAcquired")

    def _get_series(self) -> NDArray[np.int32]:
        try:
            taken = self._settled()
        except BaseException:
            if self._armed:
                self._give_up()
            raise
        counts = np.zeros((taken, self._pixels), np.int32)
        if taken:
            self._fetch(counts)
        return counts

    def _settled(self) -> int:
        """Wait for a frame that may have begun, and return how many there are."""
        taken = self._taken()
        deadline = self.clock.now() + self._cycle + _MARGIN
        while taken < self.frames.get() and self.clock.now() < deadline:
            self.clock.sleep(_POLL)
            taken = self._taken()
        return taken

    def _fetch(self, counts: NDArray[np.int32]) -> None:
        first, last = ctypes.c_long(), ctypes.c_long()
        self._sdk.call(
            "GetImages",
            ctypes.c_int(1),
            ctypes.c_int(len(counts)),
            counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            ctypes.c_uint(counts.size),
            ctypes.byref(first),
            ctypes.byref(last),
        )
        if (first.value, last.value) != (1, len(counts)):
            raise HardwareFault(
                f"{self._where}: of frames 1 to {len(counts)} only {first.value} to {last.value} were handed out; "
                "take shorter series"
            )

    def _get_frame_time(self) -> float:
        exposure, cycle = self._timings()
        return cycle - exposure

    def _require_disarmed(self) -> None:
        if self._armed:
            raise HardwareFault(f"{self._where}: it is armed; set `armed` to False first")
