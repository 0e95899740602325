"""Calibrations: Malus' law both ways, refused extrapolation, and files that are whole or not there."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pytest

from perovskite_meas.bench import read_bench, write_calibration
from perovskite_meas.bench.calibration_file import from_mapping
from perovskite_meas.bench.calibrations import AttenuatorCalibration
from perovskite_meas.bench.limits import Beam
from perovskite_meas.core import Value
from perovskite_meas.core.errors import CalibrationError, LimitError, UsageError

ATTENUATOR = {
    "date": dt.date(2026, 11, 2),
    "maximum": 1.2e-4,
    "angle_of_maximum": 12.5,
    "extinction": 1e-4,
    "range": [5e-7, 1.1e-4],
}


def test_the_angle_for_a_power_gives_that_power_back_on_one_branch():
    malus = from_mapping("attenuator", ATTENUATOR)
    assert isinstance(malus, AttenuatorCalibration)
    powers = [5e-7, 1e-6, 1e-5, 6e-5, 1.1e-4]
    angles = [malus.angle_for(power) for power in powers]
    assert angles == sorted(angles, reverse=True)
    assert all(12.5 < angle < 57.5 for angle in angles)
    assert [malus.power_at(angle) for angle in angles] == pytest.approx(powers, rel=1e-9)
    assert malus.power_at(malus.angle_of_minimum) == pytest.approx(1.2e-8)
    assert malus.power_at(12.5 + 22.5) == pytest.approx(6e-5, rel=2e-4)


@pytest.mark.parametrize("watt", [4e-7, 1.2e-4, float("nan")])
def test_extrapolation_names_value_range_file_date_and_what_to_do(watt):
    malus = from_mapping("attenuator", ATTENUATOR)
    with pytest.raises(CalibrationError) as caught:
        malus.angle_for(watt)
    for part in ("outside 500 nW .. 110 uW", "'attenuator'", "2026-11-02", "run PowerCalibration"):
        assert part in str(caught.value)


def test_peak_fluence_and_irradiance_agree_with_the_oracle_of_the_facts(bench):
    """9.42 uW at 5 MHz in a 433 nm waist are 0.640 mJ/cm^2 (the oracle for <N> = 1)."""
    beam = Beam(bench.spec.spot, bench.spec.pulse)
    assert beam.fluence(9.42e-6) == pytest.approx(0.640e-3, rel=2e-3)
    assert beam.irradiance(9.42e-6) == pytest.approx(0.640e-3 * 0.939437 / 150e-15, rel=2e-3)
    assert beam.dose(9.42e-6 / 5e6) == pytest.approx(0.640e-3, rel=2e-3)


@pytest.mark.parametrize(("shape", "factor"), [("gauss", 0.939437), ("sech2", 0.881374), ("rect", 1.0)])
def test_the_peak_of_each_pulse_shape_is_its_own(make, shape, factor):
    spec = make({"shape: gauss": f"shape: {shape}"}).spec
    beam = Beam(spec.spot, spec.pulse)
    assert beam.irradiance(1e-6) / beam.fluence(1e-6) == pytest.approx(factor / 150e-15, rel=1e-6)


def test_a_measured_calibration_is_written_whole_and_read_back(tmp_path: Path, write):
    measured = {
        "date": dt.date(2026, 11, 20),
        "ratio": Value(0.098, 0.002, "1"),
        "range": [5e-7, 1.1e-4],
        "zero": Value(-2e-8, 3e-8, "W"),
        "maximum": Value(1.19e-4, 1e-6, "W"),
    }
    write_calibration(tmp_path / "calibrations" / "power.yaml", measured)
    inline = "{date: 2026-11-02, ratio: 0.1 +- 3 %, range: [0.5 uW, 110 uW], zero: 0 +- 0.5 uW,\n"
    inline += "                    extinction: 1e-4 +- 5e-5, maximum: 120 uW}"
    spec = read_bench(write(replace={inline: "{file: calibrations/power.yaml}"}))
    power = spec.power_at_sample
    assert power is not None
    assert (power.ratio, power.zero) == ((0.098, 0.002), (-2e-8, 3e-8))
    assert power.maximum == pytest.approx(1.19e-4)
    assert power.source.startswith("calibrations/power.yaml")
    assert "0.098 +- 0.002" in power.text
    assert [path.name for path in (tmp_path / "calibrations").iterdir()] == ["power.yaml"]


def test_a_failed_write_leaves_the_old_calibration(tmp_path: Path):
    path = tmp_path / "attenuator.yaml"
    write_calibration(path, ATTENUATOR)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_calibration(path, {**ATTENUATOR, "maximum": object()})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_installed_calibration_changes_the_most_that_is_assumed(make, lab):
    bench = make({"average_power: 90 uW": "average_power: 1 mW", "fluence: 10 mJ": "fluence: 100 mJ"})
    assert bench.guard.light == pytest.approx(1.2e-4)
    bench.install_calibration("attenuator", {**ATTENUATOR, "maximum": 3e-4})
    assert bench.guard.light == pytest.approx(3e-4)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_written_calibration_can_be_read_by_whom_its_folder_allows(tmp_path: Path):
    new, old = tmp_path / "new.yaml", tmp_path / "old.yaml"
    before = os.umask(0o027)
    try:
        write_calibration(new, ATTENUATOR)
        write_calibration(old, ATTENUATOR)
        old.chmod(0o664)
        write_calibration(old, ATTENUATOR)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (new, old)] == [0o640, 0o664]


def test_an_installed_calibration_is_used_at_once_and_asks_for_the_power_again(bench, lab):
    shutter, attenuator = bench.roles["shutter"], bench.roles["attenuator"]
    shutter.block()
    attenuator.set_power(1e-5)
    bench.install_calibration("attenuator", {**ATTENUATOR, "maximum": 6e-5, "range": [1e-6, 5e-5]})
    assert bench.guard.power is None
    with pytest.raises(LimitError, match=r"120 uW .* is assumed: call attenuator.set_power"), shutter.exposure():
        pass
    attenuator.set_power(3e-5)
    assert lab["ell14.angle"].value == pytest.approx(12.5 + 22.5, abs=0.01)
    assert bench.spec.calibrations["attenuator"].maximum == 6e-5
    assert "maximum: 6e-05 W" in bench.describe()["calibrations"]["attenuator"]["text"]


def test_a_wrong_calibration_is_refused_and_the_old_one_stays(bench):
    with pytest.raises(UsageError, match=r"maxmum: unknown key; did you mean 'maximum'"):
        bench.install_calibration("attenuator", {**ATTENUATOR, "maxmum": 1})
    with pytest.raises(UsageError, match="is a AttenuatorCalibration; the new one is a SpotCalibration"):
        bench.install_calibration("attenuator", {"kind": "spot", "date": "2026-11-02", "waist": 433})
    assert bench.spec.calibrations["attenuator"].maximum == pytest.approx(1.2e-4)
