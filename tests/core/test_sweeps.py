"""Sweeps are values: they iterate, compose, and come back from their text."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.sweep_text import as_sweep, parse_sweep
from perovskite_meas.core.sweeps import (
    Linspace,
    Logspace,
    Sweep,
    Values,
    backwards,
    shuffled,
    there_and_back,
)

numbers = st.floats(min_value=1e-12, max_value=1e12, allow_nan=False)
simple = st.one_of(
    st.builds(Linspace, numbers, numbers, st.integers(1, 9)),
    st.builds(Logspace, numbers, numbers, st.integers(1, 9)),
    st.builds(Values, numbers, numbers),
)
sweeps = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(there_and_back, inner),
        st.builds(backwards, inner),
        st.builds(shuffled, inner, st.integers(0, 99)),
        st.builds(lambda a, b: a + b, inner, inner),
    ),
    max_leaves=4,
)


@given(sweeps)
def test_every_sweep_comes_back_from_its_text_with_the_same_points(sweep: Sweep) -> None:
    again = parse_sweep(str(sweep))
    assert again == sweep
    assert list(again) == list(sweep)


@given(sweeps)
def test_every_sweep_can_be_copied_and_pickled(sweep: Sweep) -> None:
    for again in (copy.copy(sweep), copy.deepcopy(sweep), pickle.loads(pickle.dumps(sweep))):  # noqa: S301
        assert type(again) is type(sweep)
        assert again == sweep
        assert list(again) == list(sweep)
        with pytest.raises(AttributeError, match="frozen"):
            again.num = 4


@given(sweeps)
def test_a_point_is_had_by_its_number(sweep: Sweep) -> None:
    points = list(sweep)
    assert [sweep[number] for number in range(len(sweep))] == points
    assert sweep[-1] == points[-1]
    with pytest.raises(IndexError, match=f"has {len(points)} points"):
        sweep[len(points)]


def test_a_slice_of_a_sweep_is_refused() -> None:
    with pytest.raises(TypeError, match="slice"):
        Linspace(0, 1, 3)[:2]  # type: ignore[index]


@pytest.mark.parametrize("points", [[1e-6, 2e-6], (1e-6, 2e-6), np.array([1e-6, 2e-6])])
def test_values_may_be_given_as_one_list_tuple_or_array(points: object) -> None:
    assert Values(points) == Values(1e-6, 2e-6) == parse_sweep("Values([1e-6, 2e-6])")
    assert list(Values(["1 uW", "2 uW"]).in_unit("W")) == pytest.approx([1e-6, 2e-6])


@pytest.mark.parametrize("points", [([],), ([1], [2]), (None,), (np.ones((2, 2)),)])
def test_what_is_no_point_is_refused(points: tuple[object, ...]) -> None:
    with pytest.raises(UsageError, match=r"cannot visit|names no point"):
        Values(*points)


def test_quantities_with_units_become_numbers_in_the_asked_unit() -> None:
    sweep = as_sweep("there_and_back(Logspace('1 uW', '1 mW', 4))", "W")
    assert list(sweep) == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-3, 1e-4, 1e-5, 1e-6], rel=1e-9)


def test_a_logspace_hits_its_ends_exactly() -> None:
    points = list(Logspace(1.3e-6, 3e-5, 24))
    assert (points[0], points[-1], len(points)) == (1.3e-6, 3e-5, 24)


def test_a_list_or_a_comma_separated_text_names_the_points() -> None:
    assert list(as_sweep("1 uW, 2 uW, 5 uW", "W")) == pytest.approx([1e-6, 2e-6, 5e-6])
    assert list(as_sweep([1, 2, 5], "W")) == [1, 2, 5]


def test_a_shuffled_sweep_holds_the_same_points_in_an_order_fixed_by_its_seed() -> None:
    sweep = shuffled(Linspace(0, 9, 10), 3)
    assert list(sweep) == list(shuffled(Linspace(0, 9, 10), 3)) != list(Linspace(0, 9, 10))
    assert sorted(sweep) == list(Linspace(0, 9, 10))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Logspce(1, 2, 3)", "did you mean 'Logspace'"),
        ("Logspace(0, 1, 3)", "positive ends"),
        ("Linspace(0, 1)", "missing"),
        ("Linspace(0, 1, 2.5)", "whole number"),
        ("Values()", "names no point"),
        ("__import__('os')", "is no sweep"),
        ("(lambda: 1)()", "not a sweep"),
        ("Linspace(0, 1, 3", "not a sweep"),
        ("Values(True)", "not a sweep"),
    ],
)
def test_what_is_no_sweep_is_refused_with_a_hint(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_sweep(text)


def test_a_sweep_in_the_wrong_unit_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be expressed in W"):
        as_sweep("Logspace('1 s', '2 s', 3)", "W")


def test_a_sweep_is_frozen() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        Linspace(0, 1, 3).num = 4  # type: ignore[misc]


def test_iterating_before_the_unit_is_known_is_refused() -> None:
    with pytest.raises(UsageError, match="bring the sweep to one"):
        list(Logspace("1 uW", "1 mW", 3))
