"""ASEFluence on a table that logs every pulse: exact bursts, order, filters, damage, and no pulse astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.errors import HardwareFault, ParameterError
from perovskite_meas.procedures._ase_damage import Damage
from perovskite_meas.procedures._ase_points import Knee, around, refined
from perovskite_meas.procedures._ase_range import Range
from perovskite_meas.procedures.ase_fluence import SERIES, ASEFluence

NAMES = {code: name for name, code in SERIES.items()}
QUICK: dict[str, Any] = {
    "fluences": "Logspace('0.8 uJ/cm^2', '20 uJ/cm^2', 7)",
    "shots": 3,
    "scout": 6,
    "scout_shots": 2,
    "fresh_spots": 1,
    "fresh_points": 3,
    "check_every": 4,
    "polarised": 2,
}
TINY: dict[str, Any] = QUICK | {
    "fluences": "Values('1 uJ/cm^2', '8 uJ/cm^2')",
    "scout": 2,
    "shots": 2,
    "fresh_points": 3,
    "check_every": 0,
}

Make = Callable[..., Any]


@pytest.fixture
def table(pulse_table: Make) -> Any:
    return pulse_table()


@pytest.fixture
def measured(parts: Make) -> Callable[..., list[dict[str, Any]]]:
    def run(table: Any, without: tuple[str, ...] = (), **parameters: Any) -> list[dict[str, Any]]:
        sweep = ASEFluence(**QUICK | parameters)
        check = RowCheck(sweep.columns)
        found = []
        for row in rows_of(table, parts, sweep, without):
            assert table.is_blocking()
            found.append(check(row))
        return found

    return run


def rows_of(table: Any, parts: Make, sweep: ASEFluence, without: tuple[str, ...] = ()) -> Any:
    made = parts(table)
    roles = table.roles("filter", "scanner", "analyser", **{name: made[name] for name in ("spectrometer", "slit")})
    return sweep.measure(**{name: role for name, role in roles.items() if name not in without})


def of(rows: list[dict[str, Any]], *series: str) -> list[dict[str, Any]]:
    return [row for row in rows if NAMES[row["series"]] in series]


def test_a_run_goes_up_down_and_back_with_its_controls_and_an_exact_number_of_pulses(
    table: Any, measured: Make
) -> None:
    rows = measured(table)
    order = [NAMES[row["series"]] for row in rows if NAMES[row["series"]] != "overlap"]
    firsts = list(dict.fromkeys(order))
    assert firsts == ["dark", "scout", "up", "return", "down", "fresh", "polarised"]
    assert order[-2:] == ["dark", "dark"]
    lit = [row for row in rows if row["series"] != SERIES["dark"]]
    assert {row["shots"] for row in lit} == {2, 3}
    assert sum(row["shots"] for row in lit) == len(table.film) == table.shots()
    assert all(row["paired"] and row["frames"] == row["shots"] for row in lit)
    assert not table.stray()
    up, down = ([row["fluence_set"] for row in of(rows, name)] for name in ("up", "down"))
    assert up == sorted(up)
    assert down == up[::-1]
    assert len(up) > 7, "denser round the knee"
    added = sorted(set(up) - set(ASEFluence(**QUICK).fluences))
    assert added[0] < table.threshold * 2
    assert added[-1] > table.threshold / 2
    assert {row["spot"] for row in of(rows, "up", "down", "return", "overlap", "polarised")} == {0}
    assert {(row["spot"], row["y"]) for row in of(rows, "scout", "fresh")} == {(1, -500.0), (2, 500.0)}
    assert [row["analyser"] for row in of(rows, "polarised")] == [0.0, 90.0]
    assert table.spot == (0.0, 0.0)


def test_each_pulse_is_kept_with_its_energy_and_its_spectrum(table: Any, measured: Make) -> None:
    rows = measured(table)
    fluences = iter([one[1] for one in table.film])
    for row in (row for row in rows if row["shots"]):
        number = row["shots"]
        np.testing.assert_allclose(row["fluences"][:number], [next(fluences) for _ in range(number)])
        assert not row["fluences"][number:].any()
        assert row["fluence"] == pytest.approx(row["fluences"][:number].mean())
        assert not row["spectra"][number:].any()
        light = row["spectra"][:number].sum(axis=1)
        assert light.shape == (number,)
    bright = of(rows, "up")[-1]
    light = bright["spectra"][:3].sum(axis=1)
    assert np.argsort(light).tolist() == np.argsort(bright["fluences"][:3]).tolist()


def test_filters_change_before_the_camera_saturates_with_one_setting_through_both(table: Any, measured: Make) -> None:
    table.bright = 4.0
    rows = measured(table)
    swept = of(rows, "up", "down", "overlap")
    assert {row["step"] for row in swept} >= {0, 1}
    overlaps = of(rows, "overlap")
    assert len(overlaps) >= 2
    for row in overlaps:
        same = [one for one in of(rows, "up", "down") if one["fluence_set"] == row["fluence_set"]]
        assert any(one["step"] != row["step"] for one in same)
    saturated = [row for row in rows if row["saturated"]]
    assert len(saturated) <= 3, "the scout may be surprised, the sweep hardly"
    for row in saturated:
        following = rows[rows.index(row) + 1 :]
        again = next(one for one in following if one["fluence_set"] == row["fluence_set"])
        assert again["step"] > row["step"]


def test_a_saturated_exposure_is_kept_and_repeated_through_a_denser_filter(table: Any, measured: Make) -> None:
    table.bright = 400.0
    rows = measured(table, scout=0)
    first, second = of(rows, "up")[:2]
    assert first["saturated"]
    assert (first["step"], second["step"]) == (0, 1)
    assert first["fluence_set"] == second["fluence_set"]
    assert not second["saturated"]


@pytest.mark.parametrize("trigger", [True, False])
def test_one_frame_over_a_whole_burst_holds_the_light_of_all_its_pulses(
    trigger: bool, pulse_table: Make, measured: Make
) -> None:
    rows = measured(pulse_table(trigger=trigger), recording="per point")
    lit = of(rows, "up")
    assert {row["frames"] for row in lit} == {1}
    assert {row["spectra"].shape for row in rows} == {(1, 60)}
    assert not any(row["paired"] for row in rows)
    assert all(row["shots"] == 3 for row in lit)
    level = of(rows, "dark")[0]["spectra"].sum()
    light = np.array([row["spectra"].sum() - level for row in lit[:2]]) / [row["fluences"].sum() for row in lit[:2]]
    assert light[1] == pytest.approx(light[0], rel=0.3)


def test_without_a_trigger_spectra_of_each_pulse_are_refused_before_any_light(
    pulse_table: Make, measured: Make
) -> None:
    table = pulse_table(trigger=False)
    with pytest.raises(ParameterError, match="recording='per point'"):
        measured(table)
    assert not table.steps


def test_without_a_picker_the_shutter_counts(pulse_table: Make, measured: Make) -> None:
    table = pulse_table(picker=False)
    rows = measured(table)
    lit = [row for row in rows if row["series"] != SERIES["dark"]]
    assert {row["shots"] - row["uncertain"] for row in lit} <= {2, 3}
    assert sum(row["uncertain"] for row in lit) == 0, "it opens between two pulses"
    assert sum(row["shots"] for row in lit) == len(table.film) == table.shots()
    assert all(row["paired"] for row in lit)
    assert not table.stray()


def test_a_slow_shutter_leaves_pulses_uncertain_and_they_are_booked(pulse_table: Make, measured: Make) -> None:
    table = pulse_table(picker=False)
    table.opening = 0.12
    rows = measured(table)
    assert sum(row["uncertain"] for row in rows) > len(rows) / 2
    assert table.shots() == sum(row["shots"] for row in rows) == len(table.film)


def test_a_film_that_wears_off_stops_its_sweep_and_the_run_says_so(table: Any, measured: Make) -> None:
    table.toughness = 60e-6
    rows = measured(table)
    stopped = [row for row in rows if row["stopped"]]
    assert stopped
    assert 0 <= stopped[0]["remaining"] < 0.5
    assert len(of(rows, "up", "down")) < 2 * 9
    assert not of(rows, "polarised"), "nothing more is asked of a spot that is damaged"
    assert of(rows, "return")
    assert NAMES[rows[-1]["series"]] == "dark"


def test_a_film_that_lasts_is_not_stopped(table: Any, measured: Make) -> None:
    rows = measured(table)
    assert not any(row["stopped"] for row in rows)
    ratios = [row["remaining"] for row in of(rows, "down", "return")]
    assert np.median(ratios) == pytest.approx(1, abs=0.15)


def test_heating_is_looked_for_at_another_rate(table: Any, measured: Make) -> None:
    rows = of(measured(table, heating_rate="5 Hz"), "heating")
    assert [row["rate"] for row in rows] == pytest.approx([10, 5, 10])


def test_without_scanner_filter_and_analyser_the_sweep_is_refined_on_its_way_down(table: Any, measured: Make) -> None:
    rows = measured(table, without=("scanner", "filter", "analyser", "slit"))
    assert not of(rows, "scout", "fresh", "overlap", "polarised")
    assert len(of(rows, "down")) > len(of(rows, "up")) == 7
    assert {row["length"] for row in rows} == {0.0}


def test_a_laser_that_is_not_as_it_should_be_gets_no_shutter_open(table: Any, measured: Make) -> None:
    table.fault = "not mode-locked"
    with pytest.raises(HardwareFault, match="mode-locked"):
        measured(table)
    assert "open" not in table.steps


def test_a_picker_that_does_not_hold_is_told_before_the_shutter_opens(table: Any, measured: Make) -> None:
    table.stuck = True
    with pytest.raises(HardwareFault, match="the picker does not hold"):
        measured(table)
    assert not table.film
    assert table.is_blocking()


def test_a_picker_that_sticks_during_the_run_is_noticed_with_the_shutter_closed(table: Any, parts: Make) -> None:
    rows = rows_of(table, parts, ASEFluence(**QUICK))
    for _ in range(5):
        next(rows)
    table.stuck = True
    with pytest.raises(HardwareFault, match="the picker does not hold"):
        list(rows)
    assert table.is_blocking()
    assert not table.stray()
    assert table.shots() >= len(table.film)


def test_a_head_that_comes_off_ends_the_run_with_its_pulses_booked(table: Any, parts: Make) -> None:
    rows = rows_of(table, parts, ASEFluence(**QUICK))
    for _ in range(5):
        next(rows)
    table.unplugged = True
    with pytest.raises(HardwareFault, match="unplugged"):
        list(rows)
    assert table.is_blocking()
    assert not table.released
    assert table.shots() >= len(table.film)


@pytest.mark.parametrize("picker", [True, False])
def test_wherever_something_fails_no_pulse_falls_outside_an_exposure(
    picker: bool, pulse_table: Make, parts: Make, struck: type[Exception]
) -> None:
    whole = pulse_table(picker=picker)
    list(rows_of(whole, parts, ASEFluence(**TINY)))
    for number in range(1, len(whole.steps) + 1, 2 if picker else 5):
        table = pulse_table(picker=picker)
        table.strike = number
        with pytest.raises(struck):
            list(rows_of(table, parts, ASEFluence(**TINY)))
        what = table.steps[number - 1]
        assert table.is_blocking(), what
        assert not table.released, what
        assert table.shots() >= len(table.film), what
        if picker or what != "block":
            assert not table.stray(), what


def test_a_run_that_is_left_at_any_row_is_dark_at_once(pulse_table: Make, parts: Make, struck: type[Exception]) -> None:
    for number in range(1, 20, 3):
        for end in ("close", "throw"):
            table = pulse_table()
            rows = rows_of(table, parts, ASEFluence(**TINY))
            for _ in range(number):
                next(rows)
            if end == "close":
                rows.close()
            else:
                with pytest.raises(struck):
                    rows.throw(struck())
            table.advance(1.0)
            assert table.is_blocking()
            assert not table.released
            assert not table.stray()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"fluences": "Values(0, '1 uJ/cm^2')"}, "must be above 0"),
        ({"shots": 2000}, "shots = 2000"),
        ({"rate": 0}, "rate"),
        ({"photons": 4}, "photons = 4"),
        ({"recording": "sometimes"}, "per shot"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        ASEFluence(**parameters)


def test_the_knee_is_asked_for_in_few_points_also_where_emission_saturates() -> None:
    rng = np.random.default_rng(3)
    for order, truth in ((1, 4.0), (2, 6.0), (3, 5.0)):
        knee = Knee(truth / 8 ** (1 / order), truth * 6 ** (1 / order), 6)
        for _ in range(9):
            fluence = knee.ask()
            x = (fluence / truth) ** order
            ase = 300 * 0.05 * np.log1p(np.exp((x - 1) / 0.05))
            knee.tell(fluence, (x + ase / (1 + ase / 600)) * float(rng.normal(1, 0.07)))
        assert knee.known()
        assert knee.fluence() == pytest.approx(truth, rel=0.5 / order)


def test_a_curve_without_a_knee_is_said_to_have_none() -> None:
    knee = Knee(1.0, 100.0, 6)
    for _ in range(6):
        fluence = knee.ask()
        knee.tell(fluence, 3 * fluence)
    assert not knee.known()
    assert knee.fluence() == pytest.approx(10)
    assert refined([1, 10, 100], 3, 2) == pytest.approx([1, 10**0.5, 10, 100])
    assert around(0.1, 2, 4, 1.0, 100.0) == [1.0]


def test_damage_needs_two_points_of_a_sweep_or_one_reference() -> None:
    damage = Damage(0.5, 1)
    for fluence in (1.0, 2.0, 4.0):
        damage.first(fluence, 10 * fluence)
    assert damage.again(3.0, 30.0, 0.1) == pytest.approx(1)
    assert damage.again(3.0, 6.0, 0.1) == pytest.approx(0.2)
    assert not damage.reason
    damage.again(2.0, 4.0, 0.1)
    assert "0.20" in damage.reason
    noisy = Damage(0.5, 1)
    noisy.first(1.0, 10.0)
    noisy.again(1.0, 3.0, 5.0, reference=True)
    assert not noisy.reason, "that may be noise"
    noisy.again(1.0, 1.0, 0.1, reference=True)
    assert noisy.reason


def test_filters_are_chosen_from_what_the_last_frames_showed(table: Any) -> None:
    ranges = Range(table, 40_000, 1)
    assert ranges.choose(1.0) == 0
    ranges.tell(1.0, 10_000)
    ranges.tell(2.0, 20_000)
    assert ranges.choose(2.2) == 0
    assert ranges.choose(6.0) == 1
    assert ranges.choose(1.0, gathered=20) == 1
    ranges.tell(2.0, 65_000, saturated=True)
    assert ranges.choose(2.0) == 1
