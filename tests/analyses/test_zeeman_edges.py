"""Where the zeeman analysis refuses, falls back, or will not decide."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

import perovskite_meas.analyses.zeeman as package
from perovskite_meas.analyses.zeeman import ZeemanResult, zeeman
from perovskite_meas.core.errors import AnalysisRefused, UsageError


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
    data: xr.Dataset = model.scan(model.small(**truth), seed)
    return data


@cache
def seen(seed: int = 1, **truth: Any) -> ZeemanResult:
    return zeeman(scan(seed, **truth))


def test_two_free_angles_are_refused_before_anything_is_fitted() -> None:
    nothing = xr.Dataset()
    with pytest.raises(UsageError, match="q = SUM_j E_j b_j"):
        zeeman(nothing, free_angles=2)
    with pytest.raises(UsageError, match="did you mean 'free_angles'"):
        zeeman(nothing, free_angle=2)
    with pytest.raises(UsageError, match="q = SUM_j E_j b_j"):
        zeeman.fit(nothing, free_angles=2)
    with pytest.raises(UsageError, match="free_angles=1"):
        package.fit(nothing, free_angles=2)


def test_missing_columns_and_missing_light_are_named() -> None:
    data = scan(fields=(0.0,), swap=())
    with pytest.raises(AnalysisRefused, match="wavelength"):
        zeeman(data.drop_vars("wavelength"))
    with pytest.raises(AnalysisRefused, match="no usable spectrum of the emitter"):
        zeeman(data.isel(row=data["series"].values == 4))
    dark = data.copy(deep=True)
    dark["spectrum"].values[:] = np.random.default_rng(1).normal(500, 4, dark["spectrum"].shape)
    with pytest.raises(AnalysisRefused, match="no emission stands above the noise"):
        zeeman(dark)


def test_a_dark_state_above_is_not_called_lowest() -> None:
    result = seen(dark=0.6)
    assert result.ground_state == "bright lowest"
    assert result.ground_state_probability < 0.01
    assert result.bright_dark_splitting is not None
    assert abs(result.bright_dark_splitting.nominal + 0.60) < 0.01


@pytest.mark.slow
def test_a_trion_decides_nothing() -> None:
    result = seen(kind="trion")
    assert result.ground_state == "not decidable"
    assert result.model == "trion"
    assert "trion" in result.verdict
    assert result.bright_dark_splitting is None
    assert result.n_lines == 1


def test_few_fields_give_lines_and_no_verdict() -> None:
    result = seen(fields=(0.0, 7.0), swap=(), lamps=False)
    assert result.model == "lines"
    assert result.ground_state == "not decidable"
    assert "2 field(s)" in result.verdict
    assert result.diamagnetic is None
    assert next(len(energies) for energies in result.lines["energy"]) == 3
    assert any("no lamp rows" in note for note in result.notes)
    assert any("instrument's width is unknown" in note for note in result.notes)


@pytest.mark.slow
@pytest.mark.parametrize("truth", [{"lamps": False}, {"lamp_lines": (540.0562,)}])
def test_without_two_lines_of_the_lamp_there_is_no_diamagnetic_shift(truth: dict[str, Any]) -> None:
    result = seen(**truth)
    assert result.ground_state == "dark lowest"
    assert result.diamagnetic is None
    assert any("needs two lines of the lamp" in note for note in result.notes)
    assert result.bright_dark_splitting is not None
    assert result.bright_dark_splitting.systematic is not None
    assert result.bright_dark_splitting.systematic > 0.01  # 0.5 % of the bench's dispersion


@pytest.mark.slow
def test_a_phonon_replica_is_no_dark_state() -> None:
    truth = {"dark": -40.0, "replica": 0.25}
    result = seen(**truth)
    assert result.ground_state == "not decidable"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_dark_line_of_a_percent_is_found_right_or_not_at_all(seed: int) -> None:
    result = seen(seed, faraday=True, aperture=0.1)
    assert any("Faraday" in note for note in result.notes)
    assert result.ground_state in ("dark lowest", "not decidable")
    assert (result.bright_dark_splitting is None) == (result.ground_state == "not decidable")
    assert result.bright_dark_splitting is None or abs(result.bright_dark_splitting.pull(2.6)) < 4


@pytest.mark.slow
def test_lost_and_saturated_frames_do_not_count() -> None:
    data = scan()
    on = np.flatnonzero(data["series"].values == 0)
    data["identity"].values[on[3]] = 3
    data["saturated"].values[on[4]] = 7
    data["spectrum"].values[on[3]] = 500
    result = zeeman(data)
    assert any("lost emitter" in note for note in result.notes)
    assert any("saturated" in note for note in result.notes)
    assert result.ground_state == "dark lowest"
