"""Functions of Andor's library that set up an exposure, run it and hand out what it gave."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from . import _atmcd_calls as c
from ._atmcd_calls import c_function, store, store_pixels
from ._atmcd_camera import LONGEST, SHORTEST, SINGLE, UNTIL_ABORT, Acquisition, Camera

_INT, _FLOAT = ctypes.c_int, ctypes.c_float
_LOOK = 0.01
"""s between two looks for a trigger."""
_UNTRIGGERED = 1000.0
"""s after which a wait without end for a trigger that does not come ends all the same, unlike the real one."""


@c_function(idle=True)
def SetAcquisitionMode(library: Any, mode: int) -> int:
    if not SINGLE <= mode <= UNTIL_ABORT:
        return c.P1INVALID
    library.camera.mode = mode
    return c.SUCCESS


@c_function(idle=True)
def SetReadMode(library: Any, mode: int) -> int:
    """Full vertical binning alone: the World has no rows."""
    return c.SUCCESS if mode == 0 else c.P1INVALID


@c_function(idle=True)
def SetExposureTime(library: Any, seconds: float) -> int:
    if not 0 <= seconds <= LONGEST:
        return c.P1INVALID
    library.camera.exposure = max(seconds, SHORTEST)
    return c.SUCCESS


@c_function(idle=True)
def SetAccumulationCycleTime(library: Any, seconds: float) -> int:
    if not seconds >= 0:
        return c.P1INVALID
    library.camera.accumulate_cycle = seconds
    return c.SUCCESS


@c_function(idle=True)
def SetKineticCycleTime(library: Any, seconds: float) -> int:
    if not seconds >= 0:
        return c.P1INVALID
    library.camera.kinetic_cycle = seconds
    return c.SUCCESS


@c_function(idle=True)
def SetNumberAccumulations(library: Any, number: int) -> int:
    if number < 1:
        return c.P1INVALID
    library.camera.accumulations = number
    return c.SUCCESS


@c_function(idle=True)
def SetNumberKinetics(library: Any, number: int) -> int:
    if number < 1:
        return c.P1INVALID
    library.camera.kinetics = number
    return c.SUCCESS


@c_function(idle=True)
def SetTriggerMode(library: Any, mode: int) -> int:
    """Internal, or external: one exposure for each trigger."""
    if mode not in (0, 1):
        return c.P1INVALID
    library.camera.external = mode == 1
    return c.SUCCESS


@c_function(idle=True)
def GetAcquisitionTimings(library: Any, exposure: Any, accumulate: Any, kinetic: Any) -> int:
    for target, seconds in zip((exposure, accumulate, kinetic), library.camera.timings(), strict=True):
        store(target, _FLOAT, seconds)
    return c.SUCCESS


@c_function(idle=True)
def PrepareAcquisition(library: Any) -> int:
    return c.SUCCESS


@c_function(idle=True)
def StartAcquisition(library: Any) -> int:
    library.camera.start()
    return c.SUCCESS


@c_function()
def AbortAcquisition(library: Any) -> int:
    if not library.camera.acquiring:
        return c.IDLE
    library.camera.acquisition = None
    return c.SUCCESS


@c_function(ready=False)
def GetStatus(library: Any, status: Any) -> int:
    trouble = c.NOT_INITIALIZED if library.camera is None else library.camera.trouble()
    if trouble == c.NOT_INITIALIZED:
        return c.NOT_INITIALIZED
    state = trouble if trouble != c.SUCCESS else c.ACQUIRING if library.camera.acquiring else c.IDLE
    store(status, _INT, state)
    return c.SUCCESS


@c_function()
def WaitForAcquisition(library: Any) -> int:
    return _wait(library.camera, math.inf)


@c_function()
def WaitForAcquisitionTimeOut(library: Any, milliseconds: int) -> int:
    return _wait(library.camera, milliseconds / 1000)


@c_function()
def CancelWait(library: Any) -> int:
    """Do nothing: no other thread waits, since a wait holds the World."""
    return c.SUCCESS


def _wait(camera: Camera, seconds: float) -> int:
    """Let time pass until an exposure ends, or until `seconds` are over."""
    clock = camera.laboratory.clock
    run, left = camera.acquisition, seconds
    if run is not None and not run.advance() and not run.event:
        left = min(left, _UNTRIGGERED) if math.isinf(run.due()) else left
        end = clock.now() + left
        while math.isinf(run.due()) and clock.now() < end:
            clock.sleep(min(_LOOK, end - clock.now()))
        clock.sleep(max(0.0, min(run.due(), end) - clock.now()))
        run.advance()
    if run is not None and run.event:
        run.event = False
        return c.SUCCESS
    return camera.trouble() if camera.trouble() != c.SUCCESS else c.NO_NEW_DATA


@c_function()
def GetAcquisitionProgress(library: Any, scans: Any, frames: Any) -> int:
    run = run_of(library)
    store(scans, _INT, run.scans if run else 0)
    store(frames, _INT, run.complete if run else 0)
    return c.SUCCESS


@c_function()
def GetTotalNumberImagesAcquired(library: Any, frames: Any) -> int:
    run = run_of(library)
    store(frames, _INT, run.complete if run else 0)
    return c.SUCCESS


@c_function()
def GetNumberNewImages(library: Any, first: Any, last: Any) -> int:
    run = run_of(library)
    if run is None or run.fetched >= run.complete:
        return c.NO_NEW_DATA
    store(first, _INT, run.fetched + 1)
    store(last, _INT, run.complete)
    return c.SUCCESS


@c_function()
def GetAcquiredData(library: Any, target: Any, size: int) -> int:
    if library.camera.acquiring:
        return c.ACQUIRING
    run = run_of(library)
    return c.NO_NEW_DATA if run is None or not run.frames else _hand_out(target, size, np.concatenate(run.frames))


@c_function()
def GetMostRecentImage(library: Any, target: Any, size: int) -> int:
    run = run_of(library)
    if run is None or not run.frames:
        return c.NO_NEW_DATA
    run.fetched = run.complete
    return _hand_out(target, size, run.frames[-1])


@c_function()
def GetOldestImage(library: Any, target: Any, size: int) -> int:
    run = run_of(library)
    if run is None or run.fetched >= run.complete:
        return c.NO_NEW_DATA
    place = max(0, len(run.frames) - (run.complete - run.fetched))
    run.fetched = run.complete - len(run.frames) + place + 1
    return _hand_out(target, size, run.frames[place])


@c_function(idle=True)
def FreeInternalMemory(library: Any) -> int:
    library.camera.acquisition = None
    return c.SUCCESS


def run_of(library: Any) -> Acquisition | None:
    run: Acquisition | None = library.camera.acquisition
    if run is not None:
        run.advance()
    return run


def _hand_out(target: Any, size: int, counts: Any) -> int:
    if size != counts.size:
        return c.P2INVALID
    store_pixels(target, counts)
    return c.SUCCESS


def _unsupported(name: str) -> None:
    def function(library: Any, *arguments: Any) -> int:
        return c.NOT_SUPPORTED

    function.__name__ = name
    c_function()(function)


for _name in (
    "GetQE GetRelativeImageTimes PostProcessCountConvert PostProcessNoiseFilter "
    "PostProcessPhotonCounting SendSoftwareTrigger SetDriverEvent SetFastKineticsEx SetImage SetMultiTrack "
    "SetPhotonCountingDivisions SetPhotonCountingThreshold SetRandomTracks SetSingleTrack SetTriggerInvert"
).split():
    _unsupported(_name)
