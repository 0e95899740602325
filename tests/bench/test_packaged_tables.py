"""The packaged tables: read without a word, and the virtual one calibrated as its world is made."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from perovskite_meas.bench import Bench, read_bench
from perovskite_meas.bench.rehearsal import PlanningClock
from perovskite_meas.bench.roles import PlannedHandle
from perovskite_meas.core import to_unit
from perovskite_meas.procedures import PowerCalibration, TwoPhotonSaturation

MICHELSON = tuple(f"virtual_michelson/bench{more}.yaml" for more in ("", "_smc100", "_gcs", "_kpz"))
ASE = tuple(f"virtual_ase/bench{more}.yaml" for more in ("", "_2p", "_3p", "_maitai", "_chameleon"))
PROCEDURES = {
    "virtual_confocal": (TwoPhotonSaturation(), PowerCalibration()),
    "virtual_michelson": (PowerCalibration(),),
    "examples": (TwoPhotonSaturation(), PowerCalibration()),
}
BENCHES = ("virtual_confocal/bench.yaml", "examples/two_photon_table/bench.yaml", *MICHELSON)


@pytest.mark.parametrize("table", ["virtual_confocal/bench.yaml", *MICHELSON, *ASE])
def test_the_virtual_tables_do_not_age(checkout: Path, table: str):
    path = checkout / "station_configs" / table
    for day in (dt.date(2026, 1, 1), dt.date(2050, 1, 1)):
        assert read_bench(path, day).warnings == ()


def test_the_example_table_is_a_valid_bench(checkout: Path):
    path = checkout / "station_configs" / "examples" / "two_photon_table" / "bench.yaml"
    assert read_bench(path, dt.date(2026, 12, 1)).warnings == ()
    read_bench(path, dt.date(2050, 1, 1))  # calendar time alone breaks no example


@pytest.mark.parametrize("table", BENCHES)
def test_the_shipped_procedures_can_be_rehearsed_on_it(checkout: Path, table: str):
    def nothing(dotted: str) -> PlannedHandle:
        return PlannedHandle(dotted, PlanningClock())

    bench = Bench(read_bench(checkout / "station_configs" / table), nothing, PlanningClock())
    for procedure in PROCEDURES[table.split("/")[0]]:
        rehearsal = bench.rehearse(procedure)
        assert len(list(procedure.measure(**rehearsal.arguments))) > 30
        assert rehearsal.problems == []


@pytest.mark.parametrize("table", [*BENCHES, *ASE])
def test_every_role_names_an_instrument_of_its_station(checkout: Path, table: str):
    spec = read_bench(checkout / "station_configs" / table)
    instruments = YAML(typ="safe").load(spec.station.read_text(encoding="utf-8"))["instruments"]
    used = {dotted.split(".")[0] for role in spec.roles.values() for dotted in role.targets.values()}
    assert used == set(instruments)


def test_the_virtual_table_is_calibrated_as_its_world_is_made(checkout: Path):
    """Nominal values; what a session draws about them is for the procedures to find."""
    folder = checkout / "station_configs" / "virtual_confocal"
    spec = read_bench(folder / "bench.yaml")
    world = YAML(typ="safe").load((folder / "world.yaml").read_text(encoding="utf-8"))
    optics, laser, detectors = world["optics"], world["laser"], world["detectors"]
    plate, attenuator = optics["attenuator"], spec.calibrations["attenuator"]
    assert attenuator.maximum == to_unit(plate["maximum_power"], "W") == spec.power_at_sample.maximum
    assert attenuator.angle_of_maximum == to_unit(plate["angle_of_maximum"], "deg")
    assert attenuator.extinction == to_unit(plate["extinction"], "1") == spec.power_at_sample.extinction[0]
    assert spec.power_at_sample.ratio[0] == pytest.approx(1 / optics["pickoff_ratio"])
    assert spec.spot.waist[0] == to_unit(optics["waist"], "nm")
    assert spec.pulse.repetition_rate[0] == to_unit(laser["repetition_rate"], "Hz")
    assert spec.pulse.duration[0] == to_unit(laser["pulse_duration"], "fs")
    assert spec.pulse.shape == laser["pulse_shape"]
    assert spec.pulse.wavelength == to_unit(laser["wavelength"], "nm")
    assert spec.roles["counter"].options["dead_time"] == to_unit(detectors["apd"]["dead_time"], "ns")
    assert spec.roles["scanner"].options["scale"] == to_unit(optics["scanner_gain"], "um/V")
    spread = world["imperfections"]
    assert spec.power_at_sample.ratio[1] == pytest.approx(0.1 * to_unit(spread["meter_calibration"], "1"))
    assert spec.power_at_sample.zero[1] == to_unit(spread["meter_zero"], "W")
    assert spec.spot.waist[1] == pytest.approx(433 * to_unit(spread["spot_size"], "1"))
    assert spec.pulse.duration[1] == pytest.approx(150 * to_unit(spread["pulse_duration"], "1"))
    assert spec.spot.centring == to_unit(spread["off_centre"], "nm")


@pytest.mark.parametrize("table", MICHELSON)
def test_the_michelson_table_is_calibrated_as_its_world_is_made(checkout: Path, table: str):
    spec = read_bench(checkout / "station_configs" / table)
    assert spec.world is not None
    world = YAML(typ="safe").load(spec.world.read_text(encoding="utf-8"))
    optics, laser, sample, spread = (world[part] for part in ("optics", "laser", "sample", "imperfections"))
    plate, attenuator, delay = optics["attenuator"], spec.calibrations["attenuator"], spec.calibrations["delay"]
    assert attenuator.maximum == to_unit(plate["maximum_power"], "W") == spec.power_at_sample.maximum
    assert attenuator.angle_of_maximum == to_unit(plate["angle_of_maximum"], "deg")
    assert attenuator.extinction == to_unit(plate["extinction"], "1") == spec.power_at_sample.extinction[0]
    assert spec.power_at_sample.ratio == pytest.approx((1 / optics["pickoff_ratio"], 0.1 * 0.03))
    assert spec.power_at_sample.zero[1] == pytest.approx(to_unit(spread["meter_zero"], "W"))
    assert spec.pulse.repetition_rate[0] == to_unit(laser["repetition_rate"], "Hz")
    assert spec.pulse.duration[0] == to_unit(laser["pulse_duration"], "fs")
    assert spec.pulse.duration[1] == pytest.approx(2000 * to_unit(spread["pulse_duration"], "1"))
    assert (spec.pulse.shape, spec.pulse.wavelength) == (laser["pulse_shape"], to_unit(laser["wavelength"], "nm"))
    assert spec.spot.waist[0] == to_unit(optics["waist"], "nm")
    assert delay.zero == pytest.approx((to_unit(optics["zero_position"], "mm"), to_unit(spread["zero_offset"], "mm")))
    assert delay.scale.air_index == optics["air_index"]
    assert spec.roles["reference"].options["wavelength"] == to_unit(optics["reference_wavelength"], "nm")
    low, high, unit = spec.roles["delay"].options["fine_range"]
    travel = to_unit(optics["fine_range"], "um")
    if unit == "V":
        assert delay.fine_scale[0] == to_unit(optics["fine_sensitivity"], "um/V")
    assert (low + high) / 2 * delay.fine_scale[0] == pytest.approx(travel / 2)
    assert 0 < low < high < travel / delay.fine_scale[0]
    tagger = spec.roles["tagger"].options
    assert [tagger[use] for use in ("signal", "monitor", "trigger")] == [0, 1, 2]
    assert tagger["dead_time"] == to_unit(world["detectors"]["signal"]["dead_time"], "ns")
    expect = spec.sample.expect
    for name, unit in (("t2", "ps"), ("pi_power", "W"), ("energy", "eV")):
        assert expect[name][0] == pytest.approx(to_unit(sample[name], unit), abs=expect[name][1])


@pytest.mark.parametrize("table", MICHELSON)
def test_every_address_of_a_michelson_station_is_wired(checkout: Path, table: str):
    spec = read_bench(checkout / "station_configs" / table)
    assert spec.world is not None
    wired = YAML(typ="safe").load(spec.world.read_text(encoding="utf-8"))["instruments"]
    stated = YAML(typ="safe").load(spec.station.read_text(encoding="utf-8"))["instruments"].values()
    assert {entry["address"] for entry in stated if "address" in entry} <= set(wired)
