"""The checks for other laboratories find what is wrong, and say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from qcodes.instrument import Instrument
from qcodes.validators import Enum, Numbers

from perovskite_meas.core import Clock, Column, Procedure, Rows, Value, analysis, param
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.roles import Attenuator, Shutter
from perovskite_meas.testing import check_analysis, check_driver, check_procedure, checks_of, parametrize_with_checks
from perovskite_meas.testing.procedures import PROCEDURE_CHECKS


def only(what: str) -> Callable[..., None]:
    return next(check for check in PROCEDURE_CHECKS if what in check.__name__)


# procedures -----------------------------------------------------------------------------------------------


class Careless(Procedure):
    """Open the light and forget it."""

    powers: int = param(3, doc="")
    columns: ClassVar = (Column("n", "1", "number"), Column("n", "1", "again"))
    analyses: ClassVar = ("saturatoin", "saturation")
    table: ClassVar = "virtual_confocal"

    def measure(self, *, shutter: Shutter, attenuator: Attenuator, clock) -> Rows:  # type: ignore[no-untyped-def]
        """Yield numbers."""
        attenuator.set_power(5e-6)
        light = shutter.exposure()
        light.__enter__()
        for number in range(self.powers):
            clock.sleep(0.1)
            yield {"n": number}


class Careful(Careless):
    """Do the same in a `with` block."""

    powers: int = param(3, doc="how many numbers")
    columns: ClassVar = (Column("n", "1", "number"),)
    analyses: ClassVar = ()

    def measure(self, *, shutter: Shutter, attenuator: Attenuator, clock: Clock) -> Rows:
        """Yield numbers."""
        attenuator.set_power(5e-6)
        with shutter.exposure():
            for number in range(self.powers):
                clock.sleep(0.1)
                yield {"n": number}


class Timeless(Careful):
    """Take no time, and too much power."""

    def measure(self, *, attenuator: Attenuator) -> Rows:  # type: ignore[override]
        """Yield once."""
        yield {"n": 1}


def test_undocumented_parameters_double_columns_and_bare_roles_are_told_together() -> None:
    with pytest.raises(AssertionError) as caught:
        only("explains")(Careless)
    text = str(caught.value)
    assert "parameter 'powers' has no doc" in text
    assert "column 'n' is declared twice" in text
    assert "role 'clock' has no annotation" in text


def test_analyses_that_are_not_registered_or_lack_columns_are_told() -> None:
    with pytest.raises(AssertionError, match="'saturatoin' is not registered") as caught:
        only("analyses_need")(Careless)
    assert "needs the column 'pickoff_before' in W" in str(caught.value)


def test_a_shutter_left_open_is_told_with_the_row() -> None:
    with pytest.raises(AssertionError, match="'shutter' is open after close at row 1; open it in a `with` block"):
        only("light_off")(Careless)


def test_a_plan_without_duration_is_told() -> None:
    with pytest.raises(AssertionError, match=r"the planned duration is 0\.0 s; wait on the bench's clock"):
        only("planned")(Timeless)


def test_a_careful_procedure_passes_every_check() -> None:
    check_procedure(Careful)


def test_a_procedure_without_a_table_is_judged_by_what_it_declares() -> None:
    class Homeless(Careful):
        """Do it anywhere."""

        table: ClassVar = ""

    check_procedure(Homeless)


# analyses -------------------------------------------------------------------------------------------------


@dataclass
class Loose:
    mean: Value


@dataclass(frozen=True)
class Odd:
    """Holds what JSON cannot."""

    thing: complex
    """A complex number."""


@dataclass(frozen=True)
class Mean:
    """A mean."""

    mean: Value
    """In W."""
    parts: dict[str, float] | None
    """By cause."""


@analysis(needs={"power": "W"})
def loose(data: xr.Dataset) -> Loose:
    """Return a mean of nothing."""
    return Loose(Value(0.0, 0.0, "W"))


@analysis(needs={"power": "flurbs"})
def odd(data: xr.Dataset) -> Odd:
    """Return a complex number."""
    raise AnalysisRefused("never")


@analysis(needs={"power": "W"})
def greedy(data: xr.Dataset) -> Mean:
    """Change the data that it is given."""
    if not data.sizes.get("row"):
        raise AnalysisRefused("no rows")
    data["power"] = data["power"] * 2
    return Mean(Value(float(data["power"].mean()), 0.1, "W"), None)


@analysis(needs={"power": "W"})
def plain(data: xr.Dataset) -> Mean:
    """Return the mean."""
    if not data.sizes.get("row"):
        raise AnalysisRefused("no rows")
    return Mean(Value(float(data["power"].mean()), float("nan"), "W"), {"power": 0.1})


@plain.figure
def draw(data: xr.Dataset, result: Mean, figure: Figure) -> None:
    figure.subplots().plot(data["power"])


DATA = xr.Dataset({"power": ("row", np.array([1.0, 2.0]))})


def failures(thing: Any, **options: Any) -> dict[str, str]:
    """Return the checks that fail, by what they ask, with what they say."""
    found = {}
    for check in checks_of((thing, options)):
        try:
            check()
        except AssertionError as error:
            found[check.name.partition(": ")[2]] = str(error)
    return found


def test_a_loose_result_and_a_claim_from_nothing_are_told() -> None:
    found = failures(loose)
    assert set(found) == {"returns a frozen documented dataclass", "refuses an empty dataset"}
    documented = found["returns a frozen documented dataclass"]
    assert "write @dataclass(frozen=True)" in documented
    assert "Loose has no docstring" in documented
    assert "Loose.mean is not explained" in documented
    assert found["refuses an empty dataset"].count("raise AnalysisRefused") == 2


def test_unknown_units_and_results_that_json_cannot_hold_are_told() -> None:
    found = failures(odd)
    assert "'flurbs' is not a unit" in found["states what it needs with units"]
    assert "cannot be stored" in found["result survives json"]


def test_an_analysis_that_changes_its_data_or_draws_nothing_is_told() -> None:
    text = failures(greedy, data=DATA.copy(deep=True))["is a pure function with a figure"]
    assert "it changed the dataset" in text
    assert "two calls on the same data gave two results" in text
    assert "register a function with @analysis.figure" in text


def test_a_crash_on_an_empty_dataset_is_not_hidden() -> None:
    @analysis(needs={"power": "W"})
    def crashing(data: xr.Dataset) -> Mean:
        """Look first."""
        return Mean(Value(float(data["power"][0]), 0.1, "W"), None)

    with pytest.raises(KeyError):
        check_analysis(crashing)


def test_a_plain_analysis_passes_every_check_even_with_nan() -> None:
    check_analysis(plain, data=DATA)


# drivers --------------------------------------------------------------------------------------------------


class Terse(Instrument):
    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name)
        self.power = self.add_parameter("power", get_cmd=lambda: 1.0, vals=Numbers())

    def zero(self) -> None:
        return


class Wordy(Instrument):
    """A lamp."""

    def __init__(self, name: str, address: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.power = self.add_parameter("power", unit="W", get_cmd=lambda: 1.0, vals=Numbers())
        """Optical power."""
        self.state = self.add_parameter("state", docstring="On or off.", get_cmd=lambda: "on", vals=Enum("on", "off"))

    def get_idn(self) -> dict[str, str | None]:
        """Return who it is."""
        return {"vendor": "Lab", "model": "Lamp", "serial": None, "firmware": None}


def test_a_driver_without_address_docs_and_units_is_told() -> None:
    found = failures(Terse)
    assert "__init__ takes no 'address'" in found["is an instrument that takes name address and keywords"]
    assert "zero() has no docstring" in found["explains itself and its methods"]
    assert "the class has no docstring" in found["explains itself and its methods"]
    parameters = found["gives every parameter a doc and a unit"]
    assert "'power' is not explained" in parameters
    assert "'power' has no unit; give it unit=... ('1' for a plain number)" in parameters


def test_an_opened_driver_is_judged_by_what_it_has_and_closed_again() -> None:
    check_driver(Wordy, address="nowhere")
    assert not Instrument.exist("checked")


def test_parameters_that_the_source_does_not_show_are_found_when_it_is_opened() -> None:
    class Hidden(Wordy):
        """A lamp with more."""

        def __init__(self, name: str, address: str, **kwargs: Any) -> None:
            super().__init__(name, address, **kwargs)
            for hidden in ("gain",):
                self.add_parameter(hidden, get_cmd=lambda: 1.0, vals=Numbers())

    check_driver(Hidden)
    with pytest.raises(AssertionError, match="'gain' is not explained") as caught:
        check_driver(Hidden, address="nowhere")
    assert "'gain' has no unit" in str(caught.value)
    assert not Instrument.exist("checked")


# all ------------------------------------------------------------------------------------------------------


def test_what_there_is_no_check_for_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("3 is no Procedure class, no Analysis and no QCoDeS Instrument")):
        checks_of(3)


def test_each_check_of_each_thing_is_a_test_of_its_own_with_a_readable_name() -> None:
    mark = parametrize_with_checks([plain, (Wordy, {"address": "nowhere"})]).mark
    assert mark.args[0] == "check"
    assert "plain: refuses an empty dataset" in mark.kwargs["ids"]
    assert "Wordy: explains itself and its methods" in mark.kwargs["ids"]
    assert len(mark.args[1]) == len(mark.kwargs["ids"]) == 8
