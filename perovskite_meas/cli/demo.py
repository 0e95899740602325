"""`pmeas demo`: every shipped procedure on its virtual table, beside the hidden truth."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.plugins import find
from perovskite_meas.core.units import show
from perovskite_meas.core.value import Value
from perovskite_meas.report import add_truths
from perovskite_meas.runner.plan import duration

Line = tuple[str, str, str, str]


@dataclass(frozen=True)
class Entry:
    """One procedure of the demo, and which truth stands behind which result."""

    procedure: str
    truths: tuple[tuple[str, str | float], ...]
    """(result.field, name of the truth in the world)."""
    world: str | None = None
    """A packaged world in place of the table's own."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that differ from the default."""

    @property
    def title(self) -> str:
        """What is run, as a reader would say it."""
        return self.procedure if self.world is None else f"{self.procedure} in the world {self.world!r}"


ENTRIES = (
    Entry(
        "TwoPhotonSaturation",
        (
            ("saturation.cross_section", "two_photon_cross_section"),
            ("saturation.biexciton_ratio", "biexciton_ratio"),
            ("saturation.low_power_slope", 2.0),
        ),
    ),
    Entry(
        "HBT",
        (
            ("g2.g2_zero", "g2_zero"),
            ("g2.background_fraction", "background_fraction"),
            ("lifetime.lifetime", "lifetime"),
        ),
        settings={"duration": "30 s"},
    ),
    Entry(
        "HBT",
        (("g2.g2_zero", "g2_zero"), ("g2.antibunching_time", "antibunching_time")),
        world="hbt_cw",
        settings={"duration": "30 s"},
    ),
    Entry(
        "MichelsonScan",
        (
            ("coherence.t2", "t2"),
            ("coherence.visibility_zero", "visibility_zero"),
            ("coherence.linewidth", "linewidth"),
            ("coherence.pulse_duration", "pulse_duration"),
        ),
        settings={"delays": "Linspace('3 ps', '39 ps', 8)", "control_sweeps": 5},
    ),
    Entry(
        "MagnetoPL",
        (
            ("zeeman.bright_dark_splitting", "bright_dark_splitting"),
            ("zeeman.g_sum", "g_sum"),
            ("zeeman.g_diff", "g_diff"),
            ("zeeman.linewidth", "linewidth"),
        ),
        settings={"fields": "Linspace('0 T', '7 T', 6)", "negative": "Values('-7 T')", "down_every": 0, "decay": 0},
    ),
    Entry(
        "ASEFluence",
        (
            ("threshold.thresholds.gain_model", "threshold_fluence"),
            ("threshold.order", "photon_order"),
        ),
        settings={"fluences": "Logspace('0.5 uJ/cm^2', '30 uJ/cm^2', 20)", "shots": 10, "fresh_spots": 1},
    ),
)


def demo(options: argparse.Namespace) -> int:
    """Run every entry, print recovered against true, and say where the reports lie."""
    from perovskite_meas.hosts.qcodes import load_bench, run

    status = 0
    for entry in ENTRIES:
        kind = find("procedures", entry.procedure)
        print(f"{entry.title} on the table {kind.table!r}: real drivers, simulated instruments", flush=True)
        began = time.monotonic()
        with load_bench(kind.table, world=entry.world, seed=options.seed) as bench:
            started = bench.clock.now()
            record = run(kind(**entry.settings), bench, into=options.into, progress=True)
            simulated = bench.clock.now() - started
            world = next(iter(bench.libraries.values())).world
            lines = compare(record.results, entry.truths, world)
        wall = time.monotonic() - began
        if record.folder is not None and record.report is not None and record.report.is_file():
            add_truths(record.folder, lines)
        _print_table(lines)
        print(f"simulated {duration(simulated)} in {wall:.1f} s of wall time ({simulated / wall:.0f} x real time)")
        print(f"report: {record.report}")
        for problem in record.problems:
            print(f"problem: {problem}", file=sys.stderr)
            status = 1
    return status


def compare(results: Mapping[str, Any], truths: Sequence[tuple[str, str | float]], world: Any) -> list[Line]:
    """Return (quantity, recovered, true, difference in sigma) for each truth, by name in the world or as a number."""
    lines: list[Line] = []
    for dotted, name in truths:
        analysis, field_name, *keys = dotted.split(".")
        value = getattr(results.get(analysis), field_name, None)
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
            field_name = key
        truth = float(world.truth(name) if isinstance(name, str) else name)
        if isinstance(value, Value):
            lines.append((field_name, str(value), show(truth, value.unit), f"{value.pull(truth):+.2f}"))
        else:
            lines.append((field_name, "not determined", f"{truth:.4g}", ""))
    return lines


def _print_table(lines: Sequence[Line]) -> None:
    head: Line = ("quantity", "recovered", "true", "difference in sigma")
    widths = [max(len(row[column]) for row in [head, *lines]) for column in range(4)]
    for row in [head, *lines]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
