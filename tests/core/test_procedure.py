"""Procedures are frozen, validated values."""

import copy
import pickle
from typing import ClassVar, Literal, Self

import pydantic
import pytest

from perovskite_meas.core import Clock, Column, Linspace, Procedure, Rows, Sweep, param
from perovskite_meas.core.errors import ParameterError, UsageError
from perovskite_meas.core.procedure import extra_of
from perovskite_meas.core.roles import Scanner, Shutter
from perovskite_meas.procedures import PowerCalibration, TwoPhotonSaturation


class Toy(Procedure):
    """Do little."""

    points: Sweep = param(Linspace(0, 1, 3), unit="V", low=0, high="2 V", doc="points")
    dwell: float = param("10 ms", unit="s", low="1 ms", high=1, doc="dwell")
    repeats: int = param(2, low=1, high=5, doc="repeats")
    bias: float | None = param(None, unit="V", doc="bias")
    quick: bool = param(False, doc="quick")
    columns: ClassVar = (Column("x", "V", "where"),)

    def measure(self, *, shutter: Shutter, clock: Clock, scanner: Scanner | None = None) -> Rows:
        """Yield the points."""
        for x in self.points:
            yield {"x": x}


def test_quantities_are_taken_as_text_or_number_in_the_declared_unit() -> None:
    assert Toy(dwell="250 us" if False else "2.5 ms").dwell == 2.5e-3
    assert Toy(dwell=0.5).dwell == 0.5
    assert list(Toy(points="Linspace('0 mV', '500 mV', 2)").points) == [0, 0.5]


def test_command_line_text_becomes_the_declared_kind() -> None:
    toy = Toy(repeats="3", quick="yes")
    assert (toy.repeats, toy.quick) == (3, True)


def test_all_problems_are_told_at_once_with_range_unit_and_suggestion() -> None:
    with pytest.raises(ParameterError) as caught:
        Toy(dwel=1, points="Linspace(0, 3, 3)", repeats=9)
    text = str(caught.value)
    assert "did you mean 'dwell'" in text
    assert "points = 3 V is outside 0 V .. 2 V (range set by the procedure)" in text
    assert "repeats = 9 is outside 1 .. 5" in text
    assert len(caught.value.problems) == 3


def test_a_wrong_unit_names_the_parameter_and_the_unit_wanted() -> None:
    with pytest.raises(ParameterError, match=r"dwell: '3 kg' cannot be expressed in s; write it like '1 s'"):
        Toy(dwell="3 kg")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, "soon"])
def test_what_is_no_finite_quantity_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="dwell"):
        Toy(dwell=value)


def test_a_procedure_is_frozen_and_replace_validates_again() -> None:
    toy = Toy()
    with pytest.raises(Exception, match="frozen"):
        toy.dwell = 1.0
    with pytest.raises(ParameterError, match="outside"):
        toy.replace(dwell="1 h")
    assert toy.replace(dwell=0.2).dwell == 0.2


def test_the_text_form_shows_only_what_differs_from_the_defaults() -> None:
    assert repr(Toy(dwell=0.2)) == "Toy(dwell=0.2)"


def test_parameters_come_back_from_json() -> None:
    toy = Toy(points="Linspace(0, 2, 5)", bias="3 mV")
    assert Toy(**toy.to_json()) == toy


@pytest.mark.parametrize("kind", [TwoPhotonSaturation, PowerCalibration])
def test_a_procedure_can_be_copied_and_pickled(kind: type[Procedure]) -> None:
    whole = kind()
    for again in (copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):  # noqa: S301
        assert again == whole
        assert again.to_json() == whole.to_json()


class Pair(Procedure):
    """Want two that fit."""

    low: int = param(1, doc="low")
    high: int = param(2, doc="high")
    word: Literal["a", "b"] = param("a", doc="word")

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high = {self.high} is below low = {self.low}: exchange them")
        return self


def test_what_concerns_several_parameters_is_told_as_the_procedure_says_it() -> None:
    with pytest.raises(ParameterError) as caught:
        Pair(low=3)
    assert list(caught.value.problems) == ["high = 2 is below low = 3: exchange them"]
    with pytest.raises(ParameterError) as caught:
        Pair(word="c")
    assert list(caught.value.problems) == ["word: Input should be 'a' or 'b'"]


class Positive(Procedure):
    """Take no zero."""

    power: float = param("1 uW", unit="W", above=0, high="1 mW", doc="power")
    powers: Sweep = param("1 uW, 2 uW", unit="W", above="0.1 uW", doc="powers")
    gain: float = param(2, above=1, doc="gain")


def test_a_parameter_may_have_to_be_above_a_bound() -> None:
    assert Positive(power="1 nW", gain=1.0001).power == 1e-9
    with pytest.raises(ParameterError) as caught:
        Positive(power=0, powers=[2e-7, 1e-7], gain=1)
    assert list(caught.value.problems) == [
        "power = 0 W must be above 0 W and at most 1 mW (range set by the procedure)",
        "powers = 100 nW must be above 100 nW (range set by the procedure)",
        "gain = 1 must be above 1 (range set by the procedure)",
    ]
    with pytest.raises(ParameterError, match="at most 1 mW"):
        Positive(power="2 mW")
    assert extra_of(Positive.model_fields["power"]) == {"unit": "W", "low": None, "high": 1e-3, "above": 0.0}
    assert Positive.model_fields["gain"].json_schema_extra["above"] == 1
    with pytest.raises(UsageError, match="either low=0 or above=0"):
        param(1, low=0, above=0, doc="both")


def test_roles_are_read_from_the_signature() -> None:
    roles = Toy.roles()
    assert roles["shutter"] == (Shutter, False)
    assert roles["scanner"] == (Scanner, True)
    assert list(roles) == ["shutter", "clock", "scanner"]


@pytest.mark.parametrize("kind", [TwoPhotonSaturation, PowerCalibration])
def test_every_shipped_procedure_documents_all_its_parameters_and_columns(kind: type[Procedure]) -> None:
    assert kind.__doc__
    assert kind.table
    assert kind.columns
    for name, info in kind.model_fields.items():
        assert info.description, name
    for column in kind.columns:
        assert column.doc
        assert column.unit
