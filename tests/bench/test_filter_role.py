"""Neutral filters: by transmission from the highest down, seen to stand, and kept with the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError, HardwareFault, UsageError
from perovskite_meas.core.roles import Filter

ROLE = "  filter: {use: wheel.position, transmissions: [10 % +- 5 %, 100 %, 0, 1 % +- 5 %], settle: 0.2 s}\n"


@pytest.fixture
def make_filter(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    lab.parameters["wheel.position"] = type(lab["sc10.state"])("wheel.position", object(), lab, 3)

    def made(replace: dict[str, str] | None = None) -> Any:
        role = ROLE
        for old, new in (replace or {}).items():
            assert old in role
            role = role.replace(old, new)
        return make({"  scanner:": role + "  scanner:"})

    return made


def test_filters_are_numbered_from_the_highest_transmission_down(make_filter: Callable[..., Any], lab: Any) -> None:
    found = make_filter().roles["filter"]
    assert isinstance(found, Filter)
    assert found.transmissions() == (1.0, 0.1, 0.01)
    assert [found.insert(step) for step in (0, 1, 2)] == [1.0, 0.1, 0.01]
    assert [value for _, value in lab.log] == [2, 1, 4]
    assert lab.clock.time == pytest.approx(0.6)


def test_one_that_is_in_is_not_changed(make_filter: Callable[..., Any], lab: Any) -> None:
    found = make_filter().roles["filter"]
    found.insert(1)
    lab.log.clear()
    assert found.insert(1) == 0.1
    assert lab.log == []
    lab["wheel.position"].value = 3  # a hand
    found.insert(1)
    assert lab.log == [("wheel.position", 1)]


def test_a_wheel_that_stands_elsewhere_is_a_fault(make_filter: Callable[..., Any], lab: Any) -> None:
    lab["wheel.position"].answer = lambda: 3
    with pytest.raises(HardwareFault, match="sent to place 2 but says that it stands at 3"):
        make_filter().roles["filter"].insert(0)


@pytest.mark.parametrize("step", [-1, 3])
def test_a_filter_that_is_not_there_is_refused(make_filter: Callable[..., Any], lab: Any, step: int) -> None:
    with pytest.raises(UsageError, match=f"has 3 filters, 0 to 2 from the highest transmission down; got {step}"):
        make_filter().roles["filter"].insert(step)
    assert lab.log == []


def test_the_transmissions_are_kept_with_the_data(make_filter: Callable[..., Any]) -> None:
    found = make_filter().conditions()["filter"]["transmissions"]
    assert [entry["value"] for entry in found] == [1.0, 0.1, 0.01]
    assert [entry["sigma"] for entry in found] == pytest.approx([0.0, 0.005, 0.0005])
    assert {entry["unit"] for entry in found} == {"1"}


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"100 %": "120 %"}, "must be shares from 0"),
        ({"[10 % +- 5 %, 100 %, 0, 1 % +- 5 %]": "[0, 0]"}, "at least one that lets light through"),
        ({"[10 % +- 5 %, 100 %, 0, 1 % +- 5 %]": "all"}, "must be a list"),
        ({"100 %": "much"}, "is not a number"),
    ],
)
def test_a_wheel_that_cannot_be_is_refused(
    make_filter: Callable[..., Any], replace: dict[str, str], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        make_filter(replace)


def test_a_dry_run_takes_the_time_of_a_change(make_filter: Callable[..., Any], lab: Any) -> None:
    class One(Procedure):
        def measure(self, *, filter: Filter) -> Rows:
            yield {}

    twin: Any = make_filter().rehearse(One()).arguments["filter"]
    twin.insert(2)
    assert 1.0 < twin.clock.now() < 1.5
    assert lab.log == []
