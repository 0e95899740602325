"""How fast a magneto-PL scan is simulated against the time it would take, and how long its analysis takes.

    python benchmarks/magneto.py [--runs 3] [--hours 14]

Each run is a whole `MagnetoPL` through drivers, wire protocols and World on the virtual table, with rows and results
on disk: once with its defaults, once with exposures so long that the scan takes at least `--hours` of laboratory time.
Then the analysis alone, on the stored dataset. Printed are medians over the runs, without the first (compiling).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from perovskite_meas import load_bench, run
from perovskite_meas.analyses.zeeman import zeeman
from perovskite_meas.procedures import MagnetoPL


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
    parser.add_argument("--hours", type=float, default=14.0, help="laboratory time of the long scan, at least")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder)
        short, _, _ = measure(MagnetoPL(), 0, into)
        frames = MagnetoPL().frames
        long = MagnetoPL()
        with load_bench("virtual_magneto", seed=0) as bench:
            from perovskite_meas.runner.plan import plan

            while plan(long, bench).duration < 3600 * options.hours:
                frames *= 2
                long = MagnetoPL(frames=frames, power="20 nW", exposure="20 s")
        for name, procedure in (("default", MagnetoPL()), ("long", long)):
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
        print(f"(first run, compiling: {short / 3600:.1f} h)")


if __name__ == "__main__":
    main()
