"""Is the lowest state of one dot dark? Its spectrum at 4 K against magnetic field, up, down and reversed.

On a real table change one word, the bench: `python procedures/magneto_pl.py my_table/bench.yaml`.
"""

import sys

from perovskite_meas import Linspace, Values, load_bench, run
from perovskite_meas.procedures import MagnetoPL

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_magneto"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"

scan = MagnetoPL(
    fields=Linspace("0 T", "7 T", 15),
    negative=Values("-2 T", "-4.5 T", "-7 T"),
    exposure="4 s",
    frames=4,
    power="0.1 uW",
)

with load_bench(BENCH) as bench:
    record = run(scan, bench, into=RUNS)

result = record.results["zeeman"]
print(f"bright - dark  {result.bright_dark_splitting}: {result.ground_state}")
print(f"lowest gap     {result.lowest_gap}")
print(f"|g_e + g_h|    {result.g_sum}")
print(f"|g_e - g_h|    {result.g_diff}")
print(f"dark lifetime  {result.dark_lifetime}")
print(f"lines at B = 0 {record.results['fine_structure'].n_lines}")
print(f"verdict        {result.verdict}")
print(f"report         {record.report}")
