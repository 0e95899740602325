"""The magneto table in the light: lines in a field, what the analyser passes, decays, a sample that walks away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import MagnetoConfig, World, load_config, parse_config

TABLE = "virtual_magneto"
HC = 1239.84198
"""eV nm."""
MU_B = 0.0578838
"""meV/T."""
POWER = 17.3 + 42.13
"""Mount angle of the attenuator for about 0.1 uW at the sample."""
SWITCHES = ("background", "dead_time", "dark_counts", "afterpulsing", "jitter", "read_noise", "dark_current")


@lru_cache
def base() -> MagnetoConfig:
    config = load_config(None, TABLE)
    assert isinstance(config, MagnetoConfig)
    return config


def world_with(seed: int = 1, *, bare: bool = True, **sections: Mapping[str, Any]) -> World:
    """Return a world whose sections are changed like this; `bare`: without imperfections but those named."""
    raw = base().model_dump()
    raw["imperfections"] |= {"off_centre": "50 nm", **dict.fromkeys(SWITCHES, "on")}
    if bare:
        raw["imperfections"] = dict.fromkeys(raw["imperfections"], "off")
    for section, changes in sections.items():
        raw[section] = raw[section] | changes
    return World(parse_config(raw, "test"), seed, SimClock(speed=0))


class Bench:
    """A world with its light on the dot."""

    def __init__(self, world: World) -> None:
        self.world, self.clock, self.port = world, world.clock, world.port
        self.port("attenuator").path(0.0, 0.0, 0.0, POWER)
        self.port("camera").cool(-80.0, 0.0)
        self.clock.sleep(600.0)
        self.plane(0.0)
        self.centre()
        self.open("shutter")

    @property
    def now(self) -> float:
        return self.clock.now()

    def open(self, *gates: str) -> None:
        for gate in ("shutter", "lamp", "reference"):
            self.port(gate).switch(gate in gates, self.now)

    def centre(self) -> None:
        self.port("focus").move(self.world.truth("emitter_z"), self.now, False)
        for axis in "xy":
            self.port(f"scanner_{axis}").set(self.world.truth(f"emitter_{axis}"), self.now)

    def plane(self, degrees: float) -> None:
        self.port("analyser").path(self.now, 0.0, self.now, 12.0 + degrees / 2.0)

    def field(self, tesla: float) -> None:
        self.open()
        here, end = self.port("magnet").nominal(self.now), self.now + 1500.0
        self.port("magnet").path(self.now, here, end, tesla)
        self.clock.sleep(1800.0)
        self.centre()
        self.open("shutter")

    def look(self, seconds: float = 4.0) -> tuple[float, float]:
        self.clock.sleep(seconds)
        return self.now - seconds, self.now

    def electrons(self, seconds: float = 4.0) -> np.ndarray:
        return self.port("camera").expected(*self.look(seconds))

    def both_planes(self) -> np.ndarray:
        total = np.zeros(self.port("camera").pixels)
        for degrees in (0.0, 90.0):
            self.plane(degrees)
            total += self.electrons()
        return total

    def counts(self, seconds: float = 4.0) -> float:
        begin, end = self.look(seconds)
        self.port("camera").expected(begin, end)
        return self.port("apd").expected(begin, end) / seconds


def energies(pixels: int = 2000) -> np.ndarray:
    """Return the photon energy of each pixel of the nominal grating at 539 nm, meV from 2.3 eV, shape (pixels,)."""
    half = math.radians(29.2) / 2.0
    spacing = 1e6 / 1800.0
    out = math.asin(539.0 / (2.0 * spacing * math.cos(half))) + half
    angle = np.arctan((np.arange(pixels) - (pixels - 1) / 2.0) * 15.0 / 750e3)
    return 1e3 * HC / (539.0 + spacing * (np.sin(out + angle) - math.sin(out))) - 2300.0


def direction(polar: float, azimuth: float) -> np.ndarray:
    """Return a unit vector."""
    theta, phi = math.radians(polar), math.radians(azimuth)
    return np.array([math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)])


def levels(field: np.ndarray) -> np.ndarray:
    """Return the energies of the default sample in the basis of its dipoles (PHYSICS 3.7a), meV, no diamagnetism."""
    h = np.diag([-2.6, -0.35, 0.05, 0.30]).astype(complex)
    h[0, 1:] = 1.35 * MU_B * field / 2.0
    h[1:, 0] = h[0, 1:]
    for a, b, c in ((1, 2, 3), (2, 3, 1), (3, 1, 2)):
        h[a, b] = -0.5j * 2.45 * MU_B * field[c - 1]
        h[b, a] = np.conj(h[a, b])
    return np.linalg.eigvalsh(h)


def peaks(spectrum: np.ndarray, share: float = 0.02) -> np.ndarray:
    """Return the energies of the maxima that are this strong, meV, rising."""
    inner = spectrum[1:-1]
    top = (inner > spectrum[:-2]) & (inner > spectrum[2:]) & (inner > share * np.max(spectrum))
    return np.sort(energies(len(spectrum))[1:-1][top])


def test_without_field_the_lines_stand_where_the_file_says():
    bench = Bench(world_with(sample={"phonon_wing": 0, "linewidth": "10 ueV"}))
    assert peaks(bench.both_planes()) == pytest.approx([-0.35, 0.05, 0.30], abs=0.02)


def test_the_working_point_gives_the_counts_that_the_file_promises():
    bench = Bench(world_with())
    assert np.sum(bench.both_planes()) / 8.0 == pytest.approx(1250.0, rel=0.05)
    rates = []
    for degrees in (0.0, 90.0):
        bench.plane(degrees)
        rates.append(bench.counts())
    assert np.mean(rates) == pytest.approx(5e3, rel=0.05)


def test_a_field_moves_and_brightens_the_lines_as_spins_do():
    bench = Bench(world_with(sample={"phonon_wing": 0, "linewidth": "20 ueV"}))
    bench.field(7.0)
    seen = peaks(bench.both_planes())
    expected = levels(7.0 * direction(51.6, 34.4))
    assert seen == pytest.approx(expected + 0.049, abs=0.02)


def test_the_dark_state_shows_across_the_field_and_hides_along_it():
    below = energies() < -1.9
    shares = {}
    for angle in (90.0, 0.0):
        bench = Bench(world_with(optics={"field_angle": angle, "na": 0.2}, sample={"phonon_wing": 0}))
        bench.field(7.0)
        spectrum = bench.both_planes()
        shares[angle] = float(np.sum(spectrum[below]) / np.sum(spectrum))
    assert shares[90.0] > 0.2
    assert shares[0.0] < 0.1 * shares[90.0]


def test_a_trion_is_one_line_that_the_field_splits():
    bench = Bench(world_with(sample={"kind": "trion", "phonon_wing": 0, "linewidth": "20 ueV"}))
    assert len(peaks(bench.both_planes())) == 1
    bench.field(7.0)
    seen = peaks(bench.both_planes(), 0.01)
    assert seen[-1] - seen[0] == pytest.approx(2.45 * MU_B * 7.0, abs=0.03)


def test_an_exposure_is_the_sum_of_its_parts_and_of_its_lines():
    bench, other = Bench(world_with(bare=False)), Bench(world_with(bare=False))
    whole = bench.electrons(6.0)
    parts = other.electrons(2.5) + other.electrons(3.5)
    assert np.sum(whole) == pytest.approx(np.sum(parts), rel=1e-4)
    assert whole == pytest.approx(parts, abs=2e-3 * np.max(whole))


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    read = [Bench(world_with(seed, bare=False)).port("camera") for seed in (3, 3, 4)]
    first, again, other = (camera.spectrum(600.0, 600.0) for camera in read)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_other_instruments_change_nothing_in_a_spectrum():
    alone, busy = Bench(world_with(bare=False)), Bench(world_with(bare=False))
    span = busy.now - 1.0, busy.now
    busy.port("apd").counts(*span)
    busy.port("tagger").record(*span)
    busy.port("ocean").spectrum(*span)
    spectra = [bench.port("camera").spectrum(*bench.look()) for bench in (alone, busy)]
    assert np.array_equal(*spectra)


def test_behind_a_closed_shutter_the_lamp_shines_and_the_sample_rests():
    bench = Bench(world_with())
    bench.open()
    dose = bench.world.truth("dose")
    assert np.sum(bench.electrons()) == 0.0
    bench.open("lamp")
    lamp = bench.electrons()
    strongest = energies()[np.argmax(lamp)]
    assert 1e3 * HC / (2300.0 + strongest) == pytest.approx(540.2063, abs=0.008)
    assert np.sum(lamp) == pytest.approx(4 * 2e4 * (0.35 + 0.5 + 0.3 + 1.0 + 0.7), rel=0.01)
    assert bench.counts() == 0.0
    assert bench.world.truth("dose") == dose


def test_the_field_turns_the_reference_twice_as_far_as_the_emission():
    def plane(bench: Bench) -> float:
        bench.open("reference")
        seen = {}
        for degrees in (0.0, 45.0, 90.0, 135.0):
            bench.plane(degrees)
            seen[degrees] = float(np.sum(bench.electrons(1.0)))
        return math.degrees(math.atan2(seen[45.0] - seen[135.0], seen[0.0] - seen[90.0])) / 2.0

    bench = Bench(world_with())
    assert plane(bench) == pytest.approx(25.0, abs=0.01)
    bench.field(5.0)
    assert plane(bench) == pytest.approx(25.0 + 2.0 * 1.5 * 5.0, abs=0.01)


def test_the_true_field_is_scaled_late_and_trapped():
    bench = Bench(world_with(imperfections={"field_scale": "2 %", "trapped_flux": "15 mT", "magnet_lag": "2 s"}))
    bench.field(3.0)
    scale = bench.world.truth("field_scale")
    assert bench.world.truth("trapped_flux") == pytest.approx(-15.0)
    assert bench.world.truth("field") == pytest.approx(3.0 * scale - 0.015, abs=1e-6)
    bench.port("magnet").path(bench.now, 3.0, bench.now + 600.0, 0.0)
    bench.clock.sleep(300.0)
    assert bench.world.truth("field") == pytest.approx((1.5 + 0.01) * scale + 0.015, abs=1e-4)


def test_a_field_that_changes_smears_the_lines_of_an_exposure():
    bench = Bench(world_with(sample={"phonon_wing": 0, "linewidth": "20 ueV"}))
    upper = energies() > 0.2
    sharp = np.max(bench.electrons(20.0)[upper])
    bench.port("magnet").path(bench.now, 0.0, bench.now + 20.0, 4.0)
    assert np.max(bench.electrons(20.0)[upper]) < 0.7 * sharp


def test_the_emitter_walks_out_of_the_spot_with_the_field_and_comes_back():
    bench = Bench(world_with(imperfections={"stage_drift": 1}))
    before = bench.counts()
    bench.open()
    bench.port("magnet").path(bench.now, 0.0, bench.now + 1500.0, 7.0)
    bench.clock.sleep(1800.0)
    bench.open("shutter")
    lost = bench.counts()
    assert [bench.world.truth(f"emitter_{axis}") for axis in "xy"] == pytest.approx([0.276, 0.1725], abs=1e-3)
    assert bench.world.truth("emitter_z") == pytest.approx(7.5 + 0.414, abs=2e-3)
    bench.centre()
    found = bench.counts()
    assert lost < 0.4 * found
    assert found > 0.7 * before
    bench.field(0.0)
    assert bench.world.truth("emitter_x") == pytest.approx(0.04 * 0.1, abs=1e-3)


def test_out_of_focus_there_is_little_light():
    bench = Bench(world_with())
    sharp = bench.counts()
    bench.port("focus").move(7.5 + math.pi * 0.4**2 / 0.488, bench.now, False)
    assert bench.counts() == pytest.approx(sharp / 2.0, rel=0.06)


def test_the_decay_of_the_dark_state_gets_faster_with_the_field():
    tails = {}
    for field in (3.0, 7.0):
        bench = Bench(world_with(sample={"background": 0}))
        bench.field(field)
        begin, end = bench.look(20.0)
        events = bench.port("tagger").record(begin, end)
        assert events.period == pytest.approx(2.5e6)
        assert len(events.times) / 20.0 == pytest.approx(bench.port("apd").expected(begin, end) / 20.0, rel=0.03)
        late = events.delay[events.delay > 3e4] - 3e4
        slow = 1.0 / (1.0 / 500.0 + bench.world.truth("dark_rate_slope") * field**2)
        tails[field] = float(np.mean(late)) * 1e-3
        assert tails[field] == pytest.approx(slow, rel=0.06)
    assert tails[7.0] < 0.4 * tails[3.0]


def test_the_camera_adds_offset_noise_and_cosmic_rays():
    plain, struck = (
        Bench(world_with(imperfections={"read_noise": "4", "cosmic_rays": rays})) for rays in ("off", "30 /min")
    )
    quiet = []
    for bench in (plain, struck):
        bench.open()
        quiet.append(bench.port("camera").spectrum(*bench.look(20.0)))
    assert np.mean(quiet[0]) == pytest.approx(299.5, abs=0.3)
    assert np.std(quiet[0]) == pytest.approx(4.0 / 1.2, rel=0.06)
    assert np.max(quiet[0]) < 330
    assert np.max(quiet[1]) > 1000
    assert plain.port("camera").celsius(plain.now) == pytest.approx(-80.0, abs=0.1)


def test_an_exposure_that_is_not_over_cannot_be_read():
    bench = Bench(world_with())
    with pytest.raises(UsageError, match="cannot be read"):
        bench.port("camera").spectrum(bench.now, bench.now + 1.0)


def test_the_small_spectrometer_sees_the_same_light_on_an_axis_in_air():
    bench = Bench(world_with())
    bench.open("reference")
    ocean = bench.port("ocean")
    counts = ocean.spectrum(*bench.look())
    assert ocean.wavelengths()[np.argmax(counts)] == pytest.approx(537.0 / 1.000278, abs=0.06)
    assert len(counts) == ocean.pixels == len(ocean.wavelengths())


def test_another_grating_shows_more_and_the_dial_moves_the_window():
    bench = Bench(world_with())
    bench.open("reference")
    first = int(np.argmax(bench.electrons()))
    drive = bench.port("spectrograph")
    drive.path(bench.now, 539.0, bench.now + 0.5, 537.0)
    bench.clock.sleep(1.0)
    assert first == pytest.approx(1000 - 2.0 / 7.9e-3, abs=3)
    assert int(np.argmax(bench.electrons())) == pytest.approx(1000, abs=1)
    drive.path(bench.now, 537.0, bench.now + 0.5, 539.0)
    drive.grating(2, bench.now + 1.0)
    bench.clock.sleep(2.0)
    assert 1000 - int(np.argmax(bench.electrons())) == pytest.approx((1000 - first) / 3.5, rel=0.1)
