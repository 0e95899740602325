"""Blinking from a run's photon file: records, hashes, lifetimes, figure and storage."""

import hashlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.blinking import BlinkingResult, blinking
from perovskite_meas.core.analysis import StoredResult, result_to_json
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import PtuWriter

PERIOD = 200_000.0
RECORD = 5.0


@pytest.fixture(scope="module")
def model() -> ModuleType:
    """Return the forward model's module."""
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location("blinking_forward", Path(__file__).with_name("blinking_forward.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def rows(path: Path, *, background: bool = True) -> xr.Dataset:
    """Return the rows of a run that kept its photons at `path`."""
    series = [0, 1] if background else [0]
    live = [10.0] * len(series)
    data = xr.Dataset(
        {
            "series": ("row", series),
            "live_time": ("row", live),
            "singles_a": ("row", [500_000.0, 2_000.0][: len(series)]),
            "singles_b": ("row", [500_000.0, 2_000.0][: len(series)]),
        }
    )
    data["series"].attrs = {"flag_values": [0, 1, 2, 3], "flag_meanings": "on off_emitter dark laser"}
    data.attrs["photons"] = {
        "path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "records": 0,
    }  # fmt: skip
    return data


@pytest.fixture(scope="module")
def marked(model: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, float, float]:
    """Write three T3 records (dark, on, on) with marks; returns rows, on fraction, and seconds on the emitter."""
    path = tmp_path_factory.mktemp("photons") / "photons.ptu"
    rng = np.random.default_rng(11)
    dot = model.Dot(bright=6e4)
    fractions = []
    with PtuWriter(path, mode="T3", period=PERIOD, resolution=8.0, metadata={"Recording_IsMarked": True}) as file:
        for number, mark in enumerate((3, 1, 1)):
            edges, rates, fraction = dot.steps(rng, RECORD)
            if mark == 3:
                edges, rates = np.array([0.0, RECORD]), np.array([dot.darks])
            else:
                fractions.append(fraction)
            times = model.arrivals(rng, edges, rates)
            channels, pulses, late = model.delays(
                rng, times, edges, rates if mark == 1 else np.array([dot.darks * 1.0001]), dot.darks, PERIOD, 20_000.0
            )
            begin = number * round(RECORD * 1e12 / PERIOD)
            pulses = pulses + begin
            delays = np.floor(late / 8).astype(np.int32)
            keep = pulses < begin + round(RECORD * 1e12 / PERIOD) - 10
            stamps = np.round(pulses * PERIOD + delays * 8.0).astype(np.int64)[keep]
            file.mark(mark, begin * PERIOD)
            file.write(Tags(stamps, channels[keep], int(stamps.max()) + 1, pulses[keep], delays[keep], PERIOD, 8.0))
            file.mark(15, float(stamps.max() + 1))
    return rows(path), float(np.mean(fractions)), 2 * RECORD


@pytest.fixture(scope="module")
def found(marked: tuple[xr.Dataset, float, float]) -> BlinkingResult:
    """Return the result of the marked file."""
    return blinking(marked[0])


def test_only_the_records_on_the_emitter_count(found: BlinkingResult, marked: tuple[xr.Dataset, float, float]) -> None:
    _, fraction, _ = marked
    assert found.verdict == "blinking"
    assert found.on_fraction is not None
    assert found.on_fraction.nominal == pytest.approx(fraction, abs=0.003)
    assert found.background is not None
    assert found.background.nominal == pytest.approx(400.0)


def test_the_change_points_say_the_same(found: BlinkingResult) -> None:
    other = found.estimators["change_points"]["on_fraction"]
    assert found.on_fraction is not None
    assert other.nominal == pytest.approx(found.on_fraction.nominal, abs=0.01)
    assert found.change_points is not None
    assert found.change_points > 100
    assert found.states is not None
    assert found.states["number"] >= 2
    assert found.states["levels"][-1] == pytest.approx(60_400, rel=0.02)


def test_the_grey_level_lives_shorter(found: BlinkingResult) -> None:
    shown = found.curves["flid"]
    levels = 0.5 * (shown["levels"][1:] + shown["levels"][:-1])
    lifetimes = 0.5 * (shown["lifetimes"][1:] + shown["lifetimes"][:-1])
    mean = (shown["seconds"] @ lifetimes) / np.maximum(shown["seconds"].sum(axis=1), 1e-12)
    time = shown["seconds"].sum(axis=1)
    bright, dim = levels > 45_000, levels < 20_000
    assert np.average(mean[bright], weights=time[bright]) == pytest.approx(20.0, rel=0.05)
    assert np.average(mean[dim], weights=time[dim]) == pytest.approx(4.0, rel=0.15)


def test_the_figure_is_drawn_and_the_result_survives_storage(
    found: BlinkingResult, marked: tuple[xr.Dataset, float, float]
) -> None:
    figure = Figure(figsize=(8, 5.5))
    blinking.draw(marked[0], found, figure)
    assert len(figure.axes) == 5
    stored = StoredResult(json.loads(json.dumps(result_to_json(found))))
    assert stored.on_fraction == found.on_fraction
    again = Figure()
    blinking.draw(marked[0], stored, again)  # type: ignore[arg-type]
    assert len(again.axes) == 5


def test_a_bare_file_without_marks_counts_as_on(model: ModuleType, tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    edges, rates, fraction = model.Dot(bright=6e4).steps(rng, 8.0)
    times = model.arrivals(rng, edges, rates)
    path = tmp_path / "bare.ptu"
    with PtuWriter(path) as file:
        file.write(Tags(times, rng.integers(0, 2, len(times)).astype(np.uint8), 8 * 10**12))
    result = blinking(rows(path, background=False))
    assert result.verdict == "blinking"
    assert result.on_fraction is not None
    assert result.on_fraction.nominal == pytest.approx(fraction, abs=0.003)
    assert result.curves["flid"] == {}
    assert any("no record marks" in note for note in result.notes)
    assert any("the background is not known" in note for note in result.notes)


def test_rows_without_photons_give_reasons_and_no_error(marked: tuple[xr.Dataset, float, float]) -> None:
    data = marked[0].copy()
    data.attrs = {}
    result = blinking(data)
    assert result.verdict == "undecided"
    assert result.on_fraction is None
    assert "kept no photon tags" in result.reasons["on_fraction"]
    figure = Figure()
    blinking.draw(data, result, figure)
    json.dumps(result_to_json(result))


def test_a_lost_or_changed_file_is_named(marked: tuple[xr.Dataset, float, float], tmp_path: Path) -> None:
    data = marked[0].copy()
    data.attrs = {"photons": {"path": str(tmp_path / "gone.ptu"), "sha256": "", "records": 0}}
    assert "gone.ptu are not there" in blinking(data).reasons["exponent_on"]
    broken = tmp_path / "broken.ptu"
    broken.write_bytes(b"no photons here")
    data.attrs = {"photons": {"path": str(broken), "sha256": "", "records": 0}}
    assert "cannot be read" in blinking(data).reasons["exponent_on"]
    data.attrs = {"photons": dict(marked[0].attrs["photons"], sha256="0" * 64)}
    assert "are not those of the run" in blinking(data).reasons["exponent_on"]
