"""What each verb of `pmeas` does."""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.plugins import GROUPS, find, names
from perovskite_meas.core.tables import packaged_worlds, tables, world_file
from perovskite_meas.core.tables import table as table_folder
from perovskite_meas.core.value import Value

from .checking import check as check
from .demo import demo as demo
from .main import DONE, FAILED
from .stored import is_run_file, stored_run


def list(options: argparse.Namespace) -> int:
    """List what can be run and where."""
    for group in GROUPS:
        print(f"{group}:")
        for name in names(group):
            try:
                line = _headline(find(group, name))
            except UsageError as error:
                line = str(error)
            print(f"  {name:<22}  {line}")
    print("packaged tables, for --bench, with their worlds, for --world:")
    for name in tables():
        print(f"  {name}")
        _tell_table(name)
    return DONE


def table(options: argparse.Namespace) -> int:
    """Show what a packaged table holds, or copy it."""
    folder = table_folder(options.name)
    if options.copy_to is None:
        print(folder)
        _tell_table(options.name)
        return DONE
    copy = Path(options.copy_to)
    if copy.exists():
        raise UsageError(f"--copy-to {options.copy_to}: it exists already; name a new folder")
    shutil.copytree(folder, copy)
    print(f"{copy}: a copy of {options.name}; pmeas check {options.copy_to}")
    return DONE


def _tell_table(name: str) -> None:
    """Print the other benches and the worlds of a packaged table."""
    folder = table_folder(name)
    for path in sorted(folder.glob("bench_*.yaml")):
        print(f"    --bench {f'{name}/{path.name}':<38}{_first_line(path)}")
    for world, path in packaged_worlds().items():
        if path.parent.parent == folder:
            print(f"    --world {world:<38}{_first_line(path)}")


def _first_line(path: Path) -> str:
    """Return what the comment at the top of a file says first."""
    line = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    return line.partition(";")[0].partition(". ")[0]


def _headline(thing: Any) -> str:
    return (getattr(thing, "__doc__", None) or "").strip().split("\n")[0]


def run(options: argparse.Namespace) -> int:
    """Run one procedure, or only rehearse it."""
    from perovskite_meas.hosts.qcodes import load_bench
    from perovskite_meas.hosts.qcodes import run as run_now
    from perovskite_meas.hosts.qcodes_bench import closed_bench
    from perovskite_meas.hosts.qcodes_run import rehearse

    kind = find("procedures", options.procedure)
    procedure = kind(**_without_none(kind, _settings(options.settings)))
    where = options.bench or kind.table
    if options.dry_run:
        if options.world is not None and not world_file(options.world).is_file():
            raise UsageError(f"--world {options.world}: there is no such file")
        with closed_bench(where, world=options.world, seed=options.seed) as bench:
            _expect(bench, options.expect)
            planned = rehearse(procedure, bench)
        print("\n".join(planned.lines()))
        planned.refuse()
        return DONE
    with load_bench(where, world=options.world, seed=options.seed) as bench:
        _expect(bench, options.expect)
        record = run_now(procedure, bench, into=options.into, progress=True)
    return tell(record)


def _without_none(kind: Any, settings: Mapping[str, str]) -> dict[str, str | None]:
    """Return the settings with None for the word none, where a parameter may be left out."""
    optional = {name for name, field in kind.model_fields.items() if type(None) in get_args(field.annotation)}
    return {name: None if name in optional and text.lower() == "none" else text for name, text in settings.items()}


def _expect(bench: Any, pairs: Any) -> None:
    for name, value in _settings(pairs).items():
        bench.expect(name, value)


def _settings(pairs: Any) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair!r}: write --set name=value, e.g. --set dwell='2 s'")
        found[name.strip()] = value.strip()
    return found


def tell(record: Any, only: Sequence[str] | None = None) -> int:
    """Print a record's results, problems and report; return the exit status.

    Args:
        record: of a run.
        only: names of the analyses to print; by default all.
    """
    declared = dict.fromkeys((*record.provenance.get("analyses", ()), *record.results) if only is None else only)
    for name in declared:
        if name in record.results:
            print("\n".join([f"{name}:", *_lines(record.results[name])]))
    for path in sorted(record.folder.glob("calibrations/*.yaml")) if record.folder else ():
        name, _, replaced = path.stem.partition(".")
        print(f"calibration {name!r}: {'the one before it is' if replaced else 'written to'} {path}")
    for problem in record.problems:
        print(f"problem: {problem}", file=sys.stderr)
    which = record.procedure if record.run_id is None else f"run {record.run_id}"
    print(f"{which}: {record.status}, {record.data.sizes.get('row', 0)} rows")
    print(f"report: {record.report}")
    return FAILED if record.problems else DONE


def _lines(result: Any) -> Iterator[str]:
    """Yield one line per number, word and note of a result."""
    fields = result if isinstance(result, Mapping) else vars(result)
    shown = {name: text for name, value in _scalars(fields) if isinstance(value, (Value, str)) and (text := str(value))}
    width = max(20, *(len(name) + 2 for name in shown))
    for name, text in shown.items():
        yield f"  {name:<{width}}{text}"
    notes = fields.get("notes", ())
    for note in (notes,) if isinstance(notes, str) else notes:
        if note:
            yield f"  note: {note}"


def _scalars(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of each field, and of each item of a mapping."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}: {key}", item) for key, item in value.items())
        else:
            yield name, value


def analyze(options: argparse.Namespace) -> int:
    """Analyse a stored run again, or a file of time tags."""
    from perovskite_meas.hosts.records import reanalyse
    from perovskite_meas.hosts.tag_files import SUFFIXES, analyse_tags

    for name in options.analyses or ():
        find("analyses", name)
    path = Path(options.run)
    named_so = path.suffix.lower() in SUFFIXES
    if (named_so or not is_run_file(path)) if path.is_file() else (named_so and not path.exists()):
        settings = _settings(options.settings)
        if taken := {"file", "into", "analyses"} & settings.keys():
            raise UsageError(f"--set {min(taken)}=...: the file is {options.run}; use --into and --with for the others")
        return tell(analyse_tags(options.run, options.analyses, into=options.into, **settings), options.analyses)
    if options.settings:
        raise UsageError("--set is for files of time tags; a stored run keeps the parameters it was made with")
    stored = stored_run(options.run, options.into)
    return tell(reanalyse(stored, options.analyses, into=options.into), options.analyses)


def report(options: argparse.Namespace) -> int:
    """Write the report of a stored run again from what was measured."""
    from perovskite_meas.hosts.records import rereport

    record = rereport(stored_run(options.run, options.into), into=options.into)
    print(f"{record.procedure}: {record.status}, {record.data.sizes.get('row', 0)} rows")
    print(f"report: {record.report}")
    return FAILED if record.problems and record.status == "completed" else DONE


def virtual(options: argparse.Namespace) -> int:
    """Serve the virtual laboratory."""
    from perovskite_meas.sim.serve import serve

    with serve(options.table) as served:
        for instrument in served:
            print(f"{instrument.address:<42}{instrument.device:<10}{instrument.place}", flush=True)
        print("Ctrl-C ends it", flush=True)
        threading.Event().wait()
    return DONE
