"""Files read in pieces of bounded memory, and converted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import PtuWriter, TagFileWarning, convert_tags, open_tags, read_tags, write_ptu

COLUMNS = ("times", "channels", "pulses", "dtimes", "marker_times", "marker_values")


def pulsed(count: int = 4000) -> Tags:
    """Return T3 tags whose delays exceed the period, so that times go back."""
    rng = np.random.default_rng(8)
    pulses = np.cumsum(rng.integers(0, 400, count) * (rng.random(count) < 0.5))
    delays = rng.integers(0, 32_000, count).astype(np.int32)
    times = pulses * 25_000 + delays * 4
    channels = rng.integers(0, 3, count).astype(np.uint8)
    marks = pulses[10::500] * 25_000
    return Tags(
        times, channels, int(times.max()), pulses=pulses, dtimes=delays, period=25_000.0, resolution=4.0,
        marker_times=marks, marker_values=np.full(len(marks), 3, np.uint8),
    )  # fmt: skip


@pytest.fixture(scope="module")
def t3_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pieces") / "a.ptu"
    write_ptu(path, pulsed())
    return path


@settings(deadline=None, max_examples=25)
@given(records=st.one_of(st.integers(1, 9), st.integers(10, 9000)))
def test_pieces_of_any_size_make_the_whole(t3_file: Path, records: int) -> None:
    with open_tags(t3_file) as file:
        whole = file.read()
        pieces = list(file.chunks(records=records))
    for name in COLUMNS:
        joined = np.concatenate([getattr(piece, name) for piece in pieces])
        np.testing.assert_array_equal(joined, getattr(whole, name), err_msg=name)
    reached = [piece.duration for piece in pieces]
    assert reached == sorted(reached)
    assert reached[-1] == whole.duration


def test_pulses_and_delays_stay_exact_where_times_go_back(t3_file: Path) -> None:
    expected, found = pulsed(), read_tags(t3_file)
    assert np.any(np.diff(found.times) < 0)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_two_readings_of_one_open_file_do_not_disturb_each_other(t3_file: Path) -> None:
    with open_tags(t3_file) as file:
        pairs = list(zip(file.chunks(records=100), file.chunks(records=100), strict=True))
    assert len(pairs) > 10
    assert all(np.array_equal(one.times, other.times) for one, other in pairs)


def test_a_closed_file_and_an_empty_piece_are_refused(t3_file: Path) -> None:
    with open_tags(t3_file) as file:
        with pytest.raises(UsageError, match="chunks of 0 records"):
            file.chunks(records=0)
        assert repr(file) == f"TagFile('a.ptu', PTU (MultiHarp or generic) T3, {file.duration * 1e-12:.6g} s)"
    with pytest.raises(UsageError, match="was closed"):
        file.read()


def test_a_file_that_shrinks_while_it_is_read_gives_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    write_ptu(path, Tags(np.arange(5000) * 9, np.zeros(5000, np.uint8), 50_000))
    with open_tags(path) as file:
        pieces = file.chunks(records=1000)
        first = next(pieces)
        path.write_bytes(path.read_bytes()[: -3500 * 4])
        with pytest.warns(TagFileWarning, match="became shorter while it was read; 3500 records are missing"):
            rest = list(pieces)
    assert len(first) + sum(len(piece) for piece in rest) == 1500


def test_a_file_is_converted_with_everything_in_it(t3_file: Path, tmp_path: Path) -> None:
    convert_tags(t3_file, tmp_path / "b.h5")
    convert_tags(tmp_path / "b.h5", tmp_path / "c.ptu", channels=3, metadata={"File_Comment": "twice"})
    whole = read_tags(t3_file)
    for path in (tmp_path / "b.h5", tmp_path / "c.ptu"):
        found = read_tags(path)
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
        assert (found.duration, found.period, found.resolution) == (whole.duration, whole.period, whole.resolution)
    with pytest.raises(UsageError, match=r"give it the suffix \.ptu, \.h5 or \.hdf5"):
        convert_tags(t3_file, tmp_path / "d.csv")


@pytest.mark.parametrize("name", ["a.ptu", "a.h5"])
def test_a_recording_is_never_converted_into_itself(name: str, t3_file: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    convert_tags(t3_file, path)
    before = path.read_bytes()
    for same in (path, tmp_path / "." / name, str(path)):
        with pytest.raises(UsageError, match="cannot be converted into itself: choose another target"):
            convert_tags(path, same, overwrite=True)
    assert path.read_bytes() == before


def test_a_conversion_that_fails_leaves_the_file_that_was_there(t3_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.ptu"
    path.write_bytes(b"of yesterday")
    with pytest.raises(UsageError, match="exists already"):
        convert_tags(t3_file, path)
    with pytest.raises(UsageError, match="in a file for 1 channels"):
        convert_tags(t3_file, path, channels=1, overwrite=True)
    assert path.read_bytes() == b"of yesterday"
    convert_tags(t3_file, path, overwrite=True)
    assert len(read_tags(path)) == len(read_tags(t3_file))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrong", [[5, 3], [-4, 3]])
def test_a_refusal_leaves_no_file_or_the_one_that_was_there(wrong: list[int], tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    good = Tags(np.array([3, 5]), np.zeros(2, np.uint8), 5)
    bad = replace(good, times=np.array(wrong))
    with pytest.raises(UsageError, match="go back"):
        write_ptu(path, bad)
    assert not list(tmp_path.iterdir())
    write_ptu(path, good)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="go back"):
        write_ptu(path, bad, overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_writing_needs_no_compiler(tmp_path: Path) -> None:
    code = f"""
import sys, numpy as np
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import open_tags, write_ptu
write_ptu({str(tmp_path / "a.ptu")!r}, Tags(np.arange(5), np.zeros(5, np.uint8), 5))
with open_tags({str(tmp_path / "a.ptu")!r}) as file:
    assert file.duration == 5
print(*[name for name in ("numba", "h5py") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.slow
def test_a_long_recording_is_read_in_bounded_memory(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="the resident memory of a process is asked of POSIX")
    assert resource
    path = tmp_path / "long.ptu"
    with PtuWriter(path) as writer:
        for k in range(40):
            times = np.arange(1_000_000) * 100_000 + k * 10**11
            writer.write(Tags(times, (np.arange(1_000_000) % 2).astype(np.uint8), (k + 1) * 10**11))
    code = f"""
import resource
from perovskite_meas.photons.files import open_tags
with open_tags({str(path)!r}) as file:
    pieces = file.chunks()
    next(pieces)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(len(piece) for piece in pieces)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, grown = (int(word) for word in done.stdout.split())
    assert count > 38_000_000
    assert grown < 50_000  # KiB; all photons would be 360 MB
