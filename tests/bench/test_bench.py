"""The bench as a whole: binding, conditions, limits over a run, dry run and safe state."""

from __future__ import annotations

import json
import math
import re
from typing import Any, ClassVar

import pytest

from perovskite_meas.core import Clock, Column, Procedure, Rows, param
from perovskite_meas.core.errors import BenchError, LimitError, UsageError
from perovskite_meas.core.roles import (
    Attenuator,
    Ledger,
    PhotonCounter,
    PowerMeter,
    Scanner,
    Shutter,
    Waveplate,
)

AREA = math.pi * (433e-7) ** 2 / 2


class Points(Procedure):
    """Counts at some powers."""

    power: float = param("10 uW", unit="W", doc="power")
    dwell: float = param("1 s", unit="s", doc="counting time")
    points: int = param(3, doc="points")

    columns: ClassVar = (
        Column("counts", "1", "counts"),
        Column("head", "W", "reading"),
        Column("dose", "J/cm^2", "dose"),
    )

    def measure(
        self,
        *,
        shutter: Shutter,
        attenuator: Attenuator,
        meter: PowerMeter,
        counter: PhotonCounter,
        clock: Clock,
        ledger: Ledger,
        scanner: Scanner | None = None,
    ) -> Rows:
        shutter.block()
        for _ in range(self.points):
            attenuator.set_power(self.power)
            dose = ledger.dose()
            with shutter.exposure():
                counts = counter.count(self.dwell).counts
            yield {"counts": counts, "head": meter.read(0.1).head, "dose": dose}


def test_a_procedure_gets_its_roles_by_name(bench, lab):
    arguments = bench.bind(Points())
    assert arguments["clock"] is lab.clock
    assert arguments["ledger"] is bench.ledger
    assert arguments["shutter"] is bench.roles["shutter"]
    assert isinstance(arguments["scanner"], Scanner)


def test_every_adapter_fulfils_its_protocol(bench):
    kinds = {
        "shutter": Shutter, "waveplate": Waveplate, "attenuator": Attenuator, "meter": PowerMeter,
        "sample_meter": PowerMeter, "counter": PhotonCounter, "scanner": Scanner,
    }  # fmt: skip
    for name, kind in kinds.items():
        assert issubclass(type(bench.roles[name]), kind)
    assert isinstance(bench.ledger, Ledger)


def test_missing_roles_and_roles_of_the_wrong_kind_are_named_together(make):
    class Demanding(Procedure):
        columns: ClassVar = Points.columns

        def measure(self, *, shuter: Shutter, meter: Shutter, magnet: Any, cryostat: Scanner | None = None) -> Rows:
            yield {}

    bench = make()
    with pytest.raises(BenchError) as caught:
        bench.bind(Demanding())
    missing, wrong, magnet = caught.value.problems
    assert "needs the role 'shuter' (Shutter), which bench.yaml does not have; did you mean 'shutter'" in missing
    assert "needs 'meter' as a Shutter, but in bench.yaml it is a PowerMeterAdapter, which has no block()" in wrong
    assert "'magnet: instrument.parameter' under roles" in magnet
    assert bench.check(Demanding()) == list(caught.value.problems)


def test_an_optional_role_that_is_absent_is_none(make):
    line = "  scanner: {x: sr400.port_1, y: sr400.port_2, scale: 2 um/V, off_emitter: [3 um, 0 um]}\n"
    assert make({line: ""}).bind(Points())["scanner"] is None


def test_binding_and_checking_ask_no_instrument_but_the_scanner(bench, lab):
    bench.check(Points())
    bench.rehearse(Points())
    assert all(parameter.asked == 0 for parameter in lab.parameters.values())
    assert lab.log == []


def test_parameters_that_the_station_lacks_are_named_together(make):
    with pytest.raises(BenchError) as caught:
        make({"shutter: sc10.state": "shutter: sc10.stat", "use: pickoff.power": "use: pickof.power"})
    first, second = caught.value.problems
    assert first == "bench.yaml:3: roles.shutter: no parameter 'sc10.stat'; did you mean 'sc10.state'?"
    assert second.startswith("bench.yaml:6: roles.meter: no parameter 'pickof.power'")


def test_what_an_analysis_lacks_is_told_before_the_run(bench):
    class Analysed(Points):
        analyses: ClassVar = ("satturation",)

    assert any("no 'satturation' among the analyses" in problem for problem in bench.check(Analysed()))


