"""Real recordings against the text that other programs decoded from them, photon by photon.

The recordings belong to others and are not part of this repository: see ORIGIN.md beside them. They are looked for in
the folder that PEROVSKITE_MEAS_DATA names, or in `../shared/data` beside the checkout.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import TagFileWarning, open_tags, read_tags

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PEROVSKITE_MEAS_DATA", ROOT.parent / "shared" / "data"))
V1_WRAP, V2_WRAP = 33_552_000, 33_554_432


def recording(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the recording {name} is not in {DATA}; set PEROVSKITE_MEAS_DATA to the folder that holds it")
    return path


def decoded(name: str, separator: str | None = ",") -> NDArray[np.int64]:
    return np.loadtxt(recording(name), np.int64, delimiter=separator, ndmin=2)


def read(name: str, *, complaint: str | None = None, sync_as_channel: int | None = None) -> Tags:
    path = recording(name)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        tags = read_tags(path, sync_as_channel=sync_as_channel)
    texts = [str(warning.message) for warning in told if warning.category is TagFileWarning]
    assert len(texts) == len(told)
    assert [complaint in text for text in texts] == [True] if complaint else not texts
    return tags


def test_the_ht2_recording_of_version_1() -> None:
    expected = decoded("libpicoquant/hydraharp__v10.ht2.data")
    tags = read("libpicoquant/hydraharp__v10.ht2", complaint="promises 52378636 records, but the file holds 25")
    assert tags.channels.tolist() == expected[:, 0].tolist()
    assert tags.times.tolist() == expected[:, 1].tolist()


def test_the_ht2_recording_of_version_2_which_holds_sync_events_alone() -> None:
    expected = decoded("libpicoquant/hydraharp__v20.ht2.data")
    complaint = "promises 10431577 records, but the file holds 25"
    tags = read("libpicoquant/hydraharp__v20.ht2", complaint=complaint, sync_as_channel=4)
    assert tags.channels.tolist() == expected[:, 0].tolist()
    assert tags.times.tolist() == expected[:, 1].tolist()
    without = read("libpicoquant/hydraharp__v20.ht2", complaint=complaint)
    assert (len(without), without.duration) == (0, tags.duration)


@pytest.mark.parametrize(
    ("name", "complaint", "photons"),
    [
        ("hydraharp__v10.ht3", "promises 72463591 records, but the file holds 1050", 32),
        ("hydraharp__v20.ht3", None, 44141),
    ],
)
def test_the_ht3_recordings(name: str, complaint: str | None, photons: int) -> None:
    expected = decoded(f"libpicoquant/{name}.data")
    tags = read(f"libpicoquant/{name}", complaint=complaint)
    assert tags.pulses is not None
    assert tags.dtimes is not None
    known = len(expected)
    assert (len(tags), known) == (photons, min(photons, 100))
    assert tags.channels[:known].tolist() == expected[:, 0].tolist()
    assert tags.pulses[:known].tolist() == expected[:, 1].tolist()
    assert (tags.dtimes[:known] * tags.resolution).tolist() == expected[:, 2].tolist()


def test_the_ht3_header_agrees_with_its_text() -> None:
    lines = recording("libpicoquant/hydraharp__v20.ht3.header").read_text().splitlines()
    with open_tags(recording("libpicoquant/hydraharp__v20.ht3")) as file:
        header = file.header
        for line in lines:
            name, value = line.split(" = ")
            if name in header and isinstance(header[name], int):
                assert header[name] == int(value), name
    assert header["InputRates"] == [1160, 1116, 404, 480]


def test_the_ptu_recording_with_the_wrap_of_its_record_type() -> None:
    expected = decoded("libpicoquant/hydraharp__v30_t2.ptu.data")
    tags = read("libpicoquant/hydraharp__v30_t2.ptu")
    assert (len(tags), tags.duration) == (305_565, 5 * 10**12)
    # That text was made with the overflow period of version 1; the record type says version 2.
    times = tags.times[: len(expected)]
    overflows = times // V2_WRAP
    assert (times - overflows * (V2_WRAP - V1_WRAP)).tolist() == expected[:, 1].tolist()
    assert overflows[-1] > 0


def test_the_ptu_recording_against_ptufile() -> None:
    ptufile = pytest.importorskip("ptufile")
    path = recording("libpicoquant/hydraharp__v30_t2.ptu")
    with ptufile.PtuFile(path) as file:
        records = file.decode_records()
        stated = dict(file.tags)
    photons = records[records["channel"] >= 0]
    with open_tags(path) as opened:
        tags = opened.read()
        for name in ("File_GUID", "File_Comment", "HW_SerialNo", "TTResult_NumberOfRecords", "MeasDesc_Resolution"):
            assert opened.header[name] == stated[name]
        pieces = [piece.times for piece in opened.chunks(records=10_007)]
    assert np.array_equal(tags.times, photons["time"].astype(np.int64))
    assert np.array_equal(tags.channels, photons["channel"].astype(np.uint8))
    assert np.array_equal(np.concatenate(pieces), tags.times)


def test_the_ptu_header_agrees_with_its_text() -> None:
    lines = recording("libpicoquant/hydraharp__v30_t2.ptu.header").read_text().splitlines()
    with open_tags(recording("libpicoquant/hydraharp__v30_t2.ptu")) as file:
        header = file.header
    seen = 0
    for line in lines:
        name, value = line.split(" = ")
        found = header.get(name, header.get(f"{name}[0]"))
        if isinstance(found, bool | str) and name != "File_CreatingTime":
            assert str(found).lower() == value.lower(), name
        elif isinstance(found, int | float):
            assert found == float(value), name
        else:
            continue
        seen += 1
    assert seen > 60


def test_the_t3r_recording() -> None:
    expected = decoded("libpicoquant/timeharp__v50.t3r.data")
    tags = read("libpicoquant/timeharp__v50.t3r", complaint="1 byte after the 86997 records")
    assert tags.pulses is not None
    assert tags.dtimes is not None
    known = len(expected)
    assert len(tags) == 85_571
    assert tags.channels[:known].tolist() == expected[:, 0].tolist()
    assert tags.pulses[:known].tolist() == expected[:, 1].tolist()
    assert tags.dtimes[:known].tolist() == expected[:, 2].tolist()
    assert tags.duration == 9344 * 10**9


def test_the_spc_recording() -> None:
    expected = decoded("phconvert/test_noise.asc", None)
    tags = read("phconvert/test_noise.spc")
    assert tags.pulses is not None
    assert tags.dtimes is not None
    assert len(tags) == 6114
    assert tags.pulses.tolist() == expected[:, 0].tolist()
    assert tags.dtimes.tolist() == expected[:, 1].tolist()
    # SP_TAC_TC of the .set file says 2.4430455 ps per channel.
    assert tags.resolution == pytest.approx(2.4430455)
    assert tags.period is None
