"""What the verdict of the zeeman analysis asks for, and that a line which merely walks in is not a dark state."""

import importlib.util
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.analyses.fine_structure import fine_structure
from perovskite_meas.analyses.zeeman import zeeman
from perovskite_meas.analyses.zeeman.brightening import Brightening, _astray, _combined, _laws
from perovskite_meas.analyses.zeeman.contest import DARK_ABOVE, DARK_LOWEST, NO_DARK, TRION
from perovskite_meas.analyses.zeeman.doubts import Case, doubts
from perovskite_meas.analyses.zeeman.figure import _bands
from perovskite_meas.analyses.zeeman.forecast import forecast
from perovskite_meas.analyses.zeeman.levels import Trion
from perovskite_meas.analyses.zeeman.rivals import Beside
from perovskite_meas.analyses.zeeman.verdict import OPEN, _probability
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

FIELD = np.linspace(0.0, 7.0, 8)
SHARE = 0.2 * FIELD**2 / (FIELD**2 + 4.0)


def grown(**changed: Any) -> Brightening:
    values: dict[str, Any] = {
        "field": FIELD, "share": SHARE, "sigma": np.full(8, 0.002), "law": SHARE, "exponent": Value(2.0, 0.2, "1"),
        "rise": 900.0, "clear": 60.0, "astray": 0.01, "across": Value(0.06, 0.01, "1"),
    }  # fmt: skip
    return Brightening(**{**values, **changed})


def case(**changed: Any) -> Any:
    """Return a case in which all speaks for a dark state as the lowest."""
    odds = {DARK_LOWEST: 1.0, DARK_ABOVE: 0.0, NO_DARK: 0.0, TRION: 0.0}
    values: dict[str, Any] = {
        "found": SimpleNamespace(best=DARK_LOWEST, odds=odds.__getitem__),
        "fit": SimpleNamespace(reduced=1.02),
        "values": SimpleNamespace(
            lowest_gap=Value(2.25, 0.001, "meV"), g_diff=Value.combine(1.35, 0.02, 0.02, "1")
        ),
        "grown": grown(), "width": 0.2, "fields": 8, "angle": Value(90.0, 2.0, "deg"),
        "decays": SimpleNamespace(g_diff=Value.combine(1.33, 0.01, 0.03, "1")), "ahead": 60.0,
    }  # fmt: skip
    return Case(**{**values, **changed})


def test_nothing_is_held_against_a_dark_state_that_does_what_it_must() -> None:
    assert doubts(case()) == []
    assert doubts(case(decays=None)) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"ahead": -40.0}, "an emitter beside this one"),
        ({"ahead": 5.0, "decays": None}, "nearly as well"),
        ({"decays": SimpleNamespace(g_diff=Value.combine(0.2, 0.18, 0.02, "1"))}, "does not speed up"),
        ({"decays": SimpleNamespace(g_diff=Value.combine(0.6, 0.02, 0.02, "1"))}, "by the decays"),
        ({"fit": SimpleNamespace(reduced=1.5)}, "no model of levels describes"),
        ({"grown": grown(exponent=Value(5.0, 11.0, "1"))}, "not with B^2"),
        ({"grown": grown(astray=0.3)}, "off what the mixing"),
        ({"grown": grown(across=Value(1.0, 0.05, "1")), "decays": None}, "not polarised along the field"),
    ],
)
def test_each_thing_that_a_neighbour_would_do_is_held_against_it(changed: dict[str, Any], word: str) -> None:
    assert any(word in reason for reason in doubts(case(**changed)))


def test_levels_that_do_not_repel_each_other_are_no_dark_state() -> None:
    flat = SimpleNamespace(lowest_gap=Value(2.2, 0.01, "meV"), g_diff=Value.combine(0.0, 4.2, 0.1, "1"))
    assert any("do not repel" in reason for reason in doubts(case(values=flat, decays=None)))


def test_a_doubted_verdict_has_no_sure_probability() -> None:
    found = SimpleNamespace(best=DARK_ABOVE, odds=lambda name: 0.0)
    assert 0.2 < _probability(found, grown(), ["too close"]) < 0.5  # type: ignore[arg-type]
    sure = SimpleNamespace(best=DARK_LOWEST, odds=lambda name: 1.0)
    assert 0.5 < _probability(sure, grown(), ["a neighbour"]) < 0.8  # type: ignore[arg-type]
    assert _probability(sure, grown(), []) > 0.999  # type: ignore[arg-type]


def test_an_exponent_that_is_not_determined_is_not_told() -> None:
    assert grown(exponent=Value(5.0, 11.0, "1")).told is None
    assert grown().told is not None


def test_a_missing_frame_does_not_falsify_the_share() -> None:
    field, turned = np.repeat(np.arange(8), 2), np.tile([0, 1], 8)
    part = SHARE[field] * np.where(turned == 0, 1.5, 0.5)
    keep = ~((field == 4) & (turned == 1))
    share, _ = _combined(part[keep], np.full(keep.sum(), 0.002), field[keep], 90.0 * turned[keep])
    assert np.allclose(share, SHARE, atol=1e-3)