def test_conditions_hold_what_the_bench_states_as_quantities(bench):
    assert bench.conditions() == {
        "pulse": {
            "repetition_rate": {"value": 5e6, "sigma": 0.0, "unit": "Hz"},
            "duration": {"value": 150.0, "sigma": 7.5, "unit": "fs"},
            "shape": "gauss",
            "wavelength": {"value": 800.0, "sigma": 0.0, "unit": "nm"},
        },
        "spot": {
            "waist": {"value": 433.0, "sigma": pytest.approx(8.66), "unit": "nm"},
            "centring": {"value": 50.0, "sigma": 0.0, "unit": "nm"},
        },
        "power_at_sample": {
            "ratio": {"value": 0.1, "sigma": pytest.approx(0.003), "unit": "1"},
            "zero": {"value": 0.0, "sigma": 5e-7, "unit": "W"},
            "extinction": {"value": 1e-4, "sigma": 5e-5, "unit": "1"},
            "maximum": {"value": pytest.approx(1.2e-4), "sigma": 0.0, "unit": "W"},
        },
        "counter": {"dead_time": {"value": 45.0, "sigma": 0.0, "unit": "ns"}},
        "sample_meter": {"calibration": {"value": 1.0, "sigma": 0.03, "unit": "1"}},
        "sample": {
            "name": "dot 1",
            "two_photon_convention": "absorbed_photons",
            "expect": {
                "biexciton_ratio": {"value": 0.08, "sigma": 0.03, "unit": "1"},
                "brightness": {"value": 1e5, "sigma": pytest.approx(3e4), "unit": "cps"},
            },
        },
    }


def test_the_description_is_json_with_the_texts_of_all_files(bench):
    found = json.loads(json.dumps(bench.describe()))
    assert found["bench"]["text"].startswith("station: station.yaml")
    assert found["station"]["text"] == "instruments: {}\n"
    assert found["calibrations"]["spot"]["date"] == "2026-11-02"
    assert found["roles"]["scanner"] == {
        "kind": "scanner", "x": "sr400.port_1", "y": "sr400.port_2", "scale": 2.0, "off_emitter": [3.0, 0.0],
    }  # fmt: skip
    assert found["limits"]["dose"] == {"value": 2e5, "unit": "J/cm^2", "source": "bench.yaml:10"}


def test_every_second_of_light_is_booked_to_the_spot_that_took_it(bench, lab):
    rows = list(Points().measure(**bench.bind(Points())))
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
    bench.bind(Points())
    assert bench.ledger.entries() == {}


def test_the_dose_limit_stops_a_run_with_the_light_off(bench, lab):
    rows = Points(power=8e-5, points=100).measure(**bench.bind(Points()))
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
def test_each_limit_names_value_limit_line_and_what_to_do(make, lab, limit, text):
    name = limit.split(":")[0]
    whole = {"average_power": "average_power: 90 uW", "fluence": "fluence: 10 mJ/cm^2"}
    bench = make({whole.get(name, "peak_irradiance: 1e11 W/cm^2"): limit})
    with pytest.raises(LimitError, match=re.escape(text)) as caught:
        list(Points().measure(**bench.bind(Points())))
    assert f"(limits.{name}, bench.yaml:10); ask for less power" in str(caught.value)
    assert ("sc10.state", "open") not in lab.log


def test_a_dry_run_predicts_time_dose_and_extremes_without_instruments(bench, lab):
    procedure = Points()
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


def test_a_dry_run_goes_on_and_reports_every_limit_that_would_be_broken(make):
    bench = make({"fluence: 10 mJ/cm^2": "fluence: 1 mJ/cm^2", "dose: 2e5": "dose: 1e4"})
    procedure = Points(power=1.05e-4, points=5)
    rehearsal = bench.rehearse(procedure)
    assert len(list(procedure.measure(**rehearsal.arguments))) == 5
    power, dose, fluence = sorted(rehearsal.problems)
    assert power.startswith("average power 105 uW")
    assert fluence.startswith("fluence 7.131 mJ/cm^2")
    assert re.match(r"dose (1[89]\d|2[01]\d)(\.\d)? kJ/cm\^2 on the emitter", dose), (
        "the whole run's dose, not the first"
    )
    outside = Points(power=2e-7)
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
    dark = make(replace | {", maximum: 120 uW}\n  pulse": "}\n  pulse"})
    with pytest.raises(UsageError, match="a bench without attenuator states calibrations"):
        dark.roles["shutter"].exposure().__enter__()


def test_a_power_at_the_limit_itself_may_be_used(make, lab):
    """Read back, a mount may stand one step above the power asked for; that is no breach."""
    bench = make({"average_power: 90 uW": "average_power: 50 uW"})
    lab["ell14.angle"].answer = lambda: lab["ell14.angle"].value - 0.05
    procedure = Points(power=5e-5)
    rehearsal = bench.rehearse(procedure)
    list(procedure.measure(**rehearsal.arguments))
    assert rehearsal.problems == []
    assert len(list(procedure.measure(**bench.bind(procedure)))) == 3
    assert bench.guard.power > 5e-5
