"""`pmeas` does what it says and ends with the right status."""

import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas.cli import main
from perovskite_meas.core.plugins import find

QUICK = [
    "--set",
    "powers=there_and_back(Logspace('1.3 uW', '30 uW', 8))",
    "--set",
    "dwell=0.1 s",
    "--set",
    "meter_time=10 ms",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_demo_prints_recovered_against_true_and_times_and_the_reports(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--into", "out"]) == 0
    out = capsys.readouterr().out
    assert "cross_section" in out
    assert "6.8e+06 GM" in out
    assert "x real time" in out
    report = next((here / "out").glob("*/report.html"))
    assert "Recovered against true" in report.read_text(encoding="utf-8")


def test_list_names_procedures_analyses_roles_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for name in ("TwoPhotonSaturation", "PowerCalibration", "saturation", "shutter", "virtual_confocal"):
        assert name in out


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
    assert status == (2 if arguments[0] == "run" or "saturaton" in arguments else 1)


def test_wrong_words_on_the_command_line_end_with_two() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rnu"])
    assert caught.value.code == 2


@pytest.mark.parametrize("name", ["two_photon_saturation", "power_calibration"])
def test_every_lab_script_runs_and_is_short(
    name: str, here: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = checkout / "procedures" / f"{name}.py"
    assert {path.stem for path in (checkout / "procedures").glob("*.py")} == {
        "two_photon_saturation",
        "power_calibration",
    }
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
