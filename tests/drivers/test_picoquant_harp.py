"""PicoQuantHarp on the stand-in of the vendor's module, and its decoder on records built by hand."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.clock import WallClock
from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, UsageError
from perovskite_meas.drivers import SC10, PicoQuantHarp
from perovskite_meas.drivers._records import Decoder
from perovskite_meas.sim.sdk import faults_of
from perovskite_meas.testing import check_driver

MODULE = "perovskite_meas.sim.sdk.snapi"


@pytest.fixture
def table(tmp_path: Path) -> Any:
    path = Path(__file__).parents[1] / "sim" / "tagger_world.py"
    spec = importlib.util.spec_from_file_location("tagger_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Table(tmp_path)


@pytest.fixture
def opened(table: Any) -> Iterator[Callable[[], PicoQuantHarp]]:
    numbers = iter(range(100))
    yield lambda: PicoQuantHarp(f"harp_{next(numbers)}", serial=table.serial, module=MODULE)
    Instrument.close_all()


@pytest.fixture
def harp(opened: Callable[[], PicoQuantHarp]) -> PicoQuantHarp:
    return opened()


def word(special: int, channel: int, rest: int) -> int:
    return special << 31 | channel << 25 | rest


def test_it_keeps_the_contract_of_a_driver(table):
    check_driver(PicoQuantHarp, serial=table.serial, module=MODULE)


def test_t2_tags_are_the_photons_in_steps_of_the_base_resolution(harp, table):
    start = table.clock.now()
    tags = harp.acquire(1.0)
    times, channels = table.tagger.since(start)
    assert np.array_equal(tags.times, times // 5 * 5)
    assert np.array_equal(tags.channels, channels)
    assert (tags.duration, tags.resolution, tags.is_pulsed) == (10**12, 5.0, False)


@pytest.mark.parametrize(("repetition", "resolution"), [(5e6, 10.0), (80e6, 5.0), (40_000.7, 1280.0)])
def test_t3_tags_are_the_photons_by_pulse_and_delay_with_a_resolution_that_covers_the_period(
    harp, table, repetition, resolution
):
    table.tagger.repetition = repetition
    harp.mode("T3")
    tags = harp.acquire(0.7)
    start = table.clock.now() - 0.7
    times, channels = table.tagger.since(start - 1e-6)
    assert harp.resolution() == tags.resolution == resolution
    assert tags.period == pytest.approx(1e12 / repetition, rel=3e-4)
    kept = channels[-len(tags) :]
    assert np.array_equal(tags.channels, kept)
    assert len(times) - len(tags) <= 10
    exact = tags.pulses * (1e12 / repetition) + tags.dtimes * resolution
    shift = times[-len(tags) :] - exact
    assert np.ptp(shift) <= resolution + 2
    assert np.all(np.diff(tags.pulses) >= 0)
    assert np.all((tags.dtimes >= 0) & (tags.dtimes * resolution < 1e12 / repetition + resolution))


def test_a_long_recording_comes_in_pieces_that_join_to_the_whole(harp, table):
    harp.mode("T3")
    pieces = list(harp.stream(3.0))
    assert len(pieces) > 10
    assert [piece.duration for piece in pieces] == sorted(piece.duration for piece in pieces)
    assert pieces[-1].duration == 3 * 10**12
    times = np.concatenate([piece.times for piece in pieces])
    assert np.all(np.diff(times) >= -1)
    edges = [piece.duration for piece in pieces]
    assert all(piece.times.max() <= edge + 200_000 for piece, edge in zip(pieces, edges, strict=True) if len(piece))
    assert len(times) == pytest.approx(6e5, rel=0.02)


def test_the_decoder_keeps_overflows_and_markers_over_blocks_of_any_size():
    records = np.array(
        [
            word(0, 0, 7 << 10 | 1023),
            word(1, 63, 0),
            word(0, 1, 32767 << 10 | 2),
            word(1, 4, 5),
            word(1, 63, 1000),
            word(0, 63, 1 << 10 | 1),
        ],
        np.uint32,
    )
    whole = Decoder("T3").decode(records)
    assert whole.counter.tolist() == [1023, 1026, 1001 * 1024 + 1]
    assert whole.delays.tolist() == [7, 32767, 1]
    assert whole.channels.tolist() == [0, 1, 63]
    assert (whole.marker_counter.tolist(), whole.marker_values.tolist()) == ([1029], [4])
    for size in (1, 2, 4):
        decoder = Decoder("T3")
        parts = [decoder.decode(records[at : at + size]) for at in range(0, 6, size)]
        for name in whole._fields:
            assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def test_t2_records_of_the_sync_and_markers_are_no_photons():
    found = Decoder("T2").decode(
        np.array([word(1, 0, 5), word(0, 2, 6), word(1, 63, 3), word(1, 15, 7), word(0, 0, 8)], np.uint32)
    )
    assert found.counter.tolist() == [6, 3 * 33554432 + 8]
    assert found.syncs.tolist() == [5]
    assert found.marker_values.tolist() == [15]
    assert len(found.delays) == 0


def test_markers_become_markers_of_the_tags(harp, monkeypatch):
    records = np.array([word(1, 3, 2), word(0, 1, 4 << 10 | 6)], np.uint32)
    harp.mode("T3")
    monkeypatch.setattr(harp._api.raw, "getBlock", lambda: records)
    piece = next(harp.stream(1.0))
    assert piece.marker_times.tolist() == [400_000]
    assert piece.marker_values.tolist() == [3]
    assert piece.times.tolist() == [6 * 200_000 + 40]


def test_a_delay_beyond_the_period_is_kept_as_the_device_said_it(harp, monkeypatch):
    records = np.array([word(0, 0, 20_100 << 10 | 5), word(0, 0, 3 << 10 | 6)], np.uint32)
    harp.mode("T3")
    monkeypatch.setattr(harp._api.raw, "getBlock", lambda: records)
    piece = next(harp.stream(1.0))
    assert piece.pulses.tolist() == [5, 6]
    assert piece.times.tolist() == [1_201_000, 1_200_030]


def test_rates_are_those_of_a_gate_that_starts_now(harp, table):
    start = table.clock.now()
    assert harp.sync_rate() == 5e6
    assert harp.count_rates() == pytest.approx([1e5, 1e5, 0, 0])
    assert table.clock.now() - start == pytest.approx(0.2)


def test_settings_survive_a_change_of_mode(harp):
    harp.input_delay_2(-3_000)
    harp.trigger_level_1(-0.12)
    harp.sync_trigger_level(0.2)
    harp.sync_divider(2)
    harp.sync_delay(100)
    harp.dead_time_1(50_000)
    harp.mode("T3")
    found = [harp.input_delay_2(), harp.trigger_level_1(), harp.sync_trigger_level(), harp.sync_divider()]
    assert found == [-3_000, -0.12, 0.2, 2]
    assert (harp.sync_delay(), harp.dead_time_1()) == (100, 50_000)
    with pytest.raises(ValueError, match="input_delay_1"):
        harp.input_delay_1(200_000)
    with pytest.raises(HardwareFault, match=r"refused to set trigger_level_1 to 0, 1400, 1"):
        harp.trigger_level_1(1.4)


def test_a_delay_of_an_input_moves_its_photons_after_the_pulse(harp):
    harp.mode("T3")
    before = harp.acquire(0.5)
    harp.input_delay_1(60_000)
    after = harp.acquire(0.5)
    assert len(after) == pytest.approx(len(before), rel=0.05)
    assert np.all(np.diff(after.pulses) >= 0)


def test_a_resolution_is_a_power_of_two_and_must_cover_the_period(harp):
    harp.mode("T3")
    with pytest.raises(UsageError, match=r"no resolution of 12 ps.*the next one is 20 ps"):
        harp.resolution(12)
    harp.resolution(5)
    with pytest.raises(UsageError, match=r"delays end at 163\.84 ns, before the laser's period of 200 ns.*6\.1 ps"):
        harp.acquire(0.1)
    harp.resolution(20)
    assert harp.acquire(0.1).resolution == 20
    harp.mode("T2")
    assert harp.resolution() == 5


def test_a_histogram_counts_the_delays_of_each_input(harp, table):
    with pytest.raises(UsageError, match="set mode to 'T3'"):
        harp.histogram()
    harp.mode("T3")
    harp.acquisition_time(0.5)
    harp.histogram_bin_width(1000)
    harp.histogram_bins(200)
    counts = harp.histogram()
    assert counts.shape == (4, 200)
    assert counts.sum(axis=1) == pytest.approx([5e4, 5e4, 0, 0], rel=0.03)
    assert counts[0] == pytest.approx(np.full(200, 250), abs=100)
    assert harp.histogram_delay()[-1] == 199_000
    assert harp.histogram_input().tolist() == [1, 2, 3, 4]


def test_lost_events_are_flagged_and_the_length_is_what_was_recorded(harp, table):
    faults_of(table.serial).after(0.3).overflow()
    tags = harp.acquire(1.0)
    assert tags.overflow
    assert harp.overflow()
    assert 0.1 < tags.duration * 1e-12 < 0.6
    assert tags.times.max() <= tags.duration
    assert not harp.acquire(0.2).overflow
    assert not harp.overflow()


def test_records_that_the_vendors_buffer_lost_are_flagged(harp, monkeypatch):
    monkeypatch.setattr("perovskite_meas.drivers.picoquant_harp._BLOCK", 30_000)
    tags = harp.acquire(1.0)
    assert tags.overflow
    assert len(tags) < 1.5e5


def test_an_answer_of_the_vendors_library_is_read_in_its_lowest_byte(harp, monkeypatch):
    with pytest.raises(HardwareFault, match="refused to set the sync"):
        harp._ask("set the sync", lambda: 0x4500)
    monkeypatch.setattr(harp._api, "initDevice", lambda mode: -256)
    with pytest.raises(CommunicationError, match="initialisation in T3 mode failed"):
        harp.mode("T3")


@pytest.mark.parametrize(
    ("mode", "strike", "kind", "text"),
    [
        ("T2", "unplug", CommunicationError, r"broke off \(DataXferFail\); check USB cable"),
        ("T3", "unplug", CommunicationError, "broke off"),
        ("T3", "lose_sync", HardwareFault, "no laser pulses on the sync input; check laser"),
    ],
)
def test_what_goes_wrong_while_recording_is_told(harp, table, mode, strike, kind, text):
    harp.mode(mode)
    faults = faults_of(table.serial)
    getattr(faults.after(0.5), strike)()
    with pytest.raises(kind, match=text):
        harp.acquire(2.0)
    faults.clear()
    assert len(harp.acquire(0.2)) > 0


def test_without_a_laser_t3_is_refused_before_anything_is_recorded(harp, table):
    table.tagger.repetition = 0.0
    harp.mode("T3")
    with pytest.raises(HardwareFault, match="no laser pulses"):
        harp.acquire(1.0)
    assert table.tagger.delivered == []
    harp.mode("T2")
    assert len(harp.acquire(0.1)) > 0


def test_a_dead_input_gives_nothing(harp, table):
    faults_of(table.serial).kill_input(1)
    assert set(harp.acquire(0.2).channels) == {0}
    assert harp.count_rates()[1] == 0


def test_a_device_that_never_finishes_is_given_up(harp, table, monkeypatch):
    monkeypatch.setattr(harp._api.raw, "isFinished", lambda: False)
    with pytest.raises(CommunicationError, match=r"recording of 0\.5 s did not end"):
        harp.acquire(0.5)


def test_a_reason_that_is_not_known_is_told(harp, monkeypatch):
    monkeypatch.setattr(harp._api, "getMeasDescription", lambda: harp._api.measDescription.update(StopReason="Suspend"))
    harp._api.measDescription = {}
    with pytest.raises(HardwareFault, match=r"stopped by itself \(Suspend\)"):
        harp.acquire(0.1)


def test_ctrl_c_stops_the_recording(harp, table, monkeypatch):
    sleep, calls = table.clock.sleep, []

    def interrupted(seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 3:
            raise KeyboardInterrupt
        sleep(seconds)

    with monkeypatch.context() as patch:
        patch.setattr(table.clock, "sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            harp.acquire(10.0)
    assert harp._api.run.reason == "Manual"
    assert len(harp.acquire(0.2)) > 0


def test_leaving_the_pieces_early_stops_the_recording(harp):
    pieces = harp.stream(10.0)
    next(pieces)
    pieces.close()
    assert harp._api.run.reason == "Manual"


def test_a_length_that_the_device_cannot_count_is_refused(harp):
    with pytest.raises(UsageError, match="no whole number of ms"):
        harp.acquire(0.0105)
    with pytest.raises(ValueError, match="acquisition_time"):
        harp.acquire(0.0)


def test_a_get_of_tags_records_and_a_snapshot_does_not(harp, table):
    harp.acquisition_time(0.2)
    assert harp.tags().duration == 2 * 10**11
    start = table.clock.now()
    snapshot = harp.snapshot(update=True)
    assert "value" not in snapshot["parameters"]["tags"]
    assert snapshot["address"] == table.serial
    assert table.clock.now() - start < 0.5


def test_a_module_that_is_not_installed_is_named_with_its_remedy():
    with pytest.raises(CommunicationError, match=r"'no_such\.Main' cannot be imported.*pip install snAPI"):
        PicoQuantHarp("harp", module="no_such.Main")
    assert not Instrument.exist("harp")


def test_a_wrong_serial_number_a_busy_and_a_missing_device_are_told_apart(harp, opened, table):
    with pytest.raises(IdentityError, match=r"no device of this serial number; connected: virtual_confocal"):
        PicoQuantHarp("other", serial="1045483", module=MODULE)
    listed = SimpleNamespace(deviceIDs=[], getDevice=lambda *_: False, getDeviceIDs=lambda: True)
    with pytest.raises(CommunicationError, match="no device is connected; check USB cable"):
        raise harp._not_found(listed)
    listed.deviceIDs = ["MH_Port 0 (busy)", ""]
    with pytest.raises(CommunicationError, match="in use by another program"):
        raise harp._not_found(listed)


def test_closing_frees_the_device_and_twice_is_harmless(opened):
    first = opened()
    first.close()
    first.close()
    with pytest.raises(CommunicationError, match="not open"):
        first._device()
    second = opened()
    assert second.get_idn()["model"] == "MultiHarp 150 4P"


def test_a_name_that_is_taken_leaves_the_device_free(table, opened):
    shutter = SC10("shutter", "ASRL5::INSTR", visalib="virtual_confocal@twin")
    with pytest.raises(KeyError):
        PicoQuantHarp("shutter", serial=table.serial, module=MODULE)
    opened()
    shutter.close()


def test_after_a_reset_of_the_laboratory_it_records_from_the_new_world(harp, table):
    harp.acquire(0.1)
    harp.close()
    world = table.replace()
    again = PicoQuantHarp("again", address=table.serial, module=MODULE)
    assert again.clock is world.clock
    assert len(again.acquire(0.1)) > 0
    assert world.tagger.delivered


def test_a_vendor_object_without_a_clock_means_the_wall(harp, monkeypatch):
    monkeypatch.setattr(type(harp._api), "clock", None)
    assert isinstance(harp.clock, WallClock)


def test_on_the_virtual_table_the_reference_light_arrives_where_the_cables_say():
    laboratory = pyvisa.ResourceManager("virtual_confocal@twin").visalib
    laboratory.reset(seed=3, speed=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        harp = PicoQuantHarp("tagger", serial="virtual_confocal", module=MODULE)
        reference = SC10("reference_shutter", "ASRL6::INSTR", visalib="virtual_confocal@twin")
    harp.mode("T3")
    dark = harp.acquire(1.0)
    reference.state("open")
    light = harp.acquire(1.0)
    assert len(light) > 50 * len(dark)
    arrival = [float(np.median(light.dtimes[light.channels == index])) * light.resolution for index in (0, 1)]
    assert arrival == pytest.approx([8_000, 11_200], abs=100)
    assert harp.count_rates()[:2] == pytest.approx([len(light) / 2] * 2, rel=0.2)
