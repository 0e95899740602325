"""The stand-in for Swabian.TimeTagger, judged by its documentation, its names, and the stock QCoDeS driver."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.sdk import faults_of
from perovskite_meas.sim.sdk import time_tagger as tt

OWN = {"hub", "clock", "auto_start", "register", "release", "feed"}
"""Public names that the stand-in has and the vendor's module has not."""
SECOND = 10**12


@pytest.fixture
def table(tmp_path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("tagger_world", Path(__file__).with_name("tagger_world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Table(tmp_path)


@pytest.fixture
def tagger(table: Any) -> Iterator[tt.TimeTagger]:
    made = tt.createTimeTagger(table.serial)
    yield made
    tt.freeTimeTagger(made)


def test_a_stream_holds_every_tag_once(tagger, table):
    table.clock.sleep(1.0)
    stream = tt.TimeTagStream(tagger, 10**6, [1, 2])
    stream.startFor(SECOND)
    table.clock.sleep(0.4)
    first = stream.getData()
    assert stream.isRunning()
    table.clock.sleep(0.7)
    assert not stream.isRunning()
    last = stream.getData()
    times = np.concatenate([part.getTimestamps() - part.tStart for part in (first, last)])
    channels = np.concatenate([part.getChannels() for part in (first, last)])
    real, detectors = table.tagger.since(1.0)
    kept = real < SECOND
    assert np.array_equal(times, real[kept])
    assert np.array_equal(channels, detectors[kept] + 1)
    assert not first.hasOverflows
    assert first.size + last.size == kept.sum()
    assert not np.any(first.getEventTypes())


def test_the_conditional_filter_lets_the_next_pulse_after_each_photon_pass(tagger, table):
    everything = tt.TimeTagStream(tagger, 10**6, [1, 2, 8])
    everything.startFor(SECOND // 20)
    table.clock.sleep(0.1)
    tags = everything.getData()
    times, channels = tags.getTimestamps(), tags.getChannels()
    assert np.count_nonzero(channels == 8) == pytest.approx(250_000, abs=1)
    assert np.array_equal(times[channels == 8] % 200_000, np.full(np.count_nonzero(channels == 8), 60_000))
    tagger.setConditionalFilter([1, 2], [8])
    start = table.clock.now()
    everything.startFor(SECOND // 20)
    table.clock.sleep(0.1)
    tags = everything.getData()
    passed = tags.getTimestamps()[tags.getChannels() == 8]
    seen = tags.getTimestamps()[tags.getChannels() != 8]
    expected = np.unique(60_000 + np.ceil((seen - 60_000) / 200_000) * 200_000)
    assert np.array_equal(passed, expected[expected < round((start + 0.05) * 1e12)])
    assert tagger.getConditionalFilterTrigger() == [1, 2]
    tagger.clearConditionalFilter()
    assert tagger.getConditionalFilterFiltered() == []


def test_a_stream_whose_room_is_used_up_is_full_and_loses_the_rest(tagger, table):
    stream = tt.TimeTagStream(tagger, 1000, [1, 2])
    table.clock.sleep(0.5)
    assert stream.getCounts() == 1000
    assert stream.getData().size == 1000


def test_delays_of_both_signs_move_tags_and_keep_their_order(tagger, table):
    tagger.setInputDelay(1, 3_000_000)
    tagger.setInputDelay(2, -1_000_000)
    assert tagger.getInputDelay(2) == -1_000_000
    stream = tt.TimeTagStream(tagger, 10**6, [1, 2])
    table.clock.sleep(1.0)
    tags = stream.getData()
    assert np.all(np.diff(tags.getTimestamps()) >= 0)
    times, channels = table.tagger.since(0.0)
    moved = np.sort(times + np.where(channels == 0, 3_000_000, -1_000_000))
    assert np.array_equal(tags.getTimestamps(), moved[(moved >= 0) & (moved < SECOND - 1_000_000)])


def test_rates_traces_histograms_and_correlations(tagger, table):
    rate = tt.Countrate(tagger, [1, 2, 8])
    rate.startFor(SECOND // 10)
    assert rate.waitUntilFinished()
    assert rate.getData() == pytest.approx([1e5, 1e5, 5e6], rel=0.03)
    correlation = tt.Correlation(tagger, 1, 2, 10_000, 21)
    own = tt.Correlation(tagger, 1, binwidth=10_000, n_bins=21)
    decay = tt.Histogram(tagger, 1, 8, 10_000, 20)
    slow = tt.HistogramLogBins(tagger, 1, 2, -7, -4, 10)
    trace = tt.Counter(tagger, [1, 2], SECOND // 10, 5)
    table.clock.sleep(1.05)
    for one in (correlation, own, decay, slow, trace):
        one.stop()
    assert correlation.getDataNormalized() == pytest.approx(np.ones(21), abs=0.4)
    assert own.getDataNormalized() == pytest.approx(np.ones(21), abs=0.4)
    assert correlation.getData().dtype == np.int32
    assert decay.getData().sum() == pytest.approx(105_000, rel=0.03)
    assert slow.getDataObject().getG2()[3:] == pytest.approx(np.ones(7), abs=0.1)
    assert len(slow.getBinEdges()) == 11
    assert trace.getDataNormalized() == pytest.approx(np.full((2, 5), 1e5), rel=0.05)
    assert trace.getDataTotalCounts().dtype == np.uint64


def test_synchronised_measurements_see_the_same_tags(tagger):
    group = tt.SynchronizedMeasurements(tagger)
    both = [tt.Countrate(group.getTagger(), [1]) for _ in range(2)]
    assert not group.isRunning()
    group.startFor(SECOND // 2)
    assert group.waitUntilFinished()
    assert both[0].getCountsTotal() == both[1].getCountsTotal() > 0
    assert both[0].getCaptureDuration() == SECOND // 2


def test_a_combiner_repeats_the_tags_of_its_channels(tagger):
    union = tt.Combiner(tagger, [1, 2])
    rate = tt.Countrate(tagger, [1, 2, union.getChannel()])
    rate.startFor(SECOND // 10)
    rate.waitUntilFinished()
    a, b, both = rate.getCountsTotal()
    assert a + b == both


def test_a_file_holds_the_tags(tagger, table, tmp_path):
    writer = tt.FileWriter(tagger, str(tmp_path / "tags.bin"), [1, 2])
    table.clock.sleep(0.3)
    writer.stop()
    assert (tmp_path / "tags.bin").stat().st_size == writer.getTotalSize() == 16 * writer.getTotalEvents() > 0


def test_tags_beyond_the_throughput_are_lost_and_counted(tagger, table):
    faults_of(table.serial).throughput = 1e5
    stream = tt.TimeTagStream(tagger, 10**6, [1, 2])
    table.clock.sleep(1.0)
    tags = stream.getData()
    assert tags.hasOverflows
    assert tagger.getOverflowsAndClear() == 4
    assert tagger.getOverflows() == 0
    events = tags.getEventTypes() == tt.TagType.TimeTag
    assert events.sum() + tags.getMissedEvents().sum() == len(table.tagger.since(0.0)[0])


def test_a_lost_connection_is_an_error_of_the_tagger_and_measurements_stand_still(tagger, table):
    stream = tt.TimeTagStream(tagger, 10**6, [1, 2])
    stream.startFor(SECOND)
    faults_of(table.serial).after(0.3).unplug()
    table.clock.sleep(2)
    assert stream.isRunning()
    with pytest.raises(RuntimeError, match="lost"):
        tagger.getOverflows()
    with pytest.raises(RuntimeError, match="lost"):
        stream.waitUntilFinished()


def test_a_device_is_opened_by_one_at_a_time_and_says_why_not(tagger, table):
    with pytest.raises(RuntimeError, match="already in use"):
        tt.createTimeTagger(table.serial)
    with pytest.raises(RuntimeError, match="not a valid Time Tagger serial number"):
        tt.createTimeTagger("1910000XYZ")
    tt.freeTimeTagger(tagger)
    tt.freeTimeTagger(tagger)
    with pytest.raises(RuntimeError, match="freed"):
        tagger.getSerial()
    faults_of(table.serial).no_licence = True
    with pytest.raises(RuntimeError, match="license"):
        tt.createTimeTagger(table.serial)
    with pytest.raises(RuntimeError, match="license"):
        tt.createTimeTaggerVirtual()
    table.replace()
    with tt.createTimeTagger(table.serial) as again:
        assert again.getModel() == "Time Tagger Ultra"


def test_settings_are_kept_until_a_reset(tagger):
    tagger.setTriggerLevel(1, 0.2)
    assert tagger.setDeadtime(1, 10) == tagger.getDeadtime(1) == 2000
    tagger.setTestSignal([1, 2], True)
    assert tagger.getTestSignal(2)
    assert tagger.getTriggerLevel(1) == 0.2
    tagger.reset()
    assert tagger.getTriggerLevel(1) == 0.5
    assert not tagger.getTestSignal(2)
    with pytest.raises(RuntimeError, match="Channel 40"):
        tagger.setInputDelay(40, 1)


def test_the_stock_driver_of_the_qcodes_community_works_unmodified(table, monkeypatch):
    pytest.importorskip("qcodes_contrib_drivers")
    monkeypatch.setenv("TIMETAGGER_INSTALL_PATH", "nowhere")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "TimeTagger", tt)
    module = importlib.import_module(
        "qcodes_contrib_drivers.drivers.SwabianInstruments.Swabian_Instruments_Time_Tagger"
    )
    driver = module.TimeTagger("stock", serial=table.serial)
    try:
        assert driver.get_idn()["model"] == "Time Tagger Ultra"
        driver.set_input_delay(1, 100)
        assert driver.get_input_delay(1) == 100
        rates = driver.add_count_rate_measurement()
        rates.channels([1, 2])
        correlation = driver.add_correlation_measurement()
        correlation.channels([1, 2])
        correlation.binwidth(10_000)
        correlation.n_bins(20)
        trace = driver.add_counter_measurement()
        trace.channels([1])
        trace.binwidth(SECOND // 10)
        trace.n_values(4)
        for one in (rates, correlation, trace):
            one.start_for(SECOND // 2)
        for one in (rates, correlation, trace):
            assert one.wait_until_finished()
        assert rates.data() == pytest.approx([1e5, 1e5], rel=0.05)
        assert correlation.data_normalized() == pytest.approx(np.ones(20), abs=0.4)
        assert correlation.data().shape == correlation.time_bins().shape == (20,)
        assert trace.data_normalized() == pytest.approx(np.full((1, 4), 1e5), rel=0.05)
        group = driver.synchronized_measurements
        group.register_measurement(rates)
        group.start_for(SECOND // 10)
        assert group.wait_until_finished()
        assert "stock" in driver.snapshot()["name"]
    finally:
        driver.close()


def test_every_name_and_argument_is_the_vendors():
    vendor = pytest.importorskip("Swabian.TimeTagger")
    for ours in tt.__all__:
        assert hasattr(vendor, ours), ours
    holders = ["TimeTagger", "Countrate", "Counter", "Correlation", "Histogram", "HistogramLogBins", "TimeTagStream"]
    for ours in [*holders, "TimeTagStreamBuffer", "FileWriter", "Combiner", "SynchronizedMeasurements"]:
        for name, member in inspect.getmembers(getattr(tt, ours)):
            if name.startswith("_") or name in OWN:
                continue
            theirs = getattr(getattr(vendor, ours), name, None)
            assert theirs is not None, f"{ours}.{name}"
            known = inspect.signature(theirs).parameters
            if not any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in known.values()):
                assert list(inspect.signature(member).parameters) == list(known), f"{ours}.{name}"
    assert tt.CHANNEL_UNUSED == vendor.CHANNEL_UNUSED
    assert [int(one) for one in tt.TagType] == [int(one) for one in vendor.TagType]
