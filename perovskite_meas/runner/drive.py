"""The one loop: pull a row, check it, store it, go on; and end safely however it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from perovskite_meas.core.columns import RowCheck

from .interrupt import shielded, stoppable

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


def drive(procedure: Procedure, bench: Bench, sink: Sink, watcher: Watcher | None, problems: list[str]) -> int:
    """Run `procedure` on `bench` into `sink` and return the number of rows stored.

    The generator is closed and the bench's safe state is reached before this returns or raises;
    steps of the safe state that fail are added to `problems`.

    Raises:
        Whatever the procedure, an instrument, a limit or the sink raised; KeyboardInterrupt on Ctrl-C
        and on SIGTERM.
    """
    check = RowCheck(procedure.columns)
    with stoppable():
        try:
            rows = procedure.measure(**bench.bind(procedure))
            try:
                for row in rows:
                    checked = check(row)
                    sink.write(checked)
                    if watcher is not None:
                        watcher.row(checked)
            finally:
                rows.close()
        finally:
            with shielded() as heard:
                problems += bench.make_safe()
            problems += [f"{name} arrived while the table was made safe; the run was already ending" for name in heard]
    return check.count
