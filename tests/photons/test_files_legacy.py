"""Older files of PicoQuant and Becker & Hickl, built here from the published structures."""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.photons.files import TagFileError, TagFileWarning, convert_tags, open_tags, read_tags


def text(value: str, length: int) -> bytes:
    return value.encode().ljust(length, b"\0")


def ints(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


SCRIPT = bytes(16 * 4 + 9 * 4 + 4 * 4 + 20)
CREATOR = text("Acq", 18) + text("1.0", 12) + text("01/01/20", 18) + b"\r\n" + text("", 256)


def picoharp(mode: int, records: list[int], *, rate: int = 5_000_000, version: str = "2.0", picture: int = 0) -> bytes:
    return (
        text("PicoHarp 300", 16) + text(version, 6) + CREATOR
        + ints(0, 32, 4, 1, 0, mode, 0, 0) + ints(0, 1000, 0, 0, 0) + ints(0, 0, 0, 0, 0) + SCRIPT
        + text("PicoHarp 300", 16) + text("2.0", 8) + ints(7, 1, 10, 20, 10, 20) + struct.pack("<f", 0.004)
        + ints(0, 0) + bytes(24 * 4) + ints(0, 0, 0, rate, 100, 2000, 0, len(records), picture) + bytes(4 * picture)
        + struct.pack(f"<{len(records)}I", *records)
    )  # fmt: skip


def hydraharp(mode: int, version: str, records: list[int], *, resolution: float, inputs: int = 3) -> bytes:
    return (
        text("HydraHarp", 16) + text(version, 6) + CREATOR
        + ints(0, 32, 0, mode, 0, 3) + struct.pack("<d", resolution) + ints(0, 1000, 0, 0, 0) + ints(0, 0, 0, 0, 0)
        + SCRIPT + text("HydraHarp 400", 16) + text("1", 8) + ints(7, 3) + bytes(80) + struct.pack("<dQ", 1.0, 7)
        + ints(inputs, 0, 0, 0, 1, 10, 10, 0) + bytes(16 * inputs) + ints(*range(100, 100 + inputs))
        + ints(5_000_000, 3000, 0, 2) + struct.pack("<q", len(records)) + bytes(8)
        + struct.pack(f"<{len(records)}I", *records)
    )  # fmt: skip


def timeharp(records: list[int], *, version: str = "6.0", boards: int = 2) -> bytes:
    return (
        text("TimeHarp 200", 16) + text(version, 6) + text("2.4", 6) + text("01/01/20", 18) + b"\r\n" + text("", 256)
        + ints(4096, 0, 32, 1, boards, 0, 2, 0, 1) + ints(0, 1000, 0, 0, 0) + ints(0, 0, 0, 0, 0) + SCRIPT
        + (ints(76, 20, 50, -300, 0) + struct.pack("<f", 0.05)) * boards
        + ints(100, 0, 0, 0, 0, 0, 0, 4_000_000, 7000, 4000, 0, len(records), 1) + bytes(4)
        + struct.pack(f"<{len(records)}I", *records)
    )  # fmt: skip


def test_a_pt2_file_counts_4_ps_on_both_inputs(tmp_path: Path) -> None:
    overflow = 15 << 28
    path = tmp_path / "a.pt2"
    path.write_bytes(picoharp(2, [5, 1 << 28 | 6, overflow, 2 << 28 | 7, 15 << 28 | 100 << 4 | 1], picture=3))
    tags = read_tags(path)
    assert tags.times.tolist() == [20, 24, 4 * (210_698_240 + 7)]
    assert tags.channels.tolist() == [0, 1, 2]
    assert tags.marker_times.tolist() == [4 * (210_698_240 + 1600)]
    assert (tags.period, tags.resolution, tags.duration) == (200_000.0, 4.0, 2 * 10**12)


def test_a_pt3_file_takes_its_period_from_the_sync_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.pt3"
    path.write_bytes(picoharp(3, [1 << 28 | 100 << 16 | 9, 15 << 28, 2 << 28 | 4095 << 16 | 1, 15 << 28 | 3 << 16 | 2]))
    tags = read_tags(path)
    assert tags.pulses is not None
    assert tags.dtimes is not None
    assert (tags.pulses.tolist(), tags.dtimes.tolist()) == ([9, 65537], [100, 4095])
    assert tags.times.tolist() == [9 * 200_000 + 400, 65537 * 200_000 + 4 * 4095]
    assert tags.channels.tolist() == [0, 1]
    assert (tags.marker_times.tolist(), tags.marker_values.tolist()) == ([65538 * 200_000], [3])


def test_an_ht2_file_of_version_1_counts_half_ps(tmp_path: Path) -> None:
    overflow = 1 << 31 | 63 << 25
    records = [9, 1 << 25 | 10, overflow | 5, 2 << 25 | 4, 1 << 31 | 6, 1 << 31 | 3 << 25 | 8]
    path = tmp_path / "a.ht2"
    path.write_bytes(hydraharp(2, "1.0", records, resolution=0.5))
    tags = read_tags(path, sync_as_channel=3)
    assert tags.times.tolist() == [4, 5, 16_776_000 + 2, 16_776_000 + 3]
    assert tags.channels.tolist() == [0, 1, 2, 3]
    assert (tags.marker_times.tolist(), tags.marker_values.tolist()) == ([16_776_000 + 4], [3])
    path.write_bytes(hydraharp(2, "2.0", records, resolution=1.0))
    assert read_tags(path).times.tolist() == [9, 10, 5 * 2**25 + 4]


def test_an_ht3_file_counts_several_overflows_from_version_2_on(tmp_path: Path) -> None:
    records = [1 << 25 | 500 << 10 | 3, 1 << 31 | 63 << 25 | 4, 2 << 25 | 32767 << 10 | 1, 1 << 31 | 8 << 25 | 2]
    path = tmp_path / "a.ht3"
    for version, passed in (("1.0", 1024), ("2.0", 4096)):
        path.write_bytes(hydraharp(3, version, records, resolution=8.0))
        with open_tags(path) as file:
            tags = file.read()
            assert file.header["InputRates"] == [100, 101, 102]
        assert tags.pulses is not None
        assert tags.dtimes is not None
        assert (tags.pulses.tolist(), tags.dtimes.tolist()) == ([3, passed + 1], [500, 32767])
        assert tags.channels.tolist() == [1, 2]
        assert tags.marker_times.tolist() == [(passed + 2) * 200_000]
        assert tags.duration == 3 * 10**12


def test_a_t3r_file_counts_its_own_clock_and_has_no_period(tmp_path: Path) -> None:
    valid = 1 << 30
    path = tmp_path / "a.t3r"
    records = [valid | 7 << 16 | 3, 0x800 << 16 | 9, valid | 2 << 28 | 4095 << 16 | 4, 5 << 16 | 6]
    path.write_bytes(timeharp(records))
    tags = read_tags(path)
    assert tags.pulses is not None
    assert tags.dtimes is not None
    assert (tags.pulses.tolist(), tags.dtimes.tolist()) == ([3, 65540], [7, 4095])
    assert tags.times.tolist() == [300_000, 6_554_000_000]
    assert tags.channels.tolist() == [0, 2]
    assert (tags.period, tags.resolution) == (None, 50.0)
    assert (tags.marker_times.tolist(), tags.marker_values.tolist()) == ([65542 * 100_000], [5])
    with pytest.raises(UsageError, match="clock of its own"):
        convert_tags(path, tmp_path / "b.ptu")
    assert not (tmp_path / "b.ptu").exists()


def test_an_spc_file_takes_its_clock_from_the_first_record_and_its_delays_from_the_set_file(tmp_path: Path) -> None:
    path = tmp_path / "a.spc"
    invalid, overflow, gap, mark = 1 << 31, 1 << 30, 1 << 29, 1 << 28
    records = [
        1 << 31 | 1 << 25 | 250, 4095 << 16 | 3 << 12 | 10, overflow | 0 << 16 | 1 << 12 | 2,
        invalid | overflow | 1000, 95 << 16 | 5, invalid | mark | 6 << 12 | 7, invalid | overflow | mark | 2 << 12 | 1,
        invalid | 8, gap | 4000 << 16 | 9,
    ]  # fmt: skip
    path.write_bytes(struct.pack(f"<{len(records)}I", *records))
    with pytest.warns(TagFileWarning, match=r"no \.set file"):
        assert read_tags(path).resolution == 1.0
    path.with_suffix(".set").write_bytes(b"\0\1binary#SP [SP_TAC_R,F,5.12e-08]\r\n  #SP [SP_TAC_G,I,5]\r\n")
    tags = read_tags(path)
    clocks = [10, 4096 + 2, 1001 * 4096 + 5, 1002 * 4096 + 9]
    assert tags.pulses is not None
    assert tags.dtimes is not None
    assert tags.pulses.tolist() == clocks
    assert tags.dtimes.tolist() == [0, 4095, 4000, 95]
    assert tags.times.tolist() == [clock * 25_000 for clock in clocks]
    assert tags.channels.tolist() == [3, 1, 0, 0]
    assert tags.resolution == pytest.approx(2.5)
    assert tags.marker_values.tolist() == [6, 2]
    assert tags.marker_times.tolist() == [(1001 * 4096 + 7) * 25_000, (1002 * 4096 + 1) * 25_000]
    assert tags.overflow


def test_versions_and_modes_that_are_not_known_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for data, words in (
        (picoharp(2, [], version="1.0"), "PicoHarp 300 file of version '1.0'; known are 2.0"),
        (picoharp(0, []), "measurement mode 0 of PicoHarp 300 holds no time tags"),
        (hydraharp(2, "3.0", [], resolution=1.0), "HydraHarp file of version '3.0'"),
        (hydraharp(1, "2.0", [], resolution=1.0), "measurement mode 1"),
        (hydraharp(2, "2.0", [], resolution=0.0), "no resolution"),
        (timeharp([], version="3.0"), "TimeHarp 200 file of version '3.0'; known are 5.0, 6.0"),
        (picoharp(3, [], rate=0), "no sync rate"),
        (picoharp(3, [1])[:700], "claims 728 bytes from byte 0 on, but the file ends after 700 bytes"),
    ):
        path.write_bytes(data)
        with pytest.raises(TagFileError, match=words):
            open_tags(path)
    spc = tmp_path / "a.spc"
    for data in (b"\1\2\3\4", b"\0\0\0\x80", b"\1\2"):
        spc.write_bytes(data)
        with pytest.raises(TagFileError, match="gives no macro time clock"):
            open_tags(spc)


@pytest.mark.filterwarnings("ignore::perovskite_meas.photons.files.TagFileWarning")
def test_a_flipped_bit_of_a_header_never_asks_for_memory_that_the_file_does_not_fill(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for good in (hydraharp(2, "2.0", [5], resolution=1.0), timeharp([5])):
        for place in range(300, len(good) - 4):
            data = bytearray(good)
            data[place] ^= 1 << 6
            path.write_bytes(data)
            with suppress(TagFileError):
                open_tags(path).close()


def test_a_header_that_claims_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ht2"
    path.write_bytes(
        hydraharp(2, "2.0", [5], resolution=1.0, inputs=3).replace(ints(3, 0, 0, 0, 1), ints(2**30, 0, 0, 0, 1))
    )
    with pytest.raises(TagFileError, match=r"claims 21474836480 bytes .* or its header is damaged"):
        open_tags(path)
    path.write_bytes(hydraharp(2, "2.0", [5], resolution=math.inf))
    with pytest.raises(TagFileError, match="a resolution of inf ps"):
        open_tags(path)
