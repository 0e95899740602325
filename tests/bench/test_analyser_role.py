"""The analyser: a polarisation angle in the lab's frame, whatever turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError, HardwareFault, UsageError
from perovskite_meas.core.roles import Analyser

ROLE = "  analyser: {use: ell14_b.angle, zero: 12 deg}\n"


@pytest.fixture
def make_analyser(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    owner = type(lab.mount)(lab)
    lab.parameters["ell14_b.angle"] = type(lab["sc10.state"])("ell14_b.angle", owner, lab, 0.0)

    def made(more: str = "") -> Any:
        role = ROLE.replace("zero: 12 deg", f"zero: 12 deg{more}")
        return make({"  scanner:": role + "  scanner:"})

    return made


def test_a_half_wave_plate_turns_the_polarisation_by_twice_its_own_turn(
    make_analyser: Callable[..., Any], lab: Any
) -> None:
    analyser = make_analyser().roles["analyser"]
    assert isinstance(analyser, Analyser)
    assert analyser.set_angle(90.0) == pytest.approx(90.0)
    assert lab["ell14_b.angle"].value == pytest.approx(57.0)
    assert analyser.set_angle(-45.0) == pytest.approx(-45.0)
    assert lab["ell14_b.angle"].value == pytest.approx(349.5)


def test_a_polariser_turns_it_by_its_own(make_analyser: Callable[..., Any], lab: Any) -> None:
    make_analyser(", element: polariser").roles["analyser"].set_angle(90.0)
    assert lab["ell14_b.angle"].value == pytest.approx(102.0)


def test_it_is_homed_once_before_it_is_trusted(make_analyser: Callable[..., Any], lab: Any) -> None:
    analyser = make_analyser().roles["analyser"]
    analyser.set_angle(0.0)
    analyser.set_angle(10.0)
    assert [name for name, _ in lab.log if "ell14" in name] == ["ell14", "ell14_b.angle", "ell14_b.angle"]


def test_it_turns_in_the_light_and_the_power_stays_known(make_analyser: Callable[..., Any]) -> None:
    bench = make_analyser()
    bench.roles["shutter"].block()
    bench.roles["attenuator"].set_power(1e-6)
    known = bench.guard.power
    with bench.roles["shutter"].exposure():
        bench.roles["analyser"].set_angle(45.0)
    assert bench.guard.power == known is not None


def test_the_angle_reached_is_told_and_a_miss_is_a_fault(make_analyser: Callable[..., Any], lab: Any) -> None:
    analyser, handle = make_analyser().roles["analyser"], lab["ell14_b.angle"]
    handle.answer = lambda: handle.value + 0.1
    assert analyser.set_angle(30.0) == pytest.approx(30.2)
    handle.answer = lambda: handle.value + 1.0
    with pytest.raises(HardwareFault, match=r"turned to 27.000 deg but stands at 28.000 deg"):
        analyser.set_angle(30.0)
    with pytest.raises(UsageError, match="nan deg is no angle"):
        analyser.set_angle(float("nan"))


def test_element_and_accuracy_are_kept_with_the_data(make_analyser: Callable[..., Any]) -> None:
    found = make_analyser(", accuracy: 0.5 deg").conditions()["analyser"]
    assert found == {"element": "half_wave", "accuracy": {"value": 0.5, "sigma": 0.0, "unit": "deg"}}


def test_an_unknown_element_and_a_missing_zero_are_refused(make_analyser: Callable[..., Any], make: Any) -> None:
    with pytest.raises(BenchError, match="must be half_wave or polariser; got 'quarter_wave'"):
        make_analyser(", element: quarter_wave")
    with pytest.raises(BenchError, match="needs 'zero'"):
        make({"  scanner:": "  analyser: ell14_b.angle\n  scanner:"})


def test_a_move_takes_its_time_in_a_dry_run(make_analyser: Callable[..., Any], lab: Any) -> None:
    class One(Procedure):
        def measure(self, *, analyser: Analyser) -> Rows:
            yield {}

    twin: Any = make_analyser().rehearse(One()).arguments["analyser"]
    assert twin.set_angle(90.0) == pytest.approx(90.0)
    assert 0.2 < twin.clock.now() < 1.0
    assert lab.log == []
