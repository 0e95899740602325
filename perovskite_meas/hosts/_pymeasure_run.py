"""One run hosted by PyMeasure, from opening the bench to the report; its end never raises."""

from __future__ import annotations

import datetime
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perovskite_meas.bench.attempt import attempt
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.procedure import Procedure
from perovskite_meas.runner.drive import drive
from perovskite_meas.runner.finish import finish
from perovskite_meas.runner.folder import PROVENANCE, write_json
from perovskite_meas.runner.progress import Progress
from perovskite_meas.runner.provenance import provenance
from perovskite_meas.runner.record import Record

from ._pymeasure_sink import EmitSink, StopRequested
from ._store import rows_to_xarray
from .pymeasure_files import count_rows, run_folder
from .qcodes_bench import QCoDeSBench, load_bench
from .qcodes_run import prepare

log = logging.getLogger(__name__)

Emit = Callable[[str, Any], None]


class HostedRun:
    """One run of `procedure` into a PyMeasure results file.

    Args:
        procedure: what to do.
        bench: path of the bench file or name of a packaged table.

    Attributes:
        folder: the run folder beside the results file, once it exists.
    """

    def __init__(self, procedure: Procedure, bench: str) -> None:
        self.folder: Path | None = None
        self._procedure = procedure
        self._bench_file = bench
        self._bench: QCoDeSBench | None = None
        self._results: Path | None = None
        self._sink: EmitSink | None = None
        self._facts: dict[str, Any] = {}
        self._problems: list[str] = []
        self._status: str | None = None
        self._driven = False

    def open(self, results: Callable[[], Path]) -> None:
        """Open the bench, check the plan and make the run folder; everything before any light.

        Args:
            results: returns the results file; asked only when nothing was refused.

        Raises:
            BenchError, PlanRefusedError, InstrumentError: refused, with the reason.
            UsageError: the results file belongs to another run.
        """
        try:
            self._bench = load_bench(self._bench_file)
            plan = prepare(self._procedure, self._bench)
            self._results = results()
            host = {"host": {"framework": "pymeasure", "results_file": self._results.name}}
            self._facts = provenance(self._procedure, self._bench, plan, host)
            self._facts["snapshot"] = self._bench.station.snapshot(update=False)
            folder = _new_folder(self._results)
            write_json(folder / PROVENANCE, self._facts)
            self.folder = folder
            self._progress = Progress(plan, io.StringIO())
        except BaseException as error:
            self._failed(error)
            raise

    def rows(self, emit: Emit, stop_asked: Callable[[], bool], own_file: Callable[[Any], None] | None) -> None:
        """Pull all rows; return also where a stop was asked for.

        Args:
            emit: takes 'results' and 'progress'.
            stop_asked: asked between rows, and before every wait of the procedure.
            own_file: writes a row where no Worker does it.

        Raises:
            UsageError: the run was not opened.
            Exception: whatever stopped the run, after the safe state.
        """
        if self._bench is None or self.folder is None or self._results is None:
            raise UsageError(
                "execute() needs what startup() opens; call startup() first, and shutdown() whatever happens"
            )
        watched = None if own_file is None and not self._results.is_file() else self._results
        self._sink = EmitSink(self._procedure.columns, self.folder, emit, stop_asked, own_file, watched, self._progress)
        self._driven = True
        ask = _once(stop_asked)
        try:
            drive(self._procedure, self._bench, self._sink, None, self._problems, folder=self.folder, ask=ask)
        except StopRequested:
            self._status = "aborted"
        except BaseException as error:
            self._failed(error)
            raise
        else:
            self._status = "completed"

    def close(self, stop_asked: bool) -> Record | None:
        """Make the table safe, close the bench, analyse and report; return the record if there is a folder.

        Nothing that goes wrong here is raised: PyMeasure would wait for ever. It is logged and stands in
        the record's problems and in `provenance.json`.
        """
        made: list[Record] = []
        bench = self._bench
        if bench is not None:
            if not self._driven:
                self._attempt("the safe state", lambda: self._problems.extend(bench.make_safe()))
            self._attempt("the snapshot", lambda: self._note("snapshot_after", bench.station.snapshot(update=False)))
            self._attempt("closing the bench", bench.close)
        if self._sink is not None:
            self._attempt("closing arrays.h5", self._sink.close)
        status = self._status or ("aborted" if stop_asked else "failed")
        if self.folder is not None:
            self._attempt("counting the stored rows", self._verify)
            self._attempt("the end of the run", lambda: made.append(self._finish(status)))
            if not made:
                self._note("status", status)
                self._note("problems", self._problems)
                self._attempt("provenance.json", lambda: self._write_provenance())
        for problem in made[0].problems if made else self._problems:
            log.warning("%s: %s", type(self._procedure).__name__, problem)
        return made[0] if made else None

    def _finish(self, status: str) -> Record:
        assert self.folder is not None  # noqa: S101 - close asks only with a folder
        rows = [] if self._sink is None else self._sink.rows
        data = rows_to_xarray(rows, self._procedure.columns)
        try:
            return finish(self.folder, data, self._facts, status, self._problems, bench=self._bench)
        except KeyboardInterrupt as stop:
            if not isinstance(record := getattr(stop, "record", None), Record):
                raise
            return record

    def _verify(self) -> None:
        if self._sink is None or self._results is None or not self._sink.watched:
            return
        stored, yielded = count_rows(self._results), len(self._sink.rows)
        if stored != yielded:
            self._problems.append(f"{self._results.name} holds {stored} of {yielded} rows; data.nc holds all of them")

    def _write_provenance(self) -> None:
        if self.folder is not None:
            write_json(self.folder / PROVENANCE, self._facts)

    def _note(self, name: str, fact: Any) -> None:
        self._facts[name] = fact

    def _failed(self, error: BaseException) -> None:
        self._status = "aborted" if isinstance(error, KeyboardInterrupt) else "failed"
        self._note("error", f"{type(error).__name__}: {error}")

    def _attempt(self, what: str, action: Callable[[], object]) -> None:
        try:
            text = attempt(action).text()
        except SystemExit as leaving:
            text = f"tried to end the program (SystemExit: {leaving.code})"
        if text:
            self._problems.append(f"{what}: {text}")


def _once(stop_asked: Callable[[], bool]) -> Callable[[], None]:
    """Return what raises when the host wants to stop, but only once: cleaning up waits, too."""
    told: list[bool] = []

    def ask() -> None:
        if not told and stop_asked():
            told.append(True)
            raise StopRequested("the host asked to stop")

    return ask


def own_results_file(procedure: str) -> Path:
    """Return a results file of our own, for a procedure that runs without a Worker: `runs/<time>-<name>.csv`."""
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    into = Path("runs")
    into.mkdir(exist_ok=True)
    number, path = 1, into / f"{stamp}-{procedure}.csv"
    while path.exists() or run_folder(path).exists():
        number += 1
        path = into / f"{stamp}-{procedure}-{number}.csv"
    return path


def _new_folder(results: Path) -> Path:
    folder = run_folder(results)
    try:
        folder.mkdir()
    except FileExistsError:
        raise UsageError(
            f"{results} belongs to a run that was made already ({folder.name} lies beside it); "
            "a run is never continued in the same file: choose another results file"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot make the run folder {folder}: {error.strerror or error}") from error
    return folder
