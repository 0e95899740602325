"""Arguments in, exit status out: 0 done, 1 failed, 2 wrong usage or refused before any light, 3 aborted."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper

from perovskite_meas.core.errors import PerovskiteMeasError, UsageError

DONE, FAILED, REFUSED, ABORTED = 0, 1, 2, 3


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of `pmeas`."""
    top = argparse.ArgumentParser(prog="pmeas", description="Measurements of perovskite nanocrystals by light.")
    top.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    demo = verbs.add_parser("demo", help="run the shipped procedures on the virtual laboratory")
    demo.add_argument("--into", default="pmeas_demo", metavar="DIR", help="where the runs go (default: %(default)s)")
    demo.add_argument("--seed", type=int, metavar="N", help="another virtual session")

    verbs.add_parser("list", help="list procedures, analyses, roles and packaged tables")

    table = verbs.add_parser("table", help="show the files of a packaged table, or copy them")
    table.add_argument("name", metavar="NAME", help="of a packaged table")
    table.add_argument("--copy-to", metavar="DIR", help="a new folder that takes a copy, to make it one's own")

    check = verbs.add_parser("check", help="check a bench file; opens nothing without --live")
    check.add_argument("bench", metavar="BENCH", help="bench.yaml, its folder, or a packaged table's NAME or NAME/FILE")
    check.add_argument("--live", action="store_true", help="open the instruments and ask who they are")

    run = verbs.add_parser("run", help="run one procedure")
    run.add_argument("procedure", metavar="PROCEDURE")
    run.add_argument("--bench", metavar="BENCH", help="as for check; default: the procedure's own virtual table")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help="a parameter, with its unit"
    )
    run.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the sample, in place of the bench file's, e.g. biexciton_ratio='0.08 +- 0.01' of an HBT run",
    )
    run.add_argument("--into", default="runs", metavar="DIR", help="where the run goes (default: %(default)s)")
    run.add_argument("--dry-run", action="store_true", help="only predict duration, dose, irradiance and sigma")
    run.add_argument(
        "--world", metavar="FILE", help="another world (virtual tables): a file, or a packaged one's name (hbt_cw)"
    )
    run.add_argument("--seed", type=int, metavar="N", help="another session (virtual tables)")

    analyze = verbs.add_parser("analyze", help="analyse a stored run again, or a file of time tags")
    analyze.add_argument(
        "run", metavar="RUN", help="run folder, number, guid, results file, or tags (.ptu, .ht3, .spc, .h5 ...)"
    )
    analyze.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="for tags: background=FILE, dark=FILE, reference=FILE, detectors=0,1, chunk='10 s' ...",
    )
    analyze.add_argument("--with", action="append", metavar="NAME", dest="analyses", help="which analysis")
    analyze.add_argument("--into", default="runs", metavar="DIR", help="where runs.db lies (default: %(default)s)")

    report = verbs.add_parser("report", help="write the report of a stored run again")
    report.add_argument("run", metavar="RUN", help="run folder, number, guid, or results file")
    report.add_argument("--into", default="runs", metavar="DIR", help="where runs.db lies (default: %(default)s)")

    virtual = verbs.add_parser("virtual", help="the virtual laboratory by itself")
    actions = virtual.add_subparsers(dest="action", required=True, metavar="ACTION")
    serve = actions.add_parser("serve", help="serve a table's instruments to other programs until Ctrl-C")
    serve.add_argument("table", nargs="?", default="virtual_confocal", help="packaged table (default: %(default)s)")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `pmeas` and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A result with a plus-minus sign must not fail on a terminal that has none.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    from . import commands

    # QCoDeS logs a traceback of its own for what is told below on one screen.
    log = logging.getLogger("qcodes")
    level = log.level
    if not options.debug:
        log.setLevel(logging.CRITICAL)
    try:
        status = int(getattr(commands, options.verb)(options))
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt as stop:
        _tell_record(stop)
        print("aborted", file=sys.stderr)
        return ABORTED
    except PerovskiteMeasError as error:
        return _failed(error, options.debug)
    # The last line of defence: a lab wants one screen, not a traceback, and the right exit status.
    except Exception as error:
        return FAILED if _reader_left(error) else _failed(error, options.debug)
    finally:
        log.setLevel(level)


def _reader_left(error: Exception) -> bool:
    """Return whether nobody reads standard output any more (`pmeas list | head -1`)."""
    if not isinstance(error, BrokenPipeError) or hasattr(error, "record"):
        return False
    # Python flushes once more at its end; there it would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _failed(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    kind = "" if isinstance(error, PerovskiteMeasError) else f"{type(error).__name__}: "
    print(f"pmeas: {kind}{error}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {note}", file=sys.stderr)
    _tell_record(error)
    if isinstance(error, UsageError) and not hasattr(error, "record"):
        return REFUSED
    return FAILED


def _tell_record(error: BaseException) -> None:
    record = getattr(error, "record", None)
    if record is None:
        return
    rows, host = record.data.sizes.get("row", 0), record.provenance.get("host", {})
    if record.folder is None or (record.folder / "data.nc").is_file() or "database" not in host:
        print(f"{rows} rows are kept in {record.folder}", file=sys.stderr)
    else:
        print(
            f"the rows are in {host['database']} alone, and not in {record.folder}: make room, then pmeas report "
            f"{_quoted(str(record.folder))}",
            file=sys.stderr,
        )
    for problem in record.problems:
        print(f"  {problem}", file=sys.stderr)
    if record.folder is not None and record.data.sizes.get("row", 0):
        print(f"report: {record.report}", file=sys.stderr)
        print(f"to analyse what there is: pmeas analyze {_quoted(str(record.folder))}", file=sys.stderr)


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path
