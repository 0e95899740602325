"""The stand-ins on a table with three inputs and no laser pulses on the sync."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import pyvisa

from perovskite_meas.sim.sdk import snapi, time_tagger

TABLE = "virtual_michelson"


@pytest.fixture
def world() -> Any:
    """The Michelson table at little power, arms open, main shutter closed, and triggers every 160 ms."""
    library: Any = pyvisa.ResourceManager(f"{TABLE}@twin").visalib
    library.reset(speed=0.0)
    world = library.world
    now = world.clock.now()
    world.port("attenuator").path(now, 61.3, now, 61.3)
    for arm in ("shutter_a", "shutter_b"):
        world.port(arm).switch(True, now)
    world.port("trigger").pulses(now, 0.16)
    return world


@pytest.fixture
def sn(world: Any) -> Iterator[snapi.snAPI]:
    made = snapi.snAPI()
    assert made.getDevice(TABLE)
    yield made
    made.closeDevice()


def test_the_vendors_scan_lists_every_packaged_table(sn: snapi.snAPI) -> None:
    sn.getDeviceIDs()
    assert [name for name in sn.deviceIDs if name] == ["virtual_confocal", "virtual_magneto", TABLE]


def test_a_t2_measurement_holds_all_three_inputs_and_no_pulses(sn: snapi.snAPI, world: Any) -> None:
    assert sn.initDevice(snapi.MeasMode.T2)
    start = world.clock.now()
    world.port("trigger").pulses(start, 0.16)
    sn.raw.measure(1000, 1 << 20)
    records = sn.raw.getData().astype(np.int64)
    assert not (((records >> 31) & 1 == 1) & ((records >> 25) & 63 == 0)).any()
    photons = records[(records >> 31) == 0]
    counts = np.bincount((photons >> 25) & 63, minlength=4)
    assert counts[1] > 20 * counts[0]
    assert counts[2] == 7
    assert counts[3] == 0
    assert counts[0] == pytest.approx(200, abs=75)  # dark counts alone: the main shutter is closed


def test_the_rate_meters_of_three_inputs_are_shown_beside_a_sync_of_nothing(sn: snapi.snAPI, world: Any) -> None:
    assert sn.initDevice(snapi.MeasMode.T2)
    world.clock.advance(0.2)
    rates = sn.device.getCountRates()
    assert len(rates) == 5
    assert rates[0] == 0
    assert rates[2] > 10 * rates[1]
    assert rates[3] in (0, 10, 20)  # one pulse in 0.1 s, or none
    assert rates[4] == 0


def test_t3_stops_without_a_sync(sn: snapi.snAPI) -> None:
    assert sn.initDevice(snapi.MeasMode.T3)
    sn.raw.measure(100, 1 << 16)
    sn.getMeasDescription()
    assert sn.measDescription["StopReason"] == "SyncLost"


def test_the_other_make_has_the_three_inputs_on_its_first_channels(world: Any) -> None:
    tagger = time_tagger.createTimeTagger(TABLE)
    counter = time_tagger.Countrate(tagger, [1, 2, 3, 8])
    world.clock.advance(1.0)
    signal, monitor, trigger, sync = counter.getData()
    assert monitor > 10 * signal > 0
    assert trigger == pytest.approx(1 / 0.16, rel=0.2)
    assert sync == 0
    time_tagger.freeTimeTagger(tagger)
