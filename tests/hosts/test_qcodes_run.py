"""A run is an ordinary QCoDeS dataset, whatever becomes of it."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import qcodes
import qcodes.dataset as qcd
from qcodes.station import Station

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.core import Column, Procedure, Rows, param
from perovskite_meas.core.errors import BenchError, PlanRefusedError, RecordError, RowError, UsageError
from perovskite_meas.core.roles import Attenuator, Clock, Shutter
from perovskite_meas.hosts.qcodes_bench import QCoDeSBench
from perovskite_meas.procedures import TwoPhotonSaturation


def world_of(bench: QCoDeSBench) -> Any:
    return next(iter(bench.libraries.values())).world


def is_dark(bench: QCoDeSBench) -> bool:
    world = world_of(bench)
    return not world.port("shutter").is_open(world.clock.now())


def test_rows_provenance_results_and_report_are_on_disk(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    record = run(quick, bench, into=tmp_path)
    assert record.status == "completed"
    assert record.data.sizes["row"] == len(record.data.row)
    assert record.data.power_set.attrs["units"] == record.data.attrs["units"]["power_set"] == "W"
    assert record.folder is not None
    assert {"data.nc", "provenance.json", "report.html"} <= {path.name for path in record.folder.iterdir()}
    facts = json.loads((record.folder / "provenance.json").read_text(encoding="utf-8"))
    assert facts["bench"]["seeds"] == {"virtual_confocal@twin": 1}
    assert facts["bench"]["instruments"]["pickoff"]["vendor"]
    assert facts["versions"]["qcodes"] == qcodes.__version__
    assert facts["procedure"]["parameters"] == quick.to_json()
    assert facts["light"]["emitter"]["dose"] >= record.data.dose.values.max() * (1 - 1e-9) > 0
    assert record.folder.name.endswith(f"TwoPhotonSaturation-{record.run_id}")


def test_the_dataset_is_one_that_qcodes_itself_reads(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    record = run(quick, bench, into=tmp_path)
    dataset = record.dataset
    assert (dataset.run_id, dataset.guid) == (record.run_id, record.guid)
    assert dataset.completed
    stored = dataset.get_parameter_data("counts")["counts"]
    np.testing.assert_array_equal(stored["counts"], record.data.counts)
    np.testing.assert_array_equal(stored["row"], np.arange(record.data.sizes["row"]))
    assert "sc10" in dataset.snapshot["station"]["instruments"]
    dataset.conn.close()


def test_light_reaches_the_sample_only_during_the_dwells(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    record = run(quick, bench, into=tmp_path)
    lit = [series for series in record.data.series.values if series != 5]
    on = sum(light.t1 - light.t0 for light in world_of(bench).light_log())
    assert len(lit) * 0.02 < on < len(lit) * (0.02 + 0.1)
    assert is_dark(bench)


def test_a_passed_station_means_the_labs_own_database_and_experiment(
    quick: TwoPhotonSaturation, tmp_path: Path, checkout: Path
) -> None:
    table = checkout / "station_configs" / "virtual_confocal"
    qcd.initialise_or_create_database_at(tmp_path / "lab.db")
    mine = qcd.load_or_create_experiment("my experiment", "my dot")
    station = Station(config_file=str(table / "station.yaml"))
    for name in ("ell14", "pickoff", "sample_head", "sc10", "sr400"):
        station.load_instrument(name)
    with load_bench(table / "bench.yaml", station=station) as bench:
        record = run(quick, bench, into=tmp_path / "runs")
    assert station.sc10.state() == "closed", "the lab's instruments stay open after the bench"
    dataset = record.dataset
    assert (dataset.exp_name, dataset.sample_name) == ("my experiment", "my dot")
    assert Path(dataset.path_to_db) == tmp_path / "lab.db"
    assert not (tmp_path / "runs" / "runs.db").exists()
    dataset.conn.close()
    mine.conn.close()
    station.close_all_registered_instruments()


def test_the_users_qcodes_configuration_is_left_alone(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    before = qcodes.config["core"]["db_location"]
    run(quick, bench, into=tmp_path)
    assert qcodes.config["core"]["db_location"] == before


def test_the_same_seed_gives_the_same_run_to_the_last_bit_and_another_seed_another(
    quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    runs = []
    for seed in (5, 5, 6):
        with load_bench("virtual_confocal", seed=seed) as bench:
            runs.append(run(quick, bench, into=tmp_path).data)
    assert runs[0].equals(runs[1])
    assert not runs[0].equals(runs[2])


def test_a_second_bench_on_the_same_world_is_refused_by_name_and_free_again_after_closing() -> None:
    with load_bench("virtual_confocal"), pytest.raises(UsageError, match=r"'virtual_confocal@twin' is in use"):
        load_bench("virtual_confocal")
    load_bench("virtual_confocal").close()


def test_a_run_is_found_again_by_folder_number_and_guid(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    record = run(quick, bench, into=tmp_path)
    assert record.folder is not None
    assert record.run_id is not None
    assert record.guid is not None
    for key in (record.folder, str(record.folder), record.run_id, record.guid):
        again = load_record(key, into=tmp_path)
        assert again.status == "completed"
        assert again.guid == record.guid
        np.testing.assert_array_equal(again.data.counts, record.data.counts)
        assert again.data.attrs["conditions"]["spot"]["waist"]["unit"] == "nm"
    with pytest.raises(RecordError, match="no run"):
        load_record(999, into=tmp_path)
    with pytest.raises(RecordError, match="no run at"):
        load_record(tmp_path / "nowhere", into=tmp_path)


class Breaking(Procedure):
    """Yield some rows with light, then break; the rehearsal goes well."""

    rehearsed: ClassVar[list[bool]] = []
    good: int = param(3, doc="rows before it breaks")
    how: str = param("raise", doc="what goes wrong")
    columns = (Column("x", "V", "number"), Column("trace", "V", "an array", array=True))
    table = "virtual_confocal"

    def measure(self, *, shutter: Shutter, attenuator: Attenuator, clock: Clock) -> Rows:
        """Yield, then break with the shutter open."""
        live = bool(self.rehearsed)
        self.rehearsed.append(True)
        attenuator.set_power(2e-6)
        with shutter.exposure():
            for number in range(self.good):
                clock.sleep(0.01)
                yield {"x": float(number), "trace": np.full(5, number)}
            if live and self.how == "raise":
                raise OSError("the sample fell off")
            if live and self.how == "ctrl-c":
                raise KeyboardInterrupt
            if live and self.how == "row":
                yield {"x": float("nan"), "trace": np.zeros(5)}


@pytest.mark.parametrize(
    ("how", "kind", "status"),
    [("raise", OSError, "failed"), ("ctrl-c", KeyboardInterrupt, "aborted"), ("row", RowError, "failed")],
)
def test_a_run_that_breaks_with_the_shutter_open_ends_dark_with_its_rows(
    bench: QCoDeSBench, tmp_path: Path, how: str, kind: type[BaseException], status: str
) -> None:
    Breaking.rehearsed.clear()
    with pytest.raises(kind) as caught:
        run(Breaking(how=how), bench, into=tmp_path)
    record = caught.value.record  # type: ignore[attr-defined]
    assert is_dark(bench)
    assert record.status == status
    assert list(record.data.x.values) == [0, 1, 2]
    assert record.data.trace.shape == (3, 5)
    again = load_record(record.folder)
    assert again.status == status
    np.testing.assert_array_equal(again.data.trace, record.data.trace)
    dataset = record.dataset
    assert "measurement_exception" in dataset.metadata
    dataset.conn.close()


def test_the_dry_run_refuses_what_would_break_a_limit_before_any_light(bench: QCoDeSBench, tmp_path: Path) -> None:
    hot = TwoPhotonSaturation(powers="Logspace('10 uW', '105 uW', 4)", dwell="60 s")
    with pytest.raises(PlanRefusedError, match="dose") as caught:
        run(hot, bench, into=tmp_path)
    assert "bench.yaml:" in str(caught.value)
    assert world_of(bench).light_log() == []
    assert not list(tmp_path.glob("*Two*"))


def test_beyond_the_calibrated_range_nothing_is_extrapolated(bench: QCoDeSBench, tmp_path: Path) -> None:
    with pytest.raises(PlanRefusedError, match="110 uW"):
        run(TwoPhotonSaturation(powers="Values('1 uW', '115 uW')"), bench, into=tmp_path)
    assert world_of(bench).light_log() == []


class Needy(TwoPhotonSaturation):
    """Ask for an analysis that nobody has."""

    analyses = ("saturaton",)


def test_an_unknown_analysis_is_refused_before_the_first_photon(bench: QCoDeSBench, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="did you mean 'saturation'"):
        run(Needy(), bench, into=tmp_path)
    assert world_of(bench).light_log() == []


def test_a_place_that_cannot_be_written_is_refused_before_the_first_photon(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot store runs"):
        run(quick, bench, into=tmp_path / "file")
    assert world_of(bench).light_log() == []


def test_world_and_seed_are_refused_where_the_station_is_already_open(checkout: Path) -> None:
    with pytest.raises(UsageError, match="already open"):
        load_bench(checkout / "station_configs" / "virtual_confocal", station=Station(), seed=3)


def test_a_missing_world_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"nowhere\.yaml"):
        load_bench("virtual_confocal", world=tmp_path / "nowhere.yaml")
    load_bench("virtual_confocal").close()
