"""Is it one dot? Antibunching, lifetime and blinking under pulses; then its biexciton ratio helps the cross-section.

On a real table change one word, the bench: `python procedures/hbt.py my_table/bench.yaml`.
"""

import sys

from perovskite_meas import load_bench, run
from perovskite_meas.procedures import HBT, TwoPhotonSaturation

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_confocal"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"

with load_bench(BENCH) as bench:
    saturation = run(TwoPhotonSaturation(), bench, into=RUNS)
    dot = HBT(powers="Values('3 uW')", duration="300 s", chunk="10 s", saturation=str(saturation.folder))
    record = run(dot, bench, into=RUNS)
    g2 = record.results["g2"]
    if g2.biexciton_ratio is not None:
        bench.expect("biexciton_ratio", g2.biexciton_ratio)
    again = run(TwoPhotonSaturation(), bench, into=RUNS)

print(f"g2(0)            {g2.g2_zero}  (raw {g2.g2_zero_raw}): {g2.verdict}")
print(f"biexciton ratio  {g2.biexciton_ratio}")
print(f"lifetime         {record.results['lifetime'].lifetime}")
print(f"cross-section    {saturation.results['saturation'].cross_section}")
print(f"with this ratio  {again.results['saturation'].cross_section}")
print(f"report           {record.report}")