def test_lines_of_a_neighbour_have_the_slopes_of_their_positions() -> None:
    levels, values = Beside(Trion()), np.array([2.4, 1.3, -2.2, 0.004, 0.03])
    _, slopes = levels.positions(values, FIELD)
    for k in range(values.size):
        step = np.eye(values.size)[k] * 1e-6
        ahead, behind = (levels.positions(values + sign * step, FIELD)[0] for sign in (1, -1))
        assert np.allclose(slopes[:, :, k], (ahead - behind) / 2e-6, atol=1e-6)
    assert len(levels.parameters) == values.size


def test_the_map_paints_no_field_that_was_not_applied() -> None:
    fields = np.array([-7.0, -2.0, 0.0, 0.5, 1.0])
    edges, rows = _bands(fields, np.ones((5, 3)))
    assert edges[0] >= -7.3
    assert (np.diff(edges) >= 0).all()
    centres = (edges[1:] + edges[:-1]) / 2
    painted = np.isfinite(rows[:, 0])
    assert not painted[np.argmin(np.abs(centres + 4.5))]


def test_rows_without_conditions_are_refused_by_name() -> None:
    for analysis in (zeeman, fine_structure):
        with pytest.raises(AnalysisRefused, match="carry no conditions"):
            analysis(xr.Dataset())


def planned(watts: float, **expect: float) -> xr.Dataset:
    fields = np.repeat(np.linspace(0, 7, 8), 4)
    units = {"brightness": "cps", "saturation_power": "W"}
    stated = {name: {"value": value, "sigma": 0.0, "unit": units[name]} for name, value in expect.items()}
    data = xr.Dataset(
        {
            "series": ("row", np.zeros(32, int)), "field_set": ("row", fields), "exposure": ("row", np.full(32, 4.0)),
            "power_set": ("row", np.full(32, watts)),
        }
    )  # fmt: skip
    data.attrs["conditions"] = {"sample": {"expect": stated}, "camera": {"share": 0.25}, "geometry": {"na": 0.8}}
    return data


def test_the_forecast_grows_with_the_light_and_knows_nothing_without_it() -> None:
    blind = forecast(planned(1e-7, brightness=3.6e4))
    assert not blind.sigma
    assert any("saturation_power" in name for name in blind.unknown)
    bright, dim = (forecast(planned(watts, brightness=3.6e4, saturation_power=6.7e-7)) for watts in (1e-7, 1e-8))
    assert dim.sigma["g_diff"] > 2 * bright.sigma["g_diff"]
    assert bright.sigma["g_sum"] >= 0.01  # the coil's
    assert math.isclose(bright.count_rate or 0.0, 3.6e4 * (1 - math.exp(-1 / 6.7)), rel_tol=1e-6)
    assert OPEN == "not decidable"


def walking_in(law: str, lowest: float, seed: int) -> xr.Dataset:
    """Return a scan of a trion with light of a neighbour at `lowest` meV that grows with the field."""
    path = Path(__file__).with_name("zeeman_forward.py")
    spec = importlib.util.spec_from_file_location("zeeman_forward", path)
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = model  # dataclasses look their module up
    spec.loader.exec_module(model)
    data = model.scan(model.session(model.small(kind="trion"), seed), seed)
    rng, counts = np.random.default_rng(seed), data["spectrum"].values.astype(float)
    dark = np.median(counts[data["series"].values == 4], axis=0)
    for i in np.flatnonzero(np.isin(data["series"].values, (0, 1, 2))):
        tesla = abs(float(data["field"].values[i]))
        light = 0.2 * tesla**2 / (tesla**2 + 4) * max((counts[i] - dark).sum() * 1.2, 0.0)
        half = 0.035 * tesla if law == "splits" else 0.0
        energy = 1239841.984 / data["wavelength"].values[i] - 2300.0
        for place, part in ((lowest - half, 0.6), (lowest + half, 0.4)):
            line = np.exp(-0.5 * ((energy - place) / 0.055) ** 2)
            counts[i] += rng.poisson(light * part * line / line.sum()) / 1.2
    data["spectrum"] = (data["spectrum"].dims, counts, data["spectrum"].attrs)
    return data


@pytest.mark.slow
@pytest.mark.parametrize("law", ["stays", "splits"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_neighbour_that_walks_in_is_no_dark_state(law: str, seed: int) -> None:
    result = zeeman(walking_in(law, -2.2, seed))
    assert result.ground_state == "not decidable"
    assert result.bright_dark_splitting is None
    assert 0.2 < result.ground_state_probability < 0.8


def test_a_share_beyond_all_the_light_is_no_reason_to_fail():
    field = np.linspace(0.0, 7.0, 8)
    share = np.array([0.1, 0.2, 0.4, 0.9, 1.3, 1.2, 1.1, 1.4])
    assert _astray((field / 7) ** 2, share, np.full(8, 0.3)) >= 0
    law, exponent, rise = _laws(field, share, np.full(8, 0.05))
    assert np.isfinite(law).all()
    assert exponent is not None
    assert rise > 0
