"""Worlds by a bare name."""

from __future__ import annotations

from pathlib import Path

import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.tables import packaged_worlds, world_file


def test_a_bare_name_means_a_packaged_world(tmp_path, monkeypatch):
    assert world_file("hbt_pair") == packaged_worlds()["hbt_pair"]
    assert world_file(Path("laser")).parts[-3:] == ("virtual_confocal", "worlds", "laser.yaml")
    assert world_file("nowhere.yaml") == Path("nowhere.yaml")
    with pytest.raises(UsageError, match=r"no world 'hbt_pare'.*did you mean 'hbt_pair'"):
        world_file("hbt_pare")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "laser").write_text("seed: 3", encoding="utf-8")
    assert world_file("laser") == Path("laser")  # a file goes before
