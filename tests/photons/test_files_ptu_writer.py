"""PTU files written here, read back by this package and by ptufile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import PtuWriter, read_tags, write_ptu

COLUMNS = ("times", "channels", "pulses", "dtimes", "marker_times", "marker_values")
T2_WRAP, T3_WRAP = 2**25, 2**10
BORDERS = [0, 1, T2_WRAP - 1, T2_WRAP, T2_WRAP + 1, 2 * T2_WRAP, (T2_WRAP - 1) * T2_WRAP, T2_WRAP * T2_WRAP]
PULSE_BORDERS = [0, 1, T3_WRAP - 1, T3_WRAP, T3_WRAP + 1, 1023 * T3_WRAP, 1024 * T3_WRAP, 5_000_000 * 3600]


def t2(times: list[int], channels: list[int] | None = None, marks: list[tuple[int, int]] | None = None) -> Tags:
    marks = sorted(marks or [])
    return Tags(
        np.array(times, np.int64),
        np.array([0] * len(times) if channels is None else channels, np.uint8),
        max([0, *times, *(time for time, _ in marks)]),
        marker_times=np.array([time for time, _ in marks], np.int64),
        marker_values=np.array([value for _, value in marks], np.uint8),
    )


def t3(pulses: list[int], delays: list[int], *, period: float = 200_000.0, resolution: float = 8.0) -> Tags:
    counts, units = np.array(pulses, np.int64), np.array(delays, np.int32)
    whole, rest = divmod(period, 1.0)
    unit, part = divmod(resolution, 1.0)
    times = counts * int(whole) + units * int(unit) + np.rint(counts * rest + units * part).astype(np.int64)
    channels = (np.arange(len(pulses)) % 2).astype(np.uint8)
    duration = int(times[-1]) if len(pulses) else 0
    return Tags(times, channels, duration, pulses=counts, dtimes=units, period=period, resolution=resolution)


def assert_same(one: Tags, other: Tags) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name, strict=True)
    assert (one.duration, one.period, one.resolution, one.overflow) == (
        other.duration, other.period, other.resolution, other.overflow,
    )  # fmt: skip


gaps = st.one_of(st.integers(0, 3), st.integers(0, 2**27), st.sampled_from(BORDERS))


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(gaps, max_size=30),
    first=st.sampled_from([0, *BORDERS]),
    cut=st.integers(0, 30),
    marks=st.lists(st.tuples(st.integers(0, 2**60), st.integers(1, 15)), max_size=4),
)
def test_t2_tags_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[int],
    first: int,
    cut: int,
    marks: list[tuple[int, int]],
) -> None:
    times = [first + int(step) for step in np.cumsum([0, *steps])]
    marks = [(min(time, times[-1]), value) for time, value in marks]
    tags = t2(times, [i % 5 for i in range(len(times))], marks)
    path = tmp_path_factory.mktemp("t2") / "a.ptu"
    with PtuWriter(path, channels=5) as writer:
        early = tags.marker_times <= (times[min(cut, len(times)) - 1] if cut else -1)
        for photons, chosen in ((slice(0, cut), early), (slice(cut, None), ~early)):
            part = replace(tags, marker_times=tags.marker_times[chosen], marker_values=tags.marker_values[chosen])
            writer.write(part.take(photons))
    found = read_tags(path)
    assert sorted(zip(found.marker_times, found.marker_values, strict=True)) == sorted(
        zip(tags.marker_times, tags.marker_values, strict=True)
    )
    assert_same(
        replace(tags, duration=found.duration, marker_values=found.marker_values, marker_times=found.marker_times),
        found,
    )
    assert found.duration == max(times[-1], tags.duration)


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(st.one_of(st.integers(0, 2), st.sampled_from(PULSE_BORDERS)), min_size=1, max_size=30),
    period=st.one_of(st.just(200_000.0), st.floats(12_000.0, 250_000.0)),
    seed=st.integers(0, 2**32 - 1),
)
def test_t3_tags_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], period: float, seed: int
) -> None:
    pulses = np.cumsum(steps).tolist()
    tags = t3(pulses, np.random.default_rng(seed).integers(0, 32768, len(pulses)).tolist(), period=period)
    path = tmp_path_factory.mktemp("t3") / "a.ptu"
    write_ptu(path, tags)
    found = read_tags(path)
    assert_same(replace(tags, duration=found.duration), found)
    assert found.duration >= tags.duration


def test_ptufile_reads_what_was_written(tmp_path: Path) -> None:
    ptufile = pytest.importorskip("ptufile")
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(1e7, 20_000)).astype(np.int64)
    tags = t2(times.tolist(), rng.integers(0, 2, len(times)).tolist(), [(int(times[7]), 3), (int(times[-1]), 15)])
    write_ptu(tmp_path / "t2.ptu", tags, metadata={"File_Comment": "dot 7", "Station": "virtual_confocal"})
    with ptufile.PtuFile(tmp_path / "t2.ptu") as file:
        records = file.decode_records()
        assert file.comment == "dot 7"
        assert file.tags["Station"] == "virtual_confocal"
        assert file.number_records == len(records)
    photons, markers = records[records["channel"] >= 0], records[records["marker"] > 0]
    assert photons["time"].tolist() == tags.times.tolist()
    assert photons["channel"].tolist() == tags.channels.tolist()
    assert markers["time"].tolist() == tags.marker_times.tolist()
    assert markers["marker"].tolist() == [3, 15]

    pulses = np.cumsum(rng.integers(0, 3000, 20_000))
    pulsed = t3(pulses.tolist(), rng.integers(0, 25_000, len(pulses)).tolist())
    write_ptu(tmp_path / "t3.ptu", pulsed)
    with ptufile.PtuFile(tmp_path / "t3.ptu") as file:
        records = file.decode_records()
        assert file.is_t3
        assert (file.frequency, file.tcspc_resolution) == (pytest.approx(5e6), 8e-12)
        assert abs((file.datetime - np.datetime64("now").astype(object)).total_seconds()) < 100_000
    photons = records[records["channel"] >= 0]
    assert photons["time"].tolist() == pulses.tolist()
    assert pulsed.dtimes is not None
    assert photons["dtime"].tolist() == pulsed.dtimes.tolist()


def test_markers_fall_into_place_between_the_photons(tmp_path: Path) -> None:
    with PtuWriter(tmp_path / "a.ptu") as writer:
        writer.mark(1, 0)
        writer.write(t2([10, 20]))
        writer.mark(15, 25.7)
        writer.mark(2, 25)
        writer.write(t2([30]))
        writer.mark(15, 10**12)
        writer.flush()
        kept = read_tags(tmp_path / "a.ptu")
        with pytest.raises(UsageError, match="before the last event written"):
            writer.mark(3, 10**12 - 1)
    assert kept.marker_times.tolist() == [0, 25, 25, 10**12]
    assert kept.marker_values.tolist() == [1, 2, 15, 15] or kept.marker_values.tolist() == [1, 15, 2, 15]
    assert kept.duration == 10**12


def test_a_marker_of_a_t3_file_keeps_the_number_of_its_pulse(tmp_path: Path) -> None:
    with PtuWriter(tmp_path / "a.ptu", mode="T3", period=200_000.0) as writer:
        assert writer.resolution == 8.0
        writer.mark(4, 2 * 200_000 + 150_000)
        writer.write(t3([1, 2, 9], [5, 6, 7]))
    assert read_tags(tmp_path / "a.ptu").marker_times.tolist() == [400_000]


def test_a_marker_at_the_rounded_time_of_a_pulse_means_that_pulse(tmp_path: Path) -> None:
    for period in (200_000.4, 200_000.5, 200_000.6, 13_157.894736):
        with PtuWriter(tmp_path / f"{period}.ptu", mode="T3", period=period) as writer:
            pulses = np.arange(1, 50)
            for pulse in pulses:
                writer.mark(1, round(pulse * period))
        found = read_tags(tmp_path / f"{period}.ptu").marker_times
        assert np.abs(found - pulses * period).max() <= 0.5


def test_a_t3_file_takes_the_finest_power_of_two_that_covers_the_period(tmp_path: Path) -> None:
    for period, resolution in ((12_500.0, 1.0), (32_768.0, 1.0), (32_769.0, 2.0), (200_000.0, 8.0), (1e7, 512.0)):
        with PtuWriter(tmp_path / f"{period}.ptu", mode="T3", period=period) as writer:
            assert writer.resolution == resolution
    with pytest.raises(UsageError, match=r"resolution is 0\.0 ps; give the unit of the delays"):
        PtuWriter(tmp_path / "b.ptu", mode="T3", period=200_000.0, resolution=0.0)
    assert not (tmp_path / "b.ptu").exists()


def test_a_period_beyond_the_reach_of_the_delays_is_kept_if_the_delays_themselves_fit(tmp_path: Path) -> None:
    tags = t3([1, 2, 70], [0, 32_767, 5], period=1_001_100.0, resolution=16.0)
    write_ptu(tmp_path / "a.ptu", tags)
    assert_same(tags, read_tags(tmp_path / "a.ptu"))
    with pytest.raises(UsageError, match=r"0 to 32768 units of 16 ps; a T3 record holds 0 to 32767"):
        write_ptu(tmp_path / "b.ptu", t3([1, 2], [0, 32_768], period=1_001_100.0, resolution=16.0))
    assert not (tmp_path / "b.ptu").exists()


def test_tags_with_pulses_are_refused_by_a_t2_file_which_would_lose_them(tmp_path: Path) -> None:
    tags = t3([1, 5], [3, 4])
    with PtuWriter(tmp_path / "a.ptu") as writer:
        with pytest.raises(UsageError, match=r"a\.ptu is a T2 file, the tags are T3: .* pulses=None"):
            writer.write(tags)
        writer.write(replace(tags, pulses=None, dtimes=None, resolution=1.0))
    assert read_tags(tmp_path / "a.ptu").times.tolist() == tags.times.tolist()


def test_tags_that_do_not_fit_the_file_are_refused_and_it_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    good = t3([1, 5], [3, 4])
    cases = [
        (t2([1]), "the tags are T2"),
        (t3([6], [3], period=200_001.0), "have period 200001.0 ps"),
        (t3([6], [3], resolution=16.0), r"resolution 16\.0 ps"),
        (t3([6], [40_000]), "0 to 32767"),
        (t3([4], [3]), "go back"),
        (t3([9, 8], [3, 3]), "go back"),
        (replace(t3([9], [3]), channels=np.array([2], np.uint8)), "channel 2 in a file for 2 channels"),
        (replace(t3([9], [3]), marker_times=np.array([-5]), marker_values=np.array([1], np.uint8)), "before the last"),
    ]
    with PtuWriter(path, mode="T3", period=200_000.0) as writer:
        writer.write(good)
        for bad, text in cases:
            with pytest.raises(UsageError, match=text):
                writer.write(bad)
    assert_same(replace(good, duration=read_tags(path).duration), read_tags(path))
    with pytest.raises(UsageError, match="was closed"):
        writer.write(good)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"mode": "T4"}, "'T4'; T2"),
        ({"mode": "T3"}, "give period"),
        ({"period": -1.0}, "more than 0 ps"),
        ({"resolution": 0.5}, "whole number of ps"),
        ({"channels": 65}, "1 to 64"),
        ({"metadata": {"a" * 32: 1}}, "1 to 31 ASCII"),
        ({"metadata": {"x": [1]}}, "is a list"),
        ({"metadata": {"TTResult_NumberOfRecords": 1}}, "leave it out"),
    ],
)
def test_a_writer_that_makes_no_sense_is_refused_before_there_is_a_file(
    wrong: dict[str, Any], text: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=text):
        PtuWriter(tmp_path / "a.ptu", **wrong)
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_replaced_unless_asked_for(tmp_path: Path) -> None:
    write_ptu(tmp_path / "a.ptu", t2([1]))
    with pytest.raises(UsageError, match="exists already"):
        write_ptu(tmp_path / "a.ptu", t2([2]))
    write_ptu(tmp_path / "a.ptu", t2([2]), overwrite=True)
    assert read_tags(tmp_path / "a.ptu").times.tolist() == [2]
