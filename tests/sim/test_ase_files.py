"""World files of the ASE table: complete, partial, wrong, of another table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from perovskite_meas.core.errors import ProblemsError, UsageError
from perovskite_meas.core.tables import tables_folder
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.tables import world_file
from perovskite_meas.sim.wire import wire_up
from perovskite_meas.sim.world import AseConfig, World, load_config

TABLE = "virtual_ase"
SECTIONS = ("sample", "laser", "optics", "spectrograph", "detectors", "imperfections")
PORTS = (
    "laser attenuator analyser shutter pickoff sample_head sample_x sample_y slit near edge_x edge_y filter camera"
).split()
WORLDS = sorted(file.stem for file in (tables_folder() / TABLE / "worlds").glob("*.yaml"))


@pytest.fixture
def laid_over(tmp_path: Path):
    def load(text: str, table: str = TABLE):
        file = tmp_path / "my_world.yaml"
        file.write_text(text, encoding="utf-8")
        return load_config(file, table)

    return load


def world_of(name: str | None = None, seed: int = 1) -> World:
    path = None if name is None else world_file(name)
    return World.load(path, table=TABLE, seed=seed, clock=SimClock(speed=0))


def test_the_packaged_file_holds_the_documented_truths():
    world = world_of()
    expected = {
        "threshold_fluence": 5e-6,
        "photon_order": 1,
        "charged_fraction": 0,
        "gain": 450,
        "loss": 20,
        "optical_depth": 0.3,
        "stripe_length": 0.5,
        "energy_jitter": 0.1,
        "repetition_rate": 1000,
        "divider": 100,
        "optics.waist": 1500,
        "optics.waist_y": 100,
    }
    for name, value in expected.items():
        assert world.truth(name) == pytest.approx(value, rel=1e-6), name
    assert (world.truth("lasing"), world.truth("sample.kind")) == ("no", "ase")
    assert world.at_power(0.0)["net_gain"] == pytest.approx(-20 - 450)
    for name in ("waist", "waist_y", "fluence_scale", "pickoff.calibration", "dispersion_scale", "spot_scatter"):
        assert world.truth(name) != world_of("ase_bare").truth(name), name


def test_every_part_that_an_instrument_can_touch_is_there():
    world = world_of()
    for name in PORTS:
        assert world.port(name) is not None
    wired = {port for entries in world.config.instruments.values() for entry in entries for port in entry.values()}
    assert set(PORTS) - {"camera"} <= wired  # the camera hangs on a vendor's module


def test_every_entry_of_the_schema_stands_in_the_packaged_file():
    text = (tables_folder() / TABLE / "world.yaml").read_text(encoding="utf-8")
    for section in SECTIONS:
        for name in AseConfig.model_fields[section].annotation.model_fields:
            assert f"{name}:" in text, f"{section}.{name}"


@pytest.mark.parametrize("name", WORLDS)
def test_every_packaged_world_can_be_made_and_reaches_its_threshold(name):
    world = world_of(name)
    centre = 2.0 * world.truth("maximum_energy") / (math.pi * 0.15 * 0.01)  # with the nominal waists
    assert 2.0 < centre / world.truth("threshold_fluence") < 100.0


@pytest.mark.parametrize(
    ("name", "truths"),
    [
        ("ase_bare", {"energy_jitter": 0, "fluence_scale": 1, "read_noise": 0, "degradation_dose": math.inf}),
        ("ase_charged", {"threshold_fluence": 1.2e-6, "charged_fraction": 1, "photon_order": 1}),
        ("ase_two_photon", {"threshold_fluence": 12e-3, "photon_order": 2, "wavelength": 800}),
        ("ase_three_photon", {"threshold_fluence": 5.2e-3, "photon_order": 3, "wavelength": 1200}),
        ("ase_laser", {"threshold_fluence": 0.9e-3, "lasing": "yes", "polarisation": 0.8, "photon_order": 2}),
        ("ase_degrading", {"degradation_dose": 20e-3, "threshold_fluence": 5e-6}),
        ("ase_maitai", {"photon_order": 2, "repetition_rate": 10, "divider": 1}),
        ("ase_chameleon", {"photon_order": 2, "repetition_rate": 10, "divider": 1}),
    ],
)
def test_the_packaged_worlds_are_what_they_are_named_for(name, truths):
    world = world_of(name)
    for truth, value in truths.items():
        assert world.truth(truth) == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6)), truth


@pytest.mark.parametrize(("name", "device"), [("ase_maitai", "MaiTai"), ("ase_chameleon", "Chameleon")])
def test_another_laser_takes_the_place_of_the_amplifiers_electronics(name, device):
    wiring = world_of(name).config.instruments
    lasers = [entry["device"] for entries in wiring.values() for entry in entries if entry.get("port") == "laser"]
    assert lasers == [device]


def test_all_instruments_of_the_table_can_be_opened():
    world = world_of()
    for address, wiring in world.config.instruments.items():
        assert wire_up(world, address, wiring) is not None


def test_without_imperfections_a_session_is_the_file():
    world = world_of("ase_bare", 5)
    for name in ("fluence_scale", "dispersion_scale", "pickoff.calibration", "sample_head.calibration", "spot_scatter"):
        assert world.truth(name) == 1.0, name
    for name in ("wavelength_offset", "analyser_offset", "pickoff.zero", "heating", "dark_current"):
        assert world.truth(name) == 0.0, name
    assert [world.truth(f"filter_{place}") for place in range(1, 7)] == [1.0, 0.3, 0.1, 0.01, 1e-3, 1e-4]


def test_a_partial_file_changes_only_what_it_says(laid_over):
    config = laid_over("sample: {loss: 3 /mm}\noptics: {filters: [1, 0.5, 0.2, 0.1, 0.05, 0]}")
    plain = load_config(None, TABLE)
    assert config.sample.loss == pytest.approx(30)
    assert config.optics.filters == [1, 0.5, 0.2, 0.1, 0.05, 0]
    assert config.laser == plain.laser
    assert laid_over("") == plain


def test_every_problem_of_a_file_is_reported_at_once_with_what_was_meant(laid_over):
    text = """
