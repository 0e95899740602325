"""All checks of many things, one test each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from perovskite_meas.core.analysis import Analysis
from perovskite_meas.core.procedure import Procedure

from .analyses import ANALYSIS_CHECKS
from .drivers import DRIVER_CHECKS, is_driver
from .procedures import PROCEDURE_CHECKS

if TYPE_CHECKING:
    import pytest

Checked = Any
"""A procedure class, an analysis, a driver class, or one of them with the options of its check."""


class Check(NamedTuple):
    """One check of one thing; call it to run it."""

    name: str
    """What is asked of what."""
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run the check; raises AssertionError with what is wrong."""
        self.run()


def checks_of(thing: Checked) -> list[Check]:
    """Return every check that applies to `thing`.

    Args:
        thing: as in `parametrize_with_checks`.

    Raises:
        TypeError: there are no checks for such a thing.
    """
    thing, options = thing if isinstance(thing, tuple) else (thing, {})
    called = getattr(thing, "name", None) if isinstance(thing, Analysis) else getattr(thing, "__name__", repr(thing))
    return [
        Check(f"{called}: {function.__name__.strip('_').replace('_', ' ')}", partial(function, thing, **options))
        for function in _functions(thing, options)
    ]


def _functions(thing: Any, options: Mapping[str, Any]) -> tuple[Callable[..., None], ...]:
    if isinstance(thing, Analysis):
        return ANALYSIS_CHECKS
    if isinstance(thing, type) and issubclass(thing, Procedure):
        return PROCEDURE_CHECKS
    if is_driver(thing):
        return DRIVER_CHECKS
    raise TypeError(f"{thing!r} is no Procedure class, no Analysis and no QCoDeS Instrument class (options: {options})")


def parametrize_with_checks(things: Iterable[Checked]) -> pytest.MarkDecorator:
    """Return a pytest mark that gives a test its argument `check`, one check of one thing at a time.

    Args:
        things: procedure classes, analyses and driver classes; a pair (thing, options) hands the options to
            its checks: `table` for a procedure, `data` for an analysis, the arguments of `__init__` for a driver.
    """
    import pytest

    found = [check for thing in things for check in checks_of(thing)]
    return pytest.mark.parametrize("check", found, ids=[check.name for check in found])
