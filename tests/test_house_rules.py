"""The habits of the house, checked."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "perovskite_meas").rglob("*.py"), *(ROOT / "pyvisa_twin").rglob("*.py")])
MANY_METHODS = {"TwinVisaLibrary"}
"""VISA itself demands these methods."""


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_file_is_about_one_thing_and_a_class_has_few_public_methods(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and node.name not in MANY_METHODS:
            public = [
                item.name
                for item in node.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_")
            ]
            assert len(public) <= 12, f"{node.name}: {public}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_nothing_waits_by_sleeping_or_hides_an_error(path: Path) -> None:
    if path.name == "clock.py":
        pytest.skip("the one place where wall time passes")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("time", "sleep"), f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"
            silent = all(isinstance(item, ast.Pass) for item in node.body)
            broad = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            assert not (silent and broad), f"swallowed in line {node.lineno}"


def test_importing_the_package_loads_no_framework_and_no_plotting() -> None:
    code = "import sys, perovskite_meas; print(*[m for m in ('qcodes', 'pymeasure', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_plots_are_made_without_pyplot_and_its_global_state() -> None:
    for path in FILES:
        assert "pyplot" not in path.read_text(encoding="utf-8"), names(path)
