"""World files of the Michelson table: complete, partial, wrong, of another table."""

from __future__ import annotations

from pathlib import Path

import pytest

from perovskite_meas.core.errors import ProblemsError, UsageError
from perovskite_meas.core.tables import tables_folder
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.tables import world_file
from perovskite_meas.sim.visa import TwinVisaLibrary
from perovskite_meas.sim.world import MichelsonConfig, World, WorldConfig, load_config

TABLE = "virtual_michelson"


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
    expected = {"t2": 11.12, "t1": 200, "linewidth": 118.4, "visibility_zero": 0.85, "inhomogeneous": 3, "beat": 0}
    for name, value in expected.items():
        assert world.truth(name) == pytest.approx(value, rel=1e-3), name
    assert world.truth("fringe_period") == pytest.approx(2.3235, rel=1e-4)
    assert world.truth("zero_delay") == pytest.approx(12.5, abs=0.025)
    assert world.truth("zero_delay") != 12.5
    assert world.truth("sample.t2") == world.truth("t2")
    assert world.truth("laser.pulse_duration") == 2.0
    assert world.truth("pulse_duration") == pytest.approx(2.0, rel=0.15)
    assert world.config.optics.fine_sensitivity == pytest.approx(0.2)
    assert world.describe() == {}


def test_every_entry_of_the_schema_stands_in_the_packaged_file():
    text = (tables_folder() / TABLE / "world.yaml").read_text(encoding="utf-8")
    for section in ("sample", "laser", "optics", "detectors", "imperfections"):
        for name in MichelsonConfig.model_fields[section].annotation.model_fields:
            assert f"{name}:" in text, f"{section}.{name}"


@pytest.mark.parametrize(
    ("name", "truths"),
    [
        ("bare", {"visibility_zero": 0.85, "zero_delay": 12.5, "leakage": 0, "inhomogeneous": 0, "off_time": 0}),
        ("strong", {"pi_power": 2.5e-7}),
        ("doublet", {"beat": 0.1, "splitting_ratio": 0.5}),
        ("diffusing", {"inhomogeneous": 40}),
        ("no_dot", {"kind": "laser", "off_time": 0}),
    ],
)
def test_the_packaged_worlds_are_what_they_are_named_for(name, truths):
    world = world_of(name)
    for truth, value in truths.items():
        assert world.truth(truth) == (value if isinstance(value, str) else pytest.approx(value, rel=1e-3)), truth


def test_without_a_dot_there_is_no_t2():
    with pytest.raises(UsageError, match="no truth 't2'"):
        world_of("no_dot").truth("t2")


def test_a_partial_file_changes_only_what_it_says(laid_over):
    config, plain = laid_over("sample: {t2: 0.02 ns}\nimperfections: {leakage: off}"), load_config(None, TABLE)
    assert (config.sample.t2, config.imperfections.leakage) == (20.0, 0.0)
    assert config.sample.t1 == plain.sample.t1
    assert config.optics == plain.optics
    assert laid_over("") == plain


def test_every_problem_of_a_file_is_reported_at_once_with_what_was_meant(laid_over):
    text = """
sample: {kind: cspbi3_trion, T2: 4 ps, energy: 696 nm, responce: bloch}
optics: {arm_balence: 1, air_index: 1.5}
imperfections: {stage_backlsh: off, acoustic: on, one_photon_leak: off}
"""
    with pytest.raises(ProblemsError, match=r"my_world\.yaml") as caught:
        laid_over(text)
    told = "\n".join(caught.value.problems)
    assert "sample.kind: no such choice: 'cspbi3_trion'; did you mean 'cspbi3_trion_4K'?" in told
    assert "sample.T2: unknown; known: " in told
    assert "sample.energy: '696 nm' cannot be expressed in eV" in told
    assert "sample.responce: unknown; did you mean 'response'?" in told
    assert "optics.arm_balence: unknown; did you mean 'arm_balance'?" in told
    assert "optics.air_index: 1.5 is out of range; allowed: at least 1, at most 1.01" in told
    assert "imperfections.stage_backlsh: unknown; did you mean 'stage_backlash'?" in told
    assert "imperfections.acoustic: write its size in 'rad' or 'off'" in told
    assert "imperfections.one_photon_leak: unknown" in told
    assert len(caught.value.problems) == 9


def test_a_t2_longer_than_twice_t1_is_refused(laid_over):
    with pytest.raises(ProblemsError, match=r"sample\.t2: 500 ps is longer than 2 T1 = 400 ps"):
        laid_over("sample: {t2: 500 ps}")


def test_a_key_of_the_other_table_is_unknown_on_each(laid_over):
    with pytest.raises(ProblemsError, match=r"sample\.biexciton_ratio: unknown"):
        laid_over("sample: {biexciton_ratio: 0.1}")
    with pytest.raises(ProblemsError, match=r"sample\.t2: unknown"):
        laid_over("sample: {t2: 4 ps}", "virtual_confocal")


def test_a_world_for_the_other_table_is_refused_by_name(laid_over):
    with pytest.raises(UsageError, match=r"my_world\.yaml: a world for a michelson table, but 'virtual_confocal' is a"):
        laid_over("table: michelson", "virtual_confocal")
    with pytest.raises(UsageError, match=r"a world for a confocal table.*take another world, or the table"):
        laid_over("table: confocal")
    with pytest.raises(UsageError, match=r"table: no such kind of table: 'michelsen'; did you mean 'michelson'"):
        laid_over("table: michelsen")


