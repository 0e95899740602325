"""Which fields a magneto-PL run visits in which order, what else is due there, and what is refused before any light."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np

from perovskite_meas.core.errors import ParameterError
from perovskite_meas.core.roles import Magnet, TimeTagger
from perovskite_meas.core.units import show

from ._habits import ordered

_SAME = 1e-6
"""T within which two fields are one."""
_LIFETIMES = 5
"""So many dark lifetimes must fit between two pulses: what is left then is below 1 %."""


@dataclass(frozen=True)
class Stop:
    """One visit of a field, and what is due there besides the emission."""

    field: float
    """T."""
    branch: int
    """1 where |B| rose to get here, -1 where it fell, 0 where the order tells neither."""
    check: bool = False
    """Whether B = 0 is visited again."""
    lamp: bool = False
    faraday: bool = False
    background: bool = False


def stops(
    up: Sequence[float],
    negative: Sequence[float],
    order: str,
    seed: int,
    down_every: int,
    *,
    lamp_every: int,
    faraday: int,
    background: int,
) -> list[Stop]:
    """Return the fields as they are visited, B = 0 again after every branch.

    Args:
        up: T, the first branch.
        negative: T, of the other polarity; zeros are left out.
        order: 'up_down', 'random' or 'interleaved'.
        seed: fixes the random order.
        down_every: on the way down every so many fields; 0 for none.
        lamp_every: a lamp line every so many fields, at the first and the last; 0 for none.
        faraday: fields with the reference laser.
        background: fields with a spectrum beside the emitter.

    Examples:
        >>> [stop.field for stop in stops([0, 1, 2], [-2], "up_down", 1, 1, lamp_every=0, faraday=0, background=0)]
        [0.0, 1.0, 2.0, 1.0, 0.0, -2.0, 0.0]
    """
    upwards, other = [float(field) for field in up], [float(field) for field in negative if field]
    if order == "up_down":
        down = [field for field in upwards[::-1][down_every::down_every] if field] if down_every else []
        visits = [(field, False) for field in upwards + down]
        visits += [(0.0, True)] + ([(field, False) for field in other] + [(0.0, True)] if other else [])
    else:
        given = upwards + other
        mixed = ordered(sorted(given) if order == "interleaved" else given, order, seed)
        middle = (len(mixed) + 1) // 2
        visits = [(f, False) for f in mixed[:middle]] + [(0.0, True)] + [(f, False) for f in mixed[middle:]]
        visits += [(0.0, True)]
    told = order == "up_down"
    lamps = set(range(0, len(visits), lamp_every)) | {len(visits) - 1} if lamp_every else set()
    # At the reversed field the rotation of the glass must be the other way.
    rotated = _spread(len(upwards), faraday) | ({_farthest(visits)} if faraday > 1 and other else set())
    beside = _spread(len(upwards), background)
    found, before = [], 0.0
    for number, (field, check) in enumerate(visits):
        branch = int(np.sign(round(abs(field) - abs(before), 9))) if told else 0
        found.append(Stop(field, branch, check, number in lamps, number in rotated, number in beside))
        before = field
    return found


def alternating(angles: Iterable[float], frames: int) -> list[float]:
    """Return the angle of each frame.

    Examples:
        >>> alternating([0, 90], 3)
        [0, 90, 0]
    """
    return list(islice(cycle(angles), frames))


def _spread(length: int, number: int) -> set[int]:
    return set(np.linspace(0, length - 1, min(number, length)).round().astype(int).tolist()) if number else set()


def _farthest(visits: Sequence[tuple[float, bool]]) -> int:
    return min(range(len(visits)), key=lambda number: visits[number][0])


def refuse(
    procedure: Any, visits: Sequence[Stop], magnet: Magnet, analyser: object | None, tagger: TimeTagger | None
) -> None:
    """Refuse what this table cannot do, all at once.

    Raises:
        ParameterError: fields beyond the magnet's, angles without analyser, decays without a tagger or with pulses
            that follow each other too fast.
    """
    problems = []
    low, high = magnet.span()
    beyond = sorted({stop.field for stop in visits if not low - _SAME <= stop.field <= high + _SAME})
    if beyond:
        listed = ", ".join(f"{field:g}" for field in beyond[:5]) + (" ..." if len(beyond) > 5 else "")
        problems.append(
            f"fields of {listed} T lie beyond the magnet, which the bench allows from {low:g} to {high:g} T: choose "
            "other fields and negative"
        )
    signs, other = ({np.sign(field) for field in sweep if field} for sweep in (procedure.fields, procedure.negative))
    if len(signs | {-sign for sign in other}) > 1:
        problems.append(
            "negative: its fields must all be of the other polarity than those of `fields`, which must be of one: the "
            "first branch goes up and down on one side of 0 T, the second on the other"
        )
    if analyser is None and len(set(procedure.angles)) > 1:
        problems.append("angles: this bench has no analyser, so give a single angle, which is then not set")
    problems += _decay_problems(procedure, tagger)
    if problems:
        raise ParameterError("MagnetoPL cannot run here:", problems)


def _decay_problems(procedure: Any, tagger: TimeTagger | None) -> list[str]:
    if not procedure.decay:
        return []
    if tagger is None:
        return ["decay: this bench has no tagger, so set decay to 0 s"]
    rate = tagger.sync_rate()
    if not rate > 0:
        return ["decay: no laser pulses on the sync of the tagger; plug them in, or set decay to 0 s"]
    period, lifetime = 1e12 / rate, procedure.dark_lifetime
    if lifetime is not None and period < 0.99 * _LIFETIMES * lifetime:
        return [
            f"decay: the laser pulses follow each other after {show(period * 1e-12, 's')}, but {_LIFETIMES} dark "
            f"lifetimes of {show(lifetime * 1e-12, 's')} are needed for the dark state to empty in between: fewer "
            "pulses per second, or set decay to 0 s, or dark_lifetime to none to go on"
        ]
    return []
