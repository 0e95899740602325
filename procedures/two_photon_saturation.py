"""Measure the two-photon cross-section of the dot under the objective.

On a real table change one word, the bench: `python procedures/two_photon_saturation.py my_table/bench.yaml`.
"""

import sys

from perovskite_meas import Logspace, load_bench, run, there_and_back
from perovskite_meas.procedures import TwoPhotonSaturation

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_confocal"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"

saturation = TwoPhotonSaturation(
    powers=there_and_back(Logspace("1.5 uW", "36 uW", 24)),
    dwell="1 s",
    reference="9.4 uW",
    reference_every=6,
)

with load_bench(BENCH) as bench:
    record = run(saturation, bench, into=RUNS)

result = record.results["saturation"]
print(f"cross-section       {result.cross_section}  ({result.convention})")
print(f"saturation fluence  {result.saturation_fluence}")
print(f"exponent            {result.low_power_slope}")
print(f"verdict             {result.verdict}")
print(f"report              {record.report}")
