"""bench.yaml to Bench: role adapters, limits, safe state, calibrations and dose."""

from .bench import Bench
from .calibration_file import write_calibration
from .handle import Handle, Resolve
from .reading import read_bench
from .rehearsal import Rehearsal
from .spec import BenchSpec

__all__ = ["Bench", "BenchSpec", "Handle", "Rehearsal", "Resolve", "read_bench", "write_calibration"]
