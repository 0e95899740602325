"""SwabianTimeTagger on the stand-in of the vendor's module, and its count of laser pulses behind the filter."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
from qcodes.instrument import Instrument

from perovskite_meas.core.errors import CommunicationError, HardwareFault, IdentityError, UsageError
from perovskite_meas.drivers import SC10, PicoQuantHarp, SwabianTimeTagger
from perovskite_meas.drivers._pulses import PulseCounter
from perovskite_meas.sim.sdk import faults_of
from perovskite_meas.testing import check_driver

MODULE = "perovskite_meas.sim.sdk.time_tagger"


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
def opened(table: Any) -> Iterator[Callable[..., SwabianTimeTagger]]:
    numbers = iter(range(100))
    yield lambda **more: SwabianTimeTagger(f"tagger_{next(numbers)}", serial=table.serial, module=MODULE, **more)
    Instrument.close_all()


@pytest.fixture
def tagger(opened: Callable[..., SwabianTimeTagger]) -> SwabianTimeTagger:
    return opened()


def recorded(table: Any, seconds: float, first: int = 0) -> tuple[Any, Any]:
    """Return times and channels of the photons in `seconds` from the delivery number `first` on."""
    start = table.tagger.delivered[first][0]
    times, channels = table.tagger.since(start)
    kept = times < seconds * 1e12
    return times[kept], channels[kept]


def test_it_keeps_the_contract_of_a_driver(table):
    check_driver(SwabianTimeTagger, serial=table.serial, module=MODULE)


def test_t2_tags_are_the_photons(tagger, table):
    tags = tagger.acquire(1.0)
    times, channels = recorded(table, 1.0)
    assert np.array_equal(tags.times, times)
    assert np.array_equal(tags.channels, channels)
    assert (tags.duration, tags.resolution, tags.is_pulsed) == (10**12, 1.0, False)


@pytest.mark.parametrize(("repetition", "rate"), [(5e6, 2e5), (4_999_987.3, 2e3), (40e6, 2e5), (40_000.7, 5e3)])
def test_t3_tags_are_the_photons_by_pulse_and_delay(tagger, table, repetition, rate):
    table.tagger.repetition, table.tagger.rate = repetition, rate
    tagger.mode("T3")
    tags = tagger.acquire(2.0)
    times, channels = recorded(table, 2.0, first=1)  # the rate meter comes first
    period = 1e12 / repetition
    assert tags.period == pytest.approx(period, rel=1e-7)
    missing = len(times) - len(tags)
    assert 0 <= missing <= 4, "before the first pulse or after the last one"
    exact = tags.pulses * period + tags.dtimes
    shifts = [np.ptp(times[first : first + len(tags)] - exact) for first in range(missing + 1)]
    assert min(shifts) <= 3.0
    assert np.array_equal(tags.channels, channels[int(np.argmin(shifts)) :][: len(tags)])
    assert np.all(np.diff(tags.pulses) >= 0)
    assert np.all((tags.dtimes >= 0) & (tags.dtimes <= period))
    assert np.array_equal(tags.times, np.rint(tags.pulses * tags.period + tags.dtimes))


def pulse_train(period: float, rate: float, seconds: float, seed: int) -> tuple[Any, Any, Any, Any]:
    """Return photons, their pulses and delays, and the pulses that pass the filter with 30 ps of jitter."""
    rng = np.random.default_rng(seed)
    number = rng.poisson(rate * seconds)
    photons = np.sort(rng.integers(0, int(seconds * 1e12), number))
    pulses = np.floor((photons - 7.0) / period).astype(np.int64)
    near = np.unique(np.concatenate([pulses, pulses + 1, pulses + 2]))
    laser = np.sort(np.rint(7.0 + near * period + rng.normal(0, 30, len(near))).astype(np.int64))
    syncs = np.unique(laser[np.searchsorted(laser, photons)])
    return photons, pulses, photons - 7.0 - pulses * period, syncs


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_pulses_are_numbered_without_a_slip_in_any_pieces(size):
    period = 199_999.317
    photons, pulses, delays, syncs = pulse_train(period, 300.0, 20.0, seed=2)
    counter = PulseCounter(1e12 / period * (1 + 1.9e-6), 0.1)
    found = []
    for at in range(0, len(photons), size):
        block = photons[at : at + size]
        upto = int(photons[min(at + size, len(photons) - 1)])
        passed = syncs[(syncs > photons[max(0, at - 1)] if at else syncs >= 0) & (syncs <= upto)]
        found.append(counter.add(block, np.zeros(len(block), np.uint8), passed, upto))
    found.append(counter.add(photons[:0], np.zeros(0, np.uint8), syncs[-1:], int(syncs[-1])))
    numbers = np.concatenate([part.pulses for part in found])
    late = np.concatenate([part.delays for part in found])
    assert len(numbers) == len(photons)
    offset = numbers[0] - pulses[0]
    wrapped = numbers - pulses - offset
    assert np.count_nonzero(wrapped) <= 3, "only jitter at the edge of a period may move a photon to the next one"
    assert np.abs(late - delays)[wrapped == 0].max() < 250
    assert counter.period == pytest.approx(period, rel=1e-9)
    assert sum(part.orphans for part in found) == 0


def test_a_photon_at_the_very_time_of_a_pulse_belongs_to_it():
    counter = PulseCounter(5e6, 0.1)
    photons = np.array([1_000_000, 1_050_000], np.int64)
    found = counter.add(photons, np.zeros(2, np.uint8), np.array([1_000_000, 1_200_000], np.int64), 2_000_000)
    assert found.pulses.tolist() == [5, 5]
    assert found.delays.tolist() == [0, 50_000]


def test_photons_before_the_first_pulse_are_left_out_and_those_without_a_pulse_told():
    counter = PulseCounter(5e6, 0.1)
    photons = np.array([10_000, 300_000], np.int64)
    found = counter.add(photons, np.zeros(2, np.uint8), np.array([60_000, 460_000], np.int64), 500_000)
    assert found.pulses.tolist() == [1]
    lonely = counter.add(np.array([600_000], np.int64), np.zeros(1, np.uint8), np.zeros(0, np.int64), 5 * 10**9)
    assert lonely.orphans == 1


def test_a_long_recording_comes_in_pieces_that_join_to_the_whole(tagger):
    tagger.mode("T3")
    pieces = list(tagger.stream(3.0))
    assert len(pieces) > 10
    assert pieces[-1].duration == 3 * 10**12
    assert len({piece.period for piece in pieces}) == 1
    assert np.all(np.diff(np.concatenate([piece.pulses for piece in pieces])) >= 0)


def test_the_filter_is_on_only_while_recording(tagger):
    tagger.mode("T3")
    pieces = tagger.stream(5.0)
    next(pieces)
    assert tagger._tagger.getConditionalFilterFiltered() == [8]
    pieces.close()
    assert tagger._tagger.getConditionalFilterFiltered() == []
    assert tagger.sync_rate() == pytest.approx(5e6, rel=1e-4)


def test_rates_and_settings(tagger, table):
    assert tagger.count_rates() == pytest.approx([1e5, 1e5], rel=0.05)
    tagger.input_delay_2(5_000_000)
    tagger.dead_time_1(50_000)
    tagger.trigger_level_1(0.25)
    tagger.sync_trigger_level(-0.1)
    tagger.sync_delay(300)
    found = [tagger.input_delay_2(), tagger.dead_time_1(), tagger.trigger_level_1(), tagger.sync_trigger_level()]
    assert found == [5_000_000, 50_000, 0.25, -0.1]
    assert tagger.sync_delay() == 300
    assert tagger.resolution() == 1.0
    assert tagger.get_idn()["vendor"] == "Swabian Instruments"


def test_inputs_are_told_in_the_order_of_the_tags_channels(opened, table):
    swapped = opened(inputs=[2, 1])
    tags = swapped.acquire(0.2)
    assert np.array_equal(tags.channels, 1 - recorded(table, 0.2)[1])


def test_a_histogram_counts_the_delays_of_each_input(tagger):
    with pytest.raises(UsageError, match="set mode to 'T3'"):
        tagger.histogram()
    tagger.mode("T3")
    tagger.acquisition_time(0.5)
    tagger.histogram_bin_width(1000)
    tagger.histogram_bins(200)
    assert tagger.histogram().sum(axis=1) == pytest.approx([5e4, 5e4], rel=0.03)


@pytest.mark.parametrize("mode", ["T2", "T3"])
def test_lost_tags_are_flagged(tagger, table, mode):
    tagger.mode(mode)
    faults_of(table.serial).after(0.5).overflow()
    tags = tagger.acquire(1.5)
    assert tags.overflow
    assert tagger.overflow()
    assert len(tags) > 1e5
    assert not tagger.acquire(0.2).overflow


def test_a_lost_connection_is_told(tagger, table):
    faults = faults_of(table.serial)
    faults.after(0.5).unplug()
    with pytest.raises(CommunicationError, match="failed to record: The connection to the Time Tagger was lost"):
        tagger.acquire(2.0)
    with pytest.raises(CommunicationError, match="no tags come; check USB cable"):
        tagger.sync_rate()
    with pytest.raises(CommunicationError, match="failed to read trigger_level_1"):
        tagger.trigger_level_1()
    with pytest.raises(CommunicationError, match="failed to set input_delay_1"):
        tagger.input_delay_1(5)
    faults.clear()
    assert len(tagger.acquire(0.2)) > 0


def test_a_lost_sync_is_told_before_and_while_recording(tagger, table):
    tagger.mode("T3")
    faults = faults_of(table.serial)
    faults.after(0.6).lose_sync()
    with pytest.raises(HardwareFault, match="no laser pulses on the sync input"):
        tagger.acquire(2.0)
    number = len(table.tagger.delivered)
    with pytest.raises(HardwareFault, match="no laser pulses"):
        tagger.acquire(2.0)
    assert len(table.tagger.delivered) - number == 1, "the rate meter alone looked"
    assert tagger._tagger.getConditionalFilterFiltered() == []


def test_a_dead_input_gives_nothing(tagger, table):
    faults_of(table.serial).kill_input(0)
    assert set(tagger.acquire(0.2).channels) == {1}


def test_tags_that_never_come_are_given_up(tagger, monkeypatch):
    monkeypatch.setattr(tagger._vendor.IteratorBase, "isRunning", lambda self: True)
    with pytest.raises(CommunicationError, match=r"recording of 0\.5 s did not end"):
        tagger.acquire(0.5)
    with pytest.raises(CommunicationError, match="no tags come"):
        tagger.count_rates()


def test_ctrl_c_stops_the_recording_even_if_the_device_is_gone(tagger, table, monkeypatch):
    tagger.mode("T3")
    sleep, calls = table.clock.sleep, []

    def interrupted(seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 4:
            faults_of(table.serial).unplug()
            raise KeyboardInterrupt
        sleep(seconds)

    with monkeypatch.context() as patch:
        patch.setattr(table.clock, "sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tagger.acquire(10.0)
    faults_of(table.serial).clear()
    assert len(tagger.acquire(0.2)) > 0


def test_why_a_device_cannot_be_opened_is_told(tagger, opened, table):
    with pytest.raises(CommunicationError, match=r"cannot be imported.*pip install Swabian-TimeTagger"):
        SwabianTimeTagger("other", module="no_such.TimeTagger")
    with pytest.raises(IdentityError, match=r"not a valid Time Tagger serial number.*Free devices: virtual_confocal"):
        SwabianTimeTagger("other", serial="1910000XYZ", module=MODULE)
    with pytest.raises(CommunicationError, match=r"already in use\. Check USB cable and power, and close other"):
        opened()
    tagger.close()
    tagger.close()
    faults_of(table.serial).no_licence = True
    with pytest.raises(CommunicationError, match=r"no licence \(Invalid license loaded\.\); ask the vendor"):
        opened()
    faults_of(table.serial).clear()
    opened()
    with pytest.raises(CommunicationError, match="not open"):
        tagger._device()


def test_both_makes_of_tagger_see_the_same_light_of_the_virtual_table():
    laboratory = pyvisa.ResourceManager("virtual_confocal@twin").visalib
    arrivals = []
    for driver, module in ((SwabianTimeTagger, MODULE), (PicoQuantHarp, "perovskite_meas.sim.sdk.snapi")):
        laboratory.reset(seed=3, speed=0.0)
        tagger = driver("tagger", serial="virtual_confocal", module=module)
        reference = SC10("reference_shutter", "ASRL6::INSTR", visalib="virtual_confocal@twin")
        tagger.mode("T3")
        reference.state("open")
        light = tagger.acquire(1.0)
        arrivals += [float(np.median(light.dtimes[light.channels == index])) * light.resolution for index in (0, 1)]
        assert light.period == pytest.approx(200_000)
        tagger.close()
        reference.close()
    assert arrivals == pytest.approx([8_000, 11_200] * 2, abs=100)
