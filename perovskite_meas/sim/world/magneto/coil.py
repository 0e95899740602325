"""The coil around the sample: what current leads to which field, when, and how it warms the sample (port `magnet`)."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np

from ..noise import Floats
from ..ports import Diary
from ..timeline import History


@dataclass(frozen=True)
class Magnetism:
    """Between the nominal field (current times coil constant) and the sample.

    Attributes:
        scale: true over nominal field.
        lag: of the field at the sample behind the current, first order, s.
        trapped: largest flux trapped in the windings, either sign, T.
        eddy: warming of the sample in steady ramping, K per (T/s)^2.
        eddy_time: in which that comes and goes, s.
        quench: warming of the sample by a quench, K.
    """

    scale: float = 1.0
    lag: float = 2.0
    trapped: float = 0.015
    eddy: float = 2000.0
    eddy_time: float = 30.0
    quench: float = 20.0


@dataclass(frozen=True)
class Ramp:
    """The nominal field goes linearly from tesla0 at t0 to tesla1 at t1 and stays there; followed from `since` on."""

    since: float
    t0: float
    tesla0: float
    t1: float
    tesla1: float
    lagged: float
    """T: what the lag had made of the nominal field at `since`."""
    pinned: float
    """T: nominal field where the flux had last followed, at `since` (play operator)."""
    warmth: float
    """(T/s)^2: low-passed square of the ramp rate at `since`."""

    @property
    def slope(self) -> float:
        """T/s while it ramps."""
        return (self.tesla1 - self.tesla0) / (self.t1 - self.t0) if self.t1 > self.t0 else 0.0

    def nominal(self, times: Floats) -> Floats:
        """Return the nominal field at these clock times, T, shape (n,)."""
        if self.t1 <= self.t0:
            return np.full(len(times), self.tesla1)
        return np.interp(times, (self.t0, self.t1), (self.tesla0, self.tesla1))

    def followed(self, times: Floats, lag: float) -> Floats:
        """Return what the lag makes of it, T, shape (n,): closed form for a straight ramp and the rest after it."""
        begin, end = max(self.since, min(self.t0, self.t1)), max(self.since, self.t1)
        if lag <= 0.0:
            return self.nominal(times)
        u0, u1 = self.nominal(np.array([begin, end]))
        at_begin = u0 + (self.lagged - u0) * math.exp(-(begin - self.since) / lag)
        drag = self.slope * lag if end > begin else 0.0
        at_end = u1 - drag + (at_begin - u0 + drag) * math.exp(-(end - begin) / lag)
        early, late = np.maximum(times - begin, 0.0), np.maximum(times - end, 0.0)
        ramping = self.nominal(times) - drag + (at_begin - u0 + drag) * np.exp(-early / lag)
        found: Floats = np.where(times < end, ramping, u1 + (at_end - u1) * np.exp(-late / lag))
        return found

    def plays(self, times: Floats, width: float) -> Floats:
        """Return where the flux follows (play operator of this half width), T, shape (n,): exact, one direction."""
        nominal = self.nominal(times)
        found: Floats = np.clip(self.pinned, nominal - width, nominal + width)
        return found

    def heats(self, times: Floats, memory: float) -> Floats:
        """Return the low-passed square of the ramp rate, (T/s)^2, shape (n,)."""
        begin, end = max(self.since, min(self.t0, self.t1)), max(self.since, self.t1)
        level = self.slope**2
        old = self.warmth * np.exp(-np.maximum(times - self.since, 0.0) / memory)
        rise = -np.expm1(-np.clip(times - begin, 0.0, end - begin) / memory)
        found: Floats = old + level * rise * np.exp(-np.maximum(times - end, 0.0) / memory)
        return found


class Coil:
    """The magnet's coil.

    Args:
        start: clock time at which the world begins, s; no field then.
        magnetism: what lies between current and sample.
        diary: what light has seen already is not changed.
        lock: of the world.
    """

    def __init__(self, start: float, magnetism: Magnetism, diary: Diary, lock: threading.RLock) -> None:
        self._ramps = History(start, Ramp(start, start, 0.0, start, 0.0, 0.0, 0.0, 0.0))
        self._magnetism, self._diary, self._lock = magnetism, diary, lock
        self._quenches: list[float] = []

    def path(self, t0: float, tesla0: float, t1: float, tesla1: float) -> None:
        """Ramp the nominal field linearly during [t0, t1] (clock time, s) and stay; replaces later plans."""
        with self._lock:
            since = max(t0, self._diary.horizon)
            here, before, m = np.array([since]), self._ramps.at(since), self._magnetism
            state = (
                float(before.followed(here, m.lag)[0]),
                float(before.plays(here, m.trapped)[0]),
                float(before.heats(here, m.eddy_time)[0]),
            )
            self._ramps.put(since, Ramp(since, t0, float(tesla0), max(t0, t1), float(tesla1), *state))

    def nominal(self, t: float) -> float:
        """Return the nominal field at `t` (clock time, s), in T."""
        with self._lock:
            return float(self._ramps.at(t).nominal(np.array([t]))[0])

    def quench_heat(self, t: float) -> None:
        """Warm the sample by a quench at `t` (clock time, s)."""
        with self._lock:
            self._quenches.append(max(t, self._diary.horizon))

    def fields(self, times: Floats) -> Floats:
        """Return the true field at the sample at these clock times (s, sorted), T, shape (n,)."""
        found, m = np.empty(len(times)), self._magnetism
        with self._lock:
            for here, ramp in self._ramps.slices(times):
                found[here] = m.scale * ramp.followed(times[here], m.lag) + self._flux(ramp, times[here])
        return found

    def trapped(self, t: float) -> float:
        """Return the trapped flux at `t`, in T: negative on the way up from zero, positive on the way down."""
        with self._lock:
            return float(self._flux(self._ramps.at(t), np.array([t]))[0])

    def warming(self, times: Floats) -> Floats:
        """Return by how much ramps and quenches warm the sample at these clock times (s, sorted), K, shape (n,)."""
        found, m = np.zeros(len(times)), self._magnetism
        with self._lock:
            for here, ramp in self._ramps.slices(times):
                found[here] = m.eddy * ramp.heats(times[here], m.eddy_time)
            for t in self._quenches:
                found += np.where(times >= t, m.quench * np.exp(-np.maximum(times - t, 0.0) / m.eddy_time), 0.0)
        return found

    def _flux(self, ramp: Ramp, times: Floats) -> Floats:
        found: Floats = ramp.plays(times, self._magnetism.trapped) - ramp.nominal(times)
        return found
