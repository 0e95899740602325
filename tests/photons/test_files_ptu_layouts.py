"""PTU files of every recorder, built here from the published record layouts, against these and against ptufile."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perovskite_meas.core.errors import UsageError
from perovskite_meas.photons.files import TagFileWarning, open_tags, read_tags

ptufile = pytest.importorskip("ptufile")

T2_FAMILY = {0x00010204: 1, 0x01010204: 2, 0x00010205: 2, 0x00010206: 2, 0x00010207: 2}
T3_FAMILY = {0x00010304: 1, 0x01010304: 2, 0x00010305: 2, 0x00010306: 2, 0x00010307: 2}


def ptu_bytes(kind: int, records: list[int], *, clock: float, resolution: float, **more: Any) -> bytes:
    entries: dict[str, Any] = {
        "Measurement_Mode": 2 if kind >> 8 & 0xFF == 2 else 3,
        "TTResultFormat_TTTRRecType": kind,
        "TTResultFormat_BitsPerRecord": 32,
        "MeasDesc_Resolution": resolution,
        "MeasDesc_GlobalResolution": clock,
        "TTResult_NumberOfRecords": len(records),
        **more,
    }
    head = b"PQTTTR\0\0" + b"1.0.00\0\0"
    for name, value in entries.items():
        code, content = (0x20000008, struct.pack("<d", value)) if isinstance(value, float) else (0x10000008, b"")
        head += struct.pack("<32siI", name.encode(), -1, code) + (content or struct.pack("<q", value))
    head += struct.pack("<32siIq", b"Header_End", -1, 0xFFFF0008, 0)
    return head + struct.pack(f"<{len(records)}I", *records)


def harp_t2(special: int, channel: int, time: int) -> int:
    return special << 31 | channel << 25 | time


def harp_t3(special: int, channel: int, delay: int, sync: int) -> int:
    return special << 31 | channel << 25 | delay << 10 | sync


def by_ptufile(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return photons and markers; a record with channel -1 is neither."""
    with ptufile.PtuFile(path) as file:
        records = file.decode_records()
    return records[records["channel"] >= 0], records[records["marker"] > 0]


@pytest.mark.parametrize(("kind", "version"), T2_FAMILY.items())
def test_a_t2_file_of_the_hydraharp_family_reads_as_published_and_as_ptufile_does(
    kind: int, version: int, tmp_path: Path
) -> None:
    wrap = 33552000 if version == 1 else 33554432
    overflow = harp_t2(1, 63, 0 if version == 1 else 3)
    records = [
        harp_t2(0, 0, 0), harp_t2(0, 1, 7), harp_t2(1, 0, 8), harp_t2(0, 0, 33_551_999), overflow,
        harp_t2(0, 5, 0), harp_t2(1, 9, 4), harp_t2(1, 63, 1), harp_t2(1, 63, 0), harp_t2(0, 63, 12),
    ]  # fmt: skip
    path = tmp_path / "a.ptu"
    path.write_bytes(ptu_bytes(kind, records, clock=1e-12, resolution=1e-12, TTResult_SyncRate=1_000_000))
    tags = read_tags(path)
    passed = 1 if version == 1 else 3
    assert tags.times.tolist() == [0, 7, 33_551_999, passed * wrap, (passed + 2) * wrap + 12]
    assert tags.channels.tolist() == [0, 1, 0, 5, 63]
    assert (tags.marker_times.tolist(), tags.marker_values.tolist()) == ([passed * wrap + 4], [9])
    assert tags.period == 1e6
    with_sync = read_tags(path, sync_as_channel=40)
    assert with_sync.times.tolist() == [0, 7, 8, 33_551_999, passed * wrap, (passed + 2) * wrap + 12]
    assert with_sync.channels.tolist() == [0, 1, 40, 0, 5, 63]
    photons, markers = by_ptufile(path)
    assert set(zip(tags.times, tags.channels, strict=True)) <= set(
        zip(photons["time"].astype(np.int64), photons["channel"].astype(np.uint8), strict=True)
    )
    assert markers["time"].tolist() == tags.marker_times.tolist()


@pytest.mark.parametrize(("kind", "version"), T3_FAMILY.items())
def test_a_t3_file_of_the_hydraharp_family_reads_as_published_and_as_ptufile_does(
    kind: int, version: int, tmp_path: Path
) -> None:
    overflow = harp_t3(1, 63, 0, 0 if version == 1 else 5)
    records = [
        harp_t3(0, 0, 0, 0), harp_t3(0, 1, 32767, 1023), overflow, harp_t3(0, 1, 3, 0), harp_t3(1, 15, 0, 6),
        harp_t3(1, 63, 0, 0), harp_t3(0, 2, 900, 5), harp_t3(0, 0, 1, 5),
    ]  # fmt: skip
    path = tmp_path / "a.ptu"
    path.write_bytes(ptu_bytes(kind, records, clock=200e-9, resolution=8e-12, TTResult_SyncRate=5_000_000))
    tags = read_tags(path)
    passed = 1024 if version == 1 else 5 * 1024
    assert tags.pulses is not None
    assert tags.dtimes is not None
    assert tags.pulses.tolist() == [0, 1023, passed, passed + 1024 + 5, passed + 1024 + 5]
    assert tags.dtimes.tolist() == [0, 32767, 3, 900, 1]
    assert tags.channels.tolist() == [0, 1, 1, 2, 0]
    assert (tags.period, tags.resolution) == (200_000.0, 8.0)
    # A delay beyond the period, and two photons of one pulse in reverse: times go back, pulses do not.
    assert tags.times.tolist() == (tags.pulses * 200_000 + tags.dtimes * 8).tolist()
    assert tags.marker_times.tolist() == [(passed + 6) * 200_000]
    photons, markers = by_ptufile(path)
    assert photons["time"].tolist() == tags.pulses.tolist()
    assert photons["dtime"].tolist() == tags.dtimes.tolist()
    assert photons["channel"].tolist() == tags.channels.tolist()
    assert markers["marker"].tolist() == tags.marker_values.tolist()
    assert markers["time"].tolist() == [passed + 6]


