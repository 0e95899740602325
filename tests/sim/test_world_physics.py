"""The physics of the world against numbers and closed forms from elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config, parse_config
from perovskite_meas.sim.world.optics import peak_fluence, photon_energy, photon_order, shape_factor
from perovskite_meas.sim.world.yields import YieldTable, jitter_nodes, ladder_ratios, photons_per_pulse

ONE = (np.ones(1), np.ones(1))
AT = np.array([0.0, 0.0])


@pytest.fixture
def make():
    """Worlds without imperfections: pairs of a path such as sample.lifetime and its entry."""
    base = load_config(None, "virtual_confocal").model_dump(exclude={"imperfections"})

    def build(*changes: object, imperfections: dict | str = "off", seed: int = 1) -> World:
        raw = {name: dict(part) if isinstance(part, dict) else part for name, part in base.items()}
        for path, value in zip(changes[::2], changes[1::2], strict=True):
            section, name = str(path).split(".")
            raw[section][name] = value
        if isinstance(imperfections, dict):
            names = load_config(None, "virtual_confocal").imperfections.model_dump()
            imperfections = dict.fromkeys(names, "off") | imperfections
        return World(parse_config({**raw, "imperfections": imperfections}, "test"), seed, SimClock(speed=0))

    return build


def excitations(world: World, power: float, x_um: float = 0.0) -> float:
    here, _ = world._scene._emitter.excitations(np.array([power]), np.array([x_um]), np.zeros(1))
    return float(here[0])


def test_photon_energies_match_the_table():
    assert photon_energy(800) == pytest.approx(2.48305e-19, rel=1e-5)
    assert photon_energy(405) == pytest.approx(4.90480e-19, rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "order", "value"),
    [("gauss", 2, 0.66428), ("gauss", 3, 0.50954), ("sech2", 2, 0.58758), ("rect", 2, 1.0), ("gauss", 1, 1.0)],
)
def test_pulse_shape_factors_match_the_table(shape, order, value):
    assert shape_factor(shape, order) == pytest.approx(value, abs=1.5e-5)


def test_the_sech2_factor_of_three_photons_is_the_integral():
    c = 2 * math.acosh(math.sqrt(2))
    norm = quad(lambda t: math.cosh(c * t) ** -2, -20, 20)[0]
    assert shape_factor("sech2", 3) == pytest.approx(quad(lambda t: math.cosh(c * t) ** -6, -20, 20)[0] / norm**3)


def test_one_excitation_per_pulse_needs_the_published_fluence_and_power(make):
    world = make()
    power = 9.42e-6
    assert excitations(world, power) == pytest.approx(1.0, rel=3e-3)
    assert peak_fluence(power / 5e6, 433, 800) == pytest.approx(2.577e15, rel=2e-3)
    assert peak_fluence(power / 5e6, 433, 800) * photon_energy(800) * 1e3 == pytest.approx(0.640, rel=2e-3)
    assert excitations(make("laser.repetition_rate", "80 MHz"), 0.151e-3) == pytest.approx(1.0, rel=5e-3)


def test_counting_excitations_instead_of_photons_doubles_them(make):
    half, whole = make(), make("sample.two_photon_convention", "excitations")
    assert excitations(whole, 5e-6) == pytest.approx(2 * excitations(half, 5e-6))


def test_excitations_follow_the_square_of_power_and_one_over_waist_to_the_fourth(make):
    world = make()
    assert excitations(world, 2e-5) / excitations(world, 1e-5) == pytest.approx(4)
    wide = make("optics.waist", "866 nm")
    assert excitations(world, 1e-5) / excitations(wide, 1e-5) == pytest.approx(16)


@pytest.mark.parametrize(("radius", "factor"), [(50, 0.948), (100, 0.808), (200, 0.43)])
def test_an_emitter_off_the_axis_is_excited_less(make, radius, factor):
    world = make(imperfections={"off_centre": f"fixed {radius} nm"})
    assert excitations(world, 1e-5) / excitations(make(), 1e-5) == pytest.approx(factor, abs=5e-3)


def test_the_scanner_moves_the_spot_off_the_emitter(make):
    world = make()
    assert excitations(world, 1e-5, 0.1) / excitations(world, 1e-5) == pytest.approx(0.808, abs=1e-3)
    assert excitations(world, 1e-5, 3.0) < 1e-30


def test_a_leak_adds_excitations_in_proportion_to_fluence(make):
    world, plain = make(imperfections={"one_photon_leak": "5 %"}), make()
    power = 9.42e-6
    assert excitations(world, power) - excitations(plain, power) == pytest.approx(0.05, rel=3e-3)
    extra = [excitations(world, p) - excitations(plain, p) for p in (1e-6, 2e-6)]
    assert extra[1] / extra[0] == pytest.approx(2)


def test_blue_light_excites_by_one_photon(make):
    world = make("laser.wavelength", "405 nm")
    fluence = peak_fluence(1e-9 / 5e6, 433, 405)
    assert excitations(world, 1e-9) == pytest.approx(1.1e-13 * fluence)
    assert [photon_order(nm, 690) for nm in (405, 690, 800, 1380, 1500)] == [1, 1, 2, 2, 3]


def test_a_truncated_ladder_gives_the_closed_form():
    x, q = np.geomspace(1e-4, 30, 40), 0.3
    closed = (1 - np.exp(-x)) + q * (1 - (1 + x) * np.exp(-x))
    assert photons_per_pulse(x, ladder_ratios("truncated", q, 700), 0.0, *ONE) == pytest.approx(closed, rel=1e-12)


def test_a_statistical_ladder_gives_the_sum_over_poisson_numbers():
    x, q = 3.0, 0.08
    total = 0.0
    for n in range(1, 80):
        cascade = 1 + sum(2 * q / (m * (m - 1)) for m in range(2, n + 1))
        total += math.exp(-x) * x**n / math.factorial(n) * cascade
    assert photons_per_pulse(np.array([x]), ladder_ratios("statistical", q, 700), 0.0, *ONE)[0] == pytest.approx(total)
    assert ladder_ratios("statistical", q, 5)[2] == q


def test_a_ladder_can_be_listed_from_the_third_exciton_on():
    assert ladder_ratios((0.5, 0.25), 0.8, 7) == pytest.approx([0, 1, 0.8, 0.5, 0.25, 0, 0])


def test_an_exciton_that_survives_until_the_next_pulse_saturates_early():
    x, r = np.geomspace(1e-4, 30, 40), math.exp(-12.5 / 20)
    closed = (1 - r) * (1 - np.exp(-x)) / (1 - r * np.exp(-x))
    assert photons_per_pulse(x, ladder_ratios("truncated", 0.0, 700), r, *ONE) == pytest.approx(closed, rel=1e-12)


def test_left_over_excitons_emit_like_a_simulated_chain():
    """A jump simulation of the same dot, pulse by pulse, with no formula in common."""
    rng = np.random.default_rng(3)
    x, q, survival, pulses = 1.5, 0.4, 0.5, 200_000
    ratios = ladder_ratios("statistical", q, 700)
    state, photons = 0, 0.0
    for added, luck in zip(rng.poisson(x, pulses), rng.random(pulses), strict=True):
        state += int(added)
        photons += sum(ratios[2 : state + 1])
        state = min(state, 1)
        if state and luck > survival:
            photons += 1.0
            state = 0
    assert photons_per_pulse(np.array([x]), ratios, survival, *ONE)[0] == pytest.approx(photons / pulses, rel=6e-3)


def test_the_table_is_as_good_as_the_sum_at_any_excitation():
    table = YieldTable("statistical", 0.5, 0.1, 0.05, 2)
    x = np.geomspace(2e-5, 99, 301)
    exact = photons_per_pulse(x, ladder_ratios("statistical", 0.5, 700), 0.1, *jitter_nodes(0.05, 2))
    assert table.at(x) == pytest.approx(exact, rel=1e-6)
    assert table.at(np.array([1e-12]))[0] == pytest.approx(1e-12 * (1 - 0.1 + 0.1 * 0.5) * 1.0025, rel=0.1)
    beyond = photons_per_pulse(np.array([300.0]), ladder_ratios("statistical", 0.5, 700), 0.1, *ONE)
    assert table.at(np.array([300.0])) == pytest.approx(beyond, rel=2e-4)
    assert table.at(np.zeros(1))[0] == 0


def test_pulse_energy_jitter_raises_the_mean_square():
    factors, weights = jitter_nodes(0.1, 2)
    assert weights @ factors == pytest.approx(1.01, rel=1e-6)
    assert weights @ np.sqrt(factors) == pytest.approx(1.0, rel=1e-9)


def test_the_plateau_is_the_stated_brightness_at_5_mhz(make):
    plain = make("sample.biexciton_ratio", 0, "sample.lifetime", "1 ns")
    assert expected_rate(plain, 120e-6) == pytest.approx(1e5, rel=1e-6)
    fast = make("sample.biexciton_ratio", 0, "laser.repetition_rate", "10 MHz", "sample.lifetime", "0.1 ns")
    assert expected_rate(fast, 120e-6) == pytest.approx(2e5, rel=1e-6)


def expected_rate(world: World, power: float) -> float:
    """Return counts per second at a power, through shutter, wave plate and detector."""
    plate = world.config.optics.attenuator
    share = (power / plate.maximum_power - plate.extinction) / (1 - plate.extinction)
    angle = plate.angle_of_maximum + math.degrees(math.acos(math.sqrt(share))) / 2
    now = world.clock.now()
    world.port("attenuator").path(now, 0.0, now, angle)
    world.port("shutter").switch(True, now)
    world.clock.sleep(1.0)
    world.advance(now + 1.0)
    world.port("shutter").switch(False, now + 1.0)
    return float(world.port("apd").expected(now, now + 1.0))


def test_the_closed_form_of_the_review_comes_out_of_the_whole_table(make):
    world = make("sample.ladder", "truncated", "sample.lifetime", "1 ns")
    for power in (1e-6, 5e-6, 9.42e-6, 25e-6):
        x = excitations(world, power)
        closed = 1e5 * ((1 - math.exp(-x)) + 0.08 * (1 - (1 + x) * math.exp(-x)))
        assert expected_rate(world, power) == pytest.approx(closed, rel=1e-6)


def test_background_grows_with_excitation_and_stays_when_the_spot_leaves_the_emitter(make):
    world = make(imperfections={"background": "2 %"})
    world.port("scanner_x").set(3.0, 0.0)
    power = 20e-6
    assert expected_rate(world, power) == pytest.approx(0.02 * 1e5 * excitations(make(), power), rel=1e-9)


def test_bleaching_follows_the_dose_on_the_emitter(make):
    world = make(imperfections={"bleaching": "1e5 J/cm^2"})
    power = 30e-6
    fresh = expected_rate(make(), power)
    dose = 2 * power / (math.pi * 433e-7**2)
    u = dose / 1e5
    assert expected_rate(world, power) == pytest.approx(fresh * (1 - math.exp(-u)) / u, rel=1e-3)
    assert world.truth("dose") == pytest.approx(dose, rel=1e-9)
    assert world.truth("brightness_left") == pytest.approx(math.exp(-u), rel=1e-9)


def test_session_draws_have_the_stated_sizes():
    config = load_config(None, "virtual_confocal")
    worlds = [World(config, seed, SimClock(speed=0)) for seed in range(200)]

    def drawn(name: str) -> np.ndarray:
        return np.array([float(world.truth(name)) for world in worlds])

    for name, mean, size in [
        ("waist", 433, 0.02 * 433),
        ("pulse_duration", 150, 7.5),
        ("pickoff.calibration", 1, 0.03),
        ("sample_head.calibration", 1, 0.03),
        ("pickoff.zero", 0, 0.5e-6),
        ("off_centre_x", 0, 50 / math.sqrt(2)),
    ]:
        numbers = drawn(name)
        assert abs(np.mean(numbers) - mean) < 4 * size / math.sqrt(len(worlds)), name
        assert np.std(numbers) == pytest.approx(size, rel=0.15), name
    assert math.sqrt(np.mean(drawn("off_centre") ** 2)) == pytest.approx(50, rel=0.1)
    assert abs(np.corrcoef(drawn("pickoff.calibration"), drawn("sample_head.calibration"))[0, 1]) < 0.2
