"""An independent forward model: excitations, photons and detector drawn at random, row by row."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("forward.py")
    spec = importlib.util.spec_from_file_location("saturation_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
