"""At which fluence does a film amplify its own light? One-, two- or three-photon pumping, pulse by pulse.

On a real table change one word, the bench: `python procedures/ase_fluence.py my_table/bench.yaml runs 2`.
"""

import sys

from perovskite_meas import Logspace, load_bench, run
from perovskite_meas.procedures import ASEFluence

BENCH = sys.argv[1] if len(sys.argv) > 1 else "virtual_ase"
RUNS = sys.argv[2] if len(sys.argv) > 2 else "runs"
PHOTONS = int(sys.argv[3]) if len(sys.argv) > 3 else 1

fluences = {
    1: Logspace("0.5 uJ/cm^2", "30 uJ/cm^2", 28),
    2: Logspace("3.6 mJ/cm^2", "30 mJ/cm^2", 28),
    3: Logspace("2.6 mJ/cm^2", "9.4 mJ/cm^2", 28),
}
if BENCH == "virtual_ase" and PHOTONS > 1:
    BENCH = f"virtual_ase/bench_{PHOTONS}p.yaml"

sweep = ASEFluence(photons=PHOTONS, fluences=fluences[PHOTONS], shots=20, recording="per shot")

with load_bench(BENCH) as bench:
    record = run(sweep, bench, into=RUNS)

result = record.results["threshold"]
print(f"threshold     {result.threshold}  ({result.primary})")
for name, value in result.thresholds.items():
    print(f"  {name:16} {value}")
print(f"order         {result.order}")
print(f"up and down   {result.reversible}")
print(f"light         {result.lasing}")
print(f"report        {record.report}")