def test_a_folder_of_ones_own_lies_over_the_packaged_table_of_its_kind(tmp_path):
    folder, over = tmp_path / "our_table", tmp_path / "other.yaml"
    folder.mkdir()
    text = "sample: {t2: 7 ps}\ninstruments: {ASRL1::INSTR: {device: SC10, port: shutter}}"
    (folder / "world.yaml").write_text(f"table: michelson\n{text}", encoding="utf-8")
    over.write_text("sample: {t1: 100 ps}", encoding="utf-8")
    for path, t1 in ((None, 200), (over, 100)):
        config = load_config(path, str(folder))
        assert isinstance(config, MichelsonConfig)
        assert (config.sample.t2, config.sample.t1) == (7, t1)
        assert list(config.instruments) == ["ASRL1::INSTR"]


def test_a_file_without_the_key_is_a_confocal_table(tmp_path):
    (tmp_path / "world.yaml").write_text("seed: 4", encoding="utf-8")
    assert isinstance(load_config(None, str(tmp_path)), WorldConfig)


def test_unknown_parts_are_refused_with_a_suggestion():
    with pytest.raises(UsageError, match="did you mean 'shutter_a'"):
        world_of().port("shuter_a")
    with pytest.raises(UsageError, match="no part 'analyser'"):
        world_of().port("analyser")


def test_sessions_differ_and_the_same_seed_gives_the_same_session():
    names = ("zero_delay", "waist", "piezo_scale", "pulse_duration", "pickoff.calibration", "phase_drift")
    for name in names[:5]:
        drawn = [world_of(seed=seed).truth(name) for seed in range(4)]
        assert len(set(drawn)) == 4, name
        assert drawn[2] == world_of(seed=2).truth(name)
    assert {abs(float(world_of(seed=seed).truth("phase_drift"))) for seed in range(8)} == {0.02}


# the wiring of a copy ---------------------------------------------------------------------------------------

PIEZO, KPZ = "TCPIP0::192.168.0.10::50000::SOCKET", "ASRL7::INSTR"


def copied(tmp_path, change):
    """Return what a copy of the packaged world file says after a change, laid over the packaged one."""
    text = (tables_folder() / TABLE / "world.yaml").read_text(encoding="utf-8")
    file = tmp_path / "world.yaml"
    file.write_text(change(text), encoding="utf-8")
    return load_config(file, TABLE).instruments


def test_a_port_deleted_from_a_copy_is_unplugged(tmp_path):
    found = copied(tmp_path, lambda text: text.replace("axis_1: fine, trigger: trigger", "axis_1: fine"))
    assert found[PIEZO] == [{"device": "E-709", "axis_1": "fine"}]
    assert found[KPZ] == [{"device": "KPZ101", "port": "fine", "trigger": "trigger"}], "the others stay"


@pytest.mark.parametrize("word", ["null", "off", "", "false"])
def test_a_port_or_an_instrument_may_be_written_off(laid_over, word):
    over = laid_over(f"instruments: {{{KPZ}: {{device: KPZ101, port: fine, trigger: {word}}}, ASRL8::INSTR: {word}}}")
    assert over.instruments[KPZ] == [{"device": "KPZ101", "port": "fine"}]
    assert "ASRL8::INSTR" not in over.instruments
    assert over.instruments[PIEZO] == load_config(None, TABLE).instruments[PIEZO]


def test_an_unplugged_trigger_is_heard_by_no_tagger(laid_over):
    library = TwinVisaLibrary(TABLE)
    for change, heard in (("", 4), (f"instruments: {{{KPZ}: {{device: KPZ101, port: fine, trigger: off}}}}", 0)):
        world = World(laid_over(change), 1, SimClock(speed=0))
        library.adopt(world)
        device = library.device(KPZ)
        trigger = device._trigger
        if trigger is not None:
            trigger.pulses(0.0, 0.1)
        world.clock.sleep(0.35)
        assert int((world.port("tagger").record(0.0, 0.35).channels == 2).sum()) == heard


def test_a_port_that_cannot_be_spared_is_named(laid_over):
    world = World(laid_over(f"instruments: {{{KPZ}: {{device: KPZ101, port: off}}}}"), 1, SimClock(speed=0))
    with pytest.raises(UsageError, match=r"ASRL7::INSTR: KPZ101 needs 'port'; name what it works on"):
        TwinVisaLibrary(TABLE).adopt(world)


def test_a_piezo_in_volts_moves_as_the_world_says(laid_over):
    library = TwinVisaLibrary(TABLE)
    for change, scale in (("", 0.2), ("optics: {fine_sensitivity: 0.1 um/V}", 0.1)):
        library.adopt(World(laid_over(change), 1, SimClock(speed=0)))
        assert library.device(KPZ)._um_per_volt == pytest.approx(scale)
    own = f"instruments: {{{KPZ}: {{device: KPZ101, port: fine, um_per_volt: 0.15}}}}"
    library.adopt(World(laid_over(own), 1, SimClock(speed=0)))
    assert library.device(KPZ)._um_per_volt == pytest.approx(0.15), "an actuator of its own goes before"
