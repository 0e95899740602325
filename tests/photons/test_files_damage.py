"""Files that are cut, damaged or of no known kind."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from perovskite_meas.core.tags import Tags
from perovskite_meas.photons.files import TagFileError, TagFileWarning, open_tags, read_tags, write_ptu


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.ptu"
    write_ptu(path, Tags(np.arange(1000) * 7, np.zeros(1000, np.uint8), 10**12))
    return path


def entry(data: bytes, name: bytes) -> int:
    """Return where the value of a header entry stands."""
    return data.index(name + b"\0") + 40


def changed(path: Path, name: bytes, value: int) -> None:
    data = bytearray(path.read_bytes())
    place = entry(bytes(data), name)
    data[place : place + 8] = struct.pack("<q", value)
    path.write_bytes(data)


def test_an_aborted_recording_whose_header_promises_nothing_is_read_with_a_warning(good: Path) -> None:
    changed(good, b"TTResult_NumberOfRecords", 0)
    with pytest.warns(TagFileWarning, match="promises no records .* 1000 records found are used"):
        tags = read_tags(good)
    assert len(tags) == 1000
    assert tags.duration == 999 * 7


def test_a_cut_recording_is_read_up_to_the_cut_with_a_warning(good: Path) -> None:
    good.write_bytes(good.read_bytes()[: -4 * 400])
    with pytest.warns(TagFileWarning, match="promises 1000 records, but the file holds 600"):
        tags = read_tags(good)
    assert tags.times.tolist() == [7 * i for i in range(600)]
    assert tags.duration == 599 * 7


def test_a_record_that_is_cut_is_left_out_with_a_warning(good: Path) -> None:
    good.write_bytes(good.read_bytes()[:-2])
    with pytest.warns(TagFileWarning, match="holds 999"):
        assert len(read_tags(good)) == 999
    changed(good, b"TTResult_NumberOfRecords", 0)
    with pytest.warns(TagFileWarning) as told:
        assert len(read_tags(good)) == 999
    assert any("2 of 4 bytes" in str(warning.message) for warning in told)


def test_bytes_after_the_promised_records_are_left_out_with_a_warning(good: Path) -> None:
    good.write_bytes(good.read_bytes() + b"\1\2\3\4\5")
    with pytest.warns(TagFileWarning, match="5 bytes after the 1000 records"):
        assert len(read_tags(good)) == 1000


def test_a_recording_without_any_event_is_empty_and_fine(tmp_path: Path) -> None:
    write_ptu(tmp_path / "a.ptu", Tags(np.empty(0, np.int64), np.empty(0, np.uint8), 5 * 10**12))
    with open_tags(tmp_path / "a.ptu") as file:
        assert (len(file.read()), file.duration, list(file.chunks())) == (0, 5 * 10**12, [])


def test_a_header_that_is_cut_anywhere_is_an_error(good: Path) -> None:
    data = good.read_bytes()
    end = data.index(b"Header_End") + 48
    for length in [1, 7, 8, 15, 16, 17, *range(50, end, 37), end - 1]:
        good.write_bytes(data[:length])
        with pytest.raises(TagFileError, match=r"cut|unknown|no PTU"):
            open_tags(good)


def test_a_damaged_header_is_an_error_that_names_the_entry(good: Path) -> None:
    data = good.read_bytes()
    wrong_type = bytearray(data)
    place = entry(data, b"Measurement_Mode")
    wrong_type[place - 4 : place] = b"\7\7\7\7"
    good.write_bytes(wrong_type)
    with pytest.raises(TagFileError, match="'Measurement_Mode' has the unknown type 0x07070707"):
        open_tags(good)
    good.write_bytes(data)
    changed(good, b"File_Comment", 2**40)
    with pytest.raises(TagFileError, match="'File_Comment' claims 1099511627776 bytes"):
        open_tags(good)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (b"TTResultFormat_TTTRRecType", 0x00010299, "record type 0x00010299 .* is unknown; known are 0x00010203 Pico"),
        (b"TTResultFormat_BitsPerRecord", 64, "records of 64 bits"),
    ],
)
def test_an_unknown_kind_of_record_is_an_error_that_lists_the_known(
    name: bytes, value: int, text: str, good: Path
) -> None:
    changed(good, name, value)
    with pytest.raises(TagFileError, match=text):
        open_tags(good)


def test_a_header_without_what_times_need_is_an_error(good: Path) -> None:
    data = good.read_bytes()
    lacking = data.replace(b"TTResultFormat_TTTRRecType", b"TTResultFormat_TTTRRecTxxx")
    good.write_bytes(lacking)
    with pytest.raises(TagFileError, match="lacks TTResultFormat_TTTRRecType"):
        open_tags(good)
    good.write_bytes(
        data.replace(b"MeasDesc_Global", b"MeasDesc_Xlobal").replace(b"PerovskiteMeas_", b"Perovskite_____")
    )
    with pytest.raises(TagFileError, match="lacks MeasDesc_GlobalResolution"):
        open_tags(good)


def test_what_is_no_file_of_tags_is_refused_with_the_known_formats(tmp_path: Path) -> None:
    path = tmp_path / "a.ptu"
    with pytest.raises(TagFileError, match="there is no file"):
        open_tags(path)
    path.write_bytes(b"")
    with pytest.raises(TagFileError, match="is empty"):
        open_tags(path)
    path.write_bytes(b"time,channel\n1,2\n")
    with pytest.raises(TagFileError, match=r"unknown .* known are \.ptu .*\.spc .*Photon-HDF5"):
        open_tags(path)
    path.write_bytes(b"PQHISTO\0" + bytes(100))
    with pytest.raises(TagFileError, match="kind 'PQHISTO', which holds no time tags"):
        open_tags(path)
    with pytest.raises(TagFileError, match="there is no file"):
        open_tags(tmp_path)


def test_the_format_is_found_from_the_content_and_not_from_the_name(good: Path) -> None:
    moved = good.rename(good.with_suffix(".spc"))
    with open_tags(moved) as file:
        assert file.format.startswith("PTU")


def test_random_bytes_after_a_magic_never_become_photons(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for magic in (b"PQTTTR\0\0", b"HydraHarp\0", b"PicoHarp 300\0", b"TimeHarp 200\0", b"\x89HDF\r\n\x1a\n"):
        for length in (0, 10, 900, 5000):
            path = tmp_path / "a.bin"
            path.write_bytes(magic + rng.bytes(length))
            with pytest.raises(TagFileError):
                open_tags(path)
