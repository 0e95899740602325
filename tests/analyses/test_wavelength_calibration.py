"""The wavelength calibration finds the axis of a spectrograph from a lamp, and refuses what is none."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.wavelength_calibration import wavelength_calibration
from perovskite_meas.bench.calibration_file import from_mapping
from perovskite_meas.core.analysis import StoredResult, result_to_json
from perovskite_meas.core.errors import AnalysisRefused

PIXELS = 2000
FOCAL = 5e4
ALL = {533.0777: 0.3, 534.1094: 0.6, 540.0562: 1.0, 546.0750: 0.5}
"""Strength by wavelength in air."""


def vacuum(air: float) -> float:
    """Edlen's formula as Morton (2000) has it: another one than the package's."""
    s2 = (1e3 / air) ** 2
    return air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2))


class Spectrograph:
    """A grating in front of a flat sensor, by the grating equation itself."""

    def __init__(self, seed: int, dial: float = 539.0, offset: float | None = None, scale: float | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        drawn = self.rng.normal(0, (0.02, 0.005))
        self.offset = drawn[0] if offset is None else offset
        self.focal = FOCAL / (1 + (drawn[1] if scale is None else scale))
        self.dial = dial
        self.leaving, self.groove = math.radians(44.7), 1e6 / 1800

    @property
    def dispersion(self) -> float:
        return self.groove * math.cos(self.leaving) / self.focal

    def pixel(self, nm: float) -> float:
        sine = math.sin(self.leaving) + (nm - self.dial - self.offset) / self.groove
        return self.focal * math.tan(math.asin(sine) - self.leaving) + (PIXELS - 1) / 2

    def frame(self, lines: dict[float, float], electrons: float = 2e4, hits: int = 2) -> np.ndarray[Any, Any]:
        edges = np.arange(PIXELS + 1) - 0.5
        light = np.full(PIXELS, 1.0)
        for air, share in lines.items():
            z = (edges - self.pixel(vacuum(air))) / (1.15 * math.sqrt(2))
            light += electrons * share * np.diff([0.5 * math.erf(each) for each in z])
        found = self.rng.poisson(light) + self.rng.normal(0, 4, PIXELS)
        found[self.rng.integers(0, PIXELS, hits)] += 3000
        return np.rint(300 + found / 1.2)


def measured(
    seed: int, lines: dict[float, float] | None = None, stated: dict[str, Any] | None = None, **how: Any
) -> tuple[xr.Dataset, Spectrograph]:
    electrons, words = how.pop("electrons", 2e4), how.pop("words", "Ne Hg")
    real = Spectrograph(seed, **how)
    shown = ALL if lines is None else lines
    frames = [real.frame({}, hits=0) for _ in range(3)] + [real.frame(shown, electrons) for _ in range(5)]
    u = np.arange(PIXELS) - (PIXELS - 1) / 2
    axis = 539.0 + 7.9e-3 * (u - u**3 / (2 * FOCAL**2)) - 7.81e-8 * u**2
    known = {
        "offset": {"value": 0.0, "sigma": 0.02, "unit": "nm"},
        "dispersion": {"value": 7.9e-3, "sigma": 4e-5, "unit": "nm/px"},
        "curvature": {"value": -7.81e-8, "sigma": 2e-9, "unit": "nm/px^2"},
        "focal": {"value": FOCAL, "sigma": 0.0, "unit": "px"},
        "grating": 1,
    }
    conditions = {
        "wavelength": known | (stated or {}),
        "lamp": {"lines": words},
        "camera": {name: {"value": value, "sigma": 0.0, "unit": "1"}
                   for name, value in (("gain", 1.2), ("read_noise", 4.0), ("full_scale", 65535.0))},
    }  # fmt: skip
    rows = {
        "series": ("row", [0] * 3 + [1] * 5),
        "wavelength": (("row", "pixel"), np.tile(axis, (8, 1))),
        "spectrum": (("row", "pixel"), np.array(frames)),
    }
    return xr.Dataset(rows, attrs={"conditions": conditions, "started": "2026-11-23T10:00:00+01:00"}), real


def test_a_default_lamp_gives_the_axis_within_its_sigma() -> None:
    data, real = measured(1)
    found = wavelength_calibration(data)
    assert found.refused is None
    assert found.n_lines == 4
    assert found.offset is not None
    assert found.dispersion is not None
    assert abs(found.offset.pull(real.offset)) < 4
    assert found.offset.sigma < 5e-4
    assert abs(found.dispersion.nominal / real.dispersion - 1) < 2e-4
    assert found.residual < 0.03
    assert found.width == pytest.approx(2.355 * 1.15, rel=0.1)
    assert [line for line in found.lines["element"] if line] == ["Ne", "Ne", "Ne", "Hg"]


def pulls(seeds: range) -> np.ndarray[Any, Any]:
    found = []
    for seed in seeds:
        data, real = measured(seed)
        result = wavelength_calibration(data)
        assert result.refused is None, (seed, result.refused)
        assert result.n_lines == 4, seed
        curvature = -math.sin(real.leaving) * real.groove / (2 * real.focal**2)
        truths = (real.offset, real.dispersion, curvature)
        values = (result.offset, result.dispersion, result.curvature)
        assert all(value is not None and value.statistical is not None for value in values)
        found.append(
            [value.pull(truth, sigma=value.statistical) for value, truth in zip(values, truths, strict=True)]  # type: ignore[union-attr]
        )
    return np.array(found)


@pytest.mark.slow
def test_pulls_of_sixty_sessions_have_unit_width() -> None:
    """Offsets of 0.02 nm and dispersions 0.5 % off, one sigma: every session is assigned rightly."""
    found = pulls(range(100, 160))
    # What the polynomial leaves out of the grating equation is 5 mpx, two sigmas of so bright a lamp.
    assert np.all(np.abs(found.mean(axis=0)) < 2.0)
    assert np.all((found.std(axis=0) > 0.75) & (found.std(axis=0) < 1.3))


def test_pulls_of_a_few_sessions_are_small() -> None:
    assert np.abs(pulls(range(8))).max() < 4.5


@pytest.mark.parametrize(("offset", "scale"), [(0.08, 0.015), (-0.08, -0.015), (0.08, -0.015)])
def test_an_axis_four_sigma_off_is_still_assigned(offset: float, scale: float) -> None:
    data, real = measured(3, offset=offset, scale=scale)
    found = wavelength_calibration(data)
    assert found.n_lines == 4
    assert found.offset is not None
    assert abs(found.offset.nominal - real.offset) < 1e-3
    assert found.shift is not None
    assert found.shift.nominal == pytest.approx(offset, abs=1e-3)


def test_two_lines_give_offset_and_dispersion_with_the_curvature_as_stated() -> None:
    data, real = measured(4, {534.1094: 1.0, 540.0562: 1.0})
    found = wavelength_calibration(data)
    assert found.n_lines == 2
    assert found.offset is not None
    assert found.dispersion is not None
    assert found.curvature is not None
    assert abs(found.offset.pull(real.offset)) < 4
    assert abs(found.dispersion.pull(real.dispersion)) < 4
    assert found.curvature.nominal == pytest.approx(-7.81e-8, rel=1e-3)
    assert any("two lines" in note for note in found.notes)


def test_one_line_gives_the_offset_alone() -> None:
    data, real = measured(5, {540.0562: 1.0})
    found = wavelength_calibration(data)
    assert found.n_lines == 1
    assert found.offset is not None
    assert found.dispersion is not None
    assert abs(found.offset.pull(real.offset)) < 4
    assert found.offset.sigma > 5e-4  # 150 px from the middle, dispersion 0.5 %
    assert found.dispersion.nominal == pytest.approx(7.9e-3, rel=1e-9)
    assert any("the offset alone" in note for note in found.notes)


def test_a_line_of_its_own_and_rays_do_not_disturb() -> None:
    data, real = measured(6, ALL | {537.5: 2.0})
    found = wavelength_calibration(data)
    assert found.n_lines == 4
    assert found.offset is not None
    assert abs(found.offset.pull(real.offset)) < 4
    assert list(np.asarray(found.lines["wavelength"]) == 0).count(True) == 1
    assert any("cosmic rays" in note for note in found.notes)


def test_a_lamp_that_is_off_is_refused() -> None:
    data, _ = measured(7, {})
    found = wavelength_calibration(data)
    assert found.offset is None
    assert "no line is seen" in str(found.refused)
    assert found.calibrations() == {}


def test_lines_far_from_every_line_of_the_lamp_are_refused() -> None:
    data, _ = measured(8, {537.0: 1.0, 538.0: 1.0})
    assert "none of 2 lines is one of the lamp" in str(wavelength_calibration(data).refused)


def test_lines_that_fit_in_more_than_one_way_are_refused() -> None:
    wide = {"offset": {"value": 0.0, "sigma": 3.0, "unit": "nm"}}
    data, _ = measured(9, {534.1094: 1.0}, wide)
    assert "in more than one way" in str(wavelength_calibration(data).refused)


def test_a_lamp_without_a_line_in_the_window_is_refused() -> None:
    data, _ = measured(10, {537.0: 1.0}, words="578.0 579.0")
    assert "has no line in" in str(wavelength_calibration(data).refused)


def test_saturated_lines_are_left_out() -> None:
    data, _ = measured(11, ALL | {540.0562: 40.0}, electrons=1e4)
    data["spectrum"].values[:] = np.minimum(data["spectrum"].values, 65535)
    found = wavelength_calibration(data)
    assert found.n_lines == 3
    assert any("not used" in note for note in found.notes)


def test_noise_that_is_not_stated_is_estimated() -> None:
    data, real = measured(12)
    data.attrs["conditions"]["camera"] = {}
    found = wavelength_calibration(data)
    assert found.n_lines == 4
    assert found.offset is not None
    assert abs(found.offset.pull(real.offset)) < 4
    assert any("estimated from the frames" in note for note in found.notes)


def test_the_repeatability_of_the_drive_goes_into_the_offset_as_systematic() -> None:
    data, _ = measured(13)
    data.attrs["conditions"]["camera"]["repeatability"] = {"value": 2.0, "sigma": 0.0, "unit": "pm"}
    found = wavelength_calibration(data)
    assert found.offset is not None
    assert found.systematics["repeatability"] == pytest.approx(2e-3)
    assert found.offset.systematic == pytest.approx(2e-3, rel=0.02)


def test_the_calibration_is_one_that_a_bench_can_read() -> None:
    data, real = measured(14)
    found = wavelength_calibration(data)
    kept: Any = from_mapping("wavelength", found.calibrations()["wavelength"])
    assert (kept.date.isoformat(), kept.centre, kept.grating) == ("2026-11-23", pytest.approx(539.0), 1)
    assert found.offset is not None
    assert kept.offset == pytest.approx((found.offset.nominal, found.offset.sigma))
    for air in ALL:
        pixel = real.pixel(vacuum(air))
        at = np.interp(pixel, np.arange(PIXELS), kept.wavelengths(539.0, PIXELS))
        assert at == pytest.approx(vacuum(air), abs=2e-4)


def test_the_result_survives_the_disk_and_is_drawn_from_there() -> None:
    data, _ = measured(15)
    stored = StoredResult(json.loads(json.dumps(result_to_json(wavelength_calibration(data)), allow_nan=False)))
    figure = Figure(figsize=(8, 4.5))
    wavelength_calibration.draw(data, stored, figure)  # type: ignore[arg-type]
    figure.draw_without_rendering()
    assert len(figure.axes) == 2


def test_data_without_a_frame_of_the_lamp_or_a_column_are_refused() -> None:
    data, _ = measured(16)
    with pytest.raises(AnalysisRefused, match="no frame of the lamp"):
        wavelength_calibration(data.isel(row=slice(0, 3)))
    with pytest.raises(AnalysisRefused, match="spectrum"):
        wavelength_calibration(data.drop_vars("spectrum"))
