"""The factory of faces: PyMeasure procedures that wrap ours by composition."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pymeasure.experiment import Metadata, Results
from pymeasure.experiment import Procedure as PyMeasureProcedure

from perovskite_meas.core.errors import ParameterError, UsageError, did_you_mean
from perovskite_meas.core.procedure import Procedure
from perovskite_meas.runner.record import Record

from ._pymeasure_columns import data_columns
from ._pymeasure_estimates import estimates
from ._pymeasure_parameters import BenchInput, Field, parameter_of
from ._pymeasure_run import HostedRun, own_results_file

_FRAMEWORK_NAMES = ("status", "emit", "should_stop", "is_last", "MEASURE", "DATA_COLUMNS")


class Face(PyMeasureProcedure):  # type: ignore[misc]
    """A PyMeasure procedure around one of ours; made by `face`.

    Every parameter may be given as text with a unit or as a number in the declared unit; what is not a
    parameter is refused. The bench is opened in `startup`, in the thread that runs the procedure.

    Attributes:
        record: the run, after `shutdown`; None if it was refused before its folder existed.
    """

    wraps: ClassVar[type[Procedure]] = Procedure
    _fields: ClassVar[Mapping[str, Field]] = {}

    run_folder = Metadata("run folder", default="")
    record: Record | None = None

    def __init__(self, **parameters: Any) -> None:
        self._hosted: HostedRun | None = None
        known = [*self._fields, "bench"]
        problems = [f"no parameter {name!r}; {did_you_mean(name, known)}" for name in parameters if name not in known]
        try:
            self.wraps(
                **{name: self._fields[name].plain(parameters[name]) for name in self._fields if name in parameters}
            )
        except ParameterError as error:
            problems += error.problems
        if problems:
            raise ParameterError(f"{type(self).__name__} cannot run with these parameters:", problems)
        super().__init__(**parameters)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._fields:
            value = _as_parameter(self._fields[name], value)
        elif not (name.startswith("_") or name in _FRAMEWORK_NAMES or hasattr(type(self), name)):
            suggestion = did_you_mean(name, [*self._fields, "bench"])
            if suggestion.startswith("did"):
                raise AttributeError(f"{type(self).__name__} has no parameter {name!r}; {suggestion}")
        super().__setattr__(name, value)

    def wrapped(self) -> Procedure:
        """Return our procedure with the present parameters.

        Raises:
            ParameterError: they do not go together.
        """
        return self.wraps(**{name: field.plain(getattr(self, name)) for name, field in self._fields.items()})

    def startup(self) -> None:
        """Open the bench and the run folder; refuse whatever can be refused before any light."""
        self.record = None
        if not self.bench:
            raise UsageError("bench names nothing; give the path of a bench.yaml or the name of a packaged table")
        self._hosted = HostedRun(self.wrapped(), str(self.bench))
        self._hosted.open(self._results_file)
        if self._hosted.folder is not None:
            self.run_folder = self._hosted.folder.name

    def execute(self) -> None:
        """Emit the rows until done or asked to stop."""
        if self._hosted is None:
            raise UsageError("call startup() before execute(), and shutdown() whatever happens")
        without_worker = self._worker_file() is None
        self._hosted.rows(
            self.emit if self._is_given("emit") else _forget,
            self.should_stop if self._is_given("should_stop") else lambda: False,
            self._own_file() if without_worker else None,
        )

    def shutdown(self) -> None:
        """Make the table safe, close the bench, analyse and report; never raises."""
        hosted, self._hosted = self._hosted, None
        if hosted is not None:
            self.record = hosted.close(self._is_given("should_stop") and bool(self.should_stop()))

    def get_estimates(self) -> list[tuple[str, str]]:
        """Return what the dry run predicts, for PyMeasure's EstimatorWidget; opens nothing."""
        return estimates(self.wrapped, str(self.bench))

    def _is_given(self, name: str) -> bool:
        """Return whether a Worker, or somebody else, has replaced PyMeasure's stub of this name."""
        return getattr(getattr(self, name), "__func__", None) is not getattr(PyMeasureProcedure, name)

    def _worker_file(self) -> Path | None:
        """Return the Worker's results file, which PyMeasure tells a procedure only this way (its issue 311)."""
        results = getattr(getattr(self.emit, "__self__", None), "results", None)
        name = getattr(results, "data_filename", None)
        return Path(name) if isinstance(name, str | Path) else None

    def _results_file(self) -> Path:
        self._own: Path | None = None
        found = self._worker_file()
        if found is None:
            found = self._own = own_results_file(self.wraps.__name__)
        return found

    def _own_file(self) -> Callable[[Mapping[str, float]], None]:
        path = self._own
        if path is None:
            raise UsageError("the Worker of this run is gone; start the procedure anew")
        results = Results(self, str(path))

        def append(line: Mapping[str, float]) -> None:
            with path.open("a", encoding="utf-8") as file:
                file.write(results.format(line) + "\n")

        return append


def face(procedure: type[Procedure], module: str) -> type[Face]:
    """Return the PyMeasure procedure that wraps one of ours.

    Bind it at module level to the procedure's own name, or PyMeasure cannot load its results files:
    `MyScan = face(procedures.MyScan, __name__)`.

    Args:
        procedure: ours.
        module: `__name__` of the module that holds the face.

    Raises:
        UsageError: a parameter has a name that means something else to PyMeasure.
    """
    taken = {*dir(Face), *_FRAMEWORK_NAMES, "bench"}
    for name in procedure.model_fields:
        if name in taken:
            raise UsageError(f"{procedure.__name__}.{name}: this name is taken in PyMeasure; rename the parameter")
    fields = {name: Field(procedure, name) for name in procedure.model_fields}
    members: dict[str, Any] = {name: parameter_of(field) for name, field in fields.items()}
    members |= {
        "__module__": module,
        "__doc__": inspect.getdoc(procedure),
        "wraps": procedure,
        "_fields": fields,
        "bench": BenchInput(
            "bench",
            default=procedure.table,
            description="path of a bench.yaml, or the name of a packaged table",
        ),
        "DATA_COLUMNS": data_columns(procedure.columns),
    }
    return type(procedure.__name__, (Face,), members)


def _as_parameter(field: Field, value: Any) -> Any:
    checked = field.read(value)
    return checked if isinstance(checked, bool | int | float) and not field.optional else field.text(checked)


def _forget(topic: str, record: Any) -> None:
    """Take what is emitted where nobody listens: the run's own file has it."""
