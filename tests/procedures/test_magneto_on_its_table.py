"""Magneto-PL through drivers, wire protocols and the simulated table."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa

from perovskite_meas import load_bench, run
from perovskite_meas.core.errors import HardwareFault, PlanRefusedError
from perovskite_meas.procedures import MagnetoPL
from perovskite_meas.procedures._magneto_identity import CODES
from perovskite_meas.procedures._magneto_roles import SERIES
from perovskite_meas.runner.plan import plan

QUICK: dict[str, Any] = {
    "fields": "Values(0, 2)",
    "negative": "Values(0)",
    "down_every": 0,
    "frames": 2,
    "polar_frames": 1,
    "darks": 1,
    "background_fields": 1,
    "background_frames": 1,
    "faraday_fields": 2,
    "decay": "1 s",
}
LIT = [SERIES[name] for name in ("on", "polar", "check", "background", "decay")]
AMI = "TCPIP0::192.168.0.20::7180::SOCKET"


def laboratory() -> Any:
    return pyvisa.ResourceManager("virtual_magneto@twin").visalib


def is_dark(bench: Any) -> bool:
    shutters = [bench.roles[name].handles["use"].get() for name in ("lamp", "reference")]
    return bench.roles["shutter"].is_blocking() and set(shutters) == {"closed"}


def test_a_run_visits_every_field_finds_the_dot_again_and_lights_it_for_its_exposures_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MagnetoPL, "analyses", ())
    scan = MagnetoPL(**QUICK)
    with load_bench("virtual_magneto", seed=4) as bench:
        planned = plan(scan, bench)
        record = run(scan, bench, into=tmp_path, progress=False)
        rotation = float(laboratory().world.truth("faraday_rotation"))
        lit = [light for light in laboratory().world.light_log() if light[2] > 1e-10]
        assert is_dark(bench)
        magnet: Any = bench.roles["magnet"]
        assert magnet.read().state == "holding"
    data = record.data
    assert record.status == "completed"
    assert not record.problems
    assert planned.duration == pytest.approx(float(data.time[-1]), rel=0.2)
    assert planned.rows == pytest.approx(data.sizes["row"], abs=8), "further corrections of the spot cannot be planned"

    def of(series: str) -> Any:
        return data.isel(row=data.series.values == SERIES[series])

    on, check = of("on"), of("check")
    np.testing.assert_array_equal(on.field_set, [0, 0, 2, 2])
    np.testing.assert_allclose(on.field, on.field_set, atol=2e-3)
    assert np.all(np.abs(on.field_change) < 1e-3)
    assert {*on.identity.values, *check.identity.values} == {CODES["same"]}
    moved = on.x.values[2] - on.x.values[0], on.y.values[2] - on.y.values[0]
    assert moved == pytest.approx((0.08, 0.05), abs=0.06)
    exposures = int(np.isin(data.series, LIT[:4]).sum())
    assert sum(light[1] - light[0] for light in lit) == pytest.approx(exposures * 4.3 + 3 * 1.1 + 3 * 2.5, rel=0.25)
    lamp = np.median([np.roll(of("lamp").spectrum.values[0], shift) for shift in range(-3, 4)], axis=0)
    brightest = of("lamp").wavelength.values[0][lamp.argmax()]
    assert brightest == pytest.approx(540.2064, abs=0.06), "Ne 540.0562 nm in air; a cosmic ray is narrower"
    assert float(of("decay").decay.sum()) == pytest.approx(3 * 5e3, rel=0.4)
    planes = {field: _plane(of("faraday").isel(row=of("faraday").field_set.values == field)) for field in (0.0, 2.0)}
    assert planes[2.0] - planes[0.0] == pytest.approx(2 * 2 * rotation, abs=2.5), "it passes the glass twice"


def _plane(rows: Any) -> float:
    """Return the plane of polarisation in deg of a line that is measured at evenly spread angles."""
    seen = rows.spectrum.values.max(axis=1) - np.median(rows.spectrum.values, axis=1)
    double = np.exp(2j * np.radians(rows.analyser.values))
    return float(np.degrees(np.angle((seen * double).sum()))) / 2


def test_a_lamp_that_is_out_is_told_before_the_dot_sees_light() -> None:
    with load_bench("virtual_magneto") as bench:
        scan = MagnetoPL(**QUICK)
        bench.roles["lamp"].handles["use"].set = lambda value: None  # type: ignore[method-assign]
        rows = scan.measure(**bench.bind(scan))
        with pytest.raises(HardwareFault, match="the lamp shows no line on the camera at 0 T"):
            list(rows)
        assert laboratory().world.light_log() == []


def test_a_quench_ends_the_run_in_the_dark_with_its_rows() -> None:
    with load_bench("virtual_magneto") as bench:
        laboratory().device(AMI).faults.quench_at(1.5)
        scan = MagnetoPL(**QUICK)
        kept: list[Any] = []
        with pytest.raises(HardwareFault, match="quench"):
            deque(map(kept.append, scan.measure(**bench.bind(scan))), 0)
        assert is_dark(bench)
    assert len(kept) > 5
    assert max(row["field"] for row in kept) < 1.5


def test_fields_and_powers_beyond_the_table_are_refused_before_any_light(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MagnetoPL, "analyses", ())
    with load_bench("virtual_magneto") as bench:
        with pytest.raises(ValueError, match="fields of 9 T lie beyond the magnet"):
            run(MagnetoPL(**QUICK | {"fields": "Values(0, 9)"}), bench, into=tmp_path, progress=False)
        with pytest.raises(PlanRefusedError, match="find_power asks for 50 uW"):
            run(MagnetoPL(**QUICK | {"find_power": "50 uW"}), bench, into=tmp_path, progress=False)
        assert laboratory().world.light_log() == []


def test_pymeasure_has_the_run_with_its_choices() -> None:
    from perovskite_meas.hosts import pymeasure

    found = pymeasure.MagnetoPL()
    assert found.parameter_objects()["order"].choices == ("up_down", "random", "interleaved")
    assert found.frames == 4
