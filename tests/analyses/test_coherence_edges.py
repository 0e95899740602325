"""What the coherence analysis refuses, and what it only warns of."""

import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.analyses.coherence import coherence
from perovskite_meas.core.errors import AnalysisRefused


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("fringe_forward.py")
    spec = importlib.util.spec_from_file_location("fringe_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@cache
def kept(seed: int = 1, **truth: Any) -> xr.Dataset:
    found: xr.Dataset = forward().scan(forward().Truth(**{"sweeps": 10, **truth}), seed)
    return found


def rows(seed: int = 1, **truth: Any) -> xr.Dataset:
    return kept(seed, **truth).copy(deep=True)


def few(seed: int = 1) -> xr.Dataset:
    """Return a scan of few delays and sweeps, where how rows are read is all that is asked."""
    return rows(seed, sweeps=5, delays=tuple(np.linspace(3.0, 30.0, 6)), check_every=3)


def test_missing_columns_are_named() -> None:
    with pytest.raises(AnalysisRefused, match="fine_delay, sweep_start"):
        coherence(rows().drop_vars(["fine_delay", "sweep_start"]))


def test_a_delay_line_that_is_not_described_is_refused() -> None:
    data = rows()
    data.attrs["conditions"] = {key: value for key, value in data.attrs["conditions"].items() if key != "delay"}
    with pytest.raises(AnalysisRefused, match="'delay' is not stated"):
        coherence(data)


def test_an_unknown_pulse_shape_is_refused_by_name() -> None:
    data = rows()
    pulse = {**data.attrs["conditions"]["pulse"], "shape": "airy"}
    data.attrs["conditions"] = {**data.attrs["conditions"], "pulse": pulse}
    with pytest.raises(AnalysisRefused, match="'airy'"):
        coherence(data)


def test_a_run_without_bursts_on_the_emitter_is_refused() -> None:
    data = rows()
    with pytest.raises(AnalysisRefused, match="series 'on'"):
        coherence(data.isel(row=data["series"].values > 1))


def test_three_delays_are_no_decay() -> None:
    data = rows(delays=(3.0, 10.0, 20.0), check_every=0)
    with pytest.raises(AnalysisRefused, match="only 3 different delays"):
        coherence(data)


def test_two_points_per_fringe_could_only_give_max_and_min() -> None:
    with pytest.raises(AnalysisRefused, match=r"2 points per fringe.*max-min"):
        coherence(rows(points=8, fringes=4.0))


def test_half_a_fringe_is_refused() -> None:
    with pytest.raises(AnalysisRefused, match=r"spans 0\.\d+ fringes"):
        coherence(rows(fringes=0.5))


def test_a_dark_emitter_is_refused() -> None:
    data = rows()
    data["counts"][:] = 0.0
    with pytest.raises(AnalysisRefused, match="not one photon"):
        coherence(data)


def test_fringes_at_the_noise_give_no_t2() -> None:
    result = coherence(rows(rate=300.0, overlap=0.05, sweeps=5, leakage=0.0))
    assert result.t2 is None
    assert result.linewidth is None
    assert result.refused is not None
    assert "photons >= 4/V^2" in result.refused
    assert result.verdict.startswith("refused")


def test_a_window_far_shorter_than_t2_gives_no_t2() -> None:
    result = coherence(rows(t2=80.0, rate=2e5, delays=tuple(np.linspace(3, 23, 12)), check_every=0))
    assert result.t2 is None
    assert result.refused is not None
    assert "delays span" in result.refused


def test_a_line_without_homogeneous_decay_gives_a_width_and_no_t2() -> None:
    result = coherence(
        rows(t2=2000.0, detuning=60.0, detuning_time=2e-3, rate=1e5, delays=tuple(np.linspace(2, 26, 14)), check=6.0)
    )
    assert result.model == "gaussian"
    assert result.t2 is None
    assert result.inhomogeneous is not None
    assert result.inhomogeneous.nominal == pytest.approx(60.0, rel=0.2)
    assert result.refused is not None
    assert "Gaussian" in result.refused


def test_the_stated_pi_power_stands_in_for_power_rows() -> None:
    data = few()
    result = coherence(data.isel(row=data["series"].values != 7))
    assert result.pulse_area is not None
    assert result.pulse_area.nominal == pytest.approx(0.1, abs=0.02)


def test_a_trend_of_the_repeats_is_called_out() -> None:
    result = coherence(rows(bleaching=0.03, on_time=0.0))
    assert any("brightness of the check rows changed by -" in note for note in result.notes)


def test_broken_rows_are_left_out_and_counted() -> None:
    data = few()
    own = np.flatnonzero(data["series"].values == 0)[:2]
    data["counts"][own[0]] = np.nan
    data["delay"][own[1]] = np.nan
    result = coherence(data)
    assert result.t2 is not None
    assert any("2 row(s)" in note for note in result.notes)


def test_codes_without_flags_are_read_by_their_numbers() -> None:
    data = few()
    data["series"].attrs.clear()
    assert coherence(data).t2 is not None


def test_padding_after_the_last_sweep_is_no_darkness() -> None:
    data = few()
    plain = coherence(data)
    padded = data.pad(sweep=(0, 6), constant_values=0.0)
    padded.attrs = data.attrs
    padded["series"].attrs = data["series"].attrs
    again = coherence(padded)
    assert plain.t2 is not None
    assert again.t2 is not None
    assert again.t2.nominal == pytest.approx(plain.t2.nominal, rel=1e-6)


def test_a_colour_that_nobody_stated_is_found_from_the_fringes() -> None:
    data = rows()
    conditions = {key: value for key, value in data.attrs["conditions"].items() if key in ("delay", "tagger")}
    data.attrs["conditions"] = conditions
    result = coherence(data)
    assert result.fringe_period.nominal == pytest.approx(2.3234 / 1.005, rel=5e-3)
    assert result.t2 is not None
    assert abs(result.t2.pull(11.12)) < 4


def test_an_unmeasured_and_vague_pulse_leaves_out_the_short_delays() -> None:
    data = rows(zeros=(), delays=tuple(np.linspace(0, 39, 20)))
    pulse = {**data.attrs["conditions"]["pulse"], "duration": {"value": 2000.0, "sigma": 600.0, "unit": "fs"}}
    data.attrs["conditions"] = {**data.attrs["conditions"], "pulse": pulse}
    result = coherence(data)
    assert any("pulse durations of zero" in note for note in result.notes)
    assert not result.points["used"][int(np.argmin(result.points["delay"]))]


def test_an_emitter_that_is_mostly_off_breaks_no_estimator() -> None:
    result = coherence(rows(sweeps=25, on_time=0.5, off_time=2.0))
    assert result.t2 is not None
    assert abs(result.t2.pull(11.12)) < 4
    assert math.isfinite(result.naive["max_min"].nominal)


def test_a_refusal_says_which_delays_would_do() -> None:
    long, short = coherence(rows(t2=80.0, rate=2e5)), coherence(rows(t2=1.0))
    assert "to about 2" in str(long.refused)
    assert "a dozen below about" in str(short.refused)
