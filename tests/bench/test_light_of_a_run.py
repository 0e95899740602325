"""A run on the bench: dose, limits, dry run and safe state."""

from __future__ import annotations

import math
import re
from typing import ClassVar

import pytest

from perovskite_meas.core import Clock, Column, Procedure, Rows
from perovskite_meas.core.errors import LimitError
from perovskite_meas.core.roles import PhotonCounter, Shutter

AREA = math.pi * (433e-7) ** 2 / 2


def test_every_second_of_light_is_booked_to_the_spot_that_took_it(bench, lab, points):
    rows = list(points().measure(**bench.bind(points())))
    power = bench.guard.power
    settle = 2 * 0.005
    assert [row["dose"] for row in rows] == pytest.approx([n * power * (1 + settle) / AREA for n in range(3)])
    assert rows[0]["dose"] == 0
    bench.roles["scanner"].off_emitter()
    assert bench.ledger.dose() == 0
    with bench.roles["shutter"].exposure():
        lab.clock.sleep(2)
    spots = bench.ledger.entries()
    assert spots["3.000,0.000"]["on_time"] == pytest.approx(2 + settle)
    assert spots["emitter"]["energy"] == pytest.approx(3 * power * (1 + settle))
    assert spots["emitter"]["photons"] == pytest.approx(spots["emitter"]["energy"] / 2.48305e-19, rel=1e-5)
    bench.bind(points())
    assert bench.ledger.entries() == {}


def test_the_dose_limit_stops_a_run_with_the_light_off(bench, lab, points):
    rows = points(power=8e-5, points=100).measure(**bench.bind(points()))
    with pytest.raises(LimitError, match=r"dose .* on the emitter exceeds the limit of 200 kJ/cm\^2 \(limits.dose, be"):
        list(rows)
    assert lab["sc10.state"].value == "closed"
    assert bench.ledger.dose() < 2e5


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("average_power: 5 uW", "average power 10 uW at the sample exceeds the limit of 5 uW"),
        ("fluence: 0.5 mJ/cm^2", "fluence 679.1 uJ/cm^2 of a pulse at 10 uW exceeds the limit of 500 uJ/cm^2"),
        ("peak_irradiance: 1e9 W/cm^2", "peak irradiance 4.253 GW/cm^2 at 10 uW exceeds the limit of 1 GW/cm^2"),
    ],
)
def test_each_limit_names_value_limit_line_and_what_to_do(make, lab, limit, text, points):
    name = limit.split(":")[0]
    whole = {"average_power": "average_power: 90 uW", "fluence": "fluence: 10 mJ/cm^2"}
    bench = make({whole.get(name, "peak_irradiance: 1e11 W/cm^2"): limit})
    with pytest.raises(LimitError, match=re.escape(text)) as caught:
        list(points().measure(**bench.bind(points())))
    assert f"(limits.{name}, bench.yaml:10); ask for less power" in str(caught.value)
    assert ("sc10.state", "open") not in lab.log


def test_a_dry_run_predicts_time_dose_and_extremes_without_instruments(bench, lab, points):
    procedure = points()
    rehearsal = bench.rehearse(procedure)
    rows = list(procedure.measure(**rehearsal.arguments))
    assert lab.log == []
    assert all(math.isnan(row["counts"]) for row in rows)
    assert rows[0]["head"] == pytest.approx(1e-4)
    assert rehearsal.problems == []
    assert rehearsal.opened == 3
    assert rehearsal.max_power == pytest.approx(1e-5)
    assert rehearsal.max_fluence == pytest.approx(6.791e-4, rel=1e-3)
    assert rehearsal.max_irradiance == pytest.approx(4.25e9, rel=2e-3)
    assert 3 * 1e-5 / AREA < rehearsal.dose < 1.3 * 3 * 1e-5 / AREA
    assert 3 < rehearsal.clock.now() < 10
    assert bench.guard.opened == 0


def test_a_dry_run_goes_on_and_reports_every_limit_that_would_be_broken(make, points):
    bench = make({"fluence: 10 mJ/cm^2": "fluence: 1 mJ/cm^2", "dose: 2e5": "dose: 1e4"})
    procedure = points(power=1.05e-4, points=5)
    rehearsal = bench.rehearse(procedure)
    assert len(list(procedure.measure(**rehearsal.arguments))) == 5
    power, dose, fluence = sorted(rehearsal.problems)
    assert power.startswith("average power 105 uW")
    assert fluence.startswith("fluence 7.131 mJ/cm^2")
    assert re.match(r"dose (1[89]\d|2[01]\d)(\.\d)? kJ/cm\^2 on the emitter", dose), (
        "the whole run's dose, not the first"
    )
    outside = points(power=2e-7)
    rehearsal = bench.rehearse(outside)
    list(outside.measure(**rehearsal.arguments))
    assert "outside 500 nW .. 110 uW" in rehearsal.problems[0]


