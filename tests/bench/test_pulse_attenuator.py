"""The attenuator of single pulses: energies by calibration, fluence by both waists, in the dark and within limits."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from perovskite_meas.bench.calibration_file import from_mapping, to_yaml
from perovskite_meas.core import Value
from perovskite_meas.core.errors import BenchError, CalibrationError, HardwareFault, LimitError, UsageError
from perovskite_meas.core.roles import PulseAttenuator

PEAK = 2 / (math.pi * 0.15 * 0.01)
"""1/cm^2: 11.8 nJ in 1500 um x 100 um are 5 uJ/cm^2."""


def test_the_energy_is_set_in_the_dark_and_told_to_the_guard(pulses, lab):
    attenuator = pulses.roles["attenuator"]
    assert isinstance(attenuator, PulseAttenuator)
    lab["ell14.angle"].answer = lambda: round(lab["ell14.angle"].value, 1)
    reached = attenuator.set_energy(5e-8)
    assert lab.log[0] == ("ell14", "home")
    assert reached == pytest.approx(5e-8, rel=0.01)
    assert reached != 5e-8
    assert pulses.guard.pulses.energy == reached
    lab["sc10.state"].value = "open"
    with pytest.raises(UsageError, match=r"attenuator .* moves only in the dark, but shutter .* is open"):
        attenuator.set_energy(1e-8)


def test_a_fluence_is_the_incident_one_at_the_centre_by_both_waists(pulses):
    attenuator = pulses.roles["attenuator"]
    assert attenuator.set_fluence(5e-6) == pytest.approx(5e-6, rel=1e-6)
    assert pulses.guard.pulses.energy == pytest.approx(11.78e-9, rel=1e-3)
    assert attenuator.fluence(11.78e-9) == pytest.approx(5e-6, rel=1e-3)
    assert attenuator.fluence(1e-9) == pytest.approx(1e-9 * PEAK)


def test_an_even_spot_has_half_the_fluence_and_a_round_one_needs_one_waist(make_pulses):
    even = make_pulses({"profile: gauss": "profile: top_hat"})
    assert even.roles["attenuator"].fluence(1e-9) == pytest.approx(1e-9 * PEAK / 2)
    assert even.conditions()["spot"]["profile"] == "top_hat"
    round_one = make_pulses({", waist_y: 100 um +- 2 %, profile: gauss": ""})
    assert round_one.roles["attenuator"].fluence(1e-9) == pytest.approx(1e-9 * 2 / (math.pi * 0.15**2))
    assert set(round_one.conditions()["spot"]) == {"waist"}


@pytest.mark.parametrize(
    ("replace", "joule", "kind", "text"),
    [
        ({}, 9.9e-8, CalibrationError, r"99 nJ at the sample is outside 100 pJ .. 97 nJ, the range of calibration "
         r"'energy' \(bench.yaml:11, 2026-11-02\); ask for an energy"),
        ({}, 9.6e-8, LimitError, r"fluence 40.74 uJ/cm\^2 of a pulse of 96 nJ exceeds the limit of 40 uJ/cm\^2 "
         r"\(limits.fluence, bench.yaml:8\); ask for less power"),
        ({"pulse_energy: 98 nJ": "pulse_energy: 50 nJ"}, 6e-8, LimitError,
         r"pulse energy 60 nJ of a pulse at the sample exceeds the limit of 50 nJ \(limits.pulse_energy, bench"),
        ({"average_power: 1 uW": "average_power: 0.5 uW"}, 6e-8, LimitError,
         r"average power 600 nW of pulses of 60 nJ at 10 Hz exceeds the limit of 500 nW"),
        ({"peak_irradiance: 1e9": "peak_irradiance: 2e8"}, 6e-8, LimitError, "peak irradiance 239.2 MW/cm"),
    ],
)  # fmt: skip
def test_an_energy_beyond_range_or_limit_moves_nothing(make_pulses, lab, replace, joule, kind, text):
    bench = make_pulses(replace)
    bench.roles["shutter"].block()
    lab.log.clear()
    with pytest.raises(kind, match=text):
        bench.roles["attenuator"].set_energy(joule)
    assert not [entry for entry in lab.log if entry[0].startswith("ell14")]


def test_a_mount_that_misses_leaves_the_energy_unknown(pulses, lab):
    attenuator = pulses.roles["attenuator"]
    attenuator.set_energy(5e-8)
    lab["ell14.angle"].answer = lambda: 30.0
    with pytest.raises(HardwareFault, match=r"stands at 30\.000 deg"):
        attenuator.set_energy(1e-8)
    assert pulses.guard.pulses.energy is None
    lab["ell14.angle"].answer = lambda: lab["ell14.angle"].value
    attenuator.minimum()
    assert pulses.guard.pulses.energy == pytest.approx(1e-11)


def test_the_role_takes_no_calibration_in_watts(make_pulses):
    with pytest.raises(BenchError, match="calibration 'pulse' is not one for a pulse_attenuator; name another"):
        make_pulses({"calibration: energy}": "calibration: pulse}"})


def test_without_a_focus_there_is_no_fluence(make_pulses):
    bench = make_pulses({"  spot: {date": "  focus: {kind: spot, date", ", fluence: 40 uJ/cm^2": "",
                         ", peak_irradiance: 1e9 W/cm^2, dose: 1 mJ/cm^2": ""})  # fmt: skip
    with pytest.raises(CalibrationError, match=r"attenuator .*: no calibration 'spot'; known: collection, energy"):
        bench.roles["attenuator"].set_fluence(1e-6)


# calibrations --------------------------------------------------------------------------------------------


def test_energies_are_turned_into_angles_and_back_on_one_branch(pulses):
    malus = pulses.spec.calibrations["energy"]
    energies = [1e-10, 1e-9, 5e-8, 9.7e-8]
    angles = [malus.angle_for(energy) for energy in energies]
    assert angles == sorted(angles, reverse=True)
    assert [malus.energy_at(angle) for angle in angles] == pytest.approx(energies, rel=1e-9)


def test_the_head_tells_the_energy_at_the_sample(pulses):
    head = pulses.spec.calibrations["energy_at_sample"]
    assert head.energy(2e-8) == pytest.approx(1e-8)
    assert head.reading(1e-8) == pytest.approx(2e-8)
    assert pulses.conditions()["energy_at_sample"] == {
        "ratio": {"value": 0.5, "sigma": pytest.approx(0.015), "unit": "1"},
        "zero": {"value": 0.0, "sigma": pytest.approx(1e-10), "unit": "J"},
        "head": "QE12",
        "date": "2026-11-02",
    }


def test_how_light_is_collected_goes_into_the_conditions(pulses):
    found = pulses.conditions()["collection"]
    assert (found["geometry"], found["na"], found["filter"]) == ("edge", 0.1, "FELH0450")
    assert found["length"] == {"value": 0.5, "sigma": pytest.approx(0.025), "unit": "mm"}
    assert pulses.conditions()["spot"]["waist_y"] == {"value": 1e5, "sigma": pytest.approx(2e3), "unit": "nm"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("maximum: 100 nJ", "maximum: 100 nW", "energy.maximum: '100 nW' cannot be expressed in J"),
        ("range: [0.1 nJ, 97 nJ]", "range: [97 nJ, 1 nJ]", "energy.range: must rise, from 0 J or more; write"),
        ("waist_y: 100 um +- 2 %", "waist_y: 0 um", "spot.waist_y: must be above 0 nm; leave it out for a round focus"),
        ("profile: gauss}", "profile: flat}", "spot.profile: 'flat' is not allowed"),
        ("length: 0.5 mm +- 5 %", "length: -1 mm", "collection.length: must be above 0 mm; leave it out"),
        ("zero: 0 +- 0.1 nJ", "zero: 0 +- 0.1 nW", "energy_at_sample.zero:"),
    ],
)  # fmt: skip
def test_every_problem_of_a_calibration_is_told_with_its_line(make_pulses, old, new, problem):
    with pytest.raises(BenchError) as caught:
        make_pulses({old: new})
    assert problem in str(caught.value)
    assert "bench.yaml:1" in str(caught.value)


def test_a_measured_spot_is_written_read_and_used_by_limits_and_roles_at_once(pulses):
    """What the analysis `knife_edge` offers."""
    mapping = {
        "date": dt.date(2026, 11, 3), "waist": Value(3.0e6, 3e4, "nm"), "waist_y": Value(1e5, 1e3, "nm"),
        "profile": "gauss",
    }  # fmt: skip
    text = to_yaml(mapping)
    assert "waist_y: 100000.0 +- 1000.0 nm" in text
    assert from_mapping("spot", mapping).waist_y == (1e5, 1e3)
    attenuator = pulses.roles["attenuator"]
    before = attenuator.fluence(1e-9)
    pulses.install_calibration("spot", mapping)
    assert attenuator.fluence(1e-9) == pytest.approx(before / 2)
    pulses.ledger.fired(1e-9, 1)
    assert pulses.ledger.dose() == pytest.approx(before / 2)
    attenuator.set_energy(9.6e-8)  # its fluence is within the limit now


def test_a_new_energy_calibration_makes_the_set_energy_unknown(pulses):
    pulses.roles["attenuator"].set_energy(1e-8)
    mapping = {"kind": "energy", "date": dt.date(2026, 11, 3), "maximum": 8e-8, "angle_of_maximum": 12.0,
               "extinction": 1e-4, "range": [1e-10, 7e-8]}  # fmt: skip
    assert "maximum: 8e-08 J" in to_yaml(mapping)
    pulses.install_calibration("energy", mapping)
    assert pulses.guard.pulses.energy is None
    assert pulses.guard.pulses.most == pytest.approx(8e-8)
