"""A positioner: always from the same side, within its range, read back; and film stages in mm as a scanner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError, HardwareFault, UsageError
from perovskite_meas.core.roles import Positioner, Scanner

ROLE = "  slit: {kind: positioner, use: smc.position, range: [0 mm, 2 mm], zero: 5 mm, approach: 0.1 mm}\n"
STAGES = """  scanner: {x: esp.axis1.position, y: esp.axis2.position, scale: 1000 um/mm, origin: [12 mm, 10 mm],
            tolerance: 1 um, settle: 0.1 s}
"""


def with_more(lab: Any, *names: str) -> Any:
    kind, owner = type(lab["sc10.state"]), type(lab.mount)(lab)
    lab.parameters.update({name: kind(name, owner, lab, 5.0) for name in names})
    return owner


@pytest.fixture
def make_slit(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    with_more(lab, "smc.position")

    def made(replace: dict[str, str] | None = None) -> Any:
        role = ROLE
        for old, new in (replace or {}).items():
            assert old in role
            role = role.replace(old, new)
        return make({"  scanner:": role + "  scanner:"})

    return made


def moves(lab: Any, name: str = "smc.position") -> list[float]:
    return [value for found, value in lab.log if found == name]


def test_it_always_arrives_from_below_and_is_homed_first(make_slit: Callable[..., Any], lab: Any) -> None:
    slit = make_slit().roles["slit"]
    assert isinstance(slit, Positioner)
    assert slit.move_to(1.0) == pytest.approx(1.0)
    assert lab.log[0] == ("ell14", "home")
    assert moves(lab) == pytest.approx([6.0])  # from far below
    assert slit.move_to(0.5) == pytest.approx(0.5)
    assert moves(lab)[1:] == pytest.approx([5.4, 5.5])
    assert slit.move_to(0.55) == pytest.approx(0.55)
    assert moves(lab)[3:] == pytest.approx([5.45, 5.55])
    assert [name for name, _ in lab.log].count("ell14") == 1


def test_a_stage_that_runs_the_other_way_is_turned_round(make_slit: Callable[..., Any], lab: Any) -> None:
    slit = make_slit({"zero: 5 mm": "zero: 5 mm, sense: -1"}).roles["slit"]
    assert slit.move_to(1.5) == pytest.approx(1.5)
    assert moves(lab) == pytest.approx([3.4, 3.5])


def test_it_may_arrive_from_above_where_there_is_nothing_below(make_slit: Callable[..., Any], lab: Any) -> None:
    slit = make_slit({"zero: 5 mm, approach: 0.1 mm": "approach: -0.1 mm"}).roles["slit"]
    slit.move_to(0.0)
    slit.move_to(0.5)
    assert moves(lab) == pytest.approx([0.0, 0.6, 0.5])  # it stood at 5 mm


def test_a_position_beyond_the_range_is_refused_before_anything_moves(make_slit: Callable[..., Any], lab: Any) -> None:
    slit = make_slit().roles["slit"]
    for place in (2.01, -0.01, float("nan")):
        with pytest.raises(UsageError, match=r"only from 0 mm to 2 mm \(option `range`\)"):
            slit.move_to(place)
    assert slit.span() == (0.0, 2.0)
    assert lab.log == []
    slit.move_to(2.0)


def test_a_stage_that_misses_is_a_fault(make_slit: Callable[..., Any], lab: Any) -> None:
    slit, stage = make_slit().roles["slit"], lab["smc.position"]
    stage.answer = lambda: stage.value + 0.0015
    assert slit.move_to(1.0) == pytest.approx(1.0015)
    stage.answer = lambda: stage.value + 0.003
    with pytest.raises(HardwareFault, match=r"sent to 6.0000 mm but stands at 6.0030 mm, more than 2 um off"):
        slit.move_to(1.0)


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({", range: [0 mm, 2 mm]": ""}, "needs 'range'"),
        ({"[0 mm, 2 mm]": "[2 mm, 0 mm]"}, "must rise; got 2 to 0 mm"),
        ({"approach: 0.1 mm": "approach: 3 mm"}, "must be less than the range"),
        ({"approach: 0.1 mm": "sense: 2"}, "must be 1 or -1; got 2"),
    ],
)
def test_a_positioner_that_cannot_be_is_refused(
    make_slit: Callable[..., Any], replace: dict[str, str], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        make_slit(replace)


def test_a_dry_run_takes_the_time_of_the_way_and_notes_what_is_beyond(make_slit: Callable[..., Any], lab: Any) -> None:
    class One(Procedure):
        def measure(self, *, slit: Positioner) -> Rows:
            yield {}

    rehearsal = make_slit().rehearse(One())
    twin: Any = rehearsal.arguments["slit"]
    assert twin.move_to(2.0) == pytest.approx(2.0)
    assert 0.3 < twin.clock.now() < 2.0
    twin.move_to(3.0)
    assert len(rehearsal.problems) == 1
    assert "cannot go to 3.0000 mm" in rehearsal.problems[0]
    assert lab.log == []


@pytest.fixture
def make_stages(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    lab.owner = with_more(lab, "esp.axis1.position", "esp.axis2.position")

    def made(role: str = STAGES) -> Any:
        old = "  scanner: {x: sr400.port_1, y: sr400.port_2, scale: 2 um/V, off_emitter: [3 um, 0 um]}\n"
        return make({old: role})

    return made


def test_a_film_on_stages_is_moved_in_um_from_its_origin(make_stages: Callable[..., Any], lab: Any) -> None:
    bench = make_stages()
    assert isinstance(bench.roles["scanner"], Scanner)
    scanner: Any = bench.roles["scanner"]
    scanner.begin()
    assert lab.log == []  # no homing of a stage that nobody asks to move
    scanner.move_to(0.0, -250.0)
    assert ("ell14", "home") in lab.log
    assert [lab[f"esp.axis{number}.position"].value for number in (1, 2)] == pytest.approx([12.0, 9.75])
    assert scanner.position() == pytest.approx((0.0, -250.0))
    assert bench.ledger.spot == "0.000,-250.000"
    scanner.begin()
    scanner.on_emitter()
    assert lab["esp.axis2.position"].value == pytest.approx(10.0)
    assert bench.ledger.spot == "emitter"


def test_a_film_that_missed_its_place_is_a_fault(make_stages: Callable[..., Any], lab: Any) -> None:
    scanner, axis = make_stages().roles["scanner"], lab["esp.axis1.position"]
    axis.answer = lambda: axis.value + 0.002
    with pytest.raises(HardwareFault, match=r"missed by 2 um, more than 1 um \(option `tolerance`\)"):
        scanner.move_to(100.0, 0.0)


def test_stages_that_lost_their_place_are_not_moved_blindly(make_stages: Callable[..., Any], lab: Any) -> None:
    scanner = make_stages(STAGES.replace(" origin: [12 mm, 10 mm],", "")).roles["scanner"]
    scanner.begin()
    with pytest.raises(HardwareFault, match=r"has lost its place since it was switched on.*origin: \[12.5 mm"):
        scanner.move_to(100.0, 0.0)
    assert lab.log == []
    lab.owner.home()
    scanner.move_to(100.0, 0.0)
    assert lab["esp.axis1.position"].value == pytest.approx(5.1)


def test_a_place_within_the_resolution_of_the_stages_is_still_the_same(
    make_stages: Callable[..., Any], lab: Any
) -> None:
    scanner = make_stages(STAGES.replace(" origin: [12 mm, 10 mm],", "")).roles["scanner"]
    lab.owner.home()
    scanner.move_to(100.0, 0.0)
    axis = lab["esp.axis1.position"]
    axis.answer = lambda: axis.value + 0.0004
    scanner.begin()
    assert scanner.position() == pytest.approx((100.0, 0.0))


def test_a_dry_run_starts_on_the_film(make_stages: Callable[..., Any], lab: Any) -> None:
    class One(Procedure):
        def measure(self, *, scanner: Scanner) -> Rows:
            yield {}

    twin: Any = make_stages().rehearse(One()).arguments["scanner"]
    assert twin.position() == pytest.approx((0.0, 0.0))
    twin.move_to(0.0, 500.0)
    assert 0.5 < twin.clock.now() < 3.0
    assert lab.log == []


def test_the_unit_of_a_scale_is_that_of_its_axes(make_stages: Callable[..., Any]) -> None:
    with pytest.raises(BenchError, match="cannot be expressed in um/V"):
        make_stages(STAGES.replace("1000 um/mm", "1000 um/s"))
