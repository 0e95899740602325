"""Photon-HDF5: round trips, files of other programs, and what is no such file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import PhotonHdf5Writer, TagFileError, open_tags, read_tags, write_photon_hdf5

COLUMNS = ("times", "channels", "pulses", "dtimes", "marker_times", "marker_values")


def t2(count: int = 3000, *, overflow: bool = False) -> Tags:
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.integers(0, 10**7, count))
    marks = times[[0, count // 2, -1]]
    return Tags(
        times, rng.integers(0, 2, count).astype(np.uint8), int(times[-1]) + 17,
        marker_times=marks, marker_values=np.array([1, 2, 15], np.uint8), overflow=overflow,
    )  # fmt: skip


def t3(count: int = 3000, *, period: float = 200_000.0) -> Tags:
    rng = np.random.default_rng(2)
    pulses = np.cumsum(rng.integers(0, 60, count))
    delays = rng.integers(0, 32_768, count).astype(np.int32)
    whole, rest = divmod(period, 1.0)
    times = pulses * int(whole) + delays * 8 + np.rint(pulses * rest).astype(np.int64)
    channels = rng.integers(0, 2, count).astype(np.uint8)
    return Tags(
        times, channels, int(times.max()), pulses=pulses, dtimes=delays, period=period, resolution=8.0,
        marker_times=np.array([5 * 10**6]), marker_values=np.array([9], np.uint8),
    )  # fmt: skip


def assert_same(one: Tags, other: Tags) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name, strict=True)
    for name in ("duration", "period", "resolution", "overflow"):
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize(
    "tags", [t2(), t2(overflow=True), replace(t2(), period=1e5, resolution=4.0), t3(), t3(period=13157.894736842105)]
)
@pytest.mark.parametrize("compression", ["gzip", None])
def test_tags_come_back_as_they_were_written(tags: Tags, compression: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_photon_hdf5(path, tags, compression=compression)
    assert_same(tags, read_tags(path))


def test_pieces_of_a_file_make_the_whole_with_each_marker_once(tmp_path: Path) -> None:
    for tags in (t2(), t3()):
        path = tmp_path / f"{tags.is_pulsed}.h5"
        write_photon_hdf5(path, tags)
        with open_tags(path) as file:
            pieces = list(file.chunks(records=701))
        assert [len(piece) for piece in pieces] == [701] * 4 + [196]
        assert pieces[-1].duration == tags.duration
        for name in COLUMNS:
            if getattr(tags, name) is not None:
                whole = np.concatenate([getattr(piece, name) for piece in pieces])
                np.testing.assert_array_equal(whole, getattr(tags, name), err_msg=name)


@pytest.mark.slow
def test_other_programs_find_a_file_of_the_format(tmp_path: Path) -> None:
    if importlib.util.find_spec("phconvert") is None:
        pytest.skip("phconvert is not installed (extra photon-peers)")
    for tags in (t2(), t3()):
        path = tmp_path / f"{tags.is_pulsed}.h5"
        write_photon_hdf5(path, tags, metadata={"description": "dot 7", "author": "me", "power": 1e-6})
        code = (
            f"import phconvert; phconvert.hdf5.assert_valid_photon_hdf5({str(path)!r}, warnings=False);"
            f"d = phconvert.hdf5.load_photon_hdf5({str(path)!r});"
            "r = d.root; print(r.photon_data.timestamps[-1], r.photon_data.detectors[-1], r.description.read())"
        )
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
        stamp = tags.times[-1] if tags.pulses is None else tags.pulses[-1]
        assert done.stdout.split("\n")[-2].startswith(f"{stamp} {tags.channels[-1]} "), done.stderr[-2000:]
        assert "dot 7" in done.stdout


def foreign(path: Path, **fields: Any) -> Path:
    with h5py.File(path, "w") as file:
        for place, value in fields.items():
            file[place.replace("__", "/")] = value
    return path


def test_a_file_of_another_program_counts_pulses_unless_its_laser_says_otherwise(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "photon_data__timestamps": np.array([1, 5, 9], np.uint64),
        "photon_data__timestamps_specs__timestamps_unit": 50e-9,
        "photon_data__detectors": np.array([2, 0, 1], np.uint16),
        "photon_data__nanotimes": np.array([7, 8, 9], np.uint16),
        "photon_data__nanotimes_specs__tcspc_unit": 16e-12,
        "acquisition_duration": 2.0,
    }
    tags = read_tags(foreign(tmp_path / "a.h5", **fields))
    assert tags.times.tolist() == [50_000 + 112, 250_000 + 128, 450_000 + 144]
    assert (tags.channels.tolist(), tags.period, tags.resolution) == ([2, 0, 1], 50_000.0, 16.0)
    assert tags.duration == 2 * 10**12
    own_clock = read_tags(foreign(tmp_path / "b.h5", **fields, setup__laser_repetition_rates=np.array([39e6])))
    assert own_clock.period is None
    assert own_clock.times.tolist() == [50_000, 250_000, 450_000]
    plain = {name: value for name, value in fields.items() if "nano" not in name and "duration" not in name}
    times = read_tags(foreign(tmp_path / "c.h5", **plain))
    assert (times.is_pulsed, times.times.tolist(), times.duration) == (False, [50_000, 250_000, 450_000], 450_000)


def test_hdf5_files_without_photons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TagFileError, match=r"holds no /photon_data$"):
        open_tags(foreign(tmp_path / "a.h5", data=np.arange(5)))
    with pytest.raises(TagFileError, match=r"2 spots \(photon_data0"):
        open_tags(foreign(tmp_path / "b.h5", photon_data0__timestamps=[1], photon_data1__timestamps=[1]))
    with pytest.raises(TagFileError, match="no complete Photon-HDF5 file"):
        open_tags(foreign(tmp_path / "c.h5", photon_data__timestamps=[1, 2]))
    with pytest.raises(TagFileError, match="must be more than 0"):
        open_tags(
            foreign(tmp_path / "d.h5", photon_data__timestamps=[1], photon_data__timestamps_specs__timestamps_unit=0.0)
        )
    with pytest.raises(UsageError, match="no sync events"):
        open_tags(tmp_path / "a.h5", sync_as_channel=1)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"mode": "T4"}, "'T4'"),
        ({"mode": "T3"}, "give period"),
        ({"period": 0.0}, "more than 0 ps"),
        ({"resolution": 0.0}, "more than 0 ps"),
        ({"compression": "blosc"}, "'gzip', 'lzf' and None"),
        ({"metadata": {"x": {1, 2}}}, "give bools"),
    ],
)
def test_a_writer_that_makes_no_sense_is_refused(wrong: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=text):
        PhotonHdf5Writer(tmp_path / "a.h5", **wrong)


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("percent", [0.5, 2, 20, 50, 90, 97, 99.9])
def test_a_file_that_was_cut_is_refused_at_once(percent: float, *, is_killed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with PhotonHdf5Writer(path) as writer:
        writer.write(t2())
        # What is on the disk while the file is written is what a killed writer leaves.
        data = path.read_bytes()
    if not is_killed:
        data = path.read_bytes()
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    whole.write_bytes(data)
    assert len(read_tags(whole)) == 3000
    cut.write_bytes(data[: int(len(data) * percent / 100)])
    # In a process of its own, as HDF5 may wait for the rest without end.
    code = f"from perovskite_meas.photons.files import read_tags; read_tags({str(cut)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "TagFileError: cut.h5 is a damaged HDF5 file" in done.stderr
    assert "the file was cut" in done.stderr


def test_tags_with_pulses_are_refused_by_a_t2_file_and_a_refusal_leaves_no_file(tmp_path: Path) -> None:
    with (
        PhotonHdf5Writer(tmp_path / "a.h5") as writer,
        pytest.raises(UsageError, match=r"a\.h5 is a T2 file, the tags are T3"),
    ):
        writer.write(t3())
    good = t2()
    with pytest.raises(UsageError, match="go back"):
        write_photon_hdf5(tmp_path / "b.h5", replace(good, times=good.times[::-1].copy()))
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_tags_that_do_not_fit_are_refused_and_the_file_stays_whole(tmp_path: Path) -> None:
    path, good = tmp_path / "a.h5", t3()
    assert good.pulses is not None
    assert good.dtimes is not None
    later = replace(good, times=good.times + 10**12, pulses=good.pulses + np.int64(5 * 10**6))
    with PhotonHdf5Writer(path, mode="T3", period=200_000.0, resolution=8.0) as writer:
        writer.write(good)
        for bad, text in (
            (t2(), "the tags are T2"),
            (good, "times go back"),
            (replace(later, period=1.0), "have period 1.0 ps"),
            (replace(later, channels=later.channels + np.uint8(1)), "channel 2 in a file for 2"),
            (replace(later, dtimes=good.dtimes * 3), "0 to 65535"),
        ):
            with pytest.raises(UsageError, match=text):
                writer.write(bad)
        with pytest.raises(UsageError, match="1 to 15"):
            writer.mark(16, 0)
    assert_same(good, read_tags(path))
    with pytest.raises(UsageError, match="was closed"):
        writer.write(good)
    with pytest.raises(UsageError, match="exists already"):
        write_photon_hdf5(path, good)
