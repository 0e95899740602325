"""The piezo of arm a: command -> hysteresis, creep, nonlinearity -> mirror; with its sensor in a loop, or without."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from perovskite_meas.core.errors import UsageError

from ..noise import Floats
from ..ports import Diary
from ..timeline import History
from .hysteresis import RADII, weights
from .motion import Creep, Motion

LAG = 2e-3
"""s: a move to another place takes this long."""
_CREEPS_AFTER = 0.1
"""s: x(1 + gamma log10(t / 0.1 s)) (PHYSICS 2)."""
_REMEMBERED = 8


@dataclass(frozen=True)
class Errors:
    """What a piezo does wrong.

    Attributes:
        hysteresis: opening of the full loop over the range, (servo off, on).
        nonlinearity: quadratic; share of the range at its ends, (servo off, on).
        creep: share of a step per decade of time, with the servo off.
        scale: true travel over what the sensor shows.
    """

    hysteresis: tuple[float, float] = (0.0, 0.0)
    nonlinearity: tuple[float, float] = (0.0, 0.0)
    creep: float = 0.0
    scale: float = 1.0


class Fine:
    """The piezo that carries the mirror of arm a; positions in nominal um from one end of its range.

    With the servo on the sensor follows the command, and the mirror follows the sensor up to small residuals. With the
    servo off hysteresis, creep and nonlinearity come between command and mirror, and the sensor shows them. The scale
    of the sensor is wrong in both cases. Commands beyond the range lead to its end.

    Args:
        start: clock time at which the world begins, s; the piezo is at 0 um then.
        span: its range, um.
        errors: what it does wrong.
        diary: what light has seen already is not changed.
        lock: of the world.
        um_per_volt: how far a bare voltage moves it.
    """

    def __init__(
        self,
        start: float,
        span: float,
        errors: Errors,
        diary: Diary,
        lock: threading.RLock,
        um_per_volt: float = 0.2,
    ) -> None:
        self.middle = span / 2.0
        self.um_per_volt = um_per_volt
        self._span, self._errors, self._diary, self._lock = span, errors, diary, lock
        self._radii = RADII * span
        self._weights = tuple(weights(size) for size in errors.hysteresis)
        rest = self._motion(start, np.zeros(1), 1.0, False, False, np.zeros(len(RADII)))
        self._motions = History(start, rest)

    def move(self, um: float, t: float, servo: bool) -> None:
        """Go to `um` from `t` on (clock time, s) and stay; replaces later plans."""
        with self._lock:
            since = max(t, self._diary.horizon)
            here = float(self._motions.at(since).commands(np.array([since]))[0])
            self._put(since, np.array([here, float(np.clip(um, 0.0, self._span))]), LAG, repeats=False, servo=servo)

    def wave(self, t0: float, samples: ArrayLike, dt: float, servo: bool) -> None:
        """Repeat a table of positions from `t0` on, for ever; replaces later plans.

        Args:
            t0: clock time of the first sample, s.
            samples: um, shape (m,); sample k comes at t0 + k dt, linear in between, the first follows on the last.
            dt: s.
            servo: whether the sensor is in the loop.

        Raises:
            UsageError: no samples, or no time between them.
        """
        table = np.array(samples, dtype=float).ravel()
        if not len(table) or not dt > 0.0:
            raise UsageError(f"a wave needs samples and time between them; got {len(table)} samples, {dt:g} s apart")
        with self._lock:
            since = max(t0, self._diary.horizon)
            self._put(since, np.clip(table, 0.0, self._span), dt, repeats=True, servo=servo, t0=t0)

    def hold(self, t: float) -> None:
        """Stop where it is at `t` (clock time, s); replaces later plans."""
        with self._lock:
            since = max(t, self._diary.horizon)
            motion = self._motions.at(since)
            self._put(since, motion.commands(np.array([since])), 1.0, repeats=False, servo=motion.servo)

    def sensor(self, t: float) -> float:
        """Return what its own sensor shows at `t`, in um."""
        return float(self.sensors(np.array([t]))[0])

    def sensors(self, times: ArrayLike) -> Floats:
        """Return what its own sensor shows at these clock times (s, sorted), um, shape (n,)."""
        t = np.asarray(times, dtype=float)
        found = np.empty(len(t))
        with self._lock:
            for here, motion in self._motions.slices(t):
                command = motion.commands(t[here])
                found[here] = command if motion.servo else command + self._deviation(motion, t[here], command)
        return found

    def mirror(self, times: Floats) -> Floats:
        """Return the mirror's true travel from the middle at these clock times (s, sorted), um, shape (n,)."""
        found = np.empty(len(times))
        for here, motion in self._motions.slices(times):
            command = motion.commands(times[here])
            found[here] = command + self._deviation(motion, times[here], command)
        return self._errors.scale * (found - self.middle)

    def _deviation(self, motion: Motion, times: Floats, command: Floats) -> Floats:
        """Return how far hysteresis, nonlinearity and creep lead away from the command, um."""
        away = np.zeros(len(times))
        share = self._weights[motion.servo]
        if share.any():
            away += share @ (motion.states(times) - command)
        bend = self._errors.nonlinearity[motion.servo]
        if bend:
            away += 4.0 * bend * self._span * ((command - self.middle) / self._span) ** 2
        if self._errors.creep and not motion.servo:
            for t, step in motion.creeps:
                away += self._errors.creep * step * np.log10(np.maximum(1.0, (times - t) / _CREEPS_AFTER))
        return away

    def _put(
        self, since: float, table: Floats, dt: float, *, repeats: bool, servo: bool, t0: float | None = None
    ) -> None:
        before = self._motions.at(since)
        states = np.ascontiguousarray(before.states(np.array([since]))[:, 0])
        step = float(np.mean(table) if repeats else table[-1]) - before.level
        creeps = (*before.creeps, Creep(since, step))[-_REMEMBERED:] if step else before.creeps
        begin = since if t0 is None else t0
        self._motions.put(since, self._motion(begin, table, dt, repeats, servo, states, creeps))

    def _motion(
        self,
        t0: float,
        table: Floats,
        dt: float,
        repeats: bool,
        servo: bool,
        states: Floats,
        creeps: tuple[Creep, ...] = (),
    ) -> Motion:
        return Motion.make(t0, table, dt, repeats=repeats, servo=servo, radii=self._radii, states=states, creeps=creeps)
