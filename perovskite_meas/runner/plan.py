"""The dry run: the same generator on planning roles, before any light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from perovskite_meas.core.analysis import Analysis, Forecast
from perovskite_meas.core.errors import AnalysisRefused, PlanRefusedError, RowError
from perovskite_meas.core.plugins import find
from perovskite_meas.core.units import show

if TYPE_CHECKING:
    from perovskite_meas.bench import Bench
    from perovskite_meas.core.columns import Column
    from perovskite_meas.core.procedure import Procedure


@dataclass(frozen=True)
class Plan:
    """What a run would do, as far as it can be known beforehand."""

    procedure: str
    rows: int
    duration: float
    """Seconds on the bench's clock."""
    moments: tuple[float, ...]
    """Planned end of each row, in s; the progress bar weighs rows by it."""
    dose: float | None
    """J/cm^2 at the emitter; None where the spot size is not stated."""
    max_power: float | None
    max_fluence: float | None
    max_irradiance: float | None
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    """What was taken for granted, one line each."""
    pulses: int | None = None
    """On the sample in all, where they are counted; the dose is then that of the spot that takes most."""

    def refuse(self) -> None:
        """Raise if a limit would be broken.

        Raises:
            PlanRefusedError: lists every limit and what to change.
        """
        if self.problems:
            raise PlanRefusedError(f"{self.procedure} was refused before any light:", self.problems)

    def lines(self) -> list[str]:
        """Return the plan as short lines; what cannot be known is called unknown."""
        where = "on the emitter" if self.pulses is None else "on the spot that takes most"
        text = [
            f"rows             {self.rows}",
            f"duration         {duration(self.duration)}",
            *([] if self.pulses is None else [f"pulses           {self.pulses} on the sample"]),
            f"dose             {_known(self.dose, 'J/cm^2')} {where}",
            f"power            up to {_known(self.max_power, 'W')} at the sample",
            f"peak fluence     up to {_known(self.max_fluence, 'J/cm^2')}",
            f"peak irradiance  up to {_known(self.max_irradiance, 'W/cm^2')}",
            *(f"taken for granted: {remark}" for remark in self.remarks),
        ]
        for name, forecast in self.forecasts.items():
            text.append(f"{name}:")
            if self.pulses is None or forecast.count_rate is not None:
                text.append(f"  count rate     up to {_known(forecast.count_rate, 'cps')}")
            if forecast.mean_excitations is not None:
                text.append("  <N>            {:.3g} to {:.3g}".format(*forecast.mean_excitations))
            text += [f"  sigma({key}) {100 * value:.2g} %" for key, value in forecast.sigma.items()]
            text += [f"  {note}" for note in forecast.notes]
            text += [f"  unknown: {item}" for item in forecast.unknown]
        return text


def duration(seconds: float) -> str:
    """Write a duration as people read it.

    Examples:
        >>> duration(95)
        '1:35'
        >>> duration(7322)
        '2:02:02'
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _known(value: float | None, unit: str) -> str:
    return "unknown" if value is None or not np.isfinite(value) else show(value, unit)


def plan(procedure: Procedure, bench: Bench) -> Plan:
    """Rehearse `procedure` on the bench's planning roles; opens and moves nothing.

    Raises:
        BenchError: a role or a condition that the procedure or its analyses need is missing.
    """
    rehearsal = bench.rehearse(procedure)
    columns = {column.name: column for column in procedure.columns}
    kept: dict[str, list[Any]] = {name: [] for name in columns}
    moments: list[float] = []
    started = rehearsal.clock.now()
    rows = procedure.measure(**rehearsal.arguments)
    try:
        for row in rows:
            for name in columns:
                if name not in row:
                    raise RowError(f"planned row {len(moments)}: no value for the declared column {name!r}")
                kept[name].append(row[name])
            moments.append(rehearsal.clock.now() - started)
    finally:
        rows.close()
    planned = xr.Dataset(
        {
            name: _column(columns[name], kept[name])
            for name in columns
            if not columns[name].array or _is_line(kept[name])
        },
        attrs={"conditions": bench.conditions(), "parameters": procedure.to_json()},
    )
    problems = rehearsal.refusals(procedure.why_power)
    forecasts: dict[str, Forecast] = {}
    for name in procedure.analyses:
        forecast = _forecast(find("analyses", name), planned)
        if forecast is None:
            continue
        forecasts[name] = forecast
        problems += _too_bright(forecast, bench)
    return Plan(
        procedure=type(procedure).__name__,
        rows=len(moments),
        duration=rehearsal.clock.now() - started,
        moments=tuple(moments),
        dose=rehearsal.dose,
        max_power=rehearsal.max_power,
        max_fluence=rehearsal.max_fluence,
        max_irradiance=rehearsal.max_irradiance,
        forecasts=forecasts,
        problems=tuple(problems),
        remarks=tuple(rehearsal.remarks),
        pulses=rehearsal.pulses,
    )


def _column(column: Column, values: list[Any]) -> tuple[tuple[str, ...], Any, dict[str, Any]]:
    made = np.asarray(values)
    return ("row", *(f"{column.name}_{axis}" for axis in range(made.ndim - 1))), made, column.attrs()


def _is_line(values: list[Any]) -> bool:
    """Return whether every row holds one line of one length; larger arrays hold what nobody knows beforehand."""
    shapes = {np.shape(value) for value in values}
    return len(shapes) == 1 and len(shapes.pop()) == 1


def _forecast(analysis: Analysis[Any], planned: xr.Dataset) -> Forecast | None:
    try:
        forecast = analysis.predict(planned)
        if not isinstance(forecast, Forecast | None):
            raise TypeError(f"it returned {forecast!r} and no Forecast")
    except AnalysisRefused as refusal:
        return Forecast(unknown=(str(refusal),))
    # Anyone's forecast runs here: a prediction that fails is no reason not to measure.
    except (Exception, SystemExit) as error:
        return Forecast(unknown=(f"the forecast failed: {type(error).__name__}: {error}",))
    return forecast


def _too_bright(forecast: Forecast, bench: Bench) -> list[str]:
    limit = bench.limits.count_rate
    if limit is None or forecast.count_rate is None or forecast.count_rate <= limit.value:
        return []
    return [limit.breach(forecast.count_rate, " expected")]
