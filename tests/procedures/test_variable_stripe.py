"""VariableStripe on a table that logs every pulse: lengths, the short stripe, and no pulse astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.errors import ParameterError
from perovskite_meas.procedures.variable_stripe import SERIES, VariableStripe

Make = Callable[..., Any]
QUICK: dict[str, Any] = {
    "fluences": "Values('6 uJ/cm^2', '9 uJ/cm^2')",
    "lengths": "Linspace('0.1 mm', '0.8 mm', 6)",
    "shifts": "Linspace('0 mm', '0.6 mm', 3)",
    "shots": 3,
}


def rows_of(table: Any, parts: Make, without: tuple[str, ...] = (), **parameters: Any) -> Any:
    made = parts(table)
    roles = table.roles("filter", "scanner", **{name: made[name] for name in ("spectrometer", "slit", "near")})
    found = {name: role for name, role in roles.items() if name not in without}
    return VariableStripe(**QUICK | parameters).measure(**found)


def measured(table: Any, parts: Make, **parameters: Any) -> list[dict[str, Any]]:
    check = RowCheck(VariableStripe.columns)
    found = []
    for row in rows_of(table, parts, **parameters):
        assert table.is_blocking()
        found.append(check(row))
    return found


def of(rows: list[dict[str, Any]], series: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["series"] == SERIES[series]]


def test_lengths_come_interleaved_then_the_short_stripe_then_the_first_length_again(
    pulse_table: Make, parts: Make
) -> None:
    table = pulse_table()
    rows = measured(table, parts)
    stripes = [row for row in of(rows, "stripe") if not row["saturated"]]
    assert [row["fluence_set"] for row in stripes] == [6e-6] * 6 + [9e-6] * 6
    assert [row["length"] for row in stripes[:6]] == pytest.approx([0.1, 0.38, 0.66, 0.8, 0.52, 0.24])
    assert {row["near"] for row in stripes} == {0.0}
    shifted = of(rows, "shifted")
    assert [row["near"] for row in shifted] == pytest.approx([0.0, 0.3, 0.6] * 2)
    assert [row["length"] for row in shifted] == pytest.approx([0.1] * 6)
    assert [row["length"] for row in of(rows, "return")] == pytest.approx([0.1, 0.1])
    assert {row["y"] for row in rows if row["fluence_set"] == 9e-6} == {500.0}
    assert len(of(rows, "dark")) == 4
    assert {row["shots"] for row in rows if row["series"]} == {3}
    assert not table.stray()
    assert table.shots() == len(table.film)


def test_emission_grows_with_the_stripe_behind_the_filter_that_it_needs(pulse_table: Make, parts: Make) -> None:
    table = pulse_table()
    table.bright = 3.0
    rows = measured(table, parts, fluences="Values('9 uJ/cm^2')")
    level = np.median(of(rows, "dark")[0]["spectra"])
    good = [row for row in of(rows, "stripe") if not row["saturated"]]
    light = {row["length"]: ((row["spectra"][:3] - level) / row["transmission"]).sum() for row in good}
    ordered = [light[length] for length in sorted(light)]
    assert ordered == sorted(ordered)
    assert len({row["step"] for row in good}) > 1


def test_without_a_near_blade_there_is_no_short_stripe(pulse_table: Make, parts: Make) -> None:
    rows = measured(pulse_table(), parts, without=("near",))
    assert not of(rows, "shifted")
    assert len(of(rows, "stripe")) >= 12


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"lengths": "Values('0.5 mm', '3 mm')"}, "stripes of 3 mm lie beyond the slit"),
        ({"shifts": "Values('0 mm', '1.95 mm')"}, "stripes of 2.05 mm"),
        ({"recording": "per shot"}, "recording='per point'"),
    ],
)
def test_what_the_table_cannot_do_is_refused_before_any_light(
    parameters: dict[str, Any], said: str, pulse_table: Make, parts: Make
) -> None:
    table = pulse_table(trigger="recording" not in parameters)
    with pytest.raises(ParameterError, match=said):
        measured(table, parts, **parameters)
    assert not table.film


def test_wherever_it_fails_no_pulse_falls_outside_an_exposure(
    pulse_table: Make, parts: Make, struck: type[Exception]
) -> None:
    tiny = {"fluences": "Values('6 uJ/cm^2')", "lengths": "Values('0.2 mm', '0.5 mm')", "shifts": "Values('0.2 mm')"}
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
