"""What a run would do, in the few lines that PyMeasure's EstimatorWidget shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perovskite_meas.bench import Bench, read_bench
from perovskite_meas.bench.roles import PlannedHandle
from perovskite_meas.core.clock import WallClock
from perovskite_meas.core.errors import PerovskiteMeasError
from perovskite_meas.core.procedure import Procedure
from perovskite_meas.core.units import show
from perovskite_meas.runner.plan import Plan, duration, plan

from .qcodes_bench import bench_file

_LABELS = ("Rows", "Duration", "Dose on the emitter", "Highest power", "Expected sigma", "Plan")
"""Always all of them: the widget refuses another number of lines than at first."""


class ClosedBench(Bench):
    """A bench without instruments: good for a dry run, also while another run has the table."""

    def __init__(self, file: str) -> None:
        clock = WallClock()
        super().__init__(read_bench(bench_file(file)), lambda dotted: PlannedHandle(dotted, clock), clock)

    def conditions(self) -> dict[str, Any]:
        """Return the bench's conditions, with the usual convention where the sample's is not stated."""
        found = super().conditions()
        found.setdefault("sample", {}).setdefault("two_photon_convention", "absorbed_photons")
        return found


def estimates(procedure: Callable[[], Procedure], bench: str) -> list[tuple[str, str]]:
    """Return label and text of each estimate; what keeps the run from starting is said in the last one."""
    try:
        made = procedure()
        closed = ClosedBench(bench)
        problems = closed.check(made)
        planned = None if problems else plan(made, closed)
    except (PerovskiteMeasError, OSError) as error:
        return _lines(None, str(error))
    if planned is None:
        return _lines(None, "; ".join(problems))
    return _lines(planned, "; ".join(planned.problems) or "ready")


def _lines(planned: Plan | None, verdict: str) -> list[tuple[str, str]]:
    if planned is None:
        return [*((label, "unknown") for label in _LABELS[:-1]), (_LABELS[-1], verdict)]
    sigmas = [
        f"{key} {100 * value:.2g} %" for forecast in planned.forecasts.values() for key, value in forecast.sigma.items()
    ]
    texts = (
        str(planned.rows),
        duration(planned.duration),
        "unknown" if planned.dose is None else show(planned.dose, "J/cm^2"),
        "unknown" if planned.max_power is None else show(planned.max_power, "W"),
        ", ".join(sigmas) or "unknown",
        verdict,
    )
    return list(zip(_LABELS, texts, strict=True))
