"""Two-photon saturation puts the emitter on the beam axis before it measures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from perovskite_meas.core.errors import ParameterError
from perovskite_meas.core.roles import CentringScanner, Count, PowerReading
from perovskite_meas.procedures import TwoPhotonSaturation
from perovskite_meas.procedures.two_photon_saturation import SERIES, top

WAIST = 0.433
QUICK: dict[str, Any] = {"powers": "5 uW, 10 uW", "reference": None, "darks": 1, "background": False}


class Table:
    """Every role but the scanner, over one Gaussian emitter at a place in um; counts without noise."""

    def __init__(self, emitter: tuple[float, float]) -> None:
        self.emitter = emitter
        self.spot = (0.0, 0.0)
        self.open = False
        self.peak = 10_000.0

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...

    def dose(self) -> float:
        return 0.0

    def block(self) -> None:
        self.open = False

    def is_blocking(self) -> bool:
        return not self.open

    @contextmanager
    def exposure(self) -> Iterator[None]:
        self.open = True
        try:
            yield
        finally:
            self.open = False

    def set_power(self, watt: float) -> float:
        assert not self.open
        return watt

    def minimum(self) -> None: ...

    def read(self, seconds: float) -> PowerReading:
        return PowerReading(1e-6, 1e-5)

    def count(self, dwell: float) -> Count:
        away = sum((a - b) ** 2 for a, b in zip(self.spot, self.emitter, strict=True))
        return Count(round(self.peak * math.exp(-4 * away / WAIST**2)) if self.open else 0, dwell)


class PlainScanner:
    """A laboratory's own scanner from before centring."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.origin = (0.0, 0.0)

    def move_to(self, x: float, y: float) -> None:
        assert not self.table.open
        self.table.spot = (self.origin[0] + x, self.origin[1] + y)

    def on_emitter(self) -> None:
        self.move_to(0, 0)

    def off_emitter(self) -> None:
        self.move_to(3, 0)


class Steerable(PlainScanner):
    def position(self) -> tuple[float, float]:
        return self.table.spot[0] - self.origin[0], self.table.spot[1] - self.origin[1]

    def centre_on(self, x: float, y: float) -> None:
        self.origin = (self.origin[0] + x, self.origin[1] + y)


def measured(table: Table, scanner: Any, **parameters: Any) -> list[dict[str, Any]]:
    procedure = TwoPhotonSaturation(**QUICK | parameters)
    roles = dict.fromkeys(("shutter", "attenuator", "meter", "counter", "clock", "ledger"), table)
    return [dict(row) for row in procedure.measure(**roles, scanner=scanner)]  # type: ignore[arg-type]


def of(rows: list[dict[str, Any]], series: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["series"] == SERIES[series]]


@pytest.mark.parametrize(("emitter", "rounds"), [((0.03, -0.04), 1), ((0.15, 0.02), 2), ((-0.3, 0.3), 2)])
def test_the_sweep_is_taken_on_the_emitter(emitter: tuple[float, float], rounds: int) -> None:
    table = Table(emitter)
    rows = measured(table, Steerable(table))
    assert len(of(rows, "centring")) == 5 * rounds
    assert {row["power_set"] for row in of(rows, "centring")} == {4e-6}
    assert {row["live_time"] for row in of(rows, "centring")} == {0.5}
    assert (of(rows, "centring")[0]["x"], of(rows, "centring")[0]["y"]) == (0, 0)
    for row in of(rows, "up"):
        assert (row["x"], row["y"]) == pytest.approx(emitter, abs=2e-3)
    assert table.spot == pytest.approx(emitter, abs=2e-3)


@pytest.mark.parametrize("peak", [math.nan, 0.0, 5.0])
def test_counts_that_tell_no_top_leave_the_spot_where_it_was(peak: float, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table((0.05, 0.0))
    monkeypatch.setattr(table, "count", lambda dwell: Count(peak, dwell))
    rows = measured(table, Steerable(table))
    assert len(of(rows, "centring")) == 5
    assert {(row["x"], row["y"]) for row in of(rows, "up")} == {(0.0, 0.0)}


def test_without_centring_or_without_a_scanner_that_can_be_told_there_is_none() -> None:
    table = Table((0.05, 0.0))
    assert of(measured(table, Steerable(table), centring=False), "centring") == []
    plain = PlainScanner(table)
    assert not isinstance(plain, CentringScanner)
    for scanner in (plain, None):
        rows = measured(table, scanner)
        assert of(rows, "centring") == []
        assert {(row["x"], row["y"]) for row in rows} == {(0.0, 0.0)}, "every stored number must be finite"


def test_a_run_that_ends_within_the_cross_leaves_the_spot_on_the_emitter() -> None:
    table = Table((0.05, 0.0))
    roles = dict.fromkeys(("shutter", "attenuator", "meter", "counter", "clock", "ledger"), table)
    rows = TwoPhotonSaturation(**QUICK).measure(**roles, scanner=Steerable(table))  # type: ignore[arg-type]
    for _ in range(3):
        next(rows)
    assert table.spot != (0.0, 0.0)
    rows.close()
    assert table.spot == (0.0, 0.0)


def test_the_top_of_three_points_of_a_gaussian_is_exact() -> None:
    counts = [1e6 * math.exp(-4 * (x - 0.07) ** 2 / WAIST**2) for x in (-0.2, 0.0, 0.2)]
    assert top(0.2, *counts) == pytest.approx(0.07)
    assert math.isnan(top(0.2, 900, 100, 900))
    assert math.isnan(top(0.2, 1e6, 1.2e6, 1.43e6)), "more than two steps away"


@pytest.mark.parametrize("name", ["powers", "reference", "centring_power"])
def test_a_power_of_zero_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="is outside 1 pW"):
        TwoPhotonSaturation(**{name: 0})
