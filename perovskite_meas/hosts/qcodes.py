"""Benches and runs in QCoDeS: stations in, ordinary datasets out."""

from __future__ import annotations

from ..runner.record import Record
from .qcodes_bench import QCoDeSBench, load_bench
from .qcodes_run import run
from .records import load_record

__all__ = ["QCoDeSBench", "Record", "load_bench", "load_record", "run"]
