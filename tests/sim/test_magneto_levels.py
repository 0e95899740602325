"""Fine structure in a field and its populations, against the dipole basis, closed forms and the stated targets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from perovskite_meas.sim.world.magneto.collection import Collection, View
from perovskite_meas.sim.world.magneto.kinetics import K_B, Rates
from perovskite_meas.sim.world.magneto.levels import MU_B, Exciton, Levels, Trion

DOT = Exciton(2300.0, -2.6, (-0.35, 0.05, 0.30), (1.9,) * 3, (0.55,) * 3, 1.0)
NO_SHIFT = Exciton(0.0, -2.6, (-0.35, 0.05, 0.30), (1.9,) * 3, (0.55,) * 3)
TILTED = View.of(51.6, 34.4, 90.0, 20.0).field


def dipole_basis(field, dark, bright, g_sum, g_diff):
    """Return the Hamiltonian of PHYSICS 3.7a in |D>, |X>, |Y>, |Z>, meV."""
    h = np.diag([dark, *bright]).astype(complex)
    eps = np.zeros((3, 3, 3))
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        eps[a, b, c], eps[b, a, c] = 1.0, -1.0
    h[1:, 1:] -= 0.5j * g_sum * MU_B * np.einsum("abc,c->ab", eps, field)
    h[0, 1:] = h[1:, 0] = 0.5 * g_diff * MU_B * field
    return h


@pytest.mark.parametrize("field", [(0.0, 0.0, 0.0), (0.0, 0.0, 7.0), (1.0, -4.0, 2.5), (-6.0, 0.1, 3.0)])
def test_the_spin_basis_gives_the_energies_and_dipoles_of_the_dipole_basis(field):
    b = np.array(field)
    energy, states = np.linalg.eigh(dipole_basis(b, -2.6, (-0.35, 0.05, 0.30), 2.45, 1.35))
    found = NO_SHIFT.solve(b)
    assert np.allclose(found.energy, energy, rtol=0.0, atol=1e-12)
    for line in range(4):
        wanted = states[1:, line]
        assert np.allclose(
            np.outer(found.dipole[line], found.dipole[line].conj()), np.outer(wanted, wanted.conj()), atol=1e-11
        )


def test_at_zero_field_the_levels_are_the_stated_ones_and_each_emits_along_its_axis():
    found = DOT.solve(np.zeros(3))
    assert np.allclose(found.energy, [2297.4, 2299.65, 2300.05, 2300.3], atol=1e-9)
    assert np.allclose(np.abs(found.dipole), [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], atol=1e-12)
    assert np.allclose(found.bright, [0, 1, 1, 1], atol=1e-12)


def test_a_cubic_bright_triplet_splits_by_g_sum_along_any_direction():
    cubic = Exciton(0.0, -50.0, (0.0, 0.0, 0.0), (1.9,) * 3, (0.55,) * 3)
    for direction in (np.array([0.0, 0.0, 1.0]), TILTED):
        energy = cubic.solve(direction).energy
        assert energy[3] - energy[1] == pytest.approx(0.142, abs=5e-4)


def test_the_field_pushes_the_dark_state_down_and_lends_it_a_dipole_along_the_field():
    degenerate = Exciton(0.0, -2.6, (0.0, 0.0, 0.0), (1.9,) * 3, (0.55,) * 3)
    found = degenerate.solve(7.0 * TILTED)
    m = 0.5 * 1.35 * MU_B * 7.0
    assert -(m**2) / 2.6 == pytest.approx(-28.7e-3, abs=1e-4)
    assert found.energy[0] == pytest.approx(1.3 - math.hypot(1.3, m) - 2.6, abs=1e-9)
    assert found.energy[0] + 2.6 == pytest.approx(-28.7e-3, abs=0.5e-3)
    assert found.bright[0] == pytest.approx(math.sin(0.5 * math.atan(m / 1.3)) ** 2, abs=1e-9)
    assert abs(found.dipole[0] @ TILTED) ** 2 == pytest.approx(found.bright[0], rel=1e-9)
    assert DOT.solve(7.0 * TILTED).bright[0] == pytest.approx(0.0113, abs=5e-5)


def test_the_brightening_grows_with_the_square_of_the_field():
    small, large = (DOT.solve(b * TILTED).bright[0] for b in (0.5, 1.0))
    assert large / small == pytest.approx(4.0, rel=0.02)


def test_the_diamagnetic_shift_moves_all_lines_alike():
    still = Exciton(2300.0, -2.6, (-0.35, 0.05, 0.30), (1.9,) * 3, (0.55,) * 3)
    moved = DOT.solve(7.0 * TILTED).energy - still.solve(7.0 * TILTED).energy
    assert np.allclose(moved, 49e-3, atol=1e-9)


def test_an_anisotropic_g_acts_along_its_axis_only():
    odd = Exciton(0.0, -2.6, (-0.35, 0.05, 0.30), (1.9, 1.9, 3.0), (0.55,) * 3)
    assert np.allclose(odd.solve(np.array([5.0, 0.0, 0.0])).energy, NO_SHIFT.solve(np.array([5.0, 0.0, 0.0])).energy)
    assert not np.allclose(
        odd.solve(np.array([0.0, 0.0, 5.0])).energy, NO_SHIFT.solve(np.array([0.0, 0.0, 5.0])).energy
    )


def test_reversing_the_field_changes_no_energy():
    assert np.allclose(DOT.solve(7.0 * TILTED).energy, DOT.solve(-7.0 * TILTED).energy, atol=1e-10)


def test_a_trion_is_a_quartet_across_the_field_and_a_doublet_along_it():
    trion = Trion(2300.0, (1.9,) * 3, (0.55,) * 3)
    found = trion.solve(6.0 * TILTED)
    half = 0.5 * MU_B * 6.0
    assert np.allclose(np.sort(found.energy) - 2300.0, half * np.array([-2.45, -1.35, 1.35, 2.45]), atol=1e-9)
    along = Collection(0.0, View.of(51.6, 34.4, 0.0, 20.0)).collected(found.dipole)
    across = Collection(0.0, View.of(51.6, 34.4, 90.0, 20.0)).collected(found.dipole)
    outer = np.abs(found.energy - 2300.0) > half * 2.0
    assert np.all(along[outer] > 0.6)
    assert np.all(along[~outer] < 1e-12)
    assert np.allclose(across, 1.0 / 3.0, atol=1e-9)


def test_a_trion_without_field_is_one_unpolarised_line():
    found = Trion(2300.0, (1.9, 1.9, 2.5), (0.55,) * 3).solve(np.zeros(3))
    assert np.allclose(found.energy, 2300.0)
    assert np.allclose(np.einsum("na,nb->ab", found.dipole, found.dipole.conj()), 2.0 / 3.0 * np.eye(3), atol=1e-12)


def collected_dark_share(na: float, field_angle: float) -> float:
    view = View.of(51.6, 34.4, field_angle, 20.0)
    levels = DOT.solve(7.0 * view.field)
    seen = Rates().yields(levels, 4.0) * Collection(na, view).shares(levels.dipole)
    return float(seen[0] / np.sum(seen))


def test_the_dark_line_is_strong_across_the_field_and_weak_along_it():
    assert collected_dark_share(0.8, 90.0) == pytest.approx(0.28, abs=0.02)
    assert collected_dark_share(0.8, 0.0) == pytest.approx(0.14, abs=0.01)
    assert collected_dark_share(0.05, 0.0) == pytest.approx(0.0065, abs=0.001)


def test_the_dark_lifetime_falls_from_500_to_48_ns_at_7_t():
    for tesla, lifetime in ((0.0, 500.0), (7.0, 48.0)):
        slowest = float(np.min(Rates(phonon_rate=0.0).decay(DOT.solve(tesla * TILTED), 4.0).rates))
        assert 1.0 / slowest == pytest.approx(lifetime, rel=0.01)


@pytest.mark.parametrize("kelvin", [2.0, 4.0, 20.0, 150.0])
def test_phonon_rates_obey_detailed_balance(kelvin):
    levels = DOT.solve(5.0 * TILTED)
    rates = Rates().transfer(levels, kelvin)
    gap = levels.states[:, None] - levels.states[None, :]
    wanted = np.where(gap > 0.0, rates.T * np.exp(-np.abs(gap) / (K_B * kelvin)), rates)
    assert np.allclose(rates, wanted, rtol=1e-9, atol=1e-250)
    assert np.all(rates[~np.eye(4, dtype=bool)] > 0.0)


def test_between_bright_states_the_rates_are_those_of_one_phonon():
    levels = DOT.solve(np.zeros(3))
    n = 1.0 / math.expm1(0.4 / (K_B * 4.0))
    rates = Rates(phonon_rate=0.3).transfer(levels, 4.0)
    assert rates[1, 2] == pytest.approx(0.3 * (n + 1.0), rel=1e-9)
    assert rates[2, 1] == pytest.approx(0.3 * n, rel=1e-9)
    assert rates[0, 1] == pytest.approx(0.3 / 20.0, rel=0.01)


def test_every_excitation_ends_as_a_photon_or_in_the_dark():
    levels = DOT.solve(7.0 * TILTED)
    assert np.sum(Rates(dark_lifetime=1e12, quantum_yield=0.9).yields(levels, 4.0)) == pytest.approx(0.9, rel=1e-6)
    assert np.sum(Rates(quantum_yield=0.9).yields(levels, 4.0)) < 0.9
    cold = Rates(quantum_yield=1.0, phonon_rate=0.0).yields(DOT.solve(np.zeros(3)), 4.0)
    assert np.allclose(cold, [0.0, 0.25, 0.25, 0.25], atol=1e-9)


def test_both_holes_of_a_trion_give_all_their_photons():
    levels = Trion(2300.0, (1.9,) * 3, (0.55,) * 3).solve(7.0 * TILTED)
    assert np.sum(Rates(quantum_yield=0.8).yields(levels, 4.0)) == pytest.approx(0.8, rel=1e-9)


@pytest.mark.parametrize("tesla", [0.0, 3.0, 7.0])
def test_the_decay_integrates_to_the_yields(tesla):
    levels, weights = DOT.solve(tesla * TILTED), np.array([0.1, 0.2, 0.25, 0.15])
    decay = Rates().decay(levels, 4.0, weights)
    assert decay.photons == pytest.approx(float(weights @ Rates().yields(levels, 4.0)), rel=1e-9)
    by_hand = sum(
        quad(lambda t: float(decay.at(np.array([t]))[0]), *span)[0] for span in ((0, 20), (20, 200), (200, 5e3))
    )
    assert by_hand == pytest.approx(decay.photons, rel=1e-3)
    assert decay.emitted(np.array([0.0, 1e6])) == pytest.approx([0.0, 1.0])


def test_the_decay_follows_the_rate_equations():
    levels, rates = DOT.solve(7.0 * TILTED), Rates()
    matrix, filled = rates.matrix(levels, 10.0), np.full(4, 0.25)
    step = 1e-3
    for _ in range(2000):
        filled = filled + step * matrix @ (filled + 0.5 * step * matrix @ filled)
    wanted = rates.quantum_yield / rates.bright_lifetime * float(levels.bright @ filled)
    assert rates.decay(levels, 10.0).at(np.array([2.0]))[0] == pytest.approx(wanted, rel=1e-4)


def test_drawn_delays_have_the_mean_of_the_decay():
    decay = Rates().decay(DOT.solve(7.0 * TILTED), 4.0)
    mean = float(np.sum(decay.amplitudes / decay.rates**2)) / decay.photons
    delays = decay.delays(np.random.default_rng(1), 100_000)
    assert np.mean(delays) == pytest.approx(mean, abs=5.0 * float(np.std(delays)) / math.sqrt(1e5))
    assert np.mean(delays < 2.0) == pytest.approx(float(decay.emitted(np.array([2.0]))[0]), abs=0.01)


def test_levels_that_meet_do_not_break_the_rates():
    cubic = Exciton(0.0, 0.0, (0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3).solve(np.zeros(3))
    assert isinstance(cubic, Levels)
    assert np.sum(Rates(dark_lifetime=1e12, quantum_yield=1.0).yields(cubic, 4.0)) == pytest.approx(1.0, rel=1e-4)
    assert np.all(np.isfinite(Rates().decay(cubic, 4.0).amplitudes))
