"""The focus of a scanner: within its range, from where it stood, and only where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError, UsageError
from perovskite_meas.core.roles import CentringScanner, FocusingScanner

Z = "z: kpz.voltage, z_scale: 0.2 um/V, z_range: [1 um, 14 um], "


@pytest.fixture
def make_focus(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    lab.parameters["kpz.voltage"] = type(lab["sc10.state"])("kpz.voltage", object(), lab, 37.5)
    return lambda text=Z: make({"scale: 2 um/V,": f"scale: 2 um/V, {text}"})


@pytest.fixture
def scanner(make_focus: Callable[..., Any]) -> Any:
    found = make_focus().roles["scanner"]
    found.begin()
    return found


def test_a_scanner_with_z_focuses_and_one_without_does_not_look_like_it(scanner: Any, bench: Any) -> None:
    assert isinstance(scanner, FocusingScanner)
    plain = bench.roles["scanner"]
    assert isinstance(plain, CentringScanner)
    assert not isinstance(plain, FocusingScanner)
    assert not hasattr(type(plain), "focus_to")


def test_the_focus_counts_from_where_it_stood_when_the_run_began(scanner: Any, lab: Any) -> None:
    assert scanner.focus() == 0.0
    assert scanner.focus_to(0.4) == pytest.approx(0.4)
    assert lab["kpz.voltage"].value == pytest.approx(39.5)
    assert scanner.focus() == pytest.approx(0.4)
    scanner.begin()
    assert scanner.focus() == 0.0
    assert scanner.focus_span() == pytest.approx((-6.9, 6.1))


def test_the_focus_leaves_the_spot_where_it_is(scanner: Any, lab: Any) -> None:
    scanner.move_to(1.0, 0.0)
    lab.log.clear()
    scanner.focus_to(-1.0)
    assert [name for name, _ in lab.log] == ["kpz.voltage"]
    assert scanner.position() == pytest.approx((1.0, 0.0))


@pytest.mark.parametrize("z", [6.6, -6.6, float("nan")])
def test_beyond_the_range_nothing_moves(scanner: Any, lab: Any, z: float) -> None:
    lab.log.clear()
    with pytest.raises(UsageError, match=r"only from -6.5 um to 6.5 um of where it stood \(option `z_range`\)"):
        scanner.focus_to(z)
    assert lab.log == []
    assert scanner.focus_to(6.5) == pytest.approx(6.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("z: kpz.voltage, ", "needs `z_range`, how far the focus may go"),
        (Z.replace("[1 um, 14 um]", "[14 um, 1 um]"), "must rise; got 14 to 1 um"),
        (Z.replace("0.2 um/V", "0 um/V"), "must not be 0"),
    ],
)
def test_a_focus_that_cannot_be_is_refused(make_focus: Callable[..., Any], text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        make_focus(text)


def test_a_dry_run_focuses_in_the_middle_and_notes_what_is_beyond(make_focus: Callable[..., Any], lab: Any) -> None:
    class One(Procedure):
        def measure(self, *, scanner: CentringScanner) -> Rows:
            yield {}

    rehearsal = make_focus().rehearse(One())
    twin: Any = rehearsal.arguments["scanner"]
    assert isinstance(twin, FocusingScanner)
    assert twin.focus_span() == pytest.approx((-6.5, 6.5))
    twin.focus_to(1.0)
    assert rehearsal.problems == []
    twin.focus_to(20.0)
    (problem,) = rehearsal.problems
    assert "cannot go to z = 20 um" in problem
    assert lab.log == []
    plain = make_focus("").rehearse(One()).arguments["scanner"]
    assert not isinstance(plain, FocusingScanner)
