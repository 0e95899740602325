"""Checks of a procedure: what it declares, that it can be planned, that it runs, that it ends in the dark."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.plugins import find, names
from perovskite_meas.core.procedure import Procedure

from .source import fail

FIRST_ROWS = 3
"""After each of this many rows the generator is closed, and broken, once."""


class StruckError(RuntimeError):
    """What a check throws into a procedure between two rows."""


def check_procedure(
    cls: type[Procedure], table: str | Path | None = None, parameters: Mapping[str, Any] | None = None
) -> None:
    """Check a procedure class in every way below.

    Args:
        cls: the class.
        table: a packaged table's name or a bench file to plan and run on; default the class's own `table`.
            Only a virtual table is opened.
        parameters: with which it runs from its first row to its last; its defaults where None.

    Raises:
        AssertionError: lists what is wrong.
    """
    for check in PROCEDURE_CHECKS:
        check(cls, table=table, parameters=parameters)


def _explains_itself_its_parameters_and_its_columns(
    cls: type[Procedure], table: Any = None, parameters: Any = None
) -> None:
    problems = [] if (cls.__doc__ or "").strip() else ["the class has no docstring"]
    problems += [f"parameter {name!r} has no doc" for name, info in cls.model_fields.items() if not info.description]
    problems += [] if cls.columns else ["no columns are declared"]
    kept = [column.name for column in cls.columns]
    problems += [f"column {name!r} is declared twice" for name in sorted({n for n in kept if kept.count(n) > 1})]
    problems += [f"role {name!r} has no annotation" for name, need in cls.roles().items() if need.kind is object]
    fail(problems, cls.__name__)


def _comes_back_from_json(cls: type[Procedure], table: Any = None, parameters: Any = None) -> None:
    procedure = cls()
    again = cls(**json.loads(json.dumps(procedure.to_json())))
    fail([] if again == procedure else [f"{procedure!r} came back as {again!r}"], cls.__name__)


def _declares_what_its_analyses_need(cls: type[Procedure], table: Any = None, parameters: Any = None) -> None:
    problems = []
    for name in cls.analyses:
        if name not in names("analyses"):
            problems.append(f"analysis {name!r} is not registered under perovskite_meas.analyses")
            continue
        hook = find("analyses", name)
        problems += hook.unmet(cls.columns, _everything(hook.uses))
    fail(problems, cls.__name__)


def _everything(dotted: tuple[str, ...]) -> dict[str, Any]:
    """Return conditions in which every dotted name is stated, so that columns alone are judged."""
    root: dict[str, Any] = {}
    for name in dotted:
        node = root
        *parents, leaf = name.split(".")
        for part in parents:
            node = node.setdefault(part, {})
        node[leaf] = True
    return root


def _can_be_planned_before_any_light(cls: type[Procedure], table: Any = None, parameters: Any = None) -> None:
    where = table or cls.table
    if not where:
        return
    from perovskite_meas.hosts.qcodes_bench import closed_bench
    from perovskite_meas.hosts.qcodes_run import rehearse

    with closed_bench(where) as bench:
        planned = rehearse(cls(), bench)
    problems = list(planned.problems)
    problems += [] if planned.rows else ["the plan has no rows"]
    if not (math.isfinite(planned.duration) and planned.duration > 0):
        problems.append(f"the planned duration is {planned.duration} s; wait on the bench's clock, not on the wall's")
    fail(problems, f"{cls.__name__} planned on {where}")


def _runs_on_its_virtual_table(cls: type[Procedure], table: Any = None, parameters: Any = None) -> None:
    where = table or cls.table
    if not where or not _is_virtual(where):
        return
    from perovskite_meas.hosts.qcodes import load_bench, run

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, load_bench(where) as bench:
        record = run(cls(**(parameters or {})), bench, into=folder, progress=False)
        problems = list(record.problems)
        problems += [] if record.status == "completed" else [f"its status is {record.status!r}"]
        problems += [] if record.data.sizes.get("row", 0) else ["it left no rows"]
    fail(problems, f"{cls.__name__} on {where}")


def _leaves_the_light_off_after_each_of_its_first_rows(
    cls: type[Procedure], table: Any = None, parameters: Any = None
) -> None:
    where = table or cls.table
    if not where or not _is_virtual(where):
        return
    from perovskite_meas.hosts.qcodes import load_bench

    problems = []
    with load_bench(where) as bench:
        for count in range(1, FIRST_ROWS + 1):
            for how in (_close, _strike):
                _stop_after(cls, bench, count, how)
                problems += [
                    f"{name!r} is open after {how.__name__.strip('_')} at row {count}; open it in a `with` block"
                    for name, role in bench.roles.items()
                    if not getattr(role, "is_blocking", _has_none)()
                ]
    fail(problems, f"{cls.__name__} on {where}")


def _stop_after(cls: type[Procedure], bench: Any, count: int, how: Callable[[Any], None]) -> None:
    procedure = cls()
    check = RowCheck(procedure.columns)
    rows = procedure.measure(**bench.bind(procedure))
    for row in rows:
        check(row)
        if check.count == count:
            break
    how(rows)


def _has_none() -> bool:
    """Stand in for `is_blocking` of a role that is no shutter."""
    return True


def _close(rows: Any) -> None:
    rows.close()


def _strike(rows: Any) -> None:
    try:
        rows.throw(StruckError("thrown by a check"))
    except (StruckError, StopIteration):
        rows.close()


def _is_virtual(where: str | Path) -> bool:
    from perovskite_meas.hosts.qcodes_bench import closed_bench

    with closed_bench(where) as bench:
        return bench.spec.virtual


PROCEDURE_CHECKS: tuple[Callable[..., None], ...] = (
    _explains_itself_its_parameters_and_its_columns,
    _comes_back_from_json,
    _declares_what_its_analyses_need,
    _can_be_planned_before_any_light,
    _leaves_the_light_off_after_each_of_its_first_rows,
    _runs_on_its_virtual_table,
)
