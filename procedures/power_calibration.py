"""Calibrate the attenuator and the pick-off against a head at the sample, beside the dot.

The run keeps both calibrations in its folder; a bench whose `calibrations:` name files of their own gets them, too.
"""

import sys

from perovskite_meas import Linspace, load_bench, run
from perovskite_meas.procedures import PowerCalibration

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_confocal"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"

with load_bench(BENCH) as bench:
    record = run(PowerCalibration(angles=Linspace("0 deg", "90 deg", 37), average="0.1 s"), bench, into=RUNS)

result = record.results["power_calibration"]
print(f"power at the sample / pick-off reading  {result.ratio}")
print(f"highest power at the sample             {result.maximum.to('uW')}")
print(f"angle of the highest power              {result.angle_of_maximum}")
print(f"report                                  {record.report}")
