"""World files: complete, partial, wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from perovskite_meas.core.errors import ProblemsError, UsageError
from perovskite_meas.core.tables import tables_folder
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, WorldConfig, load_config

TABLE = "virtual_confocal"


@pytest.fixture
def laid_over(tmp_path: Path):
    def load(text: str, table: str = TABLE) -> WorldConfig:
        file = tmp_path / "my_world.yaml"
        file.write_text(text, encoding="utf-8")
        return load_config(file, table)

    return load


def world_of(config: WorldConfig, seed: int = 1) -> World:
    return World(config, seed, SimClock(speed=0))


def test_the_packaged_file_holds_the_documented_truths():
    world = World.load(None, table=TABLE, seed=None, clock=SimClock(speed=0))
    assert world.seed == 1
    assert world.truth("two_photon_cross_section") == pytest.approx(6.8e6)
    assert world.truth("biexciton_ratio") == pytest.approx(0.08)
    assert world.truth("plateau") == pytest.approx(1e5)
    assert world.truth("efficiency") == pytest.approx(0.0222, abs=1e-4)
    assert world.truth("optics.waist") == pytest.approx(433)
    assert world.truth("waist") != world.truth("optics.waist")
    assert world.describe() == {"two_photon_convention": "absorbed_photons"}


def test_every_entry_of_the_schema_stands_in_the_packaged_file():
    text = (tables_folder() / TABLE / "world.yaml").read_text(encoding="utf-8")
    for section in ("sample", "laser", "optics", "detectors", "imperfections"):
        for name in WorldConfig.model_fields[section].annotation.model_fields:
            assert f"{name}:" in text, f"{section}.{name}"


def test_a_partial_file_changes_only_what_it_says(laid_over):
    config = laid_over("sample: {two_photon_cross_section: 1.2e-43 cm^4 s, lifetime: 0.01 us}")
    plain = load_config(None, TABLE)
    assert config.sample.two_photon_cross_section == pytest.approx(1.2e7)
    assert config.sample.lifetime == pytest.approx(10)
    assert config.sample.brightness == plain.sample.brightness
    assert config.imperfections == plain.imperfections


def test_an_empty_file_is_the_table_itself(laid_over):
    assert laid_over("") == load_config(None, TABLE)


def test_the_seed_of_the_call_goes_before_that_of_the_file(tmp_path):
    file = tmp_path / "w.yaml"
    file.write_text("seed: 5", encoding="utf-8")
    assert World.load(file, table=TABLE, seed=None, clock=SimClock(0)).seed == 5
    assert World.load(file, table=TABLE, seed=9, clock=SimClock(0)).seed == 9
    with pytest.raises(UsageError, match="seed -1 is negative"):
        World.load(file, table=TABLE, seed=-1, clock=SimClock(0))


def test_all_imperfections_can_be_off_at_once(laid_over):
    config = laid_over("imperfections: off")
    world = world_of(config)
    for name in ("waist", "pulse_duration"):
        assert world.truth(name) == world.truth(("optics." if name == "waist" else "laser.") + name)
    assert world.truth("off_centre") == 0
    assert world.truth("pickoff.calibration") == 1
    assert world.truth("sample_head.zero") == 0
    assert world.truth("apd.dead_time") == 0
    assert world.truth("background") == 0
    assert world.truth("bleaching_dose") == float("inf")


def test_one_imperfection_can_be_off_on_or_have_a_size_of_its_own(laid_over):
    config = laid_over("imperfections: {dead_time: off, dark_counts: on, afterpulsing: 3 %, background: off}")
    assert (config.dead_time, config.dark_rate, config.afterpulsing) == (0.0, 200.0, pytest.approx(0.03))
    assert config.background == 0
    assert config.bleaching_dose == pytest.approx(6e6)


def test_off_centre_is_drawn_or_fixed(laid_over):
    fixed = laid_over("imperfections: {off_centre: fixed 100 nm}")
    drawn = laid_over("imperfections: {off_centre: 100 nm}")
    assert {round(float(world_of(fixed, seed).truth("off_centre")), 9) for seed in range(5)} == {100.0}
    assert len({world_of(drawn, seed).truth("off_centre") for seed in range(5)}) == 5


def test_every_problem_of_a_file_is_reported_at_once_with_what_was_meant(laid_over):
    text = """
