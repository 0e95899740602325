"""The Michelson scan through drivers, wire protocols and the simulated table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa

from perovskite_meas import load_bench, run
from perovskite_meas.core.errors import HardwareFault, PlanRefusedError
from perovskite_meas.hosts.qcodes_bench import closed_bench
from perovskite_meas.photons import read_tags
from perovskite_meas.procedures import MichelsonScan
from perovskite_meas.procedures._michelson_table import SERIES
from perovskite_meas.runner.plan import plan

QUICK: dict[str, Any] = {
    "delays": "Values(3, 12)",
    "points": 32,
    "sweeps": 8,
    "control_sweeps": 4,
    "reference_delays": 1,
    "background_delays": 1,
    "check_delay": None,
}
LIT = [SERIES[name] for name in ("on", "check", "arm_a", "arm_b", "power", "off_emitter")]


def world() -> Any:
    library: Any = pyvisa.ResourceManager("virtual_michelson@twin").visalib
    return library.world


def is_dark(bench: Any) -> bool:
    names = ("shutter", "shutter_a", "shutter_b")
    return all(bench.roles[name].is_blocking() for name in names) and not bench.roles["delay"].handles["ramping"].get()


def test_a_run_finds_zero_and_fringes_and_lights_the_sample_for_its_bursts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MichelsonScan, "analyses", ())
    with load_bench("virtual_michelson", seed=4) as bench:
        planned = plan(MichelsonScan(**QUICK), bench)
        record = run(MichelsonScan(**QUICK), bench, into=tmp_path, progress=False)
        delay: Any = bench.roles["delay"]
        truth = (world().truth("zero_delay") - 12.5) * delay.scale().per_length
        lit = [light for light in world().light_log() if light[2] > 1e-9]
        assert is_dark(bench)
    data = record.data
    assert record.status == "completed"
    assert not record.problems
    assert planned.rows == data.sizes["row"]
    assert planned.duration == pytest.approx(float(data.time[-1]), rel=0.2)
    assert float(data.zero[-1]) == pytest.approx(truth, abs=0.004 + 4 * float(data.zero_sigma[-1]))
    on = data.isel(row=data.series.values == SERIES["on"]).sortby("delay")
    near, far = on.visibility_running.values
    assert 0.6 < near < 0.8
    assert 0.2 < far < 0.45
    assert np.all(on.sweeps == 8)
    bursts = int(np.isin(data.series, LIT).sum())
    assert sum(light[1] - light[0] for light in lit) == pytest.approx(bursts * 0.6, rel=0.5)
    assert record.folder is not None
    tags = read_tags(record.folder / "photons.ptu")
    begun = tags.marker_values[tags.marker_values < 15]
    np.testing.assert_array_equal(begun, 1 + data.series.values.astype(int))


def test_after_any_row_the_table_is_dark_and_the_ramp_stands() -> None:
    with load_bench("virtual_michelson") as bench:
        scan = MichelsonScan(**QUICK | {"zero_span": 3})
        rows = scan.measure(**bench.bind(scan))
        for number, row in enumerate(rows):
            if number in (0, 1, 2, 12, 15, 18):
                assert is_dark(bench), number
            if row["series"] == SERIES["on"]:
                break
        rows.close()
        assert is_dark(bench)


def test_a_servo_that_switches_off_ends_the_scan_in_the_dark() -> None:
    with load_bench("virtual_michelson") as bench:
        scan = MichelsonScan(**QUICK | {"zero_span": 0})
        rows = scan.measure(**bench.bind(scan))
        for row in rows:
            if row["series"] == SERIES["on"]:
                break
        bench.roles["delay"].handles["servo"].set(False)
        with pytest.raises(HardwareFault, match="is off, so the fine axis goes where hysteresis takes it"):
            next(rows)
        assert is_dark(bench)


def test_delays_and_powers_beyond_the_table_are_refused_before_any_light(tmp_path: Path) -> None:
    with load_bench("virtual_michelson") as bench:
        with pytest.raises(ValueError, match="delays of 200 ps lie beyond the coarse axis"):
            run(MichelsonScan(**QUICK | {"delays": "Values(3, 200)"}), bench, into=tmp_path, progress=False)
        with pytest.raises(PlanRefusedError, match="average_power") as refused:
            run(MichelsonScan(**QUICK | {"power": "5 uW"}), bench, into=tmp_path, progress=False)
        (problem,) = refused.value.problems
        assert problem.startswith("area_powers asks for 16 x power = 16 x 5 uW at the sample")
        assert [word in problem for word in ("calibration 'attenuator'", "fluence")] == [True, True]
        assert problem.count("or change the limit there") == 1
        assert world().light_log() == []


@pytest.mark.parametrize(
    ("lacking", "series", "says"),
    [
        (
            "optics: {reference_rate: 0 cps}",
            "reference",
            "no fringes of the reference laser at 7.5 ps",
        ),
        ("optics: {monitor_rate: 0 cps}", "zero", "^the laser gives monitor"),
        ("sample: {brightness: 1 cps}", "power", "the first burst on the emitter gives signal"),
    ],
)
def test_light_that_is_missing_ends_the_scan_at_its_first_burst(
    lacking: str, series: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "world.yaml").write_text(f"table: michelson\n{lacking}\n", encoding="utf-8")
    with (
        load_bench("virtual_michelson", world=tmp_path / "world.yaml") as bench,
        pytest.raises(HardwareFault, match=says) as caught,
    ):
        run(MichelsonScan(**QUICK), bench, into=tmp_path, progress=False)
    data = caught.value.record.data  # type: ignore[attr-defined]
    assert data.series.values[-1] == SERIES[series]
    assert (data.series.values == SERIES[series]).sum() == 1


def test_a_dry_run_tells_the_sigma_of_t2_from_the_expectations_and_which_one_is_missing() -> None:
    with load_bench("virtual_michelson") as bench:
        planned = plan(MichelsonScan(), bench)
        lines = planned.lines()
        bench.expect("pi_power", "2.5 uW")
        stronger = "\n".join(plan(MichelsonScan(), bench).lines())
    told = "\n".join(lines)
    assert planned.forecasts["coherence"].sigma["t2"] == pytest.approx(0.008, rel=0.3)
    assert "delays         3 to 39 ps: 3.3 T2 of 11 ps" in told
    assert "pulse area     0.1 pi of each arm" in told
    assert "pulse area     0.2 pi of each arm" in stronger
    assert re.search(r"photons        [5-9]0*\d* per burst", told)
    assert not [word for word in ("<N>", "unknown", "column") if word in told]
    assert "zero delay" not in told
    with closed_bench("virtual_michelson") as closed:
        unsought = plan(MichelsonScan(zero_span=0), closed).lines()
        assert "  zero delay is not looked for: that of the calibration 'delay' is believed to 0.033 ps" in unsought
        del closed.spec.sample.expect["brightness"]
        without = "\n".join(plan(MichelsonScan(), closed).lines())
    assert "unknown: sample.expect.brightness" in without
    assert "sigma(t2)" not in without
    assert "3.3 T2" in without


def test_pymeasure_has_the_scan_with_its_choices() -> None:
    from perovskite_meas.hosts import pymeasure

    found = pymeasure.MichelsonScan()
    assert found.parameter_objects()["mode"].choices == ("streamed", "stepped")
    assert found.order == "random"
    assert found.points == 64
