"""Quantities as people write them, and values with their sigma."""

import pytest

from perovskite_meas.core import Value, show, to_unit, with_sigma
from perovskite_meas.core.analysis import StoredResult
from perovskite_meas.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("6.8e6 GM", "GM", 6.8e6),
        ("1 GM", "cm^4 s", 1e-50),
        ("5 MHz", "Hz", 5e6),
        ("0.64 mJ/cm^2", "J/cm^2", 0.64e-3),
        ("150 fs", "ps", 0.15),
        ("17.3 deg", "deg", 17.3),
        ("1e5 cps", "cps", 1e5),
        ("3 %", "1", 0.03),
        ("9.4 µW", "W", 9.4e-6),
        (2, "W", 2.0),
        ("2", "W", 2.0),
    ],
)
def test_quantities_are_converted(text: object, unit: str, expected: float) -> None:
    assert to_unit(text, unit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bad", ["3 parsecs per", "W", "", None, True, "1 furlongs^^2", [1]])
def test_what_is_no_quantity_is_refused(bad: object) -> None:
    with pytest.raises(UsageError):
        to_unit(bad, "W")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("433 +- 9 nm", (433, 9)), ("433 nm ± 2 %", (433, 8.66)), ("433 nm +/- 9 nm", (433, 9)), ("0.433 um", (433, 0))],
)
def test_sigmas_are_read_in_every_common_writing(text: str, expected: tuple[float, float]) -> None:
    assert with_sigma(text, "nm") == pytest.approx(expected)


def test_a_plain_number_may_carry_a_plain_sigma() -> None:
    assert with_sigma("0.08 +- 0.03", "1") == (0.08, 0.03)
    assert with_sigma("1e-4 +- 5e-5", "1") == (1e-4, 5e-5)
    assert with_sigma("0 +- 0.5 uW", "W") == (0, 5e-7)


def test_a_value_shows_as_many_digits_as_its_sigma_deserves() -> None:
    assert str(Value(6.8123e6, 2.1e5, "GM")) == "(6.81 ± 0.21)e6 GM"
    assert str(Value(2.003, 0.012, "1")) == "2.003 ± 0.012"


def test_a_value_converts_with_all_its_sigmas_and_comes_back_from_json() -> None:
    value = Value.combine(1.5, 0.03, 0.04, "mJ/cm^2")
    assert value.sigma == pytest.approx(0.05)
    converted = value.to("J/cm^2")
    assert converted.statistical == pytest.approx(3e-5)
    assert Value.from_json(value.to_json()) == value


def test_the_pull_counts_sigmas() -> None:
    assert Value(11, 2, "1").pull(10) == 0.5


def test_a_stored_result_names_its_fields_when_asked_for_another() -> None:
    result = StoredResult({"slope": {"__value__": Value(2, 0.1, "1").to_json()}})
    assert result.slope == Value(2, 0.1, "1")
    with pytest.raises(AttributeError, match="it has slope"):
        _ = result.slop


def test_numbers_are_shown_with_a_readable_prefix() -> None:
    assert show(1.3e-6, "W") == "1.3 uW"
    assert show(0, "W") == "0 W"


def test_small_quantities_are_written_with_a_prefix() -> None:
    value = Value.combine(8.94e-6, 3e-8, 5.6e-7, "J/cm^2")
    assert str(value) == "8.94 ± 0.56 uJ/cm^2"
    assert value.prefixed().statistical == pytest.approx(0.03)
    assert str(Value(6.8e6, 1e5, "GM")) == "(6.80 ± 0.10)e6 GM"
    assert Value(5.0, 1.0, "W").prefixed() == Value(5.0, 1.0, "W")
