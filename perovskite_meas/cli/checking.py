"""`pmeas check`: a bench, its station and what can run there, every problem at once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from perovskite_meas.bench import Bench
from perovskite_meas.core.errors import BenchError, UsageError
from perovskite_meas.core.plugins import find, names

from .main import DONE


def check(options: argparse.Namespace) -> int:
    """Check a bench file, and its instruments with --live."""
    from perovskite_meas.hosts.qcodes import load_bench

    with load_bench(options.bench) if options.live else _read(options.bench) as bench:
        print(f"{bench.spec.path}: ok")
        for name, why in bench.absent.items():
            print(f"without the optional role {name!r}: {why}")
        for warning in bench.spec.warnings:
            print(f"  note: {warning}")
        for name, facts in bench.identities.items():
            print(f"  {name}: {', '.join(f'{key} {value}' for key, value in facts.items() if value)}")
        for name in names("procedures"):
            _tell_procedure(name, bench)
    return DONE


def _tell_procedure(name: str, bench: Bench) -> None:
    try:
        problems = bench.check(find("procedures", name))
    # One broken package of somebody else must not hide what can run; `find` refuses what cannot be imported.
    except Exception as error:
        what = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        print(f"  {name}: cannot be loaded: {what}")
        return
    print(f"  {name}: {'can run' if not problems else 'cannot run'}")
    for problem in problems:
        print(f"    {problem}")


def _read(bench: str) -> Any:
    """Read bench and station and import the drivers; opens nothing.

    Raises:
        BenchError: with every problem of both files.
    """
    from perovskite_meas.hosts._station import read_station
    from perovskite_meas.hosts.qcodes_bench import bench_file, closed_bench

    from .station_types import type_problems

    try:
        opened = closed_bench(bench)
    except BenchError as error:
        problems = [*error.problems]
        station = _station_of(bench_file(bench))
        if station is not None:
            try:
                read_station(station)
            except BenchError as other:
                problems += [problem for problem in other.problems if problem not in problems]
            problems += type_problems(station)
        raise BenchError(error.heading, problems) from error
    if problems := type_problems(opened.spec.station):
        raise BenchError(f"{opened.spec.path} does not fit its station:", problems)
    return opened


def _station_of(path: Path) -> Path | None:
    """Return the station file that a bench file with problems names; None where even that cannot be told."""
    try:
        loaded = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError):
        return None
    name = loaded.get("station") if isinstance(loaded, dict) else None
    station = path.parent / name if isinstance(name, str) else None
    return station if station is not None and station.is_file() else None
