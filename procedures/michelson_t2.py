"""The coherence time of one dot at 4 K from fringes under pulse pairs, at 20 delays in random order.

On a real table change one word, the bench: `python procedures/michelson_t2.py my_table/bench.yaml`.
"""

import sys

from perovskite_meas import Linspace, load_bench, run
from perovskite_meas.procedures import MichelsonScan

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_michelson"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"

scan = MichelsonScan(
    delays=Linspace("3 ps", "39 ps", 20),
    power="0.2 uW",
    fringes=4,
    points=64,
    dwell="2 ms",
    sweeps=25,
)

with load_bench(BENCH) as bench:
    record = run(scan, bench, into=RUNS)

result = record.results["coherence"]
print(f"T2            {result.t2}  ({result.model})")
print(f"linewidth     {result.linewidth}")
print(f"V at zero     {result.visibility_zero}")
print(f"pulse         {result.pulse_duration}, area of arm a {result.pulse_area} pi")
print(f"zero delay    {result.zero_delay}")
print(f"naively       {result.naive['max_min']}  by (max - min)/(max + min), and wrong")
print(f"verdict       {result.verdict}")
print(f"report        {record.report}")
