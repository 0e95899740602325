"""With what a run was made: versions, files, identities, git state."""

from __future__ import annotations

import datetime
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perovskite_meas.core.procedure import extra_of

if TYPE_CHECKING:
    from perovskite_meas.bench import Bench
    from perovskite_meas.core.procedure import Procedure

    from .plan import Plan

_PACKAGES = ("perovskite-meas", "qcodes", "pymeasure", "pyvisa", "numpy", "scipy", "xarray", "pandas", "pydantic")


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that matters."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether the checkout around `folder` has changes; None outside of git."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        commit = _git(git, folder, "rev-parse", "HEAD")
        changed = _git(git, folder, "status", "--porcelain", "--untracked-files=no")
    except (subprocess.SubprocessError, OSError):
        return None
    return {"commit": commit, "changed": bool(changed)}


def _git(git: str, folder: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        [git, "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=True
    )
    return done.stdout.strip()


def provenance(procedure: Procedure, bench: Bench, plan: Plan, host: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything about how a run is about to be made, as JSON data."""
    cls = type(procedure)
    return {
        "format": 1,
        "status": "running",
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "procedure": {
            "name": cls.__name__,
            "module": cls.__module__,
            "parameters": procedure.to_json(),
            "units": {name: extra_of(info)["unit"] for name, info in cls.model_fields.items()},
        },
        "columns": [{"name": c.name, "array": c.array, **c.attrs()} for c in procedure.columns],
        "analyses": list(procedure.analyses),
        "conditions": bench.conditions(),
        "plan": {"rows": plan.rows, "duration": plan.duration, "dose": plan.dose, "lines": plan.lines()},
        "bench": bench.describe(),
        "versions": versions(),
        "git": {"package": git_state(Path(__file__).parent), "bench": git_state(bench.spec.path.parent)},
        **host,
    }
