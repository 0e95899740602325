"""The radii of a focus from a moved edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from perovskite_meas.analyses.knife_edge import knife_edge
from perovskite_meas.core.errors import AnalysisRefused

POSITIONS = np.linspace(-0.25, 0.25, 26)


def curve(waist: float, centre: float = 0.013, positions: Any = POSITIONS, sense: int = 1) -> np.ndarray[Any, Any]:
    """Return the share behind the edge of a Gaussian beam with this 1/e^2 radius (mm)."""
    return norm.cdf(sense * (positions - centre) / (waist / 2))


def rows(curves: list[np.ndarray[Any, Any]], noise: float, seed: int = 1, positions: Any = POSITIONS) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    ratio = np.concatenate([6.3 * one for one in curves])
    ratio = ratio + 6.3 * noise * rng.standard_normal(ratio.size)
    size = ratio.size
    axis = np.repeat(np.arange(len(curves)), len(positions))
    columns = {
        "series": np.ones(size),
        "axis": axis,
        "position": np.tile(positions, len(curves)),
        "ratio": ratio,
        "ratio_sigma": np.full(size, 6.3 * noise),
    }
    return xr.Dataset({name: ("row", values) for name, values in columns.items()}, attrs={"started": "2026-11-23"})


def test_radii_of_both_axes_are_found_whichever_way_the_edge_cuts() -> None:
    result = knife_edge(rows([curve(0.08), curve(0.03, sense=-1)], 1e-5))
    assert result.refused is None
    assert result.waist is not None
    assert result.waist_y is not None
    assert result.waist.nominal == pytest.approx(80, rel=2e-4)
    assert result.waist_y.nominal == pytest.approx(30, rel=2e-4)
    assert result.centre is not None
    assert result.centre.nominal == pytest.approx(0.013, abs=1e-5)


def test_the_sigma_of_the_radius_covers_what_noise_does() -> None:
    pulls = []
    for seed in range(60):
        waist = knife_edge(rows([curve(0.08)], 0.01, seed)).waist
        assert waist is not None
        pulls.append((waist.nominal - 80) / waist.sigma)
    assert abs(np.mean(pulls)) < 0.4
    assert 0.75 < np.std(pulls) < 1.2


def test_what_it_found_is_a_calibration_of_the_spot() -> None:
    stated = knife_edge(rows([curve(0.08), curve(0.03)], 1e-3)).calibrations()["spot"]
    assert stated["waist"].unit == "nm"
    assert stated["waist"].nominal == pytest.approx(80e3, rel=0.01)
    assert stated["waist_y"].nominal == pytest.approx(30e3, rel=0.01)
    assert stated["date"].isoformat() == "2026-11-23"


def test_a_flat_top_is_spoken_of() -> None:
    flat = np.mean([curve(0.04, centre) for centre in np.linspace(-0.06, 0.06, 201)], axis=0)
    result = knife_edge(rows([flat], 2e-3))
    assert result.top_hat["x"].nominal == pytest.approx(120, rel=0.05)
    assert any("flat top" in note for note in result.notes)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (curve(2.0), "move it over a longer way"),
        (curve(0.005), "take finer ones"),
        (0.5 * curve(0.02, -0.15) + 0.5 * curve(0.02, 0.15), "off its fit"),
    ],
)
def test_no_radius_is_claimed_where_the_curve_shows_none(shape: np.ndarray[Any, Any], says: str) -> None:
    result = knife_edge(rows([shape], 1e-3))
    assert result.waist is None
    assert result.refused is not None
    assert says in result.refused
    assert result.calibrations() == {}


def test_rows_without_an_edge_are_refused_by_name() -> None:
    data = rows([curve(0.08)], 1e-3)
    with pytest.raises(AnalysisRefused, match="KnifeEdge"):
        knife_edge(data.assign(series=("row", np.zeros(data.sizes["row"]))))
    with pytest.raises(AnalysisRefused, match="ratio_sigma"):
        knife_edge(data.drop_vars("ratio_sigma"))
