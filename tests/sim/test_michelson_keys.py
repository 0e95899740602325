"""Every key of a Michelson world file does something that an experimenter can see."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config, parse_config

TABLE = "virtual_michelson"
SECTIONS = ("sample", "laser", "optics", "detectors", "imperfections")
BASE = load_config(None, TABLE)
SWITCHES = ("blinking", "background", "dead_time", "dark_counts", "afterpulsing", "jitter")

CHANGES: dict[str, object] = {
    "sample.kind": "laser",
    "sample.energy": "1.79 eV",
    "sample.t2": "9 ps",
    "sample.t1": "100 ps",
    "sample.splitting": "0.1 meV",
    "sample.splitting_ratio": 0.7,
    "sample.brightness": "5e5 cps",
    "sample.pi_power": "5 uW",
    "sample.response": "linear",
    "sample.background": "3 %",
    "sample.blinking.on_time": "50 ms",
    "sample.blinking.off_time": "500 ms",
    "sample.diffusion_time": "1 s",
    "laser.wavelength": "698 nm",
    "laser.pulse_duration": "3 ps",
    "laser.pulse_shape": "sech2",
    "optics.waist": "600 nm",
    "optics.attenuator.maximum_power": "10 uW",
    "optics.attenuator.angle_of_maximum": "20 deg",
    "optics.attenuator.extinction": 1e-2,
    "optics.pickoff_ratio": 11,
    "optics.scanner_gain": "2 um/V",
    "optics.arm_balance": 0.8,
    "optics.mode_overlap": 0.9,
    "optics.monitor_overlap": 0.9,
    "optics.zero_position": "12.6 mm",
    "optics.air_index": 1.0003,
    "optics.working_power": "0.3 uW",
    "optics.monitor_rate": "3e5 cps",
    "optics.reference_wavelength": "633 nm",
    "optics.reference_rate": "4e5 cps",
    "optics.fine_range": "16 um",
    "optics.cyclic_period": "2 mm",
    "optics.acoustic_frequency": "120 Hz",
    "detectors.apd.dead_time": "100 us",
    "detectors.apd.dark_rate": "400 cps",
    "detectors.apd.afterpulsing": "5 %",
    "detectors.pickoff.calibration": 1.1,
    "detectors.pickoff.zero": "3 uW",
    "detectors.sample_head.calibration": 1.1,
    "detectors.sample_head.zero": "3 uW",
}
CHANGES |= {
    f"detectors.{which}.{name}": change
    for which in ("signal", "monitor")
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

CONTEXT: dict[str, dict[str, object]] = {"sample.splitting_ratio": {"sample.splitting": "0.1 meV"}}
"""What else has to be so for a key to matter."""

UNSEEN = {
    "optics.fine_sensitivity": "what a KPZ101 moves the piezo by; see the test of its wiring",
    "laser.repetition_rate": "powers are averages, and the tagger has no sync",
}
"""Keys that no measurement on this table can see, and why."""


def keys(tree: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in tree.items():
        found += keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return found


def all_keys() -> list[str]:
    dumped = BASE.model_dump(include=set(SECTIONS))
    dumped["imperfections"] = dict.fromkeys(dumped["imperfections"], 0)  # off_centre is one entry
    return keys(dumped)


def world_with(changes: dict[str, object]) -> World:
    raw = BASE.model_dump()
    raw["imperfections"] |= {"off_centre": "50 nm", **dict.fromkeys(SWITCHES, "on")}
    for key, value in changes.items():
        node = raw
        *path, last = key.split(".")
        for part in path:
            node = node[part]
        node[last] = value
    return World(parse_config(raw, "test"), 3, SimClock(speed=0))


def look(world: World) -> Iterator[float]:
    """Yield what instruments show in a short experiment: dark, reference, one arm, both, off the dot, later."""
    clock, port = world.clock, world.port

    def note(seconds: float = 0.1) -> Iterator[float]:
        clock.sleep(seconds)
        t0, t1 = clock.now() - seconds, clock.now()
        yield float(port("apd").counts(t0, t1))
        yield port("apd").expected(t0, t1)
        for name in ("pickoff", "sample_head"):
            yield port(name).watts(t0, t1, 700.0)
        events = port("tagger").record(t0, t1)
        for channel in (0, 1):
            yield float(np.sum(events.times[events.channels == channel]))

    def switch(*names: str) -> None:
        for name in ("shutter", "shutter_a", "shutter_b", "reference"):
            port(name).switch(name in names, clock.now())

    def turn(angle: float) -> None:
        port("attenuator").path(clock.now(), port("attenuator").angle(clock.now()), clock.now(), angle)

    for angle in (70.0, 60.0):
        turn(angle)
    switch("shutter_a", "shutter_b", "reference")
    for place in (13.0, 12.51, 14.27):
        port("coarse").path(clock.now(), place - 0.1, clock.now() + 0.01, place)
        clock.sleep(0.02)
    port("fine").move(14.0, clock.now(), False)
    yield from note()
    for names in (("shutter", "shutter_a"), ("shutter", "shutter_a", "shutter_b")):
        switch(*names)
        for servo in (False, True):
            port("fine").move(9.0, clock.now(), servo)
            yield from note()
    port("scanner_x").set(0.2, clock.now())
    yield from note(0.5)
    switch()
    clock.sleep(150.0)
    switch("shutter", "shutter_a", "shutter_b")
    yield from note()


@lru_cache
def looked(context: tuple[tuple[str, object], ...]) -> list[float]:
    return list(look(world_with(dict(context))))


def differs(world: World, seen: list[float]) -> bool:
    """Tell whether this world shows anything else, and look no further than that."""
    return any(here != there for here, there in zip(look(world), seen, strict=True))


@pytest.mark.parametrize("key", all_keys())
def test_every_key_is_seen_by_an_instrument(key):
    context = CONTEXT.get(key, {})
    change = CHANGES.get(key, "off" if key.startswith("imperfections.") else None)
    if key in UNSEEN:
        assert change is None
        return
    assert change is not None, f"say in CHANGES what {key} is changed to, or in UNSEEN why nobody sees it"
    assert differs(world_with({**context, key: change}), looked(tuple(context.items())))


def test_the_seed_is_seen_as_well():
    seen = list(look(World(BASE, 1, SimClock(0))))
    assert not differs(World(BASE, 1, SimClock(0)), seen)
    assert differs(World(BASE, 2, SimClock(0)), seen)


def test_what_is_said_of_unseen_keys_is_about_keys_that_exist():
    assert {*UNSEEN, *CHANGES, *CONTEXT} <= set(all_keys())
