"""The bench: roles bound to instruments, with limits, dose, calibrations and a safe state."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..core import plugins
from ..core.clock import AskingClock, Clock
from ..core.errors import BenchError, UsageError, did_you_mean
from ..core.procedure import Procedure
from ..core.units import with_sigma
from ..core.value import Value
from .attempt import attempt
from .binding import bind_roles
from .calibration_file import from_mapping
from .calibrations import Calibration, MalusCalibration
from .guard import Guard
from .handle import Resolve
from .ledger import DoseLedger
from .limits import Beam
from .provenance import conditions_of, description_of
from .recordings import Recordings
from .rehearsal import Breaches, PlanningClock, Rehearsal
from .roles import RoleAdapter, Table
from .spec import EXPECTATIONS, BenchSpec
from .worst_case import worst_case, worst_energy


class Bench:
    """One optical table, ready to run procedures.

    Args:
        spec: what the bench file states.
        resolve: finds the host's parameter behind a dotted name.
        clock: the instruments' clock.

    Attributes:
        absent: optional roles that this station cannot fill -> why.

    Raises:
        BenchError: with every role whose instrument or parameter is not there.
    """

    def __init__(self, spec: BenchSpec, resolve: Resolve, clock: Clock) -> None:
        self.spec = spec
        self.clock = clock = AskingClock(clock)
        self._beam = Beam(spec.spot, spec.pulse)
        self.limits = spec.limits
        self.ledger = DoseLedger(self._beam, clock)
        self.guard = Guard(spec.limits, self._beam, self.ledger)
        self.recordings = Recordings()
        self._calibrations: dict[str, Calibration] = dict(spec.calibrations)
        self.absent: dict[str, str] = {}
        self.roles, problems = self._adapters(resolve, self.guard, clock)
        if problems:
            raise BenchError(f"{spec.path} does not fit its station:", problems)

    def bind(self, procedure: Procedure) -> dict[str, Any]:
        """Begin a run, in the dark and with an empty ledger: return the arguments for `procedure.measure`.

        Raises:
            BenchError: roles that are missing or of the wrong kind.
        """
        arguments = self._bound(procedure, {**self.roles, "clock": self.clock, "ledger": self.ledger})
        self.ledger.begin()
        # What an earlier run left at its end, a hand may have turned since.
        self.guard.power_is(None)
        for adapter in self.roles.values():
            adapter.begin()
        for name, adapter in self.roles.items():
            if name not in arguments:
                adapter.stand_by()
        return arguments

    def rehearse(self, procedure: Procedure) -> Rehearsal:
        """Return planning twins for a dry run of `procedure`; no instrument is touched.

        Raises:
            BenchError: roles that are missing or of the wrong kind.
        """
        clock, breaches = PlanningClock(), Breaches()
        ledger = DoseLedger(self._beam, clock)
        guard = Guard(self.limits, self._beam, ledger, breaches)
        twins, problems = self._adapters(None, guard, clock)
        if problems:
            raise BenchError(f"{self.spec.path} cannot be rehearsed:", problems)
        arguments = self._bound(procedure, {**twins, "clock": clock, "ledger": ledger})
        for twin in twins.values():
            twin.begin()
        for name, twin in twins.items():
            if name not in arguments:
                twin.stand_by()
        return Rehearsal(arguments, clock, ledger, guard, self._beam, breaches)

    def conditions(self) -> dict[str, Any]:
        """Return calibrations, accuracies and sample facts as a run's data carry them."""
        return conditions_of(self.spec, self.roles)

    def make_safe(self) -> list[str]:
        """Bring the table into its safe state, every step whatever happens; return what went wrong.

        Steps that failed are tried once more after all others: a reply may only have been late.
        """
        steps = {
            f"safe state, step {number} ({step})": getattr(self.roles[step.role], step.verb)
            for number, step in enumerate(self.spec.safe_state, 1)
            if step.role not in self.absent
        }
        outcomes = {text: attempt(action) for text, action in steps.items()}
        problems = []
        for text, outcome in outcomes.items():
            if outcome.text():
                done = outcome.failure is not None and bool(attempt(steps[text]))
                problems.append(f"{text}: {outcome.text()}" + ("; done at the second try" if done else ""))
        return problems

    def check(self, procedure: Procedure | type[Procedure]) -> list[str]:
        """Return what keeps `procedure` and its analyses from running here, one line each."""
        offered = {**self.roles, "clock": self.clock, "ledger": self.ledger}
        problems = bind_roles(procedure, offered, self.spec.path.name, self.absent)[1]
        conditions = self.conditions()
        for name in procedure.analyses:
            try:
                problems += plugins.find("analyses", name).unmet(procedure.columns, conditions)
            except UsageError as error:
                problems.append(str(error))
        return problems

    def describe(self) -> dict[str, Any]:
        """Return what a run records of the bench: the files' texts, roles, limits and calibrations, as JSON data."""
        return description_of(self.spec)

    def install_calibration(self, name: str, mapping: Mapping[str, Any]) -> None:
        """Use a newly measured calibration from now on; the attenuator must be set again before any light.

        Args:
            name: 'attenuator', 'power_at_sample' or another name of the bench file.
            mapping: the keys of the file; bare numbers are in the unit of their key, W, J, deg, nm ...

        Raises:
            UsageError: with every problem of the mapping; the old calibration stays.
        """
        old = self._calibrations.get(name)
        new = from_mapping(name, mapping)
        if old is not None and type(old) is not type(new):
            raise UsageError(f"calibration {name!r} is a {type(old).__name__}; the new one is a {type(new).__name__}")
        if old is not None:
            new = dataclasses.replace(new, source=old.source)
        self._calibrations[name] = new
        self.spec = dataclasses.replace(self.spec, calibrations=dict(self._calibrations))
        self._beam.use(self.spec.spot, self.spec.pulse)
        self.guard.worst = worst_case(self.spec.roles, self._calibrations)
        self.guard.pulses.worst = worst_energy(self.spec.roles, self._calibrations)
        if isinstance(new, MalusCalibration):
            self.guard.power_is(None)

    def expect(self, name: str, value: Value | str | float) -> None:
        """Expect this of the sample from now on, such as a ratio that another run has just measured.

        Args:
            name: one of the expectations that a bench file may state, e.g. 'biexciton_ratio'.
            value: a result, or text like '0.08 +- 0.03'.

        Raises:
            UsageError: no such expectation, or another kind of quantity.
        """
        if name not in EXPECTATIONS:
            raise UsageError(f"{name!r} is nothing to expect of a sample; {did_you_mean(name, EXPECTATIONS)}")
        if isinstance(value, Value):
            unit = "" if value.unit == "1" else f" {value.unit}"
            value = f"{float(value.nominal)!r} +- {float(value.sigma)!r}{unit}"
        expect = {**self.spec.sample.expect, name: with_sigma(value, EXPECTATIONS[name])}
        self.spec = dataclasses.replace(self.spec, sample=dataclasses.replace(self.spec.sample, expect=expect))

    def _bound(self, procedure: Procedure, offered: Mapping[str, Any]) -> dict[str, Any]:
        arguments, problems = bind_roles(procedure, offered, self.spec.path.name, self.absent)
        if problems:
            raise BenchError(f"{self.spec.path} cannot run {type(procedure).__name__}:", problems)
        return arguments

    def _adapters(
        self, resolve: Resolve | None, guard: Guard, clock: Clock
    ) -> tuple[dict[str, RoleAdapter], list[str]]:
        attenuators = {
            role.targets["use"]: role.options["calibration"]
            for role in self.spec.roles.values()
            if role.kind == "attenuator"
        }
        recordings = None if resolve is None else self.recordings
        table = Table(resolve, guard, clock, self._calibrations, attenuators, recordings)
        adapters, problems = {}, []
        for name, role in self.spec.roles.items():
            if resolve is None and name in self.absent:
                continue
            cls = role.adapter if resolve is not None else (role.adapter.twin or role.adapter)
            try:
                adapters[name] = cls(role, table)
            except UsageError as error:
                if role.optional:
                    self.absent[name] = str(error)
                else:
                    problems.append(f"{role.source}: roles.{name}: {error}")
        guard.worst = worst_case(self.spec.roles, self._calibrations)
        guard.pulses.worst = worst_energy(self.spec.roles, self._calibrations)
        return adapters, problems
