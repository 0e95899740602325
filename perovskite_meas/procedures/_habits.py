"""Small habits that several procedures share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from perovskite_meas.core.roles import Attenuator, Scanner


@contextmanager
def beside_emitter(scanner: Scanner) -> Iterator[None]:
    """Keep the spot beside the emitter for the duration of a `with` block."""
    scanner.off_emitter()
    try:
        yield
    finally:
        scanner.on_emitter()


@contextmanager
def afterwards(*actions: Callable[[], object]) -> Iterator[None]:
    """Do all of these at the end of a `with` block however it ends, each whatever became of the others.

    What ended the block is what is raised, and carries as notes what failed then; else the first of those is raised.
    """
    first: BaseException | None = None
    try:
        yield
    except BaseException as error:
        first = error
    for action in actions:
        try:
            action()
        except BaseException as more:
            if first is None or isinstance(first, GeneratorExit):
                first = more
            else:
                first.add_note(f"and then {type(more).__name__}: {more}")
    if first is not None:
        raise first


def set_power(attenuator: Attenuator | None, watt: float) -> None:
    """Set the power at the sample, in W; 0 is the least. In the dark; nothing without an attenuator."""
    if attenuator is not None and watt:
        attenuator.set_power(watt)
    elif attenuator is not None:
        attenuator.minimum()


def ordered(points: Sequence[float], order: str, seed: int) -> list[float]:
    """Return the points as they are visited.

    Examples:
        >>> ordered([1, 2, 3, 4, 5], "interleaved", 0)
        [1, 3, 5, 4, 2]
        >>> ordered([1, 2, 3], "given", 0)
        [1, 2, 3]
    """
    points = list(points)
    if order == "interleaved":
        return points[::2] + points[1::2][::-1]
    if order == "random":
        return [points[index] for index in np.random.default_rng(seed).permutation(len(points))]
    return points
