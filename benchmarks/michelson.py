"""How fast a Michelson scan is simulated against the time it would take, and how long its analysis takes.

    python benchmarks/michelson.py [--runs 5] [--world NAME]

Each run is a whole `MichelsonScan` with its defaults (20 delays x 25 sweeps x 64 points) through drivers, wire
protocols and World on the virtual table, with rows, tags and results on disk; then the analysis alone, on the stored
dataset. Printed are medians over the runs, the first of which (compiling) is left out.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from perovskite_meas import load_bench, run
from perovskite_meas.analyses.coherence import coherence
from perovskite_meas.procedures import MichelsonScan


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="timed runs")
    parser.add_argument("--world", default=None, help="packaged world in place of the table's own")
    options = parser.parse_args()
    ratios, walls, analyses, recovered = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.runs + 1):
            with load_bench("virtual_michelson", world=options.world, seed=seed) as bench:
                begun, started = time.perf_counter(), bench.clock.now()
                record = run(MichelsonScan(), bench, into=Path(folder))
                wall, simulated = time.perf_counter() - begun, bench.clock.now() - started
            begun = time.perf_counter()
            result = coherence(record.data)
            took = time.perf_counter() - begun
            if seed:
                walls.append(wall)
                ratios.append(simulated / wall)
                analyses.append(took)
                recovered.append(f"{result.t2}")
    rows = record.data.sizes["row"]
    print(f"one scan: {rows} bursts, {simulated:.0f} s of laboratory time")
    print(f"wall time, everything    {statistics.median(walls):8.2f} s")
    print(f"simulated / wall         {statistics.median(ratios):8.1f} x   (goal: at least 20 x)")
    print(f"analysis alone           {statistics.median(analyses):8.2f} s   (goal: less than 2 s)")
    print(f"T2 by run                {', '.join(recovered)}")


if __name__ == "__main__":
    main()
