"""Every key of an ASE world file does something that an experimenter can see."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config, parse_config

TABLE = "virtual_ase"
SECTIONS = ("sample", "laser", "optics", "spectrograph", "detectors", "imperfections")
BASE = load_config(None, TABLE)
SWITCHES = ("degradation", "heating", "read_noise", "dark_current")

CHANGES: dict[str, object] = {
    "sample.kind": "lasing",
    "sample.threshold_fluence": "6 uJ/cm^2",
    "sample.charged_fraction": "50 %",
    "sample.gain": "500 /cm",
    "sample.loss": "30 /cm",
    "sample.optical_depth": 0.5,
    "sample.size_spread": "20 %",
    "sample.energy": "2.35 eV",
    "sample.linewidth": "80 meV",
    "sample.gain_width": "30 meV",
    "sample.gain_shift": "-20 meV",
    "sample.biexciton_ratio": 0.5,
    "sample.brightness": 2e5,
    "sample.spontaneous_coupling": 1e-2,
    "sample.saturation": 6,
    "sample.reabsorption": "1 %",
    "sample.degradation_dose": "1 mJ/cm^2",
    "sample.degradation_threshold": "300 %",
    "sample.heating": "1e4 cm^2/W",
    "sample.mode_spacing": "2 nm",
    "sample.mode_width": "0.5 nm",
    "sample.mode_scatter": "80 %",
    "sample.polarisation": "50 %",
    "laser.wavelength": "410 nm",
    "laser.repetition_rate": "2 kHz",
    "laser.pulse_duration": "150 fs",
    "laser.divider": 50,
    "laser.power": "7 W",
    "laser.shortest": "350 nm",
    "laser.longest": "2000 nm",
    "optics.waist": "1400 um",
    "optics.waist_y": "120 um",
    "optics.top_hat": "50 %",
    "optics.centre": "0.5 mm",
    "optics.near": "0.1 mm",
    "optics.slit": "0.6 mm",
    "optics.knife_x": "11 mm",
    "optics.knife_y": "11 mm",
    "optics.attenuator.maximum_energy": "80 nJ",
    "optics.attenuator.angle_of_maximum": "20 deg",
    "optics.attenuator.extinction": 1e-2,
    "optics.pickoff_ratio": 11,
    "optics.analyser_zero": "22 deg",
    "optics.filters": [1, 0.5, 0.1, 0.01, 1e-3, 1e-4],
    "spectrograph.centre": "532 nm",
    "spectrograph.dispersion": "0.3 nm",
    "spectrograph.curvature": "5 %",
    "spectrograph.resolution": "2 nm",
    "detectors.camera.pixels": 500,
    "detectors.camera.gain": 1.5,
    "detectors.camera.read_noise": 8,
    "detectors.camera.offset": 500,
    "detectors.camera.dark_rate": "2 cps",
    "detectors.camera.full_well": 2e3,
    "detectors.pickoff.calibration": 1.1,
    "detectors.pickoff.zero": "3 nJ",
    "detectors.sample_head.calibration": 1.1,
    "detectors.sample_head.zero": "3 nJ",
    "imperfections.cosmic_rays": "600 /min",
}
"""What each key is changed to; an imperfection that is missing here is switched off."""

LASING: dict[str, object] = {"sample.kind": "lasing"}
CONTEXT = {f"sample.{name}": LASING for name in ("mode_spacing", "mode_width", "mode_scatter")}
"""What else has to be so for a key to matter."""

UNSEEN = {
    "sample.photon_order": "has to go with the laser's wavelength; see the test of files",
    "laser.pulse_shape": "the threshold is stated as a fluence",
}
"""Keys that no measurement on this table can see, and why."""


def keys(tree: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in tree.items():
        found += keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return found


def all_keys() -> list[str]:
    return keys(BASE.model_dump(include=set(SECTIONS)))


def world_with(changes: dict[str, object]) -> World:
    raw = BASE.model_dump()
    raw["imperfections"] |= dict.fromkeys(SWITCHES, "on")
    for key, value in changes.items():
        node = raw
        *path, last = key.split(".")
        for part in path:
            node = node[part]
        node[last] = value
    return World(parse_config(raw, "test"), 3, SimClock(speed=0))


def look(world: World) -> Iterator[float]:
    """Yield what instruments show in a short experiment: weak and strong light, other places, a knife edge, later."""
    clock, port = world.clock, world.port

    def note(seconds: float = 0.2) -> Iterator[float]:
        t0 = clock.now()
        clock.sleep(seconds)
        for name in ("pickoff", "sample_head"):
            yield float(np.sum(port(name).shots(t0, clock.now())[1]))
        yield float(len(port("camera").triggers(t0, clock.now())))
        for spectrum in (port("camera").expected(t0, clock.now()), port("camera").spectrum(t0, clock.now())):
            yield from (float(len(spectrum)), float(np.sum(spectrum)), float(spectrum @ np.arange(len(spectrum))))

    def move(name: str, mm: float) -> None:
        port(name).path(clock.now(), port(name).position(clock.now()), clock.now(), mm)

    laser = port("laser")
    yield from (laser.duration, laser.watts(clock.now()), laser.wavelength(clock.now()), *laser.limits)
    port("camera").cool(-70.0, clock.now())
    clock.sleep(60.0)
    yield from note(1.0)
    port("shutter").switch(True, clock.now())
    for angle in (70.0, 55.0, 62.3, 40.0):
        port("attenuator").path(clock.now(), port("attenuator").angle(clock.now()), clock.now(), angle)
        yield from note()
    port("filter").turn(2, clock.now(), clock.now())
    for angle in (40.0, 30.0):
        port("analyser").path(clock.now(), port("analyser").angle(clock.now()), clock.now(), angle)
    yield from note()
    for name, mm in (("slit", 0.8), ("near", 0.2), ("edge_x", 11.5), ("edge_y", 11.0), ("sample_y", 3.0)):
        move(name, mm)
        move(name, mm - 0.01)
        yield from note()
    clock.sleep(7200.0)
    yield from note()


@lru_cache
def looked(context: tuple[tuple[str, object], ...]) -> list[float]:
    return list(look(world_with(dict(context))))


def differs(world: World, seen: list[float]) -> bool:
    """Tell whether this world shows anything else, and look no further than that."""
    return any(here != there for here, there in zip(look(world), seen, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("key", all_keys())
def test_every_key_is_seen_by_an_instrument(key):
    context = CONTEXT.get(key, {})
    change = CHANGES.get(key, "off" if key.startswith("imperfections.") else None)
    if key in UNSEEN:
        return
    assert change is not None, f"say in CHANGES what {key} is changed to, or in UNSEEN why nobody sees it"
    assert differs(world_with({**context, key: change}), looked(tuple(context.items())))


@pytest.mark.slow
def test_the_seed_is_seen_as_well():
    raw = world_with({}).config
    assert list(look(World(raw, 3, SimClock(0)))) == looked(())
    assert differs(World(raw, 2, SimClock(0)), looked(()))


def test_what_is_said_of_keys_is_about_keys_that_exist():
    assert {*UNSEEN, *CHANGES, *CONTEXT} <= set(all_keys())
    said = {*UNSEEN, *CHANGES} | {key for key in all_keys() if key.startswith("imperfections.")}
    assert said == set(all_keys())
