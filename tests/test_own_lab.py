"""Another laboratory's package, installed beside this one, adds a procedure, an analysis, a driver and a role."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from perovskite_meas.core.analysis import StoredResult

HERE = Path(__file__).resolve().parent
LAB = HERE / "own_lab"
BENCH = LAB / "table" / "bench.yaml"
SOURCES = ("power_stability", "scpi_meter", "power_drift")
LONGEST = 40
COMMANDS = """
import contextlib, io, json, sys
from perovskite_meas.cli import main
found = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(words)
    found.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(found))
"""


class Told(NamedTuple):
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package for real, by pip, into a folder of its own; return that folder."""
    target = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "own_lab"
    shutil.copytree(LAB, source, ignore=shutil.ignore_patterns("__pycache__", "conftest.py"))
    # Where the build back end is not at hand, pip fetches it, as it did for this package.
    here = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, *here, "--target", str(target), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def python(lab: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(lab), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def told(lab: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Told]]:
    """Give three commands in one process, which spares two imports; return its folder and what each said."""
    here = tmp_path_factory.mktemp("commands")
    shutil.copytree(LAB / "table", here / "table")
    bench = here / "table" / "bench.yaml"
    text = bench.read_text(encoding="utf-8").replace("offset: 4.2 K", "ofset: 4.2 K")
    world = (LAB / "table" / "../../../station_configs/virtual_confocal/world.yaml").resolve()
    bench.write_text(re.sub(r"(?m)^world: .*$", f"world: {world.as_posix()}", text), encoding="utf-8")
    commands = [["list"], ["check", str(bench)], ["run", "PowerStability", "--bench", str(BENCH), "--into", "runs"]]
    done = python(lab, here, "-c", COMMANDS, json.dumps(commands))
    assert done.returncode == 0, done.stderr
    return here, {words[0]: Told(*found) for words, found in zip(commands, json.loads(done.stdout), strict=True)}


def test_what_another_package_registers_is_listed_beside_ours(told: tuple[Path, dict[str, Told]]) -> None:
    done = told[1]["list"]
    assert done.returncode == 0, done.stderr
    for line in (
        "PowerStability          Read the power before the shutter at regular moments; no light reaches the sample.",
        "power_drift             Return mean and drift of the power.",
        "thermometer             Reads a temperature, in K.",
        "TwoPhotonSaturation ",
    ):
        assert f"  {line}" in done.stdout


def test_its_procedure_runs_with_its_driver_and_its_analysis_leaves_a_result(
    told: tuple[Path, dict[str, Told]],
) -> None:
    here, done = told[0], told[1]["run"]
    assert done.returncode == 0, done.stderr
    assert "power_drift:" in done.stdout
    (folder,) = (here / "runs").glob("*-PowerStability-*")
    result = StoredResult(json.loads((folder / "analysis" / "power_drift.json").read_text(encoding="utf-8")))
    assert (result.mean.unit, result.drift.unit) == ("W", "1/h")
    assert result.mean.nominal == pytest.approx(10e-6, rel=0.15)  # pick-off zero 0.5 uW of 100 uW, and 3 %
    assert 0 < result.mean.sigma < 0.5e-6
    assert (folder / "analysis" / "power_drift.svg").is_file()
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["bench"]["instruments"]["own_meter"]["driver"] == "own_lab.scpi_meter.ScpiMeter"
    assert provenance["procedure"]["module"] == "own_lab.power_stability"


def test_a_wrong_option_of_its_role_is_refused_by_name(told: tuple[Path, dict[str, Told]]) -> None:
    done = told[1]["check"]
    assert done.returncode == 2
    assert "a thermometer has no option 'ofset'; did you mean 'offset'?" in done.stderr


def test_its_own_tests_pass_all_our_checks(lab: Path, tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    shutil.copytree(LAB / "tests", tests)
    done = python(lab, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^14 passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("name", SOURCES)
def test_each_example_is_shorter_than_forty_lines(name: str) -> None:
    assert len((LAB / "src" / "own_lab" / f"{name}.py").read_text(encoding="utf-8").splitlines()) < LONGEST


def test_the_guide_shows_these_files_to_the_letter(checkout: Path) -> None:
    text = (checkout / "docs" / "extend.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^`(tests/own_lab/[\w./]+)`[^\n]*\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for name, block in shown.items():
        assert block == (checkout / name).read_text(encoding="utf-8"), f"docs/extend.md and {name} differ"
    wanted = {f"tests/own_lab/src/own_lab/{name}.py" for name in (*SOURCES, "thermometer")}
    wanted |= {f"tests/own_lab/{name}" for name in ("pyproject.toml", "table/bench.yaml", "tests/test_contract.py")}
    assert set(shown) == wanted
    blocks = re.findall(r"^```(?:python|toml|yaml)\n", text, re.MULTILINE)
    assert len(blocks) == len(shown), "a code block in docs/extend.md names no file"
