"""Antibunching of a fast dot under continuous light, at three powers: the lifetime is what remains at none.

On a real table change the bench and drop the world: `python procedures/hbt_cw.py my_table/bench.yaml`.
"""

import sys

from perovskite_meas import Values, load_bench, run
from perovskite_meas.procedures import HBT

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_confocal"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"
WORLD = "hbt_cw" if BENCH == "virtual_confocal" else None

dot = HBT(powers=Values("2 uW", "3 uW", "6 uW"), duration="60 s", chunk="10 s")

with load_bench(BENCH, world=WORLD) as bench:
    record = run(dot, bench, into=RUNS)

g2 = record.results["g2"]
print(f"g2(0)              {g2.g2_zero}  (raw {g2.g2_zero_raw}): {g2.verdict}")
print(f"antibunching time  {g2.antibunching_time}")
print(f"lifetime           {g2.lifetime}")
print(f"report             {record.report}")