sample: {kind: lasin, threshold_fluense: 5 uJ/cm^2, gain: 450 nm}
laser: {divider: 0}
optics: {filters: [1, 0.1], top_hat: 2}
imperfections: {energy_jiter: off, energy_jitter: on}
"""
    with pytest.raises(ProblemsError, match=r"my_world\.yaml") as caught:
        laid_over(text)
    told = "\n".join(caught.value.problems)
    assert "sample.kind: no such choice: 'lasin'; did you mean 'lasing'?" in told
    assert "sample.threshold_fluense: unknown; did you mean 'threshold_fluence'?" in told
    assert "sample.gain: '450 nm' cannot be expressed in 1/cm" in told
    assert "optics.top_hat: 2 is out of range; allowed: at least 0, at most 1" in told
    assert "optics.filters:" in told
    assert "laser.divider:" in told
    assert "imperfections.energy_jiter: unknown; did you mean 'energy_jitter'?" in told
    assert "imperfections.energy_jitter: write its size in '1' or 'off'" in told
    assert len(caught.value.problems) == 8


def test_photons_that_do_not_reach_the_emission_are_refused(laid_over):
    with pytest.raises(ProblemsError, match=r"cannot be made") as caught:
        laid_over("laser: {wavelength: 800 nm}")
    assert "it takes 2 photons of 800 nm to reach the emission at 2.34 eV, not 1" in caught.value.problems[0]
    with pytest.raises(ProblemsError) as caught:
        laid_over("laser: {shortest: 500 nm}")
    assert "400 nm is not within laser.shortest and laser.longest (500 to 2600 nm)" in caught.value.problems[0]


def test_a_world_for_another_table_is_refused_by_name(laid_over):
    with pytest.raises(UsageError, match=r"a world for a ase table, but 'virtual_magneto' is a magneto table"):
        laid_over("table: ase", "virtual_magneto")
    with pytest.raises(ProblemsError, match=r"sample\.t2: unknown"):
        laid_over("sample: {t2: 4 ps}")
