"""A power calibration is measured, kept, and used by the next run."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas import load_bench, run
from perovskite_meas.bench import read_bench
from perovskite_meas.procedures import PowerCalibration, TwoPhotonSaturation


def copy_of_the_table(folder: Path, checkout: Path) -> Path:
    shutil.copytree(checkout / "station_configs" / "virtual_confocal", folder)
    return folder / "bench.yaml"


def world_of(bench: Any) -> Any:
    return next(iter(bench.libraries.values())).world


@pytest.mark.parametrize("seeds", [range(1, 4), pytest.param(range(4, 13), marks=pytest.mark.slow)])
def test_a_power_calibration_meets_the_truth_of_the_world(tmp_path: Path, seeds: range) -> None:
    pulls = []
    for seed in seeds:
        with load_bench("virtual_confocal", seed=seed) as bench:
            record = run(PowerCalibration(), bench, into=tmp_path)
            assert record.problems == ()
            result = record.results["power_calibration"]
            world = world_of(bench)
            reading_per_watt = 1 / (world.truth("pickoff_ratio") * world.truth("pickoff.calibration"))
            pulls.append(result.ratio.pull(reading_per_watt))
            assert abs(result.angle_of_maximum.pull(world.truth("optics.attenuator.angle_of_maximum"))) < 5
            assert abs(result.pickoff_zero.pull(world.truth("pickoff.calibration") * world.truth("pickoff.zero"))) < 5
    assert max(abs(pull) for pull in pulls) < 4
    assert any(abs(pull) > 0.05 for pull in pulls)


def test_the_calibration_is_written_into_the_run_folder_and_into_the_benchs_own_files(
    tmp_path: Path, checkout: Path
) -> None:
    path = copy_of_the_table(tmp_path / "table", checkout)
    before = (path.parent / "calibrations" / "attenuator.yaml").read_text(encoding="utf-8")
    with load_bench(path, seed=4) as bench:
        record = run(PowerCalibration(), bench, into=tmp_path / "runs")
        ratio = record.results["power_calibration"].ratio
        assert bench.conditions()["power_at_sample"]["ratio"]["value"] == pytest.approx(ratio.nominal)
        assert run(TwoPhotonSaturation(dwell="20 ms"), bench, into=tmp_path / "runs").status == "completed"
    assert record.folder is not None
    kept = record.folder / "calibrations"
    assert {"attenuator.yaml", "power_at_sample.yaml"} <= {file.name for file in kept.iterdir()}
    assert (kept / "attenuator.replaced.yaml").read_text(encoding="utf-8") == before
    again = read_bench(path)
    assert again.power_at_sample is not None
    assert again.power_at_sample.ratio == pytest.approx((ratio.nominal, ratio.sigma))
    assert again.power_at_sample.date.isoformat() == record.data.attrs["started"][:10]


def test_a_packaged_table_is_never_written_to(tmp_path: Path, checkout: Path) -> None:
    folder = checkout / "station_configs" / "virtual_confocal" / "calibrations"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with load_bench("virtual_confocal", seed=4) as bench:
        run(PowerCalibration(), bench, into=tmp_path)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
