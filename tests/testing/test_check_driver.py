"""The checks of drivers find what is wrong, and say what to do."""

from __future__ import annotations

from typing import Any

import pytest
from qcodes.instrument import Instrument
from qcodes.validators import Enum, Numbers

from perovskite_meas.testing import check_driver, checks_of, parametrize_with_checks


def failures(thing: Any, **options: Any) -> dict[str, str]:
    """Return the checks that fail, by what they ask, with what they say."""
    found = {}
    for check in checks_of((thing, options)):
        try:
            check()
        except AssertionError as error:
            found[check.name.partition(": ")[2]] = str(error)
    return found


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


def test_each_check_of_each_thing_is_a_test_of_its_own_with_a_readable_name() -> None:
    mark = parametrize_with_checks([Terse, (Wordy, {"address": "nowhere"})]).mark
    assert mark.args[0] == "check"
    assert "Terse: explains itself and its methods" in mark.kwargs["ids"]
    assert "Wordy: explains itself and its methods" in mark.kwargs["ids"]
    assert len(mark.args[1]) == len(mark.kwargs["ids"]) == 6
