"""Every key of a magneto world file does something that an experimenter can see."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config, parse_config

TABLE = "virtual_magneto"
SECTIONS = ("sample", "laser", "optics", "magnet", "cryostat", "spectrograph", "detectors", "imperfections")
BASE = load_config(None, TABLE)
SWITCHES = ("background", "dead_time", "dark_counts", "afterpulsing", "jitter", "read_noise", "dark_current")

CHANGES: dict[str, object] = {
    "sample.kind": "trion",
    "sample.energy": "2.301 eV",
    "sample.dark": "-2.2 meV",
    "sample.bright_x": "-0.4 meV",
    "sample.bright_y": "0.1 meV",
    "sample.bright_z": "0.4 meV",
    "sample.diamagnetic": "3 ueV/T^2",
    "sample.field_polar": "40 deg",
    "sample.field_azimuth": "50 deg",
    "sample.view_roll": "60 deg",
    "sample.bright_lifetime": "2 ns",
    "sample.dark_lifetime": "50 ns",
    "sample.linewidth": "120 ueV",
    "sample.phonon_wing": "30 %",
    "sample.phonon_energy": "1 meV",
    "sample.phonon_rate": "1 /ns",
    "sample.optical_phonon": "2 meV",
    "sample.optical_phonon_rate": "1e6 /ns",
    "sample.brightness": "5e4 cps",
    "sample.saturation_power": "0.8 uW",
    "sample.background": "5 %",
    "sample.background_lifetime": "20 ns",
    "sample.diffusion_time": "1 s",
    "laser.wavelength": "450 nm",
    "laser.repetition_rate": "0.3 MHz",
    "laser.pulse_duration": "300 ps",
    "optics.waist": "500 nm",
    "optics.attenuator.maximum_power": "8 uW",
    "optics.attenuator.angle_of_maximum": "20 deg",
    "optics.attenuator.extinction": 1e-2,
    "optics.pickoff_ratio": 11,
    "optics.scanner_gain": "2 um/V",
    "optics.field_angle": "60 deg",
    "optics.na": 0.5,
    "optics.faraday_rotation": "2.5 deg/T",
    "optics.analyser_zero": "22 deg",
    "optics.camera_ratio": 0.3,
    "optics.lamp_rate": "4e4 cps",
    "optics.reference_wavelength": "538 nm",
    "optics.reference_rate": "4e4 cps",
    "optics.reference_angle": "45 deg",
    "optics.focus_range": "5 um",
    "optics.focus_position": "8 um",
    "magnet.stage_x": "80 nm/T",
    "magnet.stage_y": "80 nm/T",
    "magnet.stage_z": "160 nm/T",
    "magnet.stage_hysteresis": "1 T",
    "cryostat.temperature": "6 K",
    "cryostat.time_constant": "30 s",
    "cryostat.gradient": "0.4 K",
    "cryostat.stage_z": "500 nm/K",
    "spectrograph.focal_length": "700 mm",
    "spectrograph.grooves": "1200 /mm",
    "spectrograph.grooves_2": "500 /mm",
    "spectrograph.included_angle": "20 deg",
    "spectrograph.resolution": "120 ueV",
    "spectrograph.start": "540 nm",
    "detectors.apd.dead_time": "100 us",
    "detectors.apd.dark_rate": "400 cps",
    "detectors.apd.afterpulsing": "20 %",
    "detectors.signal.dead_time": "100 us",
    "detectors.signal.dark_rate": "4000 cps",
    "detectors.signal.afterpulsing": "20 %",
    "detectors.signal.jitter": "300 ps",
    "detectors.signal.jitter_tail": "30 %",
    "detectors.signal.tail_time": "1 ns",
    "detectors.signal.delay": "20 ns",
    "detectors.camera.pixels": 1900,
    "detectors.camera.pixel_size": "16 um",
    "detectors.camera.gain": 1.5,
    "detectors.camera.read_noise": 8,
    "detectors.camera.offset": 500,
    "detectors.camera.dark_rate": "2 cps",
    "detectors.camera.full_well": 2e3,
    "imperfections.cosmic_rays": "600 /min",
    "detectors.pickoff.calibration": 1.1,
    "detectors.pickoff.zero": "3 uW",
    "detectors.sample_head.calibration": 1.1,
    "detectors.sample_head.zero": "3 uW",
}
CHANGES |= {f"sample.g_electron{axis}": 2.2 for axis in ("_x", "_y", "_z")}
CHANGES |= {f"sample.g_hole{axis}": 0.9 for axis in ("_x", "_y", "_z")}

UNSEEN = {
    "optics.focus_sensitivity": "what a KPZ101 moves the piezo by; see the test of its wiring",
    "laser.pulse_shape": "the light is absorbed one photon at a time, and the jitter hides it",
    "sample.g_electron": "what its three axes are where the file does not name them; see the test of files",
    "sample.g_hole": "the same",
    "spectrograph.grooves_3": "as grooves_2",
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
    """Yield what instruments show in a short experiment: dark, lamp and reference, on the dot, in a field, later."""
    clock, port = world.clock, world.port

    def note(seconds: float = 1.0) -> Iterator[float]:
        clock.sleep(seconds)
        t0, t1 = clock.now() - seconds, clock.now()
        yield float(port("apd").counts(t0, t1))
        yield port("apd").expected(t0, t1)
        for name in ("pickoff", "sample_head"):
            yield port(name).watts(t0, t1, 488.0)
        spectrum = port("camera").spectrum(t0, t1)
        yield from (float(len(spectrum)), float(np.sum(spectrum)), float(np.sum(spectrum * np.arange(len(spectrum)))))
        yield from (port("cryostat").kelvin(sensor, t1) for sensor in "AB")
        yield float(np.sum(port("tagger").record(t0, t1).delay))

    def switch(*names: str) -> None:
        for name in ("shutter", "lamp", "reference"):
            port(name).switch(name in names, clock.now())

    port("camera").cool(-70.0, clock.now())
    for angle in (70.0, 60.0):
        port("attenuator").path(clock.now(), port("attenuator").angle(clock.now()), clock.now(), angle)
    clock.sleep(600.0)
    switch("lamp", "reference")
    yield from note()
    port("focus").move(7.5, clock.now(), False)
    port("scanner_x").set(0.1, clock.now())
    switch("shutter")
    yield from note()
    drive = port("spectrograph")
    drive.path(clock.now(), drive.nm(clock.now()), clock.now() + 1.0, 538.0)
    port("magnet").path(clock.now(), 0.0, clock.now() + 60.0, 7.0)
    port("cryostat").set(8.0, clock.now())
    clock.sleep(61.0)
    switch("shutter", "reference")
    yield from note(2.0)
    switch()
    port("magnet").path(clock.now(), 7.0, clock.now() + 60.0, 3.0)
    drive.grating(2, clock.now())
    clock.sleep(7200.0)
    switch("shutter", "reference")
    yield from note()


@lru_cache
def looked() -> list[float]:
    return list(look(world_with({})))


def differs(world: World) -> bool:
    """Tell whether this world shows anything else, and look no further than that."""
    return any(here != there for here, there in zip(look(world), looked(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("key", all_keys())
def test_every_key_is_seen_by_an_instrument(key):
    change = CHANGES.get(key, "off" if key.startswith("imperfections.") else None)
    if key in UNSEEN:
        assert change is None
        return
    assert change is not None, f"say in CHANGES what {key} is changed to, or in UNSEEN why nobody sees it"
    assert differs(world_with({key: change}))


def test_the_seed_is_seen_as_well():
    raw = world_with({}).config
    assert list(look(World(raw, 3, SimClock(0)))) == looked()
    assert differs(World(raw, 2, SimClock(0)))


def test_what_is_said_of_keys_is_about_keys_that_exist():
    assert {*UNSEEN, *CHANGES} <= {*all_keys(), "sample.g_electron", "sample.g_hole"}
