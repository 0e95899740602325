"""The fine_structure analysis: lines without field, splittings, limits and polarisation."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import xarray as xr

from perovskite_meas.analyses.fine_structure import FineStructureResult, fine_structure
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.testing import check_analysis


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("zeeman_forward.py")
    spec = importlib.util.spec_from_file_location("zeeman_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def scan(seed: int = 1, **truth: Any) -> xr.Dataset:
    model = forward()
    data: xr.Dataset = model.scan(model.small(**{"fields": (0.0,), "swap": (), **truth}), seed)
    return data


@cache
def seen(seed: int = 1, **truth: Any) -> FineStructureResult:
    return fine_structure(scan(seed, **truth))


def test_three_lines_are_found_with_their_splittings_and_polarisation() -> None:
    result = seen()
    assert result.n_lines == 3
    assert abs(result.splittings[0].pull(0.40)) < 4
    assert abs(result.splittings[1].pull(0.25)) < 4
    assert max(abs(value.nominal - true) for value, true in zip(result.splittings, (0.40, 0.25), strict=True)) < 0.006
    assert abs(result.energy.nominal - 2.300) < 5e-5
    assert len(result.angles) == 3
    assert result.splitting_limit is None
    assert sum(result.shares) == pytest.approx(1.0)


def test_one_line_gives_an_upper_limit_and_no_value() -> None:
    result = seen(bright=(0.0, 0.0, 0.0))
    assert result.n_lines == 1
    assert result.splittings == ()
    assert result.splitting_limit is not None
    assert 5 < result.splitting_limit < 90
    assert "one line" in result.verdict
    assert any("upper limit" in note for note in result.notes)


def test_two_lines_of_a_tetragonal_crystal() -> None:
    result = seen(bright=(-0.3, 0.15, 0.15))
    assert result.n_lines == 2
    assert abs(result.splittings[0].pull(0.45)) < 4


def test_spectra_in_a_field_alone_are_refused() -> None:
    data = scan()
    data["field"].values[data["series"].values < 3] = 3.0
    with pytest.raises(AnalysisRefused, match="zero field"):
        fine_structure(data)


def test_one_angle_of_the_analyser_gives_no_polarisation() -> None:
    data = scan(polarisers=(0.0,), frames=1)
    result = fine_structure(data)
    assert result.angles == ()
    assert any("polarisation needs three" in note for note in result.notes)


def test_the_result_is_stored_and_drawn() -> None:
    check_analysis(fine_structure, scan(2))
