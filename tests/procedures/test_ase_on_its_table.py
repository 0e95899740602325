"""Pulse-counting procedures through drivers, wire protocols and the simulated table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
import xarray as xr

from perovskite_meas import load_bench, run
from perovskite_meas.analyses.knife_edge import knife_edge
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.procedures.ase_fluence import SERIES, ASEFluence
from perovskite_meas.procedures.knife_edge import KnifeEdge
from perovskite_meas.procedures.variable_stripe import VariableStripe
from perovskite_meas.runner.plan import plan

QUICK: dict[str, Any] = {
    "fluences": "Logspace('2 uJ/cm^2', '20 uJ/cm^2', 4)",
    "shots": 3,
    "scout": 5,
    "scout_shots": 2,
    "fresh_spots": 1,
    "fresh_points": 3,
    "check_every": 0,
    "polarised": 2,
}
LASER, HEAD = "TCPIP0::192.168.0.30::20020::SOCKET", "ASRL5::INSTR"


def laboratory() -> Any:
    return pyvisa.ResourceManager("virtual_ase@twin").visalib


@contextmanager
def watched(bench: Any) -> Iterator[list[tuple[float, float]]]:
    """Note when exposures were declared: from before the shutter opens until it is confirmed to block."""
    shutter, declared = bench.roles["shutter"], []
    exposure = shutter.exposure

    @contextmanager
    def noted() -> Iterator[None]:
        began = bench.clock.now()
        try:
            with exposure():
                yield
        finally:
            declared.append((began, bench.clock.now()))

    shutter.exposure = noted
    try:
        yield declared
    finally:
        shutter.exposure = exposure


def astray(declared: list[tuple[float, float]]) -> list[float]:
    """Return the times of pulses on the film outside declared exposures, a good while after the last one."""
    laboratory().clock.advance(5.0)
    times = [shot.t for shot in laboratory().world.shots()]
    return [t for t in times if not any(began <= t <= ended for began, ended in declared)]


def of(data: Any, series: str) -> Any:
    return data.isel(row=data.series.values == SERIES[series])


def test_a_run_counts_its_pulses_and_ends_with_the_table_dark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ASEFluence, "analyses", ())
    sweep = ASEFluence(**QUICK)
    with load_bench("virtual_ase", seed=3) as bench:
        planned = plan(sweep, bench)
        with watched(bench) as declared:
            record = run(sweep, bench, into=tmp_path, progress=False)
            assert astray(declared) == []
        fired = laboratory().world.shots()
        assert bench.roles["shutter"].is_blocking()
    data = record.data
    assert record.status == "completed"
    assert not record.problems
    assert 0 <= data.sizes["row"] - planned.rows <= 12, "overlaps and what the knee asks for"
    assert not planned.problems
    lit = data.isel(row=data.series.values != SERIES["dark"])
    assert len(fired) == int(data.shots.sum())
    assert set(lit.shots.values) == {2, 3}
    assert lit.paired.values.all()
    assert not lit.uncertain.values.any()
    measured = lit.fluences.values[lit.fluences.values > 0]
    true = np.array([shot.fluence for shot in fired])
    scale = np.median(measured / true)
    assert scale == pytest.approx(1, abs=0.2)
    np.testing.assert_allclose(measured / true, scale, rtol=0.05, err_msg="which pulse is which")
    main = [shot.fluence for shot in fired[:-3] if abs(shot.y_mm - fired[-1].y_mm) < 0.1]
    assert lit.dose.values[-1] == pytest.approx(sum(main), rel=0.2)
    bright = of(data, "up").isel(row=-1)
    light = bright.spectra.values[:3].sum(axis=1)
    assert np.argsort(light).tolist() == np.argsort(bright.fluences.values[:3]).tolist()
    assert len(of(data, "overlap").row) >= 1


def test_a_run_that_is_left_and_one_that_fails_leave_no_pulse_astray() -> None:
    sweep = ASEFluence(**QUICK | {"scout": 2})
    with load_bench("virtual_ase") as bench, watched(bench) as declared:
        rows = sweep.measure(**bench.bind(sweep))
        for _ in range(6):
            next(rows)
        rows.close()
        assert len(declared) == 4
        assert astray(declared) == []
        rows = sweep.measure(**bench.bind(sweep))
        for _ in range(4):
            next(rows)
        laboratory().device(HEAD).faults.no_head()
        with pytest.raises(HardwareFault):
            list(rows)
        assert bench.roles["shutter"].is_blocking()
        laboratory().device(HEAD).faults.head()
        assert astray(declared) == []
        rows = sweep.measure(**bench.bind(sweep))
        for _ in range(4):
            next(rows)
        laboratory().device(LASER).faults.stick_picker()
        with pytest.raises(HardwareFault, match="picker does not hold"):
            list(rows)
        assert bench.roles["shutter"].is_blocking()
        assert astray(declared) == []


def test_without_a_picker_the_shutter_counts_the_pulses_of_an_amplifier() -> None:
    sweep = ASEFluence(
        **QUICK | {"photons": 2, "fluences": "Logspace('5 mJ/cm^2', '25 mJ/cm^2', 3)", "fresh_spots": 0, "down": False}
    )
    with load_bench("virtual_ase/bench_maitai.yaml") as bench, watched(bench) as declared:
        rows = list(sweep.measure(**bench.bind(sweep)))
        assert astray(declared) == []
        fired = laboratory().world.shots()
    lit = [row for row in rows if row["series"] != SERIES["dark"]]
    assert sum(row["shots"] for row in lit) == len(fired)
    assert {row["shots"] - row["uncertain"] for row in lit} == {2, 3}
    assert sum(row["uncertain"] for row in lit) <= 2, "it opens between two pulses"
    assert all(row["paired"] for row in lit)
    (top,) = [row for row in lit if row["series"] == SERIES["up"]][-1:]
    light = top["spectra"][:3].sum(axis=1)
    assert np.argsort(light).tolist() == np.argsort(top["fluences"][:3]).tolist()


def test_the_radii_of_the_focus_are_found_where_the_edges_cut() -> None:
    scan = KnifeEdge(shots=3, points=9, fine=9)
    with load_bench("virtual_ase") as bench:
        rows = list(scan.measure(**bench.bind(scan)))
        truth = {name: laboratory().world.truth(name) for name in ("waist", "waist_y")}
    found = knife_edge(
        xr.Dataset({column.name: ("row", [row[column.name] for row in rows]) for column in scan.columns})
    )
    assert found.waist.nominal == pytest.approx(truth["waist"], rel=0.02)
    assert found.waist_y.nominal == pytest.approx(truth["waist_y"], rel=0.02)
    assert [row["shots"] for row in rows] == [3] * len(rows)


def test_stripes_of_many_lengths_are_pumped_and_the_short_one_at_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VariableStripe, "analyses", ())
    stripes = VariableStripe(
        fluences="Values('12 uJ/cm^2')", lengths="Values('0.1 mm', '0.3 mm', '0.6 mm')", shifts="Values('0.4 mm')",
        shots=2,
    )  # fmt: skip
    with load_bench("virtual_ase") as bench, watched(bench) as declared:
        planned = plan(stripes, bench)
        rows = list(stripes.measure(**bench.bind(stripes)))
        assert astray(declared) == []
    assert planned.rows == pytest.approx(len(rows), abs=2)
    kept = sorted((row["length"], row) for row in rows if row["series"] == 1 and not row["saturated"])
    assert [length for length, _ in kept] == pytest.approx([0.1, 0.3, 0.6], abs=5e-3)
    light = [float((row["spectra"][:2] - 300.0).sum()) / row["transmission"] for _, row in kept]
    assert light == sorted(light)
    assert light[-1] / light[0] > 8, "six times as long: gain"
    assert [row["near"] for row in rows if row["series"] == 2] == pytest.approx([0.4], abs=5e-3)
