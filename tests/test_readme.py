"""The README is run: its Python blocks, and its `pmeas` commands in order."""

import re
import shlex
from pathlib import Path

import pytest

from perovskite_meas.bench import read_bench
from perovskite_meas.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_python_block_of_the_readme_runs(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[number], f"README block {number}", "exec"), {})  # noqa: S102
    assert any(tmp_path.iterdir())


def test_every_pmeas_command_of_the_readme_ends_well_in_the_order_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("pmeas ")]
    assert len(lines) >= 5
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line


def test_the_two_commands_of_the_readme_are_those_that_ci_and_the_frame_rely_on() -> None:
    assert "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/pmeas demo" in README
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest" in README


def test_the_bench_of_the_readme_uses_only_what_a_bench_file_knows(tmp_path: Path) -> None:
    packaged = read_bench(ROOT / "station_configs" / "virtual_confocal" / "bench.yaml")
    text = blocks("yaml")[0]
    for line in re.findall(r"^  (\w+):", text, re.MULTILINE):
        assert line in packaged.roles


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
