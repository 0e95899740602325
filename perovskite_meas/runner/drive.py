"""The one loop: pull a row, check it, store it, go on; and end safely however it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from perovskite_meas.core.columns import RowCheck

from .interrupt import Requests, Terminated

if TYPE_CHECKING:
    from perovskite_meas.bench import Bench
    from perovskite_meas.core.procedure import Procedure


class Sink(Protocol):
    """Where rows go; `write` returns only when the row is on disk."""

    def write(self, row: Mapping[str, Any]) -> None:
        """Store one checked row."""


class Watcher(Protocol):
    """Told of every stored row."""

    def row(self, row: Mapping[str, Any]) -> None:
        """Note one stored row."""


_END: Any = object()


def drive(
    procedure: Procedure,
    bench: Bench,
    sink: Sink,
    watcher: Watcher | None,
    problems: list[str],
    requests: Requests | None = None,
    folder: Path | None = None,
    ask: Callable[[], None] | None = None,
) -> int:
    """Run `procedure` on `bench` into `sink` and return the number of rows stored.

    The generator is closed and the bench's safe state is reached before this returns or raises;
    steps of the safe state that fail are added to `problems`. A request to end stops the procedure
    anywhere in its own code; one that comes while a row is stored or the table is made safe is raised
    right after.

    Args:
        procedure: what to do.
        bench: where.
        sink: takes the rows.
        watcher: told of each row that was stored.
        problems: added to in place.
        requests: those of the run that this is a part of; by default its own.
        folder: keeps the raw recordings of the run; None keeps none.
        ask: called before every wait of the procedure; what it raises, once, ends the procedure there.

    Raises:
        Whatever the procedure, an instrument, a limit or the sink raised; KeyboardInterrupt on Ctrl-C
        and on SIGTERM.
    """
    if requests is not None:
        return _drive(procedure, bench, sink, watcher, problems, requests, folder, ask)
    own = Requests()
    with own:
        count = _drive(procedure, bench, sink, watcher, problems, own, folder, ask)
    own.raise_noted("after the last row")
    return count


def _drive(
    procedure: Procedure,
    bench: Bench,
    sink: Sink,
    watcher: Watcher | None,
    problems: list[str],
    requests: Requests,
    folder: Path | None,
    ask: Callable[[], None] | None,
) -> int:
    def pull() -> Any:
        with bench.clock.asking(ask):
            return next(rows, _END)

    check = RowCheck(procedure.columns)
    bench.recordings.begin(folder)
    try:
        rows = procedure.measure(**bench.bind(procedure))
        try:
            while (row := requests.interruptible(pull)) is not _END:
                checked = check(row)
                sink.write(checked)
                if watcher is not None:
                    watcher.row(checked)
        finally:
            rows.close()
    finally:
        problems += bench.make_safe()
        try:
            bench.recordings.end()
        except OSError as error:
            problems.append(f"the raw recordings could not be finished: {error}")
        heard = requests.take()
        problems += [f"{name} came while the run was ending; the table was made safe first" for name in heard]
    if heard:
        raise Terminated(f"{heard[0]} came while the table was made safe, after the last row")
    return check.count
