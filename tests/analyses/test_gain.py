"""The net gain of a film from stripes of many lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.gain import gain
from perovskite_meas.analyses.gain.fit import grow, windows
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.testing import check_analysis

PIXELS, SHOTS = 256, 20
WAVELENGTH = np.linspace(500, 560, PIXELS)
ENERGY = 1239841.984 / WAVELENGTH
"""meV."""
TOP, LOSS = 90.0, 20.0
"""Net gain at its maximum and loss, 1/cm."""
SERIES = {"dark": 0, "stripe": 1, "shifted": 2, "return": 3}
LENGTHS = np.round(np.linspace(0.05, 0.8, 12), 4)


def spectrum(length_mm: float, fluence: float, net: float, saturation: float) -> np.ndarray[Any, Any]:
    """Return electrons per pixel of a stripe; net gain grows with the logarithm of the fluence (in units of 1)."""
    line = np.exp(-4 * np.log(2) * ((ENERGY - 2325) / 35) ** 2)
    g = (net + LOSS + 60 * np.log(fluence)) * line - LOSS
    source = 4e3 * fluence * np.exp(-4 * np.log(2) * ((ENERGY - 2340) / 92) ** 2)
    length = length_mm / 10
    grown = source * np.where(np.abs(g) < 1e-9, length, np.expm1(g * length) / np.where(g == 0, 1, g))
    total = grown.sum()
    return grown / (1 + total / saturation)


def session(
    seed: int = 1, net: float = TOP, saturation: float = 1e12, ageing: float = 0.0, lengths: Any = LENGTHS
) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, float, float]] = [("dark", 0, 0)] * 2
    rows += [("stripe", length, 0) for length in lengths]
    rows += [("shifted", start + 0.1, start) for start in np.linspace(0, 0.7, 8)]
    rows += [("return", lengths[0], 0), ("dark", 0, 0)]
    table: dict[str, list[Any]] = {name: [] for name in ("series", "fluences", "spectra", "shots", "length", "near")}
    for number, (series, end, near) in enumerate(rows):
        lit = series != "dark"
        jitter = np.exp(0.1 * rng.standard_normal(SHOTS))
        frames = np.full((SHOTS, PIXELS), 300.0)
        fresh = 1.0 - ageing * number / len(rows)
        for k in range(SHOTS if lit else 1):
            light = spectrum(end - near, jitter[k], net, saturation) * np.exp(-LOSS * near / 10) * lit * fresh
            light = light * (1 + 0.02 * rng.standard_normal())
            electrons = rng.poisson(light) + 4 * rng.standard_normal(PIXELS)
            frames[k] += np.round(electrons)
        measured = jitter * (1 + 0.01 * rng.standard_normal(SHOTS))
        table["series"].append(SERIES[series])
        table["fluences"].append(8e-6 * measured * lit)
        table["spectra"].append(frames)
        table["shots"].append(SHOTS * lit)
        table["length"].append(end - near)
        table["near"].append(near)
    size = len(rows)
    lit = np.array(table["shots"]) > 0
    columns: dict[str, Any] = {
        "series": ("row", table["series"], {"flag_values": list(SERIES.values()), "flag_meanings": " ".join(SERIES)}),
        "fluences": (("row", "pulse"), np.array(table["fluences"])),
        "spectra": (("row", "frame", "pixel"), np.array(table["spectra"])),
        "wavelength": (("row", "pixel"), np.tile(WAVELENGTH, (size, 1))),
        "fluence_set": ("row", np.where(lit, 8e-6, 0.0)),
        "frames": ("row", np.where(lit, SHOTS, 1)),
        "paired": ("row", np.ones(size)),
    }
    columns |= {name: ("row", np.array(table[name], float)) for name in ("shots", "length", "near")}
    columns |= {name: ("row", np.full(size, value)) for name, value in (("exposure", 0.005), ("transmission", 1.0))}
    camera = {"gain": 1.0, "read_noise": 4.0, "full_scale": 1e9}
    conditions = {"camera": {name: {"value": value, "sigma": 0.0, "unit": "1"} for name, value in camera.items()}}
    return xr.Dataset(columns, attrs={"conditions": conditions, "started": "2026-11-23"})


def test_the_net_gain_is_found_in_spite_of_jitter() -> None:
    result = gain(session())
    assert result.refused is None
    assert result.net_gain is not None
    assert abs(result.net_gain.nominal - TOP) < 2.0  # the band holds 6 of the line's 35 meV
    assert result.net_gain.relative < 0.06
    assert result.saturation_length is None
    assert result.wavelength is not None
    assert result.wavelength.nominal == pytest.approx(533.3, abs=2.5)


def test_saturated_lengths_are_left_out_by_the_data_alone() -> None:
    result = gain(session(saturation=3e5))
    assert result.saturation_length is not None
    assert result.net_gain is not None
    assert result.naive is not None
    assert result.naive < 0.8 * TOP
    assert abs(result.net_gain.nominal - TOP) < 0.15 * TOP
    assert abs(result.net_gain.nominal - TOP) < abs(result.naive - TOP) / 2


def test_loss_and_uniformity_come_from_the_short_stripe() -> None:
    result = gain(session())
    assert result.loss is not None
    assert abs(result.loss.pull(LOSS)) < 3
    assert result.uniformity is not None
    assert result.uniformity < 0.05
    assert result.material_gain is not None
    assert result.net_gain is not None
    assert result.material_gain.nominal == pytest.approx(result.net_gain.nominal + result.loss.nominal)


def test_a_film_without_gain_has_a_negative_one() -> None:
    result = gain(session(net=-30.0))
    assert result.net_gain is not None
    assert result.net_gain.nominal < -3 * result.net_gain.sigma


def test_a_film_that_aged_is_told_by_its_first_stripe() -> None:
    result = gain(session(ageing=0.5))
    assert result.returned is not None
    assert result.returned.nominal == pytest.approx(0.5, abs=0.06)
    assert any("first stripe came back" in note for note in result.notes)


def test_three_lengths_are_refused_with_the_number_needed() -> None:
    with pytest.raises(AnalysisRefused, match="at least 4"):
        gain(session(lengths=LENGTHS[:3]))


def test_it_keeps_the_contract_of_an_analysis() -> None:
    check_analysis(gain, data=session())


def test_the_figure_shows_the_window() -> None:
    data = session(saturation=3e5)
    figure = Figure(figsize=(10, 4.5))
    gain.draw(data, gain(data), figure)
    assert len(figure.axes) == 3


def test_pulls_of_one_window_have_unit_width() -> None:
    length = np.linspace(0.005, 0.05, 10)
    truth = 2e4 / TOP * np.expm1(TOP * length)
    pulls = []
    for seed in range(200):
        noisy = truth * (1 + 0.02 * np.random.default_rng(seed).standard_normal(10))
        fit = grow(length, noisy, 0.02 * truth)
        pulls.append((fit.gain - TOP) / fit.sigma)
    assert abs(np.mean(pulls)) < 0.25
    assert 0.85 < np.std(pulls) < 1.15


def test_without_saturation_the_window_seldom_stops_early() -> None:
    length = np.linspace(0.005, 0.05, 10)
    truth = 2e4 / TOP * np.expm1(TOP * length)
    found = []
    for seed in range(100):
        noisy = truth * (1 + 0.02 * np.random.default_rng(seed).standard_normal(10))
        found.append(windows(length, noisy, 0.02 * truth))
    assert np.mean([one.saturated for one in found]) < 0.15
    pulls = [(one.chosen.gain - TOP) / np.hypot(one.chosen.sigma, one.spread) for one in found]
    assert 0.5 < np.std(pulls) < 1.25
