"""Run and storage per row against the same rows by bare QCoDeS, and one query to a simulated instrument.

    python benchmarks/run_and_storage.py [--rounds 7] [--rows 200]

Everything is measured in one process, alternating, and told as medians and ratios.
"""

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import qcodes.dataset as qcd

from perovskite_meas import load_bench
from perovskite_meas.core import Column, Procedure, Rows, param
from perovskite_meas.core.roles import Clock
from perovskite_meas.hosts._store import DatasetSink, measurement, own_database, quiet_run
from perovskite_meas.runner.drive import drive

NAMES = tuple(f"column_{number}" for number in range(9))


class Ready(Procedure):
    """Yield rows that cost nothing to make."""

    rows: int = param(200, doc="how many")
    columns: ClassVar = tuple(Column(name, "V", name) for name in NAMES)

    def measure(self, *, clock: Clock) -> Rows:
        """Yield the rows."""
        for number in range(self.rows):
            yield dict.fromkeys(NAMES, number + 0.5)


def bare(rows: int) -> float:
    """Store the rows as a QCoDeS user would, flushing each; return s per row."""
    made = qcd.Measurement(name="bare")
    made.register_custom_parameter("row", paramtype="numeric")
    for name in NAMES:
        made.register_custom_parameter(name, setpoints=("row",), paramtype="numeric")
    with contextlib.redirect_stdout(io.StringIO()), made.run() as saver:
        began = time.perf_counter()
        for number in range(rows):
            saver.add_result(("row", number), *((name, number + 0.5) for name in NAMES))
            saver.flush_data_to_database()
        return (time.perf_counter() - began) / rows


def ours(rows: int, bench: object) -> float:
    """Drive the same rows through the runner; return s per row."""
    procedure = Ready(rows=rows)
    made = measurement("ours", procedure.columns, None, None)
    with quiet_run(made) as saver:
        began = time.perf_counter()
        drive(procedure, bench, DatasetSink(saver, procedure.columns), None, [])  # type: ignore[arg-type]
        return (time.perf_counter() - began) / rows


class NoTable:
    """A bench without roles, so that only running and storing is timed."""

    def bind(self, procedure: Procedure) -> dict[str, object]:
        """Return the clock alone."""
        return {"clock": None}

    def make_safe(self) -> list[str]:
        """There is nothing to make safe."""
        return []


def queries(rounds: int) -> dict[str, float]:
    """Return the median time of one get through a QCoDeS parameter, in s."""
    found = {}
    with load_bench("virtual_confocal") as bench:
        for name in ("pickoff.wavelength", "pickoff.power", "sc10.state", "ell14.angle", "sr400.gate_time"):
            instrument, parameter = name.split(".")
            get = getattr(bench.station.components[instrument], parameter).get
            times = []
            for _ in range(100 * rounds):
                began = time.perf_counter()
                get()
                times.append(time.perf_counter() - began)
            found[name] = statistics.median(times)
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--rows", type=int, default=200)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, own_database(Path(folder) / "bench.db"):
        experiment = qcd.load_or_create_experiment("benchmark", "none")
        pairs = [(ours(chosen.rows, NoTable()), bare(chosen.rows)) for _ in range(chosen.rounds)]
        experiment.conn.close()
    print(f"{chosen.rounds} rounds of {chosen.rows} rows with {len(NAMES)} columns, one flush each")
    print(f"  bare QCoDeS   {1e6 * statistics.median(other for _, other in pairs):8.0f} us per row (median)")
    print(f"  run + storage {1e6 * statistics.median(mine for mine, _ in pairs):8.0f} us per row (median)")
    print(f"  ratio         {statistics.median(mine / other for mine, other in pairs):8.2f}    (median of pairs)")
    print("one query through a QCoDeS parameter to a simulated instrument, median")
    for name, seconds in queries(chosen.rounds).items():
        print(f"  {name:<20}{1e6 * seconds:6.0f} us")
    check = "import sys, perovskite_meas; print([m for m in ('qcodes', 'pymeasure', 'matplotlib') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout.strip()
    print(f"frameworks loaded by `import perovskite_meas`: {loaded}")


if __name__ == "__main__":
    main()
