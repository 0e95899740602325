"""How fast a magneto-PL scan is simulated against the time it would take, and how long its analysis takes.

    python benchmarks/magneto.py [--runs 3]

Each run is a whole `MagnetoPL` through drivers, wire protocols and World on the virtual table, with rows and results
on disk: once with its defaults, once over 65 fields with ten exposures of a minute at each, some 14 hours of
laboratory time. Then the analysis alone, on the stored dataset. Printed are medians over the runs, without the first
(compiling).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from perovskite_meas import Linspace, load_bench, run
from perovskite_meas.analyses.zeeman import zeeman
from perovskite_meas.procedures import MagnetoPL

LONG = MagnetoPL(
    fields=Linspace("0 T", "7 T", 29),
    negative=Linspace("-1 T", "-7 T", 7),
    down_every=1,
    frames=10,
    exposure="60 s",
    power="10 nW",
)


def measure(procedure: MagnetoPL, seed: int, folder: Path) -> tuple[float, float, Any]:
    """Return simulated seconds, wall seconds and the record of one run."""
    with load_bench("virtual_magneto", seed=seed) as bench:
        begun, started = time.perf_counter(), bench.clock.now()
        record = run(procedure, bench, into=folder)
        return bench.clock.now() - started, time.perf_counter() - begun, record


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder)
        measure(MagnetoPL(), 0, into)
        for name, procedure in (("default", MagnetoPL()), ("long", LONG)):
            walls, ratios, analyses = [], [], []
            for seed in range(1, options.runs + 1):
                simulated, wall, record = measure(procedure, seed, into)
                begun = time.perf_counter()
                zeeman(record.data)
                analyses.append(time.perf_counter() - begun)
                walls.append(wall)
                ratios.append(simulated / wall)
            print(f"{name}: {record.data.sizes['row']} rows, {simulated / 3600:.1f} h of laboratory time")
            print(f"  wall time, everything  {statistics.median(walls):8.1f} s")
            print(f"  simulated / wall       {statistics.median(ratios):8.0f} x")
            print(f"  zeeman alone           {statistics.median(analyses):8.2f} s")


if __name__ == "__main__":
    main()
