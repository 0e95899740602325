"""The virtual magneto table: opens with both supplies, is calibrated as its world is made, and can be rehearsed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from perovskite_meas import load_bench, run
from perovskite_meas.bench import read_bench
from perovskite_meas.core.air import to_vacuum
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import Analyser, Cryostat, FocusingScanner, Magnet, Spectrograph
from perovskite_meas.core.units import to_unit
from perovskite_meas.hosts.qcodes_bench import closed_bench
from perovskite_meas.procedures.magneto_pl import MagnetoPL
from perovskite_meas.procedures.wavelength_calibration import WavelengthCalibration
from perovskite_meas.runner.plan import plan

TABLES = {"": "AMI 430", "_mercury": "Mercury iPS"}


def path_of(checkout: Path, more: str = "") -> Path:
    return checkout / "station_configs" / "virtual_magneto" / f"bench{more}.yaml"


@pytest.fixture
def bench() -> Iterator[Any]:
    with load_bench("virtual_magneto", seed=3) as found:
        for role in found.roles.values():
            role.begin()
        yield found
        assert found.make_safe() == []


def world_of(bench: Any) -> Any:
    (library,) = bench.libraries.values()
    return library.world


@pytest.mark.parametrize("more", TABLES, ids=TABLES.values())
def test_the_bench_is_read_without_a_word_and_every_address_is_wired(checkout: Path, more: str) -> None:
    spec = read_bench(path_of(checkout, more))
    assert spec.warnings == ()
    assert [str(step) for step in spec.safe_state] == [
        "shutter.block", "lamp.block", "reference.block", "attenuator.minimum", "magnet.hold",
    ]  # fmt: skip
    assert spec.world is not None
    wired = YAML(typ="safe").load(spec.world.read_text(encoding="utf-8"))["instruments"]
    stated = YAML(typ="safe").load(spec.station.read_text(encoding="utf-8"))["instruments"]
    assert {entry["address"] for entry in stated.values() if "address" in entry} <= set(wired)
    used = {dotted.split(".")[0] for role in spec.roles.values() for dotted in role.targets.values()}
    assert used == set(stated)


def test_it_is_calibrated_as_its_world_is_made(checkout: Path) -> None:
    spec = read_bench(path_of(checkout))
    assert spec.world is not None
    world = YAML(typ="safe").load(spec.world.read_text(encoding="utf-8"))
    optics, laser, detectors = world["optics"], world["laser"], world["detectors"]
    spectrograph, camera, spread = world["spectrograph"], detectors["camera"], world["imperfections"]
    plate, attenuator = optics["attenuator"], spec.calibrations["attenuator"]
    assert attenuator.maximum == to_unit(plate["maximum_power"], "W") == spec.power_at_sample.maximum
    assert attenuator.angle_of_maximum == to_unit(plate["angle_of_maximum"], "deg")
    assert spec.power_at_sample.ratio[0] == pytest.approx(1 / optics["pickoff_ratio"])
    assert spec.pulse.repetition_rate[0] == to_unit(laser["repetition_rate"], "Hz")
    assert spec.pulse.duration[0] == pytest.approx(to_unit(laser["pulse_duration"], "fs"))
    assert spec.pulse.wavelength == to_unit(laser["wavelength"], "nm")
    assert spec.spot.waist[0] == to_unit(optics["waist"], "nm")
    axis: Any = spec.calibrations["wavelength"]
    focal = to_unit(spectrograph["focal_length"], "mm") * 1e3 / to_unit(camera["pixel_size"], "um")
    groove = 1e6 / to_unit(spectrograph["grooves"], "1/mm")
    half = math.radians(to_unit(spectrograph["included_angle"], "deg")) / 2
    leaving = math.asin(axis.centre / (2 * groove * math.cos(half))) + half
    assert axis.focal == pytest.approx(focal)
    assert axis.dispersion[0] == pytest.approx(groove * math.cos(leaving) / focal, rel=1e-3)
    assert axis.curvature[0] == pytest.approx(-groove * math.sin(leaving) / (2 * focal**2), rel=1e-2)
    assert axis.offset[1] == to_unit(spread["turret_offset"], "nm")
    assert axis.dispersion[1] == pytest.approx(axis.dispersion[0] * to_unit(spread["dispersion_scale"], "1"))
    role = spec.roles["spectrometer"].options
    assert (role["pixels"], role["gain"], role["read_noise"]) == (
        camera["pixels"], to_unit(camera["gain"], "1"), to_unit(camera["read_noise"], "1"),
    )  # fmt: skip
    assert role["repeatability"] == pytest.approx(to_unit(spread["drive_offset"], "nm"))
    geometry: Any = spec.calibrations["geometry"]
    assert geometry.field_angle[0] == to_unit(optics["field_angle"], "deg")
    assert geometry.na == optics["na"]
    assert geometry.coil[1] == pytest.approx(to_unit(spread["field_scale"], "1"))
    assert spec.roles["analyser"].options["zero"] == to_unit(optics["analyser_zero"], "deg")
    assert spec.roles["reference"].options["wavelength"] == to_unit(optics["reference_wavelength"], "nm")
    scanner = spec.roles["scanner"].options
    assert scanner["z_scale"] == to_unit(optics["focus_sensitivity"], "um/V")
    low, high = scanner["z_range"]
    assert 0 < low < to_unit(optics["focus_position"], "um") < high < to_unit(optics["focus_range"], "um")
    expect = spec.sample.expect
    assert expect["energy"][0] == to_unit(world["sample"]["energy"], "eV")
    assert expect["brightness"][0] == to_unit(world["sample"]["brightness"], "cps")


def check_kinds(bench: Any) -> None:
    kinds = {
        "magnet": Magnet, "cryostat": Cryostat, "spectrometer": Spectrograph, "analyser": Analyser,
        "scanner": FocusingScanner,
    }  # fmt: skip
    for name, kind in kinds.items():
        assert isinstance(bench.roles[name], kind), name


def check_lamp(bench: Any) -> None:
    camera = bench.roles["spectrometer"]
    assert camera.centre_on(539.0) == pytest.approx(539.0, abs=0.01)
    dark = camera.expose(0.5).counts
    with bench.roles["lamp"].shining():
        lit = camera.expose(0.5)
    assert lit.saturated == 0
    assert lit.sensor <= -60
    axis = camera.wavelengths()
    near = np.abs(axis - to_vacuum(540.0562)) < 0.3
    top = axis[near][np.argmax((lit.counts - dark)[near])]
    assert top == pytest.approx(to_vacuum(540.0562), abs=0.1)  # turret 0.02 nm, dispersion 0.5 %


def check_moves(bench: Any) -> None:
    world, now = world_of(bench), bench.clock.now
    assert bench.roles["analyser"].set_angle(45.0) == pytest.approx(45.0, abs=0.2)
    assert world.port("analyser").angle(now()) == pytest.approx(12 + 22.5, abs=0.3)
    assert bench.roles["scanner"].focus_to(0.5) == pytest.approx(0.5, abs=0.02)
    found = bench.roles["magnet"].ramp_to(0.05)
    assert found.field == pytest.approx(0.05, abs=1e-3)
    assert world.port("magnet").nominal(now()) == pytest.approx(0.05, abs=1e-3)
    assert bench.roles["cryostat"].read().temperature == pytest.approx(4.0, abs=0.2)


def check_warm_camera(bench: Any) -> None:
    camera = bench.roles["spectrometer"]
    bench.station.camera.cooler(False)
    bench.clock.sleep(3600.0)
    with pytest.raises(HardwareFault, match="warmer than -60 degC"):
        camera.expose(0.01)


def test_its_instruments_do_what_their_roles_say(bench: Any) -> None:
    check_kinds(bench)
    check_lamp(bench)
    check_moves(bench)
    check_warm_camera(bench)
    assert world_of(bench).light_log() == []


def test_the_other_supply_drives_the_same_coil(checkout: Path) -> None:
    with load_bench(path_of(checkout, "_mercury")) as bench:
        for role in bench.roles.values():
            role.begin()
        assert bench.roles["magnet"].ramp_to(-0.02).field == pytest.approx(-0.02, abs=1e-3)
        assert world_of(bench).port("magnet").nominal(bench.clock.now()) == pytest.approx(-0.02, abs=1e-3)
        assert bench.make_safe() == []


@pytest.mark.slow
def test_a_run_calibrates_the_axis_and_leaves_the_sample_dark(tmp_path: Path) -> None:
    with load_bench("virtual_magneto", seed=4) as bench:
        planned = plan(WavelengthCalibration(centre=539.0), bench)
        assert (planned.problems, planned.rows, planned.dose) == ((), 8, 0.0)
        record = run(WavelengthCalibration(centre=539.0), bench, into=tmp_path)
        assert record.problems == ()
        found, world = record.results["wavelength_calibration"], world_of(bench)
        assert found.n_lines >= 4
        nominal = bench.spec.calibrations["wavelength"]
        assert found.dispersion.nominal == pytest.approx(7.89979e-3 * world.truth("dispersion_scale"), rel=1e-4)
        assert nominal.offset[0] == pytest.approx(found.offset.nominal)  # in use from now on
        assert record.folder is not None
        assert (record.folder / "calibrations" / "wavelength.yaml").is_file()
        assert world.light_log() == []


@pytest.mark.parametrize("more", TABLES, ids=TABLES.values())
def test_the_shipped_procedures_can_be_rehearsed_on_it(checkout: Path, more: str) -> None:
    closed = closed_bench(path_of(checkout, more))
    for procedure in (WavelengthCalibration(centre=539.0), MagnetoPL()):
        found = plan(procedure, closed)
        assert found.rows > 5
        assert found.problems == ()
