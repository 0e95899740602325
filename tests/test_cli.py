"""`pmeas` does what it says and ends with the right status."""

import re
import runpy
import shutil
import sys
from dataclasses import fields, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas.cli import demo as demonstrated
from perovskite_meas.cli import main
from perovskite_meas.core import plugins
from perovskite_meas.core.plugins import find
from perovskite_meas.core.procedure import Procedure
from perovskite_meas.core.tables import table, tables_folder
from perovskite_meas.hosts.qcodes import load_record
from perovskite_meas.runner.progress import Progress
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World
from perovskite_meas.testing.analyses import result_class

entry_points_of = plugins._points

QUICK = [
    "--set",
    "powers=there_and_back(Logspace('1.3 uW', '30 uW', 8))",
    "--set",
    "dwell=0.1 s",
    "--set",
    "meter_time=10 ms",
]
SHORTER: dict[str, dict[str, Any]] = {
    "TwoPhotonSaturation": {"powers": "there_and_back(Logspace('1.3 uW', '30 uW', 8))"},
    "HBT": {"duration": "10 s"},
    "MichelsonScan": {"delays": "Linspace(3, 30, 5)", "sweeps": 6, "control_sweeps": 4, "zero_span": "6 ps"},
    "MagnetoPL": {
        "fields": "Values(0, 3, 6)",
        "negative": "Values(0)",
        "down_every": 0,
        "decay": 0,
        "polar_frames": 1,
        "background_fields": 0,
        "faraday_fields": 0,
    },
    "ASEFluence": {"shots": 5, "scout": 0, "fresh_spots": 0, "polarised": 0, "down": False},
}
"""Parameters with which what is run for its words alone takes less time."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["shorter", "whole"])
def test_demo_prints_recovered_against_true_and_times_and_the_reports(
    whole: bool, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not whole:  # one truth of a field, one of a named estimator in it; each other entry differs in names alone
        entries = [
            replace(entry, settings={**entry.settings, **SHORTER[entry.procedure]})
            for entry in demonstrated.ENTRIES
            if entry.procedure in ("TwoPhotonSaturation", "ASEFluence")
        ]
        monkeypatch.setattr(demonstrated, "ENTRIES", entries)
    assert main(["demo", "--into", "out"]) == 0
    out = capsys.readouterr().out
    assert "cross_section" in out
    assert "6.8e+06 GM" in out
    assert "x real time" in out
    reports = [path.read_text(encoding="utf-8") for path in (here / "out").glob("*/report.html")]
    assert len(reports) == len(demonstrated.ENTRIES)
    assert all("Recovered against true" in report for report in reports)


@pytest.mark.parametrize("entry", demonstrated.ENTRIES, ids=lambda entry: entry.title)
def test_demo_compares_what_results_and_worlds_have(entry: demonstrated.Entry) -> None:
    kind = find("procedures", entry.procedure)
    kind(**entry.settings)
    path = entry.world and table(kind.table) / "worlds" / f"{entry.world}.yaml"
    world = World.load(path, table=kind.table, seed=None, clock=SimClock())
    for dotted, truth in entry.truths:
        analysis, field, *_ = dotted.split(".")
        assert analysis in kind.analyses
        assert field in {known.name for known in fields(result_class(find("analyses", analysis)))}
        assert not isinstance(truth, str) or float(world.truth(truth)) >= 0


def test_list_names_procedures_analyses_roles_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("TwoPhotonSaturation", "PowerCalibration", "saturation", "shutter", "virtual_confocal"):
        assert name in out


def test_list_names_benches_and_worlds_table_by_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    confocal, michelson = capsys.readouterr().out.split("  virtual_confocal\n")[1].split("  virtual_michelson\n")
    assert "--world hbt_cw" in confocal
    assert "--world doublet" not in confocal
    assert "--world doublet" in michelson
    assert "--bench virtual_michelson/bench_kpz.yaml" in michelson


def test_a_table_is_shown_and_copied_to_a_new_folder_that_works(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "virtual_michelson"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == str(tables_folder() / "virtual_michelson")
    assert "--world strong" in out
    assert main(["table", "virtual_michelson", "--copy-to", "ours"]) == 0
    assert main(["check", "ours/bench_kpz.yaml"]) == 0
    assert main(["table", "virtual_michelson", "--copy-to", "ours"]) == 2
    assert "it exists already; name a new folder" in capsys.readouterr().err
    assert main(["table", "virtual_michelsen"]) == 2
    assert "did you mean 'virtual_michelson'" in capsys.readouterr().err


def test_the_other_benches_of_a_packaged_table_go_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "virtual_michelson/bench_smc100.yaml"]) == 0
    assert "bench_smc100.yaml: ok" in capsys.readouterr().out
    assert main(["check", "virtual_michelson/bench_smc10.yaml"]) == 2
    assert "did you mean 'virtual_michelson/bench_smc100.yaml'?" in capsys.readouterr().err


def test_check_opens_nothing_unless_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "virtual_confocal"]) == 0
    assert "serial" not in capsys.readouterr().out
    assert main(["check", "virtual_confocal", "--live"]) == 0
    assert "P0000001" in capsys.readouterr().out


def test_check_tells_every_problem_of_a_file_at_once(
    here: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = here / "table"
    shutil.copytree(checkout / "station_configs" / "virtual_confocal", table)
    text = (table / "bench.yaml").read_text(encoding="utf-8")
    text = text.replace("limits:", "limts:").replace("shutter:   ", "shuter:   ").replace("433 nm", "433 kg")
    (table / "bench.yaml").write_text(text, encoding="utf-8")
    assert main(["check", str(table)]) == 2
    err = capsys.readouterr().err
    assert "did you mean 'limits'" in err
    assert "did you mean 'shutter'" in err
    assert "433 kg" in err


def test_check_imports_the_drivers_and_names_each_that_is_not_there(
    here: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = here / "table"
    shutil.copytree(checkout / "station_configs" / "virtual_confocal", table)
    (here / "lab_of_test.py").write_text("raise OSError('no vendor library')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(here)
    station = table / "station.yaml"
    text = station.read_text(encoding="utf-8")
    text = text.replace("drivers.SR400", "drivers.SR4OO").replace("drivers.SC10", "driver.SC10")
    text = text.replace("perovskite_meas.drivers.ELL14", "lab_of_test.Mount")
    station.write_text(text.replace("perovskite_meas.drivers.PM100", "zzz_lab.Meter", 1), encoding="utf-8")
    bench = table / "bench.yaml"
    for replaced in ("433 nm", "433 kg"):
        bench.write_text(bench.read_text(encoding="utf-8").replace("433 nm", replaced), encoding="utf-8")
        assert main(["check", str(table)]) == 2
        err = capsys.readouterr().err
        assert "instruments.sr400.type: 'perovskite_meas.drivers' has no 'SR4OO'; did you mean 'SR400'?" in err
        assert "instruments.sc10.type: there is no module 'perovskite_meas.driver'; did you mean 'drivers'?" in err
        assert "'lab_of_test.Mount' cannot be imported: OSError: no vendor library" in err
        assert "there is no module 'zzz_lab'; install the package that holds it, or correct `type`" in err
    assert "433 kg" in err


def test_one_broken_package_does_not_end_check_or_list(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "broken_of_test.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(here)
    known = plugins._points("procedures")
    others = {
        name: EntryPoint(name, value, "perovskite_meas.procedures")
        for name, value in {"Aaa": "broken_of_test:A", "Aab": "nowhere_of_test:B", "Aac": "math:pi"}.items()
    }
    monkeypatch.setattr(
        plugins, "_points", lambda group: {**others, **known} if group == "procedures" else entry_points_of(group)
    )
    assert main(["check", "virtual_confocal"]) == 0
    out = capsys.readouterr().out
    assert "Aaa: cannot be loaded: procedure 'Aaa' is registered as 'broken_of_test:A'" in out
    assert "ZeroDivisionError: division by zero" in out
    assert "Aab: cannot be loaded:" in out
    assert "Aac: cannot be loaded:" in out
    assert "TwoPhotonSaturation: can run" in out
    assert main(["list"]) == 0
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_run_stores_and_analyze_and_report_find_it_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "TwoPhotonSaturation", *QUICK]) == 0
    out = capsys.readouterr().out
    assert "cross_section" in out
    assert "run 1: completed" in out
    folder = next((here / "runs").glob("*TwoPhotonSaturation-1"))
    (folder / "report.html").unlink()
    (folder / "data.nc").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").is_file()
    assert (folder / "data.nc").is_file()
    capsys.readouterr()
    for place in ("runs", "runs/runs.db"):
        assert main(["report", place]) == 2
        assert f"runs is no run folder; runs in it: {folder.name}" in capsys.readouterr().err
    (folder / "provenance.json").rename(folder / "kept")
    (folder / "provenance.json").write_text("{", encoding="utf-8")
    assert main(["report", str(folder)]) == 1, "a run that is there but cannot be read is no wrong usage"
    (folder / "kept").replace(folder / "provenance.json")
    shutil.rmtree(folder / "analysis")
    assert main(["analyze", "1", "--with", "saturation"]) == 0
    assert (folder / "analysis" / "saturation.json").is_file()


def test_a_dry_run_predicts_and_stores_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "TwoPhotonSaturation", "--dry-run"]) == 0
    out = capsys.readouterr().out
    for word in ("duration", "dose", "peak irradiance", "<N>", "sigma(cross_section)"):
        assert word in out
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "TwoPhotonSaturatoin"], "did you mean 'TwoPhotonSaturation'"),
        (["run", "TwoPhotonSaturation", "--set", "dwel=1 s"], "did you mean 'dwell'"),
        (["run", "TwoPhotonSaturation", "--set", "dwell=1 kg"], "cannot be expressed in s"),
        (["run", "TwoPhotonSaturation", "--set", "dwell"], "--set name=value"),
        (["run", "TwoPhotonSaturation", "--bench", "virtual_confocl"], "did you mean 'virtual_confocal'"),
        (["run", "TwoPhotonSaturation", "--bench", "nowhere/bench.yaml"], "nowhere"),
        (["run", "TwoPhotonSaturation", "--world", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "TwoPhotonSaturation", "--dry-run", "--set", "dwell=10 min"], "dose"),
        (["run", "TwoPhotonSaturation", "--set", "dwell=10 min"], "dose"),
        (["analyze", "77"], "no run"),
        (["report", "77"], "no run '77'"),
        (["report", "."], "is no run folder and holds none"),
        (["analyze", "77", "--with", "saturaton"], "did you mean 'saturation'"),
        (["report", "nowhere/at/all"], "no run"),
    ],
)
def test_wrong_usage_and_refusals_are_one_clear_screen(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(arguments)
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) < 25
    assert "Traceback" not in err
    assert status == 2


def test_wrong_words_on_the_command_line_end_with_two() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rnu"])
    assert caught.value.code == 2


SCRIPTS = ("ase_fluence", "hbt", "hbt_cw", "magneto_pl", "michelson_t2", "power_calibration", "two_photon_saturation")


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["shorter", "whole"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_lab_script_runs_and_is_short(
    name: str,
    whole: bool,
    here: Path,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    from perovskite_meas.hosts import qcodes

    def run_shorter(procedure: Procedure, *arguments: Any, **options: Any) -> Any:
        return run(procedure.replace(**SHORTER.get(type(procedure).__name__, {})), *arguments, **options)

    run = qcodes.run
    if not whole:
        request.getfixturevalue("without_figures")
        monkeypatch.setattr(qcodes, "run", run_shorter)
    script = checkout / "procedures" / f"{name}.py"
    assert sorted(path.stem for path in (checkout / "procedures").glob("*.py")) == list(SCRIPTS)
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 40
    monkeypatch.setattr(sys, "argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    assert "report" in capsys.readouterr().out


def unplugged(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    next(iter(bench.libraries.values())).device("ASRL5::INSTR").faults.after(exchanges=30).unplug()


def garbled(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    next(iter(bench.libraries.values())).device("GPIB0::23::INSTR").faults.after(exchanges=30).garble(5)


def interrupted(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.roles["counter"], "count", stop)


def analysis_raises(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: Any) -> None:
        raise ZeroDivisionError("no photons")

    monkeypatch.setattr(find("analyses", "saturation"), "function", broken)


@pytest.mark.parametrize(
    ("happens", "status", "says"),
    [
        (unplugged, 1, "sc10"),
        (garbled, 1, "sr400"),
        (interrupted, 3, "aborted"),
        (analysis_raises, 1, "no photons"),
    ],
)
def test_what_goes_wrong_in_a_run_is_told_on_one_screen_with_the_right_status(
    happens: Any,
    status: int,
    says: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from perovskite_meas.hosts import qcodes

    opened = qcodes.load_bench

    def load(*arguments: Any, **options: Any) -> Any:
        bench = opened(*arguments, **options)
        happens(bench, monkeypatch)
        return bench

    monkeypatch.setattr(qcodes, "load_bench", load)
    assert main(["run", "TwoPhotonSaturation", *QUICK]) == status
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if not line.startswith("TwoPhotonSaturation  row")]
    assert any(says in line for line in lines)
    assert len(lines) < 25
    assert "Traceback" not in err
    assert next((here / "runs").glob("*/report.html")).is_file()


@pytest.mark.parametrize(
    ("procedure", "world", "says"),
    [
        ("MichelsonScan", "hbt_cw", "this world cannot be made|for a confocal table"),
        ("HBT", "no_dot", "for a michelson table"),
        ("TwoPhotonSaturation", "doublet", "for a michelson table"),
    ],
)
def test_a_dry_run_refuses_the_world_that_the_run_would_refuse(
    procedure: str, world: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", procedure, "--dry-run", "--world", world]) == 2
    assert re.search(says, capsys.readouterr().err)


def test_after_a_stop_the_next_step_and_the_report_are_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Progress.row

    def stopped(self: Any, stored: Any) -> None:
        row(self, stored)
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "row", stopped)
    assert main(["run", "PowerCalibration", "--into", "out"]) == 3
    err = capsys.readouterr().err
    (folder,) = (here / "out").glob("*PowerCalibration*")
    assert f"to analyse what there is: pmeas analyze {folder}" in err
    assert f"report: {folder / 'report.html'}" in err
    assert (folder / "report.html").is_file()
    record = load_record(folder)
    assert repr(record) == f"Record(PowerCalibration, aborted, 1 rows, results: none, folder: {folder})"
