"""A laboratory's own virtual table: a folder outside the package, under any world laid over it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import pyvisa

from perovskite_meas import load_bench
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tables import tables_folder
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.visa import TwinVisaLibrary
from perovskite_meas.sim.world import World


def make_table(folder: Path) -> Path:
    """Copy the packaged table, but with a world of its own and stations that name the copy by its path."""
    shutil.copytree(tables_folder() / "virtual_confocal", folder)
    station = folder / "station.yaml"
    text = station.read_text(encoding="utf-8")
    assert "visalib: virtual_confocal@twin" in text
    own = text.replace("visalib: virtual_confocal@twin", f"visalib: '{folder}@twin'")
    station.write_text(own, encoding="utf-8")
    (folder / "world.yaml").write_text("sample: {lifetime: 7 ns}\noptics: {waist: 500 nm}\n", encoding="utf-8")
    return folder


@pytest.fixture(params=["our_table", "virtual_confocal"], ids=["a new name", "the name of the packaged one"])
def table(request, tmp_path):
    return make_table(tmp_path / "our lab" / request.param)


@pytest.fixture
def other(tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text("seed: 8\nsample: {biexciton_ratio: 0.3}\n", encoding="utf-8")
    return file


def truths(bench) -> tuple[object, ...]:
    (library,) = bench.libraries.values()
    return tuple(library.world.truth(name) for name in ("sample.lifetime", "optics.waist", "biexciton_ratio"))


def test_a_folder_of_ones_own_is_loaded_with_its_own_world(table):
    with load_bench(table / "bench.yaml") as bench:
        assert truths(bench) == (7.0, 500.0, 0.08)


def test_another_world_lies_over_that_of_the_folder_and_not_of_the_packaged_table(table, other):
    with load_bench(table, world=other) as bench:
        assert truths(bench) == (7.0, 500.0, 0.3)
        assert bench.station.pickoff.power() > 0


def test_the_packaged_table_knows_nothing_of_a_folder_of_the_same_name(table, other):
    with load_bench(table, world=other):
        packaged = TwinVisaLibrary("virtual_confocal")
        packaged.reset()
        assert packaged.world.truth("sample.lifetime") == 20.0


def test_the_path_may_be_relative(table, monkeypatch):
    monkeypatch.chdir(table.parent.parent)
    library = pyvisa.ResourceManager(f"our lab/{table.name}@twin").visalib
    monkeypatch.chdir("/")
    library.reset()
    assert library.world.truth("sample.lifetime") == 7.0


def test_a_folder_that_is_gone_is_refused_even_under_a_world_of_its_own(other, tmp_path):
    with pytest.raises(UsageError, match="no virtual table"):
        World.load(other, table=str(tmp_path / "gone"), seed=None, clock=SimClock(speed=0))
    with pytest.raises(UsageError, match=r"neither a packaged virtual table .* nor a folder"):
        TwinVisaLibrary(str(tmp_path / "gone"))