sample: {kind: cspbi3_single, two_photon_cross_secton: 1 GM, lifetime: 3 nm, biexciton_ratio: 1.5, ladder: trunctated}
laser: {pulse_shape: sech}
imperfections: {blinkng: off, spot_size: on}
"""
    with pytest.raises(ProblemsError, match=r"my_world\.yaml") as caught:
        laid_over(text)
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 8
    assert "sample.kind: no such choice: 'cspbi3_single'; did you mean 'cspbi3_single_RT'?" in told
    assert "sample.two_photon_cross_secton: unknown; did you mean 'two_photon_cross_section'?" in told
    assert "sample.lifetime: '3 nm' cannot be expressed in ns" in told
    assert "sample.biexciton_ratio: 1.5 is out of range; allowed: at least 0, at most 1" in told
    assert "sample.ladder: no such choice: 'trunctated'; did you mean 'truncated'?" in told
    assert "laser.pulse_shape: no such choice: 'sech'; did you mean 'sech2'?" in told
    assert "imperfections.blinkng: unknown; did you mean 'blinking'?" in told
    assert "imperfections.spot_size: write its size" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("imperfections: of", "imperfections: a mapping or 'off' is expected here, not 'of'"),
        ("smaple: {}", "smaple: unknown; did you mean 'sample'?"),
        ("laser: {wavelength: 1.5 um}", "two photons of 1500 nm do not reach the emission at 690 nm"),
        ("laser: {repetition_rate: 0 Hz}", r"0 Hz is out of range; allowed: more than 0 Hz"),
        ("[1, 2]", "a world file is a mapping"),
        ("sample: {", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(laid_over, text, told):
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        laid_over(text)


def test_a_missing_file_or_table_is_refused_by_name(tmp_path):
    with pytest.raises(UsageError, match="there is no world file"):
        load_config(tmp_path / "none.yaml", TABLE)
    with pytest.raises(UsageError, match="did you mean 'virtual_confocal'"):
        load_config(None, "virtual_confocl")


def test_instruments_are_merged_by_address_and_can_be_taken_away(laid_over):
    config = laid_over(
        "instruments: {ASRL9::INSTR: {device: ELL14, port: attenuator, bus_address: 2}, ASRL5::INSTR: null}"
    )
    assert config.instruments["ASRL9::INSTR"] == [{"device": "ELL14", "port": "attenuator", "bus_address": "2"}]
    assert "ASRL5::INSTR" not in config.instruments
    assert "GPIB0::23::INSTR" in config.instruments


def test_a_folder_of_ones_own_is_a_table_with_its_own_instruments(tmp_path):
    folder = tmp_path / "our_table"
    folder.mkdir()
    text = "sample: {lifetime: 7 ns}\ninstruments: {ASRL1::INSTR: {device: SC10, port: shutter}}"
    (folder / "world.yaml").write_text(text, encoding="utf-8")
    for config in (load_config(None, str(folder)), load_config(folder / "world.yaml", str(folder))):
        assert config.sample.lifetime == 7
        assert list(config.instruments) == ["ASRL1::INSTR"]


def test_unknown_truths_and_parts_are_refused_with_a_suggestion(laid_over):
    world = world_of(laid_over(""))
    with pytest.raises(UsageError, match="did you mean 'lifetime'"):
        world.truth("lifetme")
    with pytest.raises(UsageError, match="did you mean 'shutter'"):
        world.port("shuter")


def test_a_world_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(UsageError, match=r"world\.yaml is not YAML text"):
        load_config(path, table="virtual_confocal")
