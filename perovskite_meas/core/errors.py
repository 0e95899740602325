"""What can go wrong, named so that the caller can tell the cases apart."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class PerovskiteMeasError(Exception):
    """Anything this package raises on purpose; its text fits on one screen."""

    def __str__(self) -> str:
        # QCoDeS appends "getting <parameter>" to the arguments of whatever passes through a parameter.
        return "\n".join(str(argument) for argument in self.args)


class UsageError(PerovskiteMeasError, ValueError):
    """The request is wrong and was refused before any light (exit status 2)."""


class ProblemsError(UsageError):
    """Several problems of one request, reported together.

    Attributes:
        problems: one line each, most of them with a suggestion.
    """

    def __init__(self, heading: str, problems: Sequence[str]) -> None:
        self.heading = heading
        self.problems = tuple(problems)
        super().__init__("\n".join([heading, *(f"  - {problem}" for problem in self.problems)]))


class ParameterError(ProblemsError):
    """Parameters of a procedure that are unknown, of the wrong unit or out of range."""


class BenchError(ProblemsError):
    """A bench file that cannot be used; every problem in it at once."""


class PlanRefusedError(ProblemsError):
    """The dry run predicts that a limit would be broken: nothing was opened to light."""


class CalibrationError(UsageError):
    """A calibration that is missing, too old, or asked beyond its range."""


class LimitError(PerovskiteMeasError):
    """A limit was reached while running; the light is off before this is raised."""


class RowError(PerovskiteMeasError):
    """A row that does not match the columns which its procedure declares."""


class InstrumentError(PerovskiteMeasError):
    """An instrument did not do what was asked of it."""


class IdentityError(InstrumentError):
    """Another instrument than the expected one answers at this address."""


class CommunicationError(InstrumentError):
    """No reply, or the line is dead."""


class ReplyError(InstrumentError):
    """A reply that makes no sense for the question."""


class HardwareFault(InstrumentError):  # noqa: N818 - the instrument's own word
    """The instrument itself reports a fault."""


class AnalysisRefused(PerovskiteMeasError):  # noqa: N818 - a refusal with its reason
    """These data do not support the claim that the analysis would make; says why."""


class RecordError(PerovskiteMeasError):
    """A stored run that cannot be found or read."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or list them all.

    Examples:
        >>> did_you_mean("exposre", ["exposure", "power"])
        "did you mean 'exposure'?"
        >>> did_you_mean("zzz", ["b", "a"])
        'known: a, b'
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "there is none"
