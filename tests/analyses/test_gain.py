"""The net gain of a film from stripes of many lengths, on films of the simulated table."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.gain import GainResult, gain
from perovskite_meas.analyses.gain.law import Pump, emission, grow, relative_gain
from perovskite_meas.analyses.gain.naive import naive
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.sim.world.ase.film import Film
from perovskite_meas.sim.world.ase.film_sample import FilmSample
from perovskite_meas.testing import check_analysis

PIXELS, SHOTS = 160, 10
EDGES = np.linspace(500.0, 562.0, PIXELS + 1)
SERIES = {"dark": 0, "stripe": 1, "shifted": 2, "return": 3}
LENGTHS = tuple(float(length) for length in np.round(np.geomspace(0.03, 0.4, 8), 4))
SHORT, PLACES = 0.1, (0.0, 0.2, 0.4, 0.6)
FILTERS = (1.0, 0.3, 0.1, 0.01, 0.001)
FLUENCE = 10e-6
SAMPLE: dict[str, Any] = {"threshold_fluence": 5e-6, "energy": 2.34, "biexciton_ratio": 0.3}


def quantity(value: float, sigma: float, unit: str) -> dict[str, Any]:
    return {"value": value, "sigma": sigma, "unit": unit}


def conditions(recording: str) -> dict[str, Any]:
    return {
        "photons": 1,
        "recording": recording,
        "spot": {"waist": quantity(1.5e6, 3e4, "nm"), "waist_y": quantity(1e5, 2e3, "nm"), "profile": "gauss"},
        "meter": {"noise": quantity(0.01, 0.0, "1")},
        "filter": {"transmissions": [quantity(one, 0.05 * one if one < 1 else 0.0, "1") for one in FILTERS]},
        "camera": {
            "gain": quantity(1.0, 0.0, "1"),
            "read_noise": quantity(4.0, 0.0, "1"),
            "full_scale": quantity(65535.0, 0.0, "1"),
        },
        "sample": {
            "expect": {
                "loss": quantity(20.0, 10.0, "1/cm"),
                "threshold_fluence": quantity(5e-6, 2.5e-6, "J/cm^2"),
                "optical_depth": quantity(0.3, 0.03, "1"),
                "biexciton_ratio": quantity(0.3, 0.1, "1"),
            }
        },
    }


@lru_cache(maxsize=1)
def film() -> Film:
    return Film(FilmSample(**SAMPLE), 1, spectral_noise=0.05)


def session(
    seed: int = 1, *, fluence: float = FLUENCE, lengths: tuple[float, ...] = LENGTHS, fade: float = 0.0,
    per_shot: bool = True, error: float = 0.0, shifts: tuple[float, ...] = PLACES,
) -> xr.Dataset:  # fmt: skip
    """Return rows of one run; `error` of every filter, `fade` of the film by the end."""
    own, rng = film(), np.random.default_rng(seed)
    rows: list[tuple[str, float, float]] = [("dark", 0, 0)] * 2
    rows += [("stripe", length, 0) for length in (*lengths[::2], *lengths[1::2])] + [
        ("shifted", SHORT, start) for start in shifts
    ]
    rows += [("return", lengths[0], 0), ("dark", 0, 0)]
    frames = SHOTS if per_shot else 1
    columns: dict[str, list[Any]] = {
        name: [] for name in ("series", "fluences", "spectra", "shots", "length", "near", "transmission", "step")
    }
    for number, (series, length, near) in enumerate(rows):
        lit = series != "dark"
        true = fluence * np.exp(0.1 * rng.standard_normal(SHOTS)) * lit
        numbers = np.arange(SHOTS) + 100 * number + 10_000 * seed
        light = own.emission(true, near, near + length, EDGES, numbers=numbers).spectra
        light = light * (1 - fade * number / len(rows))
        light = light if per_shot else light.sum(axis=0, keepdims=True)
        step = next(k for k, one in enumerate(FILTERS) if light.max() * one < 4e4)
        seen = light[:frames] * FILTERS[step] * math.exp(error * (step > 0))
        counts = 300 + rng.poisson(seen) + 4 * rng.standard_normal((frames, PIXELS))
        values = (
            SERIES[series], true * (1 + 0.01 * rng.standard_normal(SHOTS)), np.round(counts), SHOTS * lit, length,
            near, FILTERS[step], step,
        )  # fmt: skip
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    size = len(rows)
    lit = np.array(columns["shots"]) > 0
    wavelength = np.tile((EDGES[1:] + EDGES[:-1]) / 2, (size, 1))
    data: dict[str, Any] = {
        "series": ("row", columns["series"], {"flag_values": list(SERIES.values()), "flag_meanings": " ".join(SERIES)}),
        "fluences": (("row", "pulse"), np.array(columns["fluences"])),
        "spectra": (("row", "frame", "pixel"), np.array(columns["spectra"])),
        "wavelength": (("row", "pixel"), wavelength),
        "fluence_set": ("row", np.where(lit, fluence, 0.0)),
        "frames": ("row", np.full(size, frames)),
        "paired": ("row", np.full(size, float(per_shot))),
        "exposure": ("row", np.full(size, 0.005)),
    }
    data |= {
        name: ("row", np.array(columns[name], float)) for name in ("shots", "length", "near", "transmission", "step")
    }
    attrs = {"conditions": conditions("per shot" if per_shot else "per point"), "started": "2026-11-23"}
    return xr.Dataset(data, attrs=attrs)


def truth(fluence: float = FLUENCE) -> float:
    return float(film().net_gain(np.array([fluence]))[0])


@lru_cache(maxsize=1)
def ordinary() -> tuple[xr.Dataset, GainResult]:
    data = session()
    return data, gain(data)


def test_the_gain_in_the_middle_of_the_pump_is_found() -> None:
    _, result = ordinary()
    assert result.refused is None
    assert result.net_gain is not None
    assert abs(result.net_gain.pull(truth())) < 2.5
    assert result.net_gain.relative < 0.08
    assert result.net_gain.statistical
    assert result.net_gain.systematic
    assert result.naive is not None
    assert result.naive < 0.7 * truth()


def test_loss_of_the_guided_part_alone_is_found_where_most_light_is_not_guided() -> None:
    _, result = ordinary()
    assert result.loss is not None
    assert abs(result.loss.pull(20.0)) < 2.5
    assert result.loss.sigma < 6
    assert result.guided is not None
    assert abs(result.guided.pull(0.2)) < 3
    assert result.material_gain is not None
    assert result.net_gain is not None
    assert result.material_gain.nominal == pytest.approx(result.net_gain.nominal + result.loss.nominal)


def test_the_spectrum_of_the_gain_is_that_of_the_film() -> None:
    _, result = ordinary()
    assert result.wavelength is not None
    assert result.wavelength.nominal == pytest.approx(1239.842 / 2.325, abs=0.5)
    wavelength, gains = np.array(result.spectrum["wavelength"]), np.array(result.spectrum["gain"])
    sigma = np.array(result.spectrum["sigma"])
    line = np.exp(-4 * np.log(2) * ((1239842 / wavelength - 2325) / 35) ** 2)
    wanted = (truth() + 20) * line - 20
    assert np.all(np.abs(gains - wanted) < 4 * np.hypot(sigma, 15))


def test_saturation_begins_where_the_film_says() -> None:
    _, result = ordinary()
    assert result.saturation_length is not None
    pump = Pump(1, True, math.inf, 0.3, 0.0, 0.3)
    pairs = film().excitations(np.array([FLUENCE]))
    material, source = 450 * relative_gain(pairs, pump), 0.2 * emission(pairs, pump)
    lengths = np.linspace(0.001, 0.05, 50)
    energy = np.linspace(-110, 110, 111)
    lines = np.exp(-4 * np.log(2) * (energy / 35) ** 2)
    share = np.exp(-4 * np.log(2) * ((energy - 15) / 92) ** 2)
    left, full = (
        grow(material, source, lengths, np.repeat(lines, 2), 20.0, limit, share / share.sum())[:, 0, 55]
        for limit in (3.0 * 0.05, 1e30)
    )
    begins = lengths[np.flatnonzero(left < 0.9 * full)[0]]
    assert result.saturation_length.nominal == pytest.approx(begins, rel=0.15)


def test_below_transparency_the_gain_is_negative() -> None:
    result = gain(session(fluence=5e-6))
    assert result.net_gain is not None
    assert result.net_gain.nominal + 2 * result.net_gain.sigma < 0
    assert abs(result.net_gain.pull(truth(5e-6))) < 3


def test_too_short_stripes_are_refused_with_a_limit() -> None:
    result = gain(session(lengths=LENGTHS[:4], shifts=()))
    assert result.net_gain is None
    assert result.refused is not None
    assert "does not stand out" in result.refused
    assert result.upper_limit is not None
    assert result.upper_limit > truth()
    assert result.loss is None
    assert result.material_gain is None
    assert any("not measured" in note for note in result.notes)


def test_neither_wrong_filters_nor_wear_told_by_the_first_stripe_are_gain() -> None:
    result = gain(session(error=-0.08, fade=0.1))
    assert result.net_gain is not None
    assert abs(result.net_gain.pull(truth())) < 2.5
    assert result.returned is not None
    assert result.returned.nominal == pytest.approx(0.92, abs=0.03)
    assert any("first stripe came back" in note for note in result.notes)


def test_three_lengths_are_refused_with_the_number_needed() -> None:
    with pytest.raises(AnalysisRefused, match="at least 4"):
        gain(session(lengths=LENGTHS[:3]))


def test_it_keeps_the_contract_of_an_analysis() -> None:
    check_analysis(gain, data=session(lengths=LENGTHS[:4], shifts=(), per_shot=False))


def test_the_figure_shows_the_window() -> None:
    data, result = ordinary()
    figure = Figure(figsize=(10, 4.5))
    gain.draw(data, result, figure)
    assert len(figure.axes) == 3


def test_light_grows_as_without_saturation_the_law_says() -> None:
    lengths = np.array([0.01, 0.02, 0.04])
    found = grow(np.array([120.0]), np.array([2.0]), lengths, np.ones(2), 20.0, 1e30, np.ones(1))[:, 0, 0]
    assert found == pytest.approx(2.0 / 100 * np.expm1(100 * lengths), rel=1e-9)
    assert naive(lengths, found) == pytest.approx(100, abs=0.1)
