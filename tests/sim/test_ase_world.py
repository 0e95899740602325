"""The ASE table: what single pulses do on their way to the film and back to the camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.tables import world_file
from perovskite_meas.sim.world import World

TABLE = "virtual_ase"
PLATE = 17.3


class Table:
    """One world with the handles an experimenter has."""

    def __init__(self, world: World) -> None:
        self.world, self.port = world, world.port

    @property
    def now(self) -> float:
        return self.world.clock.now()

    def wait(self, seconds: float) -> tuple[float, float]:
        """Let time pass and return the interval."""
        t0 = self.now
        self.world.clock.sleep(seconds)
        return t0, self.now

    def shutter(self, is_open: bool) -> None:
        self.port("shutter").switch(is_open, self.now)

    def attenuate(self, share: float) -> None:
        """Turn to this share of the highest energy."""
        angle = PLATE + math.degrees(math.acos(math.sqrt(share))) / 2.0
        self.port("attenuator").path(self.now, angle - 1.0, self.now, angle)

    def move(self, name: str, mm: float) -> None:
        """Go there from below, in no time."""
        self.port(name).path(self.now, mm - 0.1, self.now, mm - 0.1)
        self.port(name).path(self.now, mm - 0.1, self.now, mm)
        self.world.clock.sleep(1e-6)

    def expected(self, window: tuple[float, float]) -> float:
        return float(np.sum(self.port("camera").expected(*window)))

    def truth(self, name: str) -> Any:
        return self.world.truth(name)


Open = Callable[..., Table]


@pytest.fixture
def table(tmp_path: Path) -> Open:
    def build(text: str = "", seed: int = 1, name: str | None = "ase_bare") -> Table:
        path = None if name is None else world_file(name)
        if text:
            path = tmp_path / "w.yaml"
            path.write_text(text, encoding="utf-8")
        return Table(World.load(path, table=TABLE, seed=seed, clock=SimClock(speed=0)))

    return build


def test_light_falls_on_the_film_only_while_the_shutter_is_open(table: Open) -> None:
    bench = table()
    bench.attenuate(0.5)
    dark = bench.wait(1.0)
    bench.shutter(True)
    bright = bench.wait(1.0)
    bench.shutter(False)
    bench.wait(1.0)
    assert bench.expected(dark) == 0.0
    assert bench.expected(bright) > 1e5
    assert [round(shot.t, 4) for shot in bench.world.shots()] == [round(1.0005 + 0.1 * k, 4) for k in range(10)]
    (light,) = bench.world.light_log()
    assert light[:2] == bright
    assert light.power == pytest.approx(10 * 0.5 * 95e-9, rel=1e-3)


def test_a_pulse_during_the_motion_of_the_shutter_is_in_the_log(table: Open) -> None:
    bench = table()
    bench.port("shutter").switch(True, bench.now)
    bench.port("shutter").switch(False, bench.now + 0.101)  # closes only after the second pulse
    bench.wait(1.0)
    assert [shot.t for shot in bench.world.shots()] == pytest.approx([0.0005, 0.1005])


def test_the_pickoff_sees_every_pulse_that_leaves_the_picker(table: Open) -> None:
    bench = table()
    bench.attenuate(1.0)
    times, joules = bench.port("pickoff").shots(*bench.wait(1.0))
    assert times == pytest.approx(0.0005 + 0.1 * np.arange(10))
    assert joules == pytest.approx(np.full(10, 10 * 95e-9), rel=1e-6)
    assert bench.port("sample_head").shots(0.0, 1.0)[0].size == 0


def test_the_picker_divides_and_holds(table: Open) -> None:
    bench = table()
    laser, head = bench.port("laser"), bench.port("pickoff")
    assert (laser.base_rate, laser.divider(0.0), laser.rate(0.0)) == (1000.0, 100, 10.0)
    laser.divide(250, bench.now)
    assert laser.rate(bench.now) == 4.0
    assert len(head.shots(*bench.wait(1.0))[0]) == 4
    for block in (laser.release, laser.emit, laser.open):
        block(False, bench.now)
        assert len(head.shots(*bench.wait(1.0))[0]) == 0
        block(True, bench.now)
        assert len(head.shots(*bench.wait(1.0))[0]) == 4
    laser.divide(1, bench.now)
    assert len(head.shots(*bench.wait(1.0))[0]) == 1000


def test_a_burst_of_released_pulses_is_counted_out(table: Open) -> None:
    bench = table()
    laser = bench.port("laser")
    laser.release(False, bench.now)
    bench.shutter(True)
    bench.wait(0.53)
    laser.release(True, bench.now)
    laser.release(False, bench.now + 0.31)
    bench.wait(1.0)
    assert [shot.t for shot in bench.world.shots()] == pytest.approx([0.6005, 0.7005, 0.8005])


def test_the_camera_is_triggered_by_released_pulses_in_the_dark_too(table: Open) -> None:
    bench = table()
    first = bench.port("camera").triggers(*bench.wait(0.35))
    bench.port("laser").release(False, bench.now)
    assert first == pytest.approx([0.0005, 0.1005, 0.2005, 0.3005])
    assert len(bench.port("camera").triggers(*bench.wait(1.0))) == 0


def test_an_exposure_that_a_trigger_begins_holds_its_pulse_and_no_other(table: Open) -> None:
    bench = table()
    bench.attenuate(0.5)
    bench.shutter(True)
    triggers = bench.port("camera").triggers(*bench.wait(0.56))
    frames = [bench.expected((t, t + 0.05)) for t in triggers.tolist()]
    assert min(frames) > 1e4
    assert sum(frames) == pytest.approx(bench.expected((0.0, 0.56)))


def test_energies_scatter_log_normally_and_both_heads_see_the_same_pulse(table: Open) -> None:
    bench = table("table: ase\nlaser: {divider: 1}\nimperfections: {meter_noise: off, energy_drift: off}")
    bench.attenuate(1.0)
    bench.shutter(True)
    window = bench.wait(4.0)
    names = ("pickoff", "sample_head")
    one, other = (bench.port(name).shots(*window)[1] - bench.truth(f"{name}.zero") for name in names)
    assert np.std(np.log(one)) == pytest.approx(math.sqrt(math.log(1.01)), rel=0.05)
    assert np.mean(one) == pytest.approx(950e-9 * bench.truth("pickoff.calibration"), rel=0.01)
    assert np.corrcoef(one[:-1], one[1:])[0, 1] == pytest.approx(0.0, abs=0.06)
    assert np.std(one / other) / np.mean(one / other) < 1e-3


def test_a_head_has_its_calibration_zero_and_noise(table: Open) -> None:
    text = "table: ase\nlaser: {divider: 1}\nimperfections: {energy_jitter: off, energy_drift: off, pickoff_drift: off}"
    bench = table(text)
    bench.attenuate(0.5)
    _, joules = bench.port("pickoff").shots(*bench.wait(4.0))
    scale, zero = bench.truth("pickoff.calibration"), bench.truth("pickoff.zero")
    assert scale != 1.0
    assert np.mean(joules) == pytest.approx(scale * (10 * bench.truth("pulse_energy") + zero), rel=1e-3)
    assert np.std(joules) / np.mean(joules) == pytest.approx(0.01, rel=0.06)
    seeds = [table(text, seed).truth("pickoff.calibration") for seed in range(8)]
    assert 0.01 < np.std(seeds) < 0.06


def look(bench: Table, *, often: bool) -> list[Any]:
    """Return what all detectors show of one second, looked at once, or often and in another order."""
    bench.attenuate(0.6)
    bench.shutter(True)
    for _ in range(10):
        bench.wait(0.1)
        if often:
            bench.world.light_log()
            bench.port("camera").spectrum(bench.now - 0.05, bench.now)
            bench.port("pickoff").shots(bench.now - 0.02, bench.now)
    camera, frames = bench.port("camera"), [(0.1 * k, 0.1 * k + 0.1) for k in range(10)]
    order = frames[::-1] if often else frames
    spectra = {frame: camera.spectrum(*frame) for frame in order}
    heads = [bench.port(name).shots(0.0, 1.0)[1].tolist() for name in ("sample_head", "pickoff")]
    seen = [spectra[frame].tolist() for frame in frames]
    return [seen, heads, bench.world.shots(), bench.world.light_log(), bench.truth("dose")]


def test_looking_oftener_or_in_another_order_changes_nothing(table: Open) -> None:
    text = "table: ase\nlaser: {divider: 20}\nsample: {degradation_dose: 1 mJ/cm^2}"
    once = look(table(text), often=False)
    assert look(table(text), often=True) == once
    assert look(table(text, seed=2), often=False) != once


def test_exposures_read_together_are_those_read_one_by_one_whatever_moved_between_them(table: Open) -> None:
    bench = table("table: ase\nlaser: {divider: 20}")
    bench.attenuate(0.6)
    bench.shutter(True)
    for moment in range(10):
        bench.wait(0.1)
        bench.port("sample_x").path(bench.now, 0.3 * moment, bench.now + 0.05, 0.3 * (moment + 1))
    camera, frames = bench.port("camera"), [(0.1 * k, 0.1 * k + 0.06) for k in range(10)]
    alone = [camera.spectrum(*frame) for frame in frames]
    assert np.array_equal(camera.spectra(frames), alone)
    assert np.ptp(np.sum(alone, axis=1)) > 0


def test_the_present_cannot_be_read_before_it_is_over(table: Open) -> None:
    bench = table()
    for read in (bench.port("pickoff").shots, bench.port("camera").spectrum, bench.port("camera").triggers):
        with pytest.raises(UsageError, match="cannot be read at"):
            read(0.0, 1.0)


def test_the_fluence_is_twice_the_energy_over_pi_and_both_waists(table: Open) -> None:
    bench = table()
    assert (bench.truth("waist"), bench.truth("waist_y"), bench.truth("fluence_scale")) == (1500, 100, 1.0)
    bench.attenuate(1.0)
    assert bench.truth("fluence") == pytest.approx(2 * 95e-9 / (math.pi * 0.15 * 0.01))
    at_threshold = bench.world.at_power(10 * 5e-6 * math.pi * 0.15 * 0.01 / 2)
    assert at_threshold["fluence"] == pytest.approx(5e-6)
    assert at_threshold["excitations"] == pytest.approx(1.1462, rel=1e-4)
    bench.shutter(True)
    bench.wait(0.1)
    (shot,) = bench.world.shots()
    assert (shot.joule, shot.fluence) == pytest.approx((95e-9, bench.truth("fluence")))


def test_a_session_measures_fluence_on_a_scale_of_its_own(table: Open) -> None:
    bench = table(name=None)
    area = bench.truth("waist") * bench.truth("waist_y") / (1500 * 100)
    assert bench.truth("fluence_scale") == pytest.approx(bench.truth("pickoff.calibration") * area)
    assert bench.truth("fluence_scale") != 1.0


def test_the_blades_cut_the_stripe(table: Open) -> None:
    bench = table()
    bench.attenuate(0.6)
    bench.shutter(True)
    light = {}
    for mm in (0.5, 0.25, 0.1):
        bench.move("slit", mm)
        light[mm] = bench.expected(bench.wait(0.2))
        assert bench.truth("stripe_length") == pytest.approx(mm, abs=1e-6)
    assert light[0.5] > 3 * light[0.25] > 9 * light[0.1]
    bench.move("near", 0.2)
    shots = len(bench.world.shots())
    assert bench.expected(bench.wait(0.2)) == 0.0
    assert len(bench.world.shots()) == shots  # nothing passes a closed slit


def test_a_stripe_away_from_the_edge_loses_on_its_way(table: Open) -> None:
    bench = table()
    bench.attenuate(0.05)
    bench.shutter(True)
    bench.move("slit", 0.2)
    near = bench.expected(bench.wait(0.2))
    bench.move("slit", 0.5)
    bench.move("near", 0.3)
    assert bench.expected(bench.wait(0.2)) < near


def test_knife_edges_cut_the_beam_of_the_sample_head(table: Open) -> None:
    bench = table()
    bench.attenuate(1.0)
    bench.shutter(True)

    def mean(axis: str, mm: float) -> float:
        bench.move(f"edge_{axis}", mm)
        return float(np.mean(bench.port("sample_head").shots(*bench.wait(0.2))[1])) / 95e-9

    for axis, waist in (("x", 1.5), ("y", 0.1)):
        assert mean(axis, 12.0) == pytest.approx(0.5, abs=1e-6)
        for side in (1.0, -1.0):
            share = 0.5 * math.erfc(side / math.sqrt(2.0))
            assert mean(axis, 12.0 + side * waist / 2.0) == pytest.approx(share, abs=1e-4)
        assert mean(axis, 1.0) == pytest.approx(1.0)
    assert len(bench.port("pickoff").shots(bench.now - 0.2, bench.now)[1]) == 2


def test_the_filter_wheel_dims_the_spectrum_and_is_dark_while_it_turns(table: Open) -> None:
    bench = table()
    bench.attenuate(0.6)
    bench.shutter(True)
    wheel = bench.port("filter")
    full = bench.expected(bench.wait(0.1))
    wheel.turn(3, bench.now, bench.now + 0.1)
    assert wheel.position(bench.now) == 1
    assert bench.expected(bench.wait(0.1)) == 0.0
    assert wheel.position(bench.now) == 3
    assert bench.expected(bench.wait(0.1)) == pytest.approx(0.1 * full, rel=0.01)
    other = table(name=None)
    assert other.truth("filter_1") == 1.0
    assert other.truth("filter_3") == pytest.approx(0.1, rel=0.2)
    assert other.truth("filter_3") != 0.1


def test_dose_is_counted_place_by_place_and_overlaps(table: Open) -> None:
    bench = table()
    bench.attenuate(1.0)
    bench.shutter(True)
    bench.wait(1.0)
    bench.shutter(False)
    fluence = bench.truth("fluence")
    assert (bench.truth("dose"), bench.truth("shots")) == (pytest.approx(10 * fluence), 10)
    bench.move("sample_y", 0.05)  # half a waist
    assert (bench.truth("dose"), bench.truth("shots")) == (pytest.approx(10 * fluence * math.exp(-0.5)), 0)
    bench.move("sample_y", 1.0)
    assert bench.truth("dose") == pytest.approx(0.0, abs=1e-12)
    bench.move("sample_x", 0.75)
    bench.move("sample_y", 0.0)
    assert bench.truth("dose") == pytest.approx(10 * fluence * math.exp(-0.5))


def test_a_film_wears_out_where_it_was_lit_and_only_there(table: Open) -> None:
    text = "table: ase\nsample: {degradation_dose: 1 mJ/cm^2}\nimperfections: " + (
        "{energy_jitter: off, spot_scatter: off, spectral_noise: off, energy_drift: off, heating: off}"
    )
    bench = table(text)
    bench.attenuate(0.02)
    bench.shutter(True)
    fresh = bench.expected(bench.wait(0.1))
    bench.attenuate(1.0)
    bench.wait(2.0)
    bench.attenuate(0.02)
    dose = bench.truth("dose")
    assert bench.expected(bench.wait(0.1)) < fresh * math.exp(-dose / 1e-3) * 1.01
    bench.move("sample_y", 2.0)
    assert bench.expected(bench.wait(0.1)) == pytest.approx(fresh, rel=1e-6)


def test_a_fast_train_warms_the_film(table: Open) -> None:
    text = "table: ase\nsample: {heating: 1000 cm^2/W}\nimperfections: " + (
        "{energy_jitter: off, spot_scatter: off, spectral_noise: off, energy_drift: off, degradation: off}"
    )
    bench = table(text)
    bench.attenuate(0.2)
    bench.shutter(True)
    cold = bench.expected(bench.wait(0.1))
    bench.port("laser").divide(1, bench.now)
    bench.wait(10.0)
    t0, _ = bench.wait(0.1)
    warm = bench.expected((t0, t0 + 0.1)) / 100.0
    assert warm < 0.5 * cold


def test_places_of_the_film_differ(table: Open) -> None:
    bench = table(name=None)
    factors = []
    for mm in range(12):
        bench.move("sample_y", float(mm))
        factors.append(bench.truth("spot_scatter"))
    assert 0.015 < np.std(factors) < 0.08


def test_minutes_of_the_whole_train_cost_neither_time_nor_memory(table: Open) -> None:
    bench = table()
    bench.port("laser").divide(1, bench.now)
    bench.wait(36_000.0)  # nobody looks, the shutter is closed
    assert bench.world.light_log() == []
    bench.shutter(True)
    bench.wait(60.0)
    bench.shutter(False)
    bench.wait(36_000.0)
    assert len(bench.world.shots()) == 60_000
    assert bench.expected((36_000.0, 36_060.0)) > 0.0


def test_an_unlocked_laser_has_weak_long_pulses_that_excite_nothing_by_two_photons(table: Open) -> None:
    bench = table(name="ase_two_photon")
    bench.attenuate(1.0)
    bench.shutter(True)
    locked = bench.wait(1.0)
    bench.port("laser").lock(False, bench.now)
    unlocked = bench.wait(1.0)
    assert not bench.port("laser").locked(bench.now)
    energies = [np.mean(bench.port("pickoff").shots(*window)[1]) for window in (locked, unlocked)]
    assert energies[1] / energies[0] == pytest.approx(0.05, rel=0.15)
    assert bench.expected(locked) > 1e5
    assert bench.expected(unlocked) == 0.0


def test_a_detuned_laser_excites_less(table: Open) -> None:
    bench = table()
    laser = bench.port("laser")
    bench.attenuate(0.05)
    bench.shutter(True)
    tuned = bench.expected(bench.wait(0.1))
    laser.tune(bench.now, 400.0, bench.now + 1.0, 460.0)
    bench.wait(0.5)
    assert laser.wavelength(bench.now) == pytest.approx(430.0)
    bench.wait(0.5)
    assert bench.expected(bench.wait(0.1)) < 0.45 * tuned
    laser.tune(bench.now, 460.0, bench.now, 100.0)
    assert laser.wavelength(bench.now) == laser.limits[0] == 315.0


def test_the_lasers_own_attenuator_and_power(table: Open) -> None:
    bench = table()
    laser = bench.port("laser")
    full = bench.port("pickoff").shots(*bench.wait(0.1))[1]
    laser.transmit(0.3, bench.now)
    assert (laser.transmission(bench.now), laser.watts(bench.now)) == (0.3, 6.0)
    assert bench.port("pickoff").shots(*bench.wait(0.1))[1] == pytest.approx(0.3 * full)
    laser.emit(False, bench.now)
    assert laser.watts(bench.now) == 0.0


def test_the_analyser_sees_the_polarisation_of_a_film_that_lases(table: Open) -> None:
    bench = table(name="ase_laser")
    bench.attenuate(0.1)
    bench.shutter(True)
    totals = []
    for degrees in (12.0, 57.0):  # along and across
        bench.port("analyser").path(bench.now, degrees - 1.0, bench.now, degrees)
        totals.append(bench.expected(bench.wait(2.0)))
    assert bench.truth("lasing") == "yes"
    assert totals[0] / totals[1] == pytest.approx(9.0, rel=0.2)  # (1 + 0.8)/(1 - 0.8)


def test_light_grows_faster_than_the_pump_round_the_threshold_and_narrows(table: Open) -> None:
    bench = table()
    bench.shutter(True)
    totals, widths = [], []
    for fluence in (1e-6, 4e-6, 16e-6):
        bench.attenuate(fluence * math.pi * 0.15 * 0.01 / 2 / 95e-9)
        spectrum = bench.port("camera").expected(*bench.wait(0.1))
        totals.append(float(np.sum(spectrum)))
        widths.append(int(np.count_nonzero(spectrum > np.max(spectrum) / 2)))
    assert totals[2] / totals[1] > 2 * totals[1] / totals[0]
    assert widths[2] < widths[0] / 3


def test_the_spectrometer_has_an_axis_of_its_own(table: Open) -> None:
    seen = []
    for text in ("off", "{wavelength_offset: 2 nm}", "{dispersion_scale: 5 %}"):
        bench = table(f"table: ase\nimperfections: {text}\n")
        bench.attenuate(0.02)
        bench.shutter(True)
        spectrum = bench.port("camera").expected(*bench.wait(0.1))
        pixels, weights = np.arange(512), spectrum / np.sum(spectrum)
        middle = float(weights @ pixels)
        offset, scale = bench.truth("wavelength_offset"), bench.truth("dispersion_scale")
        seen.append((middle, math.sqrt(float(weights @ (pixels - middle) ** 2)), offset, scale))
    (at, width, *_), shifted, stretched = seen
    assert shifted[0] - at == pytest.approx(-shifted[2] / 0.25, rel=0.1)
    assert stretched[1] / width == pytest.approx(1.0 / stretched[3], rel=0.01)


def test_tables_without_single_pulses_say_so(table: Open) -> None:
    world = World.load(None, table="virtual_confocal", seed=1, clock=SimClock(speed=0))
    with pytest.raises(UsageError, match="pulses of a confocal table are not counted one by one"):
        world.shots()
