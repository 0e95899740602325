"""The bench as a whole: binding roles, checks, conditions and description."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError
from perovskite_meas.core.roles import (
    Attenuator,
    Ledger,
    PhotonCounter,
    PowerMeter,
    Scanner,
    Shutter,
    Waveplate,
)


def test_a_procedure_gets_its_roles_by_name(bench, lab, points):
    arguments = bench.bind(points())
    assert arguments["clock"] is bench.clock
    assert arguments["clock"].now() == lab.clock.now()
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


def test_missing_roles_and_roles_of_the_wrong_kind_are_named_together(make, points):
    class Demanding(Procedure):
        columns: ClassVar = points.columns

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


def test_an_optional_role_that_is_absent_is_none(make, points):
    line = "  scanner: {x: sr400.port_1, y: sr400.port_2, scale: 2 um/V, off_emitter: [3 um, 0 um]}\n"
    assert make({line: ""}).bind(points())["scanner"] is None


def test_checking_and_rehearsing_ask_no_instrument(bench, lab, points):
    bench.check(points())
    bench.rehearse(points())
    assert all(parameter.asked == 0 for parameter in lab.parameters.values())
    assert lab.log == []


def test_parameters_that_the_station_lacks_are_named_together(make):
    with pytest.raises(BenchError) as caught:
        make({"shutter: sc10.state": "shutter: sc10.stat", "use: pickoff.power": "use: pickof.power"})
    first, second = caught.value.problems
    assert first == "bench.yaml:3: roles.shutter: no parameter 'sc10.stat'; did you mean 'sc10.state'?"
    assert second.startswith("bench.yaml:6: roles.meter: no parameter 'pickof.power'")


def test_what_an_analysis_lacks_is_told_before_the_run(bench, points):
    class Analysed(points):
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
