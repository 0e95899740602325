"""The zeeman analysis on simulated scans: the truth is recovered, nuisances and all."""

import importlib.util
import json
import sys
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.zeeman import ZeemanResult, zeeman
from perovskite_meas.core.analysis import result_to_json
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


@cache
def seen(seed: int = 1, **truth: Any) -> ZeemanResult:
    model = forward()
    return zeeman(model.scan(model.session(model.small(decays=10.0, **truth), seed), seed))


def test_dark_lowest_is_found_with_its_numbers() -> None:
    result, truth = seen(), forward().session(forward().small(), 1)
    scale = 1 + truth.field_scale
    assert result.ground_state == "dark lowest"
    assert result.ground_state_probability > 0.99
    assert result.model == "exciton"
    assert result.n_lines == 3
    assert result.bright_dark_splitting is not None
    assert result.lowest_gap is not None
    assert result.g_sum is not None
    assert result.g_diff is not None
    assert abs(result.bright_dark_splitting.nominal - 2.60) < 0.010
    assert abs(result.lowest_gap.nominal - 2.25) < 0.010
    for name, true in (("x", -0.35), ("y", 0.05), ("z", 0.30)):
        assert abs(result.bright_energies[name].nominal - true) < 0.004
        assert abs(result.bright_energies[name].pull(true)) < 4
    assert abs(result.g_sum.nominal / scale - 2.45) < 0.02
    assert abs(result.g_diff.nominal / scale - 1.35) < 0.12
    assert abs(result.energy.nominal - 2.300) < 5e-5


def test_field_and_dispersion_errors_are_kept_apart() -> None:
    result = seen()
    assert result.g_sum is not None
    assert result.g_sum.systematic == pytest.approx(0.01 * result.g_sum.nominal, rel=0.2)
    assert result.g_sum.statistical is not None
    assert result.g_sum.statistical < 0.01
    assert set(result.systematics["g_sum"]) == {"field_scale", "dispersion", "line_shape", "trapped_flux"}


def test_the_dark_line_brightens_and_its_decay_says_the_same() -> None:
    result = seen()
    assert result.brightening is not None
    assert 1.2 < result.brightening.nominal < 3.2
    assert result.g_diff is not None
    assert result.g_diff_lifetime is not None
    apart = result.g_diff.nominal - result.g_diff_lifetime.nominal
    assert abs(apart) < 3 * np.hypot(result.g_diff.sigma, result.g_diff_lifetime.sigma)
    assert result.dark_lifetime is not None
    assert abs(result.dark_lifetime.nominal - 500) < 60
    assert result.bright_lifetime is not None
    assert abs(result.bright_lifetime.nominal - 0.6) < 0.1


def test_glass_null_tests_and_shifts_are_reported() -> None:
    result = seen()
    assert result.faraday_rotation is None or abs(result.faraday_rotation.nominal - 1.5) < 0.4
    assert result.diamagnetic is not None
    assert abs(result.diamagnetic.pull(1.0)) < 4
    assert result.swap is not None
    assert abs(result.swap.nominal) < 200
    assert result.wander is not None
    assert 10 < result.wander.nominal < 45
    assert result.chi2_reduced < 1.3
    assert result.cosmics > 0


def test_the_result_is_stored_and_drawn() -> None:
    stored = json.dumps(result_to_json(seen()))
    assert len(stored) < 1_000_000
    assert "dark lowest" in stored
    figure = Figure(figsize=(10, 6.5))
    zeeman.draw(xr.Dataset(), seen(), figure)
    assert len(figure.axes) == 5  # four and the colour bar


@pytest.mark.slow
def test_the_analysis_keeps_the_contract() -> None:
    model = forward()
    data = model.scan(model.small(fields=(0.0, 2.5, 5.0, 7.0), frames=1, swap=(), pixels=600), 2)
    check_analysis(zeeman, data)


@pytest.mark.slow
def test_a_scan_of_160_frames_takes_seconds() -> None:
    model = forward()
    data = model.scan(model.session(model.Truth(fields=tuple(np.linspace(0, 7, 29))), 1), 1)
    zeeman(data)  # compiles
    start = time.process_time()
    result = zeeman(data)
    assert time.process_time() - start < 6.0
    assert result.frames > 150
