"""Nobody takes a virtual laboratory away from somebody who works in it."""

import os
from pathlib import Path

import pytest
from qcodes.station import Station

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.core.errors import RecordError, UsageError
from perovskite_meas.core.tables import table
from perovskite_meas.procedures import TwoPhotonSaturation


@pytest.fixture
def station() -> Station:
    opened = Station(config_file=str(table("virtual_confocal") / "station.yaml"))
    for name in ("ell14", "pickoff", "sample_head", "sc10", "sr400"):
        opened.load_instrument(name)
    return opened


def test_an_adopted_station_is_adopted_once_at_a_time(station: Station) -> None:
    with (
        load_bench("virtual_confocal", station=station),
        pytest.raises(UsageError, match=r"'virtual_confocal@twin' is in use"),
    ):
        load_bench("virtual_confocal", station=station)
    load_bench("virtual_confocal", station=station).close()


def test_a_station_that_is_open_is_not_robbed_of_its_world(station: Station) -> None:
    with pytest.raises(UsageError, match=r"'ell14' is already open .* station=your_station"):
        load_bench("virtual_confocal")
    assert station.sc10.state() == "closed"


def test_after_closing_the_station_a_bench_opens_its_own(station: Station) -> None:
    station.close_all_registered_instruments()
    load_bench("virtual_confocal").close()


@pytest.mark.parametrize("seed", ["a", 1.5, True])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(UsageError, match="must be a whole number"):
        load_bench("virtual_confocal", seed=seed)  # type: ignore[arg-type]
    load_bench("virtual_confocal").close()


def test_a_world_may_be_given_as_its_folder(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text("seed: 77\n", encoding="utf-8")
    with load_bench("virtual_confocal", world=tmp_path) as bench:
        assert next(iter(bench.libraries.values())).world.seed == 77


def test_a_run_of_this_process_is_found_by_number_and_guid_wherever_it_went(
    quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with load_bench("virtual_confocal") as bench:
        first = run(quick, bench, into="one")
        second = run(quick.replace(dwell="10 ms"), bench, into=tmp_path / "two" / "deep")
    assert first.guid is not None
    assert load_record(1).guid == second.guid, "the latest database first"
    assert load_record(first.guid).guid == first.guid
    assert load_record(1, into="one").guid == first.guid
    with pytest.raises(RecordError, match="no run"):
        load_record(first.guid, into=tmp_path / "two" / "deep")
    os.chdir("/")
    assert load_record(first.guid).folder is not None
