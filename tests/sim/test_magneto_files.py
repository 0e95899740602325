"""World files of the magneto table: complete, partial, wrong, of another table."""

from __future__ import annotations

from pathlib import Path

import pytest

from perovskite_meas.core.errors import ProblemsError, UsageError
from perovskite_meas.core.tables import tables_folder
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.tables import world_file
from perovskite_meas.sim.world import MagnetoConfig, World, load_config

TABLE = "virtual_magneto"
SECTIONS = ("sample", "laser", "optics", "magnet", "cryostat", "spectrograph", "detectors", "imperfections")
PORTS = (
    "attenuator pickoff sample_head shutter scanner_x scanner_y focus apd tagger lamp reference analyser magnet "
    "cryostat spectrograph camera ocean"
).split()


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
        "bright_dark_splitting": 2.6,
        "lowest_gap": 2.25,
        "g_sum": 2.45,
        "g_diff": 1.35,
        "diamagnetic": 1.0,
        "linewidth": 100,
        "n_lines": 3,
        "faraday_rotation": 1.5,
        "field": 0,
    }
    for name, value in expected.items():
        assert world.truth(name) == pytest.approx(value, rel=1e-6), name
    assert world.truth("ground_state") == "dark"
    assert world.truth("sample.dark_lifetime") == 500
    assert world.truth("dark_lifetime") == pytest.approx(497.3, abs=0.5)  # some of it leaves by the bright states
    assert world.truth("dark_rate_slope") == pytest.approx(0.0117 / 0.6 / 49.0, rel=0.05)
    for name in ("field_scale", "dispersion_scale"):
        assert world.truth(name) == pytest.approx(1.0, abs=0.04)
        assert world.truth(name) != 1.0
    assert world.truth("dispersion") == pytest.approx(7.9e-3, rel=0.03)
    assert world.truth("temperature") == pytest.approx(4.0, abs=0.01)


def test_every_part_that_an_instrument_can_touch_is_there():
    world = world_of()
    for name in PORTS:
        assert world.port(name) is not None
    wired = {port for entries in world.config.instruments.values() for entry in entries for port in entry.values()}
    assert {"magnet", "cryostat", "spectrograph", "focus", "analyser", "lamp", "reference", "apd"} <= wired


def test_every_entry_of_the_schema_stands_in_the_packaged_file():
    text = (tables_folder() / TABLE / "world.yaml").read_text(encoding="utf-8")
    for section in SECTIONS:
        for name in MagnetoConfig.model_fields[section].annotation.model_fields:
            assert f"{name}:" in text or name.startswith("g_hole_"), f"{section}.{name}"


@pytest.mark.parametrize(
    ("name", "truths"),
    [
        ("magneto_bare", {"n_lines": 3, "field_scale": 1, "dial_offset": 0, "spectral_diffusion": 0}),
        ("one_peak", {"n_lines": 1, "bright_dark_splitting": 2.6, "ground_state": "dark"}),
        ("two_peaks", {"n_lines": 2, "ground_state": "dark"}),
        ("dark_above", {"n_lines": 3, "bright_dark_splitting": -0.6, "ground_state": "bright"}),
        ("cspbi3_doublet", {"n_lines": 2, "ground_state": "dark"}),
        ("magneto_trion", {"n_lines": 1, "kind": "trion", "ground_state": "none"}),
        ("faraday", {"n_lines": 3, "field_angle": 0}),
    ],
)
def test_the_packaged_worlds_are_what_they_are_named_for(name, truths):
    world = world_of(name)
    for truth, value in truths.items():
        assert world.truth(truth) == (value if isinstance(value, str) else pytest.approx(value, rel=1e-3)), truth


def test_the_names_of_all_packaged_worlds_differ():
    names = [file.stem for file in tables_folder().glob("*/worlds/*.yaml")]
    assert len(names) == len(set(names))


def test_without_imperfections_a_session_is_the_file():
    world = world_of("magneto_bare", 5)
    for name in ("field_scale", "dispersion_scale"):
        assert world.truth(name) == 1.0
    for name in ("focus_offset", "analyser_offset", "thermometer_offset", "trapped_flux", "read_noise", "off_centre"):
        assert world.truth(name) == 0.0, name


def test_a_trion_has_no_dark_state():
    with pytest.raises(UsageError, match="no truth 'bright_dark_splitting'"):
        world_of("magneto_trion").truth("bright_dark_splitting")


def test_a_partial_file_changes_only_what_it_says(laid_over):
    config, plain = laid_over("sample: {dark: -3 meV, g_hole_z: 0.7}\nimperfections: {blinking: off}"), laid_over("")
    assert (config.sample.dark, config.imperfections.blinking) == (-3.0, 0.0)
    assert (config.sample.g_hole_x, config.sample.g_hole_z) == (0.55, 0.7)
    assert config.optics == plain.optics
    assert plain == load_config(None, TABLE)


def test_an_isotropic_g_factor_holds_for_all_axes(laid_over):
    sample = laid_over("sample: {g_electron: 2.1}").sample
    assert (sample.g_electron_x, sample.g_electron_y, sample.g_electron_z) == (2.1, 2.1, 2.1)


def test_every_problem_of_a_file_is_reported_at_once_with_what_was_meant(laid_over):
    text = """
sample: {kind: exiton, darc: -2 meV, energy: 539 nm}
optics: {na: 1.2, field_angel: 0 deg}
magnet: {stage_w: 1 nm/T}
imperfections: {traped_flux: off, cosmic_rays: on}
"""
    with pytest.raises(ProblemsError, match=r"my_world\.yaml") as caught:
        laid_over(text)
    told = "\n".join(caught.value.problems)
    assert "sample.kind: no such choice: 'exiton'; did you mean 'exciton'?" in told
    assert "sample.darc: unknown; did you mean 'dark'?" in told
    assert "sample.energy: '539 nm' cannot be expressed in eV" in told
    assert "optics.na: 1.2 is out of range; allowed: more than 0, at most 0.999" in told
    assert "optics.field_angel: unknown; did you mean 'field_angle'?" in told
    assert "magnet.stage_w: unknown" in told
    assert "imperfections.traped_flux: unknown; did you mean 'trapped_flux'?" in told
    assert "imperfections.cosmic_rays: write its size in '1/min' or 'off'" in told
    assert len(caught.value.problems) == 8


def test_a_world_for_another_table_is_refused_by_name(laid_over):
    with pytest.raises(UsageError, match=r"a world for a magneto table, but 'virtual_confocal' is a confocal table"):
        laid_over("table: magneto", "virtual_confocal")
    with pytest.raises(ProblemsError, match=r"sample\.t2: unknown"):
        laid_over("sample: {t2: 4 ps}")