def test_the_safe_state_takes_every_step_whatever_fails(bench, lab):
    lab["sc10.state"].refuse = OSError("line is dead")
    problems = bench.make_safe()
    assert problems == ["safe state, step 1 (shutter.block): OSError: line is dead"]
    assert lab["ell14.angle"].value == pytest.approx(57.5)
    lab["ell14.angle"].refuse = ValueError("motor")
    assert [problem.split(":")[0] for problem in bench.make_safe()] == [
        "safe state, step 1 (shutter.block)",
        "safe state, step 2 (attenuator.minimum)",
    ]


def test_a_step_of_the_safe_state_that_failed_is_tried_once_more_behind_the_others(bench, lab):
    state, angles = lab["sc10.state"], []

    def late():
        angles.append(lab["ell14.angle"].value)
        if len(angles) == 1:
            raise OSError("no reply in time")
        return state.value

    state.answer = late
    assert bench.make_safe() == [
        "safe state, step 1 (shutter.block): OSError: no reply in time; done at the second try"
    ]
    assert state.value == "closed"
    assert angles[-1] == pytest.approx(57.5), "the others do not wait for it"


def test_ctrl_c_during_the_safe_state_skips_no_step(bench, lab):
    state = lab["sc10.state"]
    interrupts = iter([KeyboardInterrupt])

    def interrupted_once():
        for stop in interrupts:
            raise stop
        return state.value

    state.answer = interrupted_once
    assert bench.make_safe() == ["safe state, step 1 (shutter.block): interrupted by Ctrl-C, tried again and done"]
    assert state.value == "closed"
    assert lab["ell14.angle"].value == pytest.approx(57.5)


def test_a_bench_without_attenuator_takes_the_stated_maximum_for_the_power(make, lab):
    replace = {
        "  waveplate: ell14.angle\n": "",
        "  attenuator: {use: ell14.angle, calibration: attenuator}\n": "",
        ", attenuator.minimum]": "]",
        "average_power: 90 uW": "average_power: 130 uW",
    }
    bench = make(replace)
    with bench.roles["shutter"].exposure():
        lab.clock.sleep(1)
    assert bench.ledger.entries()["emitter"]["energy"] == pytest.approx(1.2e-4, rel=0.02)
    bright = make(replace | {"average_power: 90 uW": "average_power: 100 uW"})
    with pytest.raises(LimitError, match=r"maximum, bench.yaml:1\d\), is assumed: lower it by hand and state"):
        bright.roles["shutter"].exposure().__enter__()


class Blind(Procedure):
    """Count without ever asking for the power."""

    columns: ClassVar = (Column("counts", "1", "counts"),)

    def measure(self, *, shutter: Shutter, counter: PhotonCounter, clock: Clock) -> Rows:
        with shutter.exposure():
            counts = counter.count(1.0).counts
        yield {"counts": counts}


def test_where_no_power_was_set_limits_and_ledger_take_the_most_that_is_stated(make, lab, points):
    bench = make({"average_power: 90 uW": "average_power: 150 uW"})
    rehearsal = bench.rehearse(Blind())
    assert len(list(Blind().measure(**rehearsal.arguments))) == 1
    assert rehearsal.problems == []
    assert rehearsal.max_power == pytest.approx(1.2e-4)
    list(points().measure(**bench.bind(points())))
    bench.make_safe()
    lab["ell14.angle"].value = 12.5  # by hand, to the most light
    assert len(list(Blind().measure(**bench.bind(Blind())))) == 1
    assert bench.ledger.entries()["emitter"]["energy"] == pytest.approx(1.2e-4 * 1.01)
    assert bench.ledger.dose() == pytest.approx(rehearsal.dose, rel=0.25)


def test_a_worst_case_beyond_a_limit_is_refused_before_any_light_with_what_to_do(bench, lab):
    says = r"120 uW at the sample exceeds the limit of 90 uW .*is not known, .*120 uW "
    says += r"\(calibrations.attenuator.maximum, bench.yaml:13\), is assumed: call attenuator.set_power before"
    rehearsal = bench.rehearse(Blind())
    list(Blind().measure(**rehearsal.arguments))
    assert re.search(says, rehearsal.problems[0])
    with pytest.raises(LimitError, match=says):
        list(Blind().measure(**bench.bind(Blind())))
    assert ("sc10.state", "open") not in lab.log


def test_the_highest_of_all_stated_maxima_is_assumed(make):
    for old, new, watt in (
        ("maximum: 120 uW}", "maximum: 140 uW}", 1.4e-4),
        ("waveplate: ell14.angle", "waveplate: {use: ell14.angle, maximum: 1 mW}", 1e-3),
    ):
        assert make({old: new}).guard.light == pytest.approx(watt)


def test_a_power_at_the_limit_itself_may_be_used(make, lab, points):
    """Read back, a mount may stand one step above the power asked for; that is no breach."""
    bench = make({"average_power: 90 uW": "average_power: 50 uW"})
    lab["ell14.angle"].answer = lambda: lab["ell14.angle"].value - 0.05
    procedure = points(power=5e-5)
    rehearsal = bench.rehearse(procedure)
    list(procedure.measure(**rehearsal.arguments))
    assert rehearsal.problems == []
    assert len(list(procedure.measure(**bench.bind(procedure)))) == 3
    assert bench.guard.power > 5e-5
