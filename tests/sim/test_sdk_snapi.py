"""The stand-in for snAPI, judged by the published record formats, by ptufile and by the vendor's own module."""

from __future__ import annotations

import importlib.util
import inspect
import struct
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.sdk import faults_of, snapi
from perovskite_meas.sim.sdk._harp_records import T2Recorder, T3Recorder

OWN = {"run", "laboratory", "clock", "ready", "modes"}
"""Public names that the stand-in has and the vendor's module has not."""


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tagger_world", Path(__file__).with_name("tagger_world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tmp_path: Path) -> Any:
    return _module().Table(tmp_path)


@pytest.fixture
def sn(table: Any) -> Iterator[snapi.snAPI]:
    made = snapi.snAPI()
    assert made.getDevice(table.serial)
    yield made
    made.closeDevice()


def t3(sn: snapi.snAPI, binning: int = 1) -> snapi.snAPI:
    assert sn.initDevice(snapi.MeasMode.T3)
    assert sn.device.setBinning(binning)
    return sn


def test_a_t3_measurement_holds_every_photon_with_its_pulse_and_delay(sn, table):
    t3(sn).raw.measure(500, 1 << 20)
    records = sn.raw.getData().astype(np.int64)
    photons = (records >> 31) == 0
    turns = np.cumsum(np.where((records >> 25) == 127, records & 1023, 0))
    pulses = (turns * 1024 + (records & 1023))[photons]
    delays = ((records >> 10) & 32767)[photons] * 10
    times, channels = table.tagger.since(0.0)
    real = times - 60_000
    assert np.array_equal(pulses, real // 200_000)
    assert np.abs(delays - real % 200_000 + 5).max() <= 6
    assert np.array_equal(sn.raw.channel(records[photons]) - 1, channels)
    assert table.clock.now() == pytest.approx(0.5)


def ptu(mode: str, records: Any) -> bytes:
    """Return a PTU file of a MultiHarp."""
    entries = {
        "Measurement_Mode": int(mode[1]),
        "Measurement_SubMode": 0,
        "TTResultFormat_TTTRRecType": 0x00010207 if mode == "T2" else 0x00010307,
        "TTResultFormat_BitsPerRecord": 32,
        "MeasDesc_AcquisitionTime": 1000,
        "MeasDesc_Resolution": 1e-11,
        "MeasDesc_GlobalResolution": 5e-12 if mode == "T2" else 2e-7,
        "HW_InpChannels": 5,
        "TTResult_SyncRate": 5_000_000,
        "TTResult_NumberOfRecords": len(records),
    }
    head = b"PQTTTR\0\0" + b"1.0.00\0\0"
    for name, value in entries.items():
        code, content = (0x20000008, "d") if isinstance(value, float) else (0x10000008, "q")
        head += struct.pack(f"<32siI{content}", name.encode(), -1, code, value)
    return head + struct.pack("<32siIq", b"Header_End", -1, 0xFFFF0008, 0) + records.astype("<u4").tobytes()


@pytest.mark.parametrize("mode", ["T2", "T3"])
def test_ptufile_reads_the_records_as_they_were_meant(mode: str, tmp_path: Path):
    ptufile = pytest.importorskip("ptufile")
    rng = np.random.default_rng(3)
    counter = np.cumsum(rng.geometric(1e-6, 300)).astype(np.int64)
    channels, delays = rng.integers(0, 4, 300).astype(np.uint8), rng.integers(0, 32768, 300)
    if mode == "T3":
        words = T3Recorder().encode(counter, delays, channels, int(counter[-1]))
    else:
        words = T2Recorder().encode(counter, channels, np.zeros(300, np.bool_), int(counter[-1]))
    (tmp_path / "records.ptu").write_bytes(ptu(mode, words))
    with ptufile.PtuFile(tmp_path / "records.ptu") as file:
        found = file.decode_records()
    photons = found[found["channel"] >= 0]
    assert np.array_equal(photons["time"], counter)
    assert np.array_equal(photons["channel"], channels)
    assert mode == "T2" or np.array_equal(photons["dtime"], delays)


def test_delays_beyond_what_a_record_holds_are_lost(sn):
    t3(sn, binning=0).raw.measure(200, 1 << 20)
    delays = sn.raw.dTime_T3(sn.raw.getData()[~sn.raw.isSpecial(sn.raw.getData())])
    assert delays.max() < 32768
    assert len(delays) == pytest.approx(40_000 * 163.84 / 200, rel=0.05)


def test_a_t2_measurement_holds_the_pulses_too_unless_the_sync_is_off(sn, table):
    sn.initDevice(snapi.MeasMode.T2)
    sn.raw.measure(10, 1 << 20)
    data = sn.raw.getData()
    assert np.count_nonzero((data >> 25) == 64) == pytest.approx(50_000, abs=1)
    sn.device.setSyncChannelEnable(0)
    start = table.clock.now()
    sn.raw.measure(500, 1 << 20)
    data = sn.raw.getData().astype(np.int64)
    turns = np.cumsum(np.where((data >> 25) == 127, data & 0x1FFFFFF, 0))
    times = ((turns << 25) + (data & 0x1FFFFFF))[(data >> 31) == 0] * 5
    assert np.abs(times - table.tagger.since(start)[0]).max() <= 5


def test_blocks_hold_every_record_once_and_overwrite_each_other(sn, table):
    t3(sn)
    assert sn.raw.startBlock(1000, 1 << 20)
    assert not sn.raw.startBlock(1000, 1 << 20), "a second measurement"
    table.clock.sleep(0.3)
    first = sn.raw.getBlock()
    copy, number = first.copy(), sn.raw.numRead()
    table.clock.sleep(2.0)
    assert sn.raw.isFinished()
    last = sn.raw.getBlock()
    assert number == len(copy)
    assert not np.array_equal(first[:100], copy[:100])
    photons = sum(int(np.count_nonzero(part < 1 << 31)) for part in (copy, last))
    assert photons == len(table.tagger.since(0.0)[0])
    assert len(sn.raw.getBlock()) == 0


def test_a_buffer_that_is_too_small_is_cleared(sn, table):
    t3(sn)
    sn.raw.startBlock(1000, 60_000)
    table.clock.sleep(1.0)
    assert len(sn.raw.getBlock()) < 60_000


def test_unfolded_events_say_the_same(sn):
    t3(sn).unfold.measure(200, 1 << 20)
    times, channels = sn.unfold.getData()
    assert set(channels) == {1, 2}
    assert sn.unfold.dTime_T3(times).max() < 20_000
    assert np.all(np.diff(sn.unfold.nSync_T3(times).astype(np.int64)) >= 0)


def test_settings_of_the_inputs_act_on_the_events(sn, table):
    t3(sn)
    sn.device.setInputChannelEnable(1, 0)
    sn.device.setInputChannelOffset(0, 50_000)
    sn.device.setInputDeadTime(0, 160_000)
    sn.raw.measure(1000, 1 << 20)
    data = sn.raw.getData()
    photons = data[data < 1 << 31].astype(np.int64)
    assert set(photons >> 25) == {0}
    times, channels = table.tagger.since(0.0)
    kept, last = 0, -(10**9)
    for time in times[channels == 0]:
        if time - last >= 160_000:
            kept, last = kept + 1, time
    assert len(photons) == pytest.approx(kept, abs=2)


def test_histograms_rates_traces_and_correlations_come_out_flat(sn, table):
    t3(sn, binning=2).histogram.measure(500)
    counts, bins = sn.histogram.getData()
    assert counts.shape == (5, 32768)
    assert counts[1:3].sum() == len(table.tagger.since(0.0)[0])
    assert bins[1] == 20.0
    table.clock.sleep(0.2)
    assert list(sn.device.getCountRates()) == [5_000_000, 100_000, 100_000, 0, 0]
    sn.initDevice(snapi.MeasMode.T2)
    sn.device.setSyncChannelEnable(0)
    sn.correlation.setG2Parameters(1, 2, 100_000, 10_000)
    sn.correlation.measure(2000, True)
    assert sn.correlation.getG2Data()[0] == pytest.approx(np.ones(20), abs=0.25)
    sn.timeTrace.setNumBins(10)
    sn.timeTrace.setHistorySize(1)
    sn.timeTrace.measure(1000, True)
    assert sn.timeTrace.getData()[0][1] == pytest.approx(np.full(10, 1e5), rel=0.05)


@pytest.mark.parametrize(
    ("strike", "reason"),
    [("unplug", "DataXferFail"), ("lose_sync", "SyncLost"), ("overflow", "FiFoOverrun")],
)
def test_a_measurement_says_why_it_stopped(sn, table, strike, reason):
    t3(sn)
    getattr(faults_of(table.serial).after(0.4), strike)()
    assert sn.raw.measure(2000, 1 << 20)
    sn.getMeasDescription()
    assert sn.measDescription["StopReason"] == reason
    assert 390 <= sn.measDescription["StopAfter"] <= 700


def test_a_rate_beyond_the_throughput_fills_the_fifo(sn, table):
    faults_of(table.serial).throughput = 1e5
    t3(sn).raw.measure(2000, 1 << 20)
    sn.getMeasDescription()
    assert sn.measDescription["StopReason"] == "FiFoOverrun"
    assert np.count_nonzero(sn.raw.getData() < 1 << 31) < 0.27 * 1e5


def test_a_new_world_ends_the_measurement_and_frees_the_device(sn, table):
    t3(sn).raw.startBlock(10_000, 1 << 20)
    table.clock.sleep(1)
    table.replace()
    assert sn.raw.isFinished()
    other = snapi.snAPI()
    assert other.getDevice(table.serial)
    assert len(table.tagger.delivered) == 0


def test_the_device_is_had_by_one_at_a_time(sn, table):
    other = snapi.snAPI()
    assert not other.getDevice(table.serial)
    sn.closeDevice()
    sn.closeDevice()
    assert other.getDevice(table.serial)
    other.closeDevice()
    faults_of(table.serial).busy = True
    assert not other.getDevice(table.serial)


def test_what_needs_a_device_is_refused_without_one():
    sn = snapi.snAPI()
    assert not sn.getDevice("1045483")
    assert not sn.initDevice(snapi.MeasMode.T2)
    assert not sn.raw.measure(10)
    assert not sn.device.setBinning(1)
    assert not sn.getFileDevice("x.ptu")
    assert not sn.getMeasDescription()
    with pytest.raises(AttributeError):
        sn.manipulators  # noqa: B018 - as in the docstring


def test_every_name_and_argument_is_the_vendors():
    vendor = pytest.importorskip("snAPI.Main")
    for ours in ("snAPI", "Device", "Raw", "Unfold", "Histogram", "TimeTrace", "Correlation"):
        holder = snapi.snAPI if ours == "snAPI" else type(getattr(snapi.snAPI(), ours[0].lower() + ours[1:]))
        theirs = getattr(vendor, ours)
        for name, member in inspect.getmembers(holder):
            if name.startswith("_") or name in OWN:
                continue
            assert hasattr(theirs, name), f"{ours}.{name}"
            mine = list(inspect.signature(member).parameters)
            known = list(inspect.signature(getattr(theirs, name)).parameters)
            assert mine == known[: len(mine)], f"{ours}.{name}"
