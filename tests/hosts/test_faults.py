"""The safe state, proven: every instrument, every moment, every fault."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.core.errors import BenchError, IdentityError, InstrumentError, LimitError
from perovskite_meas.hosts._store import StorageError
from perovskite_meas.hosts.qcodes_bench import QCoDeSBench
from perovskite_meas.procedures import TwoPhotonSaturation

ADDRESSES = {
    "ell14": "ASRL3::INSTR",
    "pickoff": "USB0::0x1313::0x8078::P0000001::INSTR",
    "sc10": "ASRL5::INSTR",
    "sr400": "GPIB0::23::INSTR",
}

FAULTS = ("unplug", "garble", "drop")
MOMENTS = (0, 3, 7, 11, 16, 24, 33, 47, 62, 83, 120)
"""After how many exchanges with an instrument its fault strikes."""
# By default every instrument has every fault once and fails at each of three moments once: a Latin square.
MATRIX = [
    pytest.param(name, exchanges, fault, marks=[] if exchanges == (0, 11, 47)[(row + column) % 3] else pytest.mark.slow)
    for row, name in enumerate(ADDRESSES)
    for exchanges in MOMENTS
    for column, fault in enumerate(FAULTS)
]


def library_of(bench: QCoDeSBench) -> Any:
    return next(iter(bench.libraries.values()))


def light_now(bench: QCoDeSBench) -> float:
    """Return the power on the sample in W at this moment."""
    world = library_of(bench).world
    now = world.clock.now()
    world.clock.advance(0.05)
    world.advance(now + 0.05)
    return sum(light.power for light in world.light_log() if light.t1 > now + 0.02)


@pytest.mark.parametrize(("name", "exchanges", "fault"), MATRIX)
def test_whatever_instrument_fails_at_whatever_moment_the_light_is_off_and_the_rows_are_kept(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, name: str, exchanges: int, fault: str
) -> None:
    faults = library_of(bench).device(ADDRESSES[name]).faults
    getattr(faults.after(exchanges=exchanges), fault)()
    failure: InstrumentError | None = None
    try:
        record = run(quick, bench, into=tmp_path)
    except InstrumentError as error:
        failure, record = error, error.record  # type: ignore[attr-defined]
    if failure is None:
        assert record.status == "completed", "a fault that the drivers recover from costs nothing"
    else:
        assert record.status == "failed"
        assert name in str(failure)
        assert len(str(failure)) < 1500
    world = library_of(bench).world
    if name == "sc10" and fault == "unplug" and world.port("shutter").is_open(world.clock.now()):
        # Nobody can close a shutter whose cable is pulled while it is open: the attenuator takes the light away.
        assert light_now(bench) < 1e-7
        assert any("safe state" in problem for problem in record.problems)
    else:
        assert light_now(bench) == 0
    again = load_record(record.folder)
    assert again.data.sizes["row"] == record.data.sizes["row"]
    dataset = record.dataset
    assert dataset.number_of_results == record.data.sizes["row"] * len(quick.columns)
    dataset.conn.close()


def test_a_stuck_shutter_is_reported_and_the_attenuator_takes_the_light_away(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    library_of(bench).device(ADDRESSES["sc10"]).faults.after(exchanges=12).stick()
    with pytest.raises(InstrumentError) as caught:
        run(quick, bench, into=tmp_path)
    assert "sc10" in str(caught.value)
    assert light_now(bench) < 1e-7


def test_a_limit_that_only_the_run_can_see_stops_it_with_the_light_off(
    quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    bright = tmp_path / "world.yaml"
    bright.write_text("sample: {brightness: 8e6 cps}\n", encoding="utf-8")
    with load_bench("virtual_confocal", world=bright) as bench:
        with pytest.raises(LimitError, match=r"count rate .* exceeds the limit of 2 Mcps") as caught:
            run(quick, bench, into=tmp_path)
        assert light_now(bench) == 0
        assert caught.value.record.status == "failed"  # type: ignore[attr-defined]


def test_another_instrument_at_the_address_is_refused_by_name(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(
        "instruments:\n  ASRL5::INSTR: {device: SC10, port: shutter, identity: 'Acme Blender 3'}\n", encoding="utf-8"
    )
    with pytest.raises(IdentityError, match="Acme Blender 3") as caught:
        load_bench("virtual_confocal", world=world)
    assert "ASRL5" in str(caught.value)
    load_bench("virtual_confocal").close()


def test_an_absent_instrument_is_refused_by_name_and_nothing_stays_open(tmp_path: Path, checkout: Path) -> None:
    table = checkout / "station_configs" / "virtual_confocal"
    for path in table.rglob("*.yaml"):
        target = tmp_path / path.relative_to(table)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    station = tmp_path / "station.yaml"
    station.write_text(station.read_text(encoding="utf-8").replace("GPIB0::23", "GPIB0::9"), encoding="utf-8")
    with pytest.raises((InstrumentError, BenchError), match="sr400") as caught:
        load_bench(tmp_path / "bench.yaml")
    assert "GPIB0::9" in str(caught.value)
    load_bench("virtual_confocal").close()


def test_a_database_that_another_program_holds_fails_the_run_with_the_light_off_and_the_rows_in_data_nc(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perovskite_meas.hosts import _store

    original = _store.DatasetSink.write
    holders: list[sqlite3.Connection] = []

    def write(sink: Any, row: Any) -> None:
        if len(sink.rows) == 4:
            connection = sqlite3.connect(tmp_path / "runs.db")
            connection.execute("BEGIN IMMEDIATE")
            holders.append(connection)
            sink._saver.dataset.conn.execute("PRAGMA busy_timeout = 100")
        original(sink, row)

    monkeypatch.setattr(_store.DatasetSink, "write", write)
    with pytest.raises(StorageError, match="locked") as caught:
        run(quick, bench, into=tmp_path)
    holders[0].close()
    record = caught.value.record  # type: ignore[attr-defined]
    assert light_now(bench) == 0
    assert record.status == "failed"
    assert record.data.sizes["row"] == 5, "also the row that the database did not take"
    np.testing.assert_array_equal(load_record(record.folder).data.counts, record.data.counts)
    assert any("database took 4 of 5 rows" in problem for problem in record.problems)


def test_a_hook_that_raises_costs_no_data_and_is_told(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perovskite_meas.core.plugins import find

    def broken(data: Any) -> Any:
        raise ZeroDivisionError("no photons")

    monkeypatch.setattr(find("analyses", "saturation"), "function", broken)
    record = run(quick, bench, into=tmp_path)
    assert record.status == "completed"
    assert record.problems == ("analysis 'saturation' failed: ZeroDivisionError: no photons",)
    assert record.folder is not None
    assert "no photons" in (record.folder / "report.html").read_text(encoding="utf-8")
