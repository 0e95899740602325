"""Trying something that must be tried, whatever happens: the one place that catches everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from pyvisa.errors import Error as VisaError

from ..core.errors import CommunicationError, PerovskiteMeasError, ReplyError

Begun = TypeVar("Begun", covariant=True)


@contextmanager
def in_words(label: str) -> Iterator[None]:
    """Raise what a driver of another maker says of its line as an error that names the role and says what to do.

    Args:
        label: of the role.

    Raises:
        ReplyError: a reply that the driver could not read.
        CommunicationError: the line is dead, or no reply came.
    """
    try:
        yield
    except PerovskiteMeasError:
        raise
    except ValueError as error:
        raise ReplyError(
            f"{label}: the driver could not read a reply ({_said(error)}); check cable and line settings, and that no "
            "other program talks to the instrument"
        ) from error
    except (VisaError, OSError) as error:
        raise CommunicationError(
            f"{label}: {_said(error)}; check power and cable of the instrument, then load it again"
        ) from error


def _said(error: Exception) -> str:
    # QCoDeS appends "getting <parameter>" to the arguments; VISA's text ends with a full stop.
    return ", ".join(str(argument).rstrip(".") for argument in error.args)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    failure: Exception | None
    """What went wrong; None where it was done."""
    interrupt: KeyboardInterrupt | None
    """The Ctrl-C that came meanwhile; the attempt was repeated after it."""

    def __bool__(self) -> bool:
        return self.failure is None

    def text(self) -> str:
        """Say how it ended, '' if simply done."""
        if self.failure is not None:
            return f"{type(self.failure).__name__}: {self.failure}"
        return "" if self.interrupt is None else "interrupted by Ctrl-C, tried again and done"


def attempt(action: Callable[[], object]) -> Outcome:
    """Do `action` and report how it ended; nothing but a process exit is let through.

    Closing a shutter must not keep the attenuator from its minimum because the shutter failed, nor hide the
    error that led here. Drivers of any make stand behind the action, so no list of exceptions would be complete.
    Ctrl-C in the middle could leave the light on: the action is then done again, up to three times.
    """
    interrupt: KeyboardInterrupt | None = None
    for _ in range(3):
        try:
            action()
        except KeyboardInterrupt as stop:
            interrupt = stop
        except Exception as error:
            return Outcome(error, interrupt)
        else:
            return Outcome(None, interrupt)
    return Outcome(RuntimeError("interrupted by Ctrl-C at each of three tries"), interrupt)


def finish(actions: Mapping[str, Callable[[], object]], first: BaseException | None = None) -> None:
    """Attempt every action at the end of a `with` block, each whatever became of the others.

    Args:
        actions: what to say of a failure -> the action.
        first: the error that ends the block; it carries the failures as notes. Where there is none (a generator that
            is closed has none), the first failure is raised with the others as its notes, else a Ctrl-C that came.
    """
    outcomes = {text: attempt(action) for text, action in actions.items()}
    failures = {text: outcome for text, outcome in outcomes.items() if outcome.failure is not None}
    if first is not None and not isinstance(first, GeneratorExit):
        for text, outcome in failures.items():
            first.add_note(f"and then {text}: {outcome.text()}")
        return
    error = next((outcome.failure for outcome in failures.values() if outcome.failure is not None), None)
    if error is not None:
        for text, outcome in list(failures.items())[1:]:
            error.add_note(f"and then {text}: {outcome.text()}")
        raise error
    interrupt = next((found.interrupt for found in outcomes.values() if found.interrupt is not None), None)
    if interrupt is not None:
        raise interrupt


class Bracket(Generic[Begun]):
    """A `with` block that is ended however it goes, also where it does not even begin.

    Args:
        begin: begins it and returns what `as` names.
        end: what to say of a failure -> the action; as for `finish`.
        check: refuses to begin, by an error; what it then leaves alone is not ended either.
    """

    def __init__(
        self,
        begin: Callable[[], Begun],
        end: Mapping[str, Callable[[], object]],
        check: Callable[[], object] | None = None,
    ) -> None:
        self._begin = begin
        self._end = end
        self._check = check

    def __enter__(self) -> Begun:
        if self._check is not None:
            self._check()
        try:
            return self._begin()
        except BaseException as first:
            finish(self._end, first)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, first: BaseException | None, trace: TracebackType | None
    ) -> None:
        finish(self._end, first)