def test_a_t2_file_of_the_picoharp_counts_4_ps_and_both_inputs_are_detectors(tmp_path: Path) -> None:
    wrap = 210_698_240
    overflow = 15 << 28
    records = [0 << 28 | 17, 1 << 28 | 17, overflow, 4 << 28 | 3, 15 << 28 | 1000 << 4 | 5, overflow, 0 << 28 | 9]
    path = tmp_path / "a.ptu"
    path.write_bytes(ptu_bytes(0x00010203, records, clock=4e-12, resolution=4e-12))
    tags = read_tags(path)
    assert tags.times.tolist() == [68, 68, 4 * (wrap + 3), 4 * (2 * wrap + 9)]
    assert tags.channels.tolist() == [0, 1, 4, 0]
    assert tags.resolution == 4.0
    assert (tags.marker_times.tolist(), tags.marker_values.tolist()) == ([4 * (wrap + 16000)], [5])
    photons, markers = by_ptufile(path)
    assert (4 * photons["time"].astype(np.int64)).tolist() == tags.times.tolist()
    assert photons["channel"].tolist() == tags.channels.tolist()
    assert markers["marker"].tolist() == [5]


def test_a_t3_file_of_the_picoharp_numbers_its_detectors_from_0(tmp_path: Path) -> None:
    records = [1 << 28 | 100 << 16 | 65535, 15 << 28 | 3, 2 << 28 | 4095 << 16, 15 << 28 | 2 << 16 | 7, 4 << 28 | 8]
    path = tmp_path / "a.ptu"
    path.write_bytes(ptu_bytes(0x00010303, records, clock=1.25e-8, resolution=16e-12))
    tags = read_tags(path)
    assert tags.pulses is not None
    assert tags.dtimes is not None
    assert tags.pulses.tolist() == [65535, 65536, 65544]
    assert tags.dtimes.tolist() == [100, 4095, 0]
    assert tags.channels.tolist() == [0, 1, 3]
    assert (tags.marker_times.tolist(), tags.marker_values.tolist()) == ([(65536 + 7) * 12_500], [2])
    photons, markers = by_ptufile(path)
    assert photons["time"].tolist() == tags.pulses.tolist()
    assert photons["dtime"].tolist() == tags.dtimes.tolist()
    assert markers["time"].tolist() == [65543]


def test_records_without_meaning_are_left_out_with_a_warning(tmp_path: Path) -> None:
    for kind, bad, good in (
        (0x00010203, 7 << 28 | 5, 1 << 28 | 6),
        (0x00010303, 0 << 28 | 5, 1 << 28 | 6),
        (0x00010207, harp_t2(1, 40, 5), harp_t2(0, 0, 6)),
        (0x00010307, harp_t3(1, 40, 0, 5), harp_t3(0, 0, 0, 6)),
    ):
        path = tmp_path / "a.ptu"
        path.write_bytes(ptu_bytes(kind, [bad, good], clock=1e-9, resolution=1e-9))
        with pytest.warns(TagFileWarning, match="1 of 2 records have no meaning"):
            tags = read_tags(path)
        assert tags.channels.tolist() == [kind == 0x00010203]


def test_a_recording_that_lost_events_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    for reason, lost in ((0, False), (1, False), (2, True), (-2, True)):
        path.write_bytes(ptu_bytes(0x00010207, [5], clock=1e-12, resolution=1e-12, TTResult_StopReason=reason))
        assert read_tags(path).overflow is lost


def test_the_duration_is_that_of_the_header_but_covers_the_last_event(tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    path.write_bytes(ptu_bytes(0x00010207, [7], clock=1e-12, resolution=1e-12, TTResult_StopAfter=3))
    assert read_tags(path).duration == 3 * 10**9
    path.write_bytes(ptu_bytes(0x00010207, [0xFE000080, 7], clock=1e-12, resolution=1e-12, TTResult_StopAfter=1))
    assert read_tags(path).duration == 128 * 2**25 + 7
    path.write_bytes(ptu_bytes(0x00010207, [0xFE000080, 7], clock=1e-12, resolution=1e-12))
    with open_tags(path) as file:
        assert file.duration == 128 * 2**25 + 7


def test_sync_events_cannot_be_asked_of_a_recording_without_them(tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    for kind in (0x00010203, 0x00010307):
        path.write_bytes(ptu_bytes(kind, [5], clock=1e-9, resolution=1e-9))
        with pytest.raises(UsageError, match="has none"):
            open_tags(path, sync_as_channel=2)
    path.write_bytes(ptu_bytes(0x00010207, [5], clock=1e-9, resolution=1e-9))
    with pytest.raises(UsageError, match="0 to 255"):
        open_tags(path, sync_as_channel=256)
