"""Every key of a world file does something that an experimenter can see."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config, parse_config

TABLE = "virtual_confocal"
SECTIONS = ("sample", "laser", "optics", "detectors", "imperfections")

CHANGES: dict[str, object] = {
    "sample.kind": "laser",
    "sample.emitters": 2,
    "sample.two_photon_cross_section": "7e6 GM",
    "sample.two_photon_convention": "excitations",
    "sample.one_photon_cross_section": "2e-13 cm^2",
    "sample.biexciton_ratio": 0.2,
    "sample.ladder": "truncated",
    "sample.lifetime": "200 ns",
    "sample.biexciton_lifetime": "300 ps",
    "sample.background_lifetime": "5 ns",
    "sample.blinking.a_on": 1.8,
    "sample.blinking.a_off": 1.4,
    "sample.blinking.shortest": "2 ms",
    "sample.blinking.cutoff_on": "20 ms",
    "sample.blinking.cutoff_off": "20 ms",
    "sample.blinking.grey_yield": 0.4,
    "sample.brightness": "2e5 cps",
    "sample.wavelength": "900 nm",
    "sample.background": "3 %",
    "sample.bleaching_dose": "1e6 J/cm^2",
    "laser.mode": "cw",
    "laser.wavelength": "850 nm",
    "laser.repetition_rate": "10 MHz",
    "laser.pulse_duration": "300 fs",
    "laser.pulse_shape": "sech2",
    "optics.waist": "500 nm",
    "optics.attenuator.maximum_power": "100 uW",
    "optics.attenuator.angle_of_maximum": "20 deg",
    "optics.attenuator.extinction": 1e-2,
    "optics.pickoff_ratio": 11,
    "optics.scanner_gain": "2 um/V",
    "optics.reference_rate": "2e5 cps",
    "optics.reference_width": "200 ps",
    "detectors.apd.dead_time": "100 ns",
    "detectors.apd.dark_rate": "400 cps",
    "detectors.apd.afterpulsing": "5 %",
    "detectors.pickoff.calibration": 1.1,
    "detectors.pickoff.zero": "3 uW",
    "detectors.sample_head.calibration": 1.1,
    "detectors.sample_head.zero": "3 uW",
    "imperfections.one_photon_leak": "5 %",
    "imperfections.grey_state": "on",
}
CHANGES |= {
    f"detectors.spad_{which}.{name}": change
    for which in "ab"
    for name, change in {
        "dead_time": "100 ns",
        "dark_rate": "400 cps",
        "afterpulsing": "5 %",
        "jitter": "300 ps",
        "jitter_tail": "30 %",
        "tail_time": "1 ns",
        "delay": "20 ns",
    }.items()
}
"""What each key is changed to; an imperfection that is missing here is switched off."""

CONTEXT: dict[str, dict[str, object]] = {
    "sample.one_photon_cross_section": {"laser.wavelength": "405 nm"},  # else it takes two photons
}
CONTEXT |= {key: {"imperfections.grey_state": "on"} for key in CHANGES if key.startswith("sample.blinking.")}
"""What else has to be so for a key to matter."""

UNSEEN = {
    "sample.quantum_yield": "`brightness` is what is detected; the yield only tells the efficiency behind it",
}
"""Keys that no measurement on this table can see, and why."""


def keys(tree: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in tree.items():
        found += keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return found


def all_keys() -> list[str]:
    dumped = load_config(None, TABLE).model_dump(include=set(SECTIONS))
    dumped["imperfections"] = dict.fromkeys(dumped["imperfections"], 0)  # off_centre is one entry
    return keys(dumped)


def world_with(changes: dict[str, object]) -> World:
    raw = load_config(None, TABLE).model_dump()
    raw["imperfections"]["off_centre"] = "50 nm"
    for name in ("bleaching", "background", "dead_time", "dark_counts", "afterpulsing", "jitter"):
        raw["imperfections"][name] = "on"
    for key, value in changes.items():
        node = raw
        *path, last = key.split(".")
        for part in path:
            node = node[part]
        node[last] = value
    return World(parse_config(raw, "test"), 3, SimClock(speed=0))


def look(world: World) -> list[float]:
    """Return what instruments show in a short experiment: two directions, dark and lit, now and an hour later."""
    seen: list[float] = []
    clock, mount, shutter, apd = world.clock, world.port("attenuator"), world.port("shutter"), world.port("apd")

    def note() -> None:
        clock.sleep(0.5)
        now = clock.now()
        seen.append(float(apd.counts(now - 0.5, now)))
        seen.append(apd.expected(now - 0.5, now))
        seen.extend(world.port(name).watts(now - 0.1, now, 800.0) for name in ("pickoff", "sample_head"))
        events = world.port("tagger").record(now - 0.1, now)
        seen.extend(float(np.sum(column)) for column in events[:4] if column is not None)

    note()
    world.port("reference").switch(True, clock.now())
    note()
    world.port("reference").switch(False, clock.now())
    for angle in (60.0, 17.3, 40.0, 62.3):
        now = clock.now()
        mount.path(now, mount.angle(now), now, angle)
        shutter.switch(True, now)
        note()
        shutter.switch(False, clock.now())
        note()
    world.port("scanner_x").set(0.2, clock.now())
    clock.sleep(3600.0)
    shutter.switch(True, clock.now())
    note()
    return seen


@lru_cache
def looked(context: tuple[tuple[str, object], ...]) -> list[float]:
    return look(world_with(dict(context)))


@pytest.mark.parametrize("key", all_keys())
def test_every_key_is_seen_by_an_instrument(key):
    context = CONTEXT.get(key, {})
    change = CHANGES.get(key, "off" if key.startswith("imperfections.") else None)
    if key in UNSEEN:
        assert change is None
        return
    assert change is not None, f"say in CHANGES what {key} is changed to, or in UNSEEN why nobody sees it"
    assert look(world_with({**context, key: change})) != looked(tuple(context.items()))


def test_the_seed_is_seen_as_well():
    config = load_config(None, TABLE)
    assert look(World(config, 1, SimClock(0))) == look(World(config, 1, SimClock(0)))
    assert look(World(config, 1, SimClock(0))) != look(World(config, 2, SimClock(0)))


def test_the_quantum_yield_is_behind_the_detection_efficiency():
    world = world_with({"sample.quantum_yield": 0.45})
    assert world.truth("efficiency") == pytest.approx(2 * float(world_with({}).truth("efficiency")))


def test_what_is_said_of_unseen_keys_is_about_keys_that_exist():
    assert {*UNSEEN, *CHANGES, *CONTEXT} <= set(all_keys())
