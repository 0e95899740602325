"""The virtual ASE table: opens with every laser, is calibrated as its worlds are made, and each role does its word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from perovskite_meas import load_bench
from perovskite_meas.bench import read_bench
from perovskite_meas.core.errors import HardwareFault, LimitError, UsageError
from perovskite_meas.core.plugins import find
from perovskite_meas.core.roles import (
    Analyser,
    ArmedSpectrometer,
    EnergyMeter,
    Filter,
    Positioner,
    Pulse,
    PulseAttenuator,
    Scanner,
    Spectrograph,
)
from perovskite_meas.core.units import to_unit
from perovskite_meas.hosts.qcodes_bench import closed_bench
from perovskite_meas.runner.plan import plan

PICKED = ("", "_2p", "_3p")
SEEDED = ("_maitai", "_chameleon")
KINDS = {
    "pulse": Pulse, "attenuator": PulseAttenuator, "meter": EnergyMeter, "sample_meter": EnergyMeter,
    "spectrometer": ArmedSpectrometer, "filter": Filter, "scanner": Scanner, "slit": Positioner, "near": Positioner,
    "edge_x": Positioner, "edge_y": Positioner, "analyser": Analyser,
}  # fmt: skip


def path_of(checkout: Path, more: str = "") -> Path:
    return checkout / "station_configs" / "virtual_ase" / f"bench{more}.yaml"


def loaded(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def world_file_of(spec: Any) -> Any:
    """The world as the bench's own file leaves it: what that does not say comes from the table's."""

    def merged(below: Any, above: Any) -> Any:
        if not (isinstance(below, dict) and isinstance(above, dict)):
            return above
        return below | {key: merged(below.get(key), value) for key, value in above.items()}

    folder = spec.path.parent
    return merged(loaded(folder / "world.yaml"), loaded(spec.world))


@pytest.fixture
def bench() -> Iterator[Any]:
    with load_bench("virtual_ase", seed=3) as found:
        for role in found.roles.values():
            role.begin()
        yield found
        assert found.make_safe() == []


def world_of(bench: Any) -> Any:
    (library,) = bench.libraries.values()
    return library.world


@pytest.mark.parametrize("more", [*PICKED, *SEEDED])
def test_the_bench_is_read_without_a_word_and_every_address_is_wired(checkout: Path, more: str) -> None:
    spec: Any = read_bench(path_of(checkout, more))
    assert spec.warnings == ()
    held = ["pulse.hold"] if more in PICKED else []
    assert [str(step) for step in spec.safe_state] == ["shutter.block", *held, "attenuator.minimum"]
    stated = loaded(spec.station)["instruments"]
    wired = {address for address, entry in world_file_of(spec)["instruments"].items() if entry}
    assert {entry["address"] for entry in stated.values() if "address" in entry} <= wired
    used = {dotted.split(".")[0] for role in spec.roles.values() for dotted in role.targets.values()}
    assert used == set(stated)


@pytest.mark.parametrize("more", [*PICKED, *SEEDED])
def test_it_is_calibrated_as_its_world_is_made(checkout: Path, more: str) -> None:
    spec: Any = read_bench(path_of(checkout, more))
    world, found = world_file_of(spec), spec.calibrations
    optics, laser, spread, sample = (world[part] for part in ("optics", "laser", "imperfections", "sample"))
    plate, energy, head = optics["attenuator"], found["energy"], found["energy_at_sample"]
    assert energy.maximum == pytest.approx(to_unit(plate["maximum_energy"], "J"))
    assert energy.angle_of_maximum == to_unit(plate["angle_of_maximum"], "deg")
    assert energy.extinction == to_unit(plate["extinction"], "1")
    assert head.ratio[0] == pytest.approx(1 / optics["pickoff_ratio"])
    assert head.ratio[1] == pytest.approx(head.ratio[0] * to_unit(spread["meter_calibration"], "1"))
    assert head.zero[1] == pytest.approx(to_unit(spread["meter_zero"], "J"))
    assert head.wavelength == spec.pulse.wavelength == to_unit(laser["wavelength"], "nm")
    rate = to_unit(laser["repetition_rate"], "Hz") / laser["divider"]
    assert spec.pulse.repetition_rate[0] == pytest.approx(rate)
    assert spec.pulse.duration[0] == to_unit(laser["pulse_duration"], "fs")
    assert spec.pulse.energy_spread == to_unit(spread["energy_jitter"], "1")
    assert spec.spot.waist[0] == pytest.approx(to_unit(optics["waist"], "nm"))
    assert spec.spot.waist_y[0] == pytest.approx(to_unit(optics["waist_y"], "nm"))
    assert spec.spot.waist[1] == pytest.approx(spec.spot.waist[0] * to_unit(spread["spot_size"], "1"))
    check_spectrometer(spec, world)
    length = to_unit(optics["slit"], "mm") - to_unit(optics["near"], "mm")
    assert found["collection"].length[0] == pytest.approx(length)
    shares = [measured[0] for measured in spec.roles["filter"].options["transmissions"]]
    assert shares == pytest.approx([to_unit(share, "1") for share in optics["filters"]])
    assert spec.roles["analyser"].options["zero"] == to_unit(optics["analyser_zero"], "deg")
    for axis in "xy":
        low, high = spec.roles[f"edge_{axis}"].options["range"]
        assert low + 1 <= to_unit(optics[f"knife_{axis}"], "mm") <= high - 1
    expect = spec.sample.expect
    for name, unit in (("threshold_fluence", "J/cm^2"), ("optical_depth", "1"), ("loss", "1/cm"), ("gain", "1/cm")):
        assert expect[name][0] == pytest.approx(to_unit(str(sample[name]), unit)), name


def check_spectrometer(spec: Any, world: Any) -> None:
    axis, section, spread = spec.calibrations["wavelength"], world["spectrograph"], world["imperfections"]
    camera, role = world["detectors"]["camera"], spec.roles["spectrometer"].options
    dispersion = to_unit(section["dispersion"], "nm")
    assert axis.centre == to_unit(section["centre"], "nm")
    assert axis.offset == pytest.approx((0.0, to_unit(spread["wavelength_offset"], "nm")))
    assert axis.dispersion == pytest.approx((dispersion, dispersion * to_unit(spread["dispersion_scale"], "1")))
    bend = dispersion * to_unit(section["curvature"], "1") / camera["pixels"]
    assert axis.curvature[0] == pytest.approx(bend, rel=1e-2)
    assert (role["pixels"], role["gain"], role["read_noise"]) == (
        camera["pixels"], to_unit(camera["gain"], "1"), to_unit(camera["read_noise"], "1"),
    )  # fmt: skip


def check_kinds(bench: Any) -> None:
    for name, kind in KINDS.items():
        assert isinstance(bench.roles[name], kind), name
    assert not isinstance(bench.roles["spectrometer"], Spectrograph)
    camera = bench.station.camera
    assert bench.roles["spectrometer"].frame_time() >= camera.frame_time()
    bench.roles["spectrometer"].expose(0.01)  # waits for the cooler, which a burst must not


def check_moves(bench: Any) -> None:
    world, now, roles = world_of(bench), bench.clock.now, bench.roles
    assert roles["near"].move_to(0.1) == pytest.approx(0.1, abs=1e-3)
    assert roles["slit"].move_to(0.6) == pytest.approx(0.6, abs=1e-3)
    assert world.truth("stripe_length") == pytest.approx(0.5, abs=3e-3)
    assert roles["near"].move_to(0.0) == pytest.approx(0.0, abs=1e-3)
    roles["scanner"].move_to(0.0, -500.0)
    assert world.port("sample_y").position(now()) == pytest.approx(9.5, abs=1e-3)
    roles["scanner"].on_emitter()
    assert bench.ledger.spot == "emitter"
    assert roles["analyser"].set_angle(45.0) == pytest.approx(45.0, abs=0.2)
    assert roles["filter"].insert(1) == 0.3
    assert world.port("filter").position(now()) == 2
    for name, place in (("edge_x", 6.0), ("edge_y", 11.0)):
        assert roles[name].move_to(place) == pytest.approx(place, abs=1e-3)


def check_burst(bench: Any) -> None:
    """Every pulse has its frame, its energy on both heads, and its place in the world's own book."""
    roles, world = bench.roles, world_of(bench)
    assert roles["pulse"].state().rate == pytest.approx(10.0)
    assert roles["pulse"].set_rate(12.0) == pytest.approx(1000 / 84)
    fluence = roles["attenuator"].set_fluence(4e-6)
    joule = fluence / roles["attenuator"].fluence(1.0)
    for meter in ("meter", "sample_meter"):
        roles[meter].expect(joule)
    with (
        roles["meter"].recording() as recording,
        roles["sample_meter"].recording() as beside,
        roles["spectrometer"].armed(7, 5e-3, triggered=True) as armed,
    ):
        bench.clock.sleep(0.2)
        assert len(recording.shots().times) == 0  # held
        with roles["shutter"].exposure(), roles["pulse"].releasing():
            assert recording.wait(5, 3.0) == 5
        seen, behind, frames = recording.shots(), beside.shots(), armed.read()
        bench.ledger.fired(float(seen.energies.sum()), len(seen.times))
    assert len(seen.times) == len(behind.times) == len(frames) == len(world.shots()) == 5
    assert seen.energies.mean() == pytest.approx(joule, rel=0.3)
    true = np.array([shot.joule for shot in world.shots()])
    for energies in (seen.energies, behind.energies):
        assert energies == pytest.approx(true, rel=0.15)
        assert np.ptp(energies / true) < 0.08  # noise of 1 %
    assert seen.times == pytest.approx([shot.t for shot in world.shots()], abs=0.02)
    lights = np.array([(frame.counts - 300).sum() for frame in frames])
    assert lights.min() > 0
    assert np.corrcoef(lights, true)[0, 1] > 0.8
    assert bench.ledger.dose() == pytest.approx(world.truth("dose"), rel=0.2)
    assert bench.ledger.shots() == 5


