"""What every role adapter shares: its declared options, its handles and its planning twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ...core.clock import Clock
from ...core.errors import CalibrationError, did_you_mean
from ..calibrations import Calibration
from ..guard import Guard
from ..handle import Handle, Resolve
from ..recordings import Recordings

Check = Callable[[Mapping[str, Any], Mapping[str, Calibration]], dict[str, str]]
"""Takes the options of a role (defaults filled in, None for what has a problem of its own, without the targets) and the
calibrations that could be read; returns what does not go together, by the option that is to be corrected."""
OptionKind = Literal["target", "quantity", "point", "pairs", "values", "setting", "flag", "calibration"]


@dataclass(frozen=True)
class Option:
    """One option of a role in the bench file.

    Args:
        kind: 'target' (dotted name of a parameter), 'quantity', 'point' (list of two quantities), 'setting'
            (a word or number handed to the instrument as it stands), 'flag' (yes or no), 'calibration' (its name),
            'pairs' (list of lists of two quantities) or 'values' (list of quantities, each with its sigma).
        doc: one line.
        unit: unit of quantities, points and values; of a point also 'um or V', which is then kept as a third item; of
            a quantity also 'um/V or um/mm', where what it belongs to has either unit; of pairs both units, such as
            'T, T/min'.
        required: True where the role cannot do without.
        default: value where the file does not say; quantities in `unit`.
        least: least allowed quantity.
    """

    kind: OptionKind
    doc: str
    unit: str = "1"
    required: bool = False
    default: Any = None
    least: float = float("-inf")


@dataclass(frozen=True)
class RoleSpec:
    """One role as the bench file states it, checked."""

    name: str
    kind: str
    adapter: type[RoleAdapter]
    source: str
    """File and line."""
    targets: Mapping[str, str]
    """Dotted names by option."""
    options: Mapping[str, Any]
    """All other options, defaults filled in."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """The entry as written."""
    optional: bool = False
    """True where the bench may be without it: its instrument need not be in the station."""


class PlannedHandle:
    """A handle for a dry run: remembers what was set, and lets planned time pass.

    Args:
        name: dotted name of the real one.
        clock: planning clock.
        value: what it holds at the start.
        set_takes: seconds that a real one takes to be set.
        get_takes: seconds that a real one takes to be asked.
    """

    unit = ""

    def __init__(
        self, name: str, clock: Clock, value: Any = 0.0, *, set_takes: float = 0.01, get_takes: float = 0.01
    ) -> None:
        self.name = name
        self.owner: object = self
        self._clock = clock
        self._value = value
        self._set_takes = set_takes
        self._get_takes = get_takes

    def get(self) -> Any:
        """Return what was set last."""
        self._clock.sleep(self._get_takes)
        return self._value

    def set(self, value: Any) -> None:
        """Remember a value."""
        self._clock.sleep(self._set_takes)
        self._value = value


class Table:
    """What an adapter may use: handles, the guard, the clock and the calibrations.

    Args:
        resolve: finds handles by dotted name; None for a dry run, where adapters plan their own.
        guard: keeps the light within the limits.
        clock: everything that waits, waits on it.
        calibrations: by name; shared, so that an installed calibration is used from then on.
        attenuators: option values of the attenuator roles by the dotted name of their mount.
        recordings: takes the raw tags of a run; nothing is kept in a dry run.
    """

    def __init__(
        self,
        resolve: Resolve | None,
        guard: Guard,
        clock: Clock,
        calibrations: Mapping[str, Calibration],
        attenuators: Mapping[str, str],
        recordings: Recordings | None = None,
    ) -> None:
        self.resolve = resolve
        self.guard = guard
        self.clock = clock
        self.calibrations = calibrations
        self.attenuators = attenuators
        self.recordings = recordings or Recordings()
        self.pulse_recordings: list[Any] = []
        """Recordings of energy meters that run: while one waits, all are looked at."""
        self.planned_pulses: list[float] = []
        """Energies of the laser pulses of a dry run so far, in J at the sample."""


class RoleAdapter:
    """Base of all role adapters.

    A subclass declares `options` and the `verbs` that the safe state may name, and implements one protocol of
    `core.roles`. In a dry run the `twin` (the same class where not stated) works on planned handles.
    `checks` tell which of its options do not go together.
    """

    options: ClassVar[Mapping[str, Option]] = {"use": Option("target", "the parameter", required=True)}
    verbs: ClassVar[tuple[str, ...]] = ()
    twin: ClassVar[type[RoleAdapter] | None] = None
    checks: ClassVar[tuple[Check, ...]] = ()

    def __init__(self, role: RoleSpec, table: Table) -> None:
        self.role = role
        self.guard = table.guard
        self.clock = table.clock
        self.table = table
        self.handles: dict[str, Handle] = {
            option: self.planned(option, dotted, table) if table.resolve is None else table.resolve(dotted)
            for option, dotted in role.targets.items()
        }

    @property
    def label(self) -> str:
        """Name of the role and of what stands behind it, for messages."""
        return f"{self.role.name} ({', '.join(self.role.targets.values())}, {self.role.source})"

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return the handle that stands for `dotted` in a dry run."""
        return PlannedHandle(dotted, table.clock)

    def begin(self) -> None:
        """Get ready for a run; called when a procedure is bound."""

    def stand_by(self) -> None:
        """Get out of the way of a run whose procedure does not ask for this role; called after every `begin`."""

    def remarks(self) -> list[str]:
        """Return what a dry run on this twin took for granted, one line each."""
        return []

    def facts(self) -> dict[str, Any]:
        """Return what this role adds to the conditions of a run; quantities as value, sigma and unit."""
        return {}

    def option(self, name: str) -> Any:
        """Return an option as stated, or its default."""
        return self.role.options[name]

    def calibration(self, name: str) -> Any:
        """Return the calibration `name` as it stands now.

        Raises:
            CalibrationError: there is none.
        """
        if name not in self.table.calibrations:
            raise CalibrationError(
                f"{self.label}: no calibration {name!r}; {did_you_mean(name, self.table.calibrations)}"
            )
        return self.table.calibrations[name]
