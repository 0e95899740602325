"""KnifeEdge on a table that logs every pulse: closing in on the cut, weak pulses, and no pulse astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import erf

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.errors import HardwareFault, ParameterError
from perovskite_meas.procedures.knife_edge import AXES, SERIES, KnifeEdge

Make = Callable[..., Any]
QUICK: dict[str, Any] = {"shots": 4}
CENTRE, WAISTS = 12.0, {"x": 1.5, "y": 0.1}
"""mm: of the table's focus."""


def rows_of(table: Any, parts: Make, edges: tuple[str, ...] = ("edge_x", "edge_y"), **parameters: Any) -> Any:
    made = parts(table)
    roles = table.roles(**{name: made[name] for name in ("sample_meter", *edges)})
    return KnifeEdge(**QUICK | parameters).measure(**roles)


def measured(table: Any, parts: Make, **parameters: Any) -> list[dict[str, Any]]:
    check = RowCheck(KnifeEdge.columns)
    found = []
    for row in rows_of(table, parts, **parameters):
        assert table.is_blocking()
        found.append(check(row))
    return found


def test_each_axis_is_looked_at_closely_where_the_edge_cuts(pulse_table: Make, parts: Make) -> None:
    table = pulse_table()
    rows = measured(table, parts)
    assert not table.stray()
    for axis, waist in WAISTS.items():
        own = [row for row in rows if row["axis"] == AXES[axis] and row["series"] != SERIES["dark"]]
        assert own[0]["series"] == own[-1]["series"] == SERIES["open"]
        places, ratios, sigmas = (np.array([row[name] for row in own]) for name in ("position", "ratio", "ratio_sigma"))
        truth = 0.5 * (1 - erf(np.sqrt(2) * (places - CENTRE) / waist))
        assert np.sum((truth > 0.05) & (truth < 0.95)) >= 5
        seen = truth > 0.02
        assert np.all(np.abs(ratios - truth)[seen] < np.maximum(6 * sigmas[seen], 0.02))
        assert np.all(ratios[~seen] < 0.03)
        assert np.all(sigmas > 0)
    assert table.blades["edge_x"] == table.blades["edge_y"] == 0.0, "the beam is free again"


def test_the_ratio_does_not_know_of_the_jitter_of_the_laser(pulse_table: Make, parts: Make) -> None:
    rows = [row for row in measured(pulse_table(), parts, shots=20, edges=("edge_x",)) if row["series"] == 2]
    assert [row["ratio"] for row in rows] == pytest.approx([1, 1], abs=0.01)
    assert max(row["ratio_sigma"] for row in rows) < 0.005
    assert {row["axis"] for row in rows} == {0}


def test_darks_send_pulses_to_the_pick_off_alone(pulse_table: Make, parts: Make) -> None:
    table = pulse_table()
    rows = rows_of(table, parts)
    first = next(rows)
    assert first["series"] == SERIES["dark"]
    assert first["shots"] == 4
    assert first["reference"] > 0
    assert first["energy"] == 0
    assert not table.film
    rows.close()
    assert table.is_blocking()


def test_an_edge_that_never_cuts_is_left_for_the_analysis_to_refuse(pulse_table: Make, parts: Make) -> None:
    table = pulse_table()
    made = parts(table)
    made["edge_x"].ends = (0.0, 5.0)
    roles = table.roles(sample_meter=made["sample_meter"], edge_x=made["edge_x"])
    rows = list(KnifeEdge(**QUICK).measure(**roles))
    assert sum(row["series"] == SERIES["edge"] for row in rows) == 12


def test_a_head_that_is_unplugged_ends_it_in_the_dark(pulse_table: Make, parts: Make) -> None:
    table = pulse_table()
    rows = rows_of(table, parts)
    next(rows), next(rows)
    table.unplugged = True
    with pytest.raises(HardwareFault, match="unplugged"):
        list(rows)
    assert table.is_blocking()
    assert not table.released


def test_wherever_it_fails_no_pulse_falls_outside_an_exposure(
    pulse_table: Make, parts: Make, struck: type[Exception]
) -> None:
    tiny = {"shots": 2, "points": 3, "fine": 3, "edges": ("edge_x",)}
    whole = pulse_table()
    list(rows_of(whole, parts, **tiny))
    for number in range(1, len(whole.steps) + 1, 3):
        table = pulse_table()
        table.strike = number
        with pytest.raises(struck):
            list(rows_of(table, parts, **tiny))
        assert table.is_blocking()
        assert not table.released
        assert not table.stray()
        assert table.shots() >= len(table.film)


def test_one_pulse_is_no_burst() -> None:
    with pytest.raises(ParameterError, match="shots = 1"):
        KnifeEdge(shots=1)