def check_limits(bench: Any) -> None:
    roles = bench.roles
    with pytest.raises(LimitError, match=r"fluence .* exceeds the limit of 35 uJ/cm\^2"):
        roles["attenuator"].set_energy(85e-9)
    with pytest.raises(UsageError, match=r"cannot go to 3\.5000 mm"):
        roles["slit"].move_to(3.5)


def test_its_instruments_do_what_their_roles_say(bench: Any) -> None:
    check_kinds(bench)
    check_moves(bench)
    check_burst(bench)
    check_limits(bench)


def test_silence_and_a_pulled_head_are_faults_in_clear_words(bench: Any) -> None:
    meter, head = bench.roles["meter"], bench.libraries["virtual_ase@twin"].device("ASRL5::INSTR")
    with meter.recording() as recording, pytest.raises(HardwareFault, match="saw 0 of 1 pulses within 1"):
        recording.wait(1, 1.0)
    with meter.recording() as recording:
        head.faults.no_head()
        with pytest.raises(HardwareFault, match="head"):
            recording.wait(1, 1.0)
    head.faults.head()


def test_a_pulse_over_the_range_is_a_fault(bench: Any) -> None:
    roles = bench.roles
    roles["pulse"].set_rate(10.0)
    roles["attenuator"].set_fluence(10e-6)
    roles["meter"].expect(1e-10)
    with (
        roles["meter"].recording() as recording,
        roles["pulse"].releasing(),
        pytest.raises(HardwareFault, match="scale"),
    ):
        recording.wait(3, 2.0)
    assert world_of(bench).shots() == []


@pytest.mark.parametrize("more", SEEDED)
def test_without_a_picker_the_shutter_counts(checkout: Path, more: str) -> None:
    with load_bench(path_of(checkout, more), seed=3) as bench:
        for role in bench.roles.values():
            role.begin()
        roles: Any = bench.roles
        pulse, meter = roles["pulse"], roles["meter"]
        assert (pulse.gated(), pulse.state().rate, pulse.state().wavelength) == (False, 10.0, pytest.approx(800, abs=1))
        roles["attenuator"].set_fluence(10e-3)
        meter.expect(10e-3 / roles["attenuator"].fluence(1.0))
        with meter.recording() as recording:
            recording.wait(1, 1.0)
            with roles["shutter"].exposure():
                recording.wait(4, 1.0)
        assert len(world_of(bench).shots()) == 3
        assert bench.make_safe() == []


@pytest.mark.parametrize("more", ["", "_maitai"])
def test_its_roles_can_be_rehearsed(checkout: Path, more: str) -> None:
    found = plan(find("procedures", "KnifeEdge")(), closed_bench(path_of(checkout, more)))
    assert found.rows > 20
    assert found.problems == ()
