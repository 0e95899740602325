"""The one loop: pull a row, check it, store it, go on; and end safely however it ends."""

from __future__ import annotations

from collections.abc import Mapping
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


def drive(procedure: Procedure, bench: Bench, sink: Sink, watcher: Watcher | None, problems: list[str]) -> int:
    """Run `procedure` on `bench` into `sink` and return the number of rows stored.

    The generator is closed and the bench's safe state is reached before this returns or raises;
    steps of the safe state that fail are added to `problems`. A request to end that comes while the
    table is made safe is kept until it is safe, and then raised.

    Raises:
        Whatever the procedure, an instrument, a limit or the sink raised; KeyboardInterrupt on Ctrl-C
        and on SIGTERM.
    """
    check = RowCheck(procedure.columns)
    with Requests() as requests:
        try:
            try:
                requests.stops = True
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
                requests.stops = False
        finally:
            # Again: a request may arrive just before the line above, and a second one within half a second is noted.
            requests.stops = False
            problems += bench.make_safe()
            problems += [
                f"{name} came while the run was ending; the table was made safe first" for name in requests.heard
            ]
        if requests.heard:
            raise Terminated(f"{requests.heard[0]} came while the table was made safe, after the last row")
    return check.count
