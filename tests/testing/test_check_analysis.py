"""The checks of analyses find what is wrong, and say what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.core import Value, analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.testing import check_analysis, checks_of


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


def test_what_there_is_no_check_for_is_refused() -> None:
    with pytest.raises(TypeError, match=re.escape("3 is no Procedure class, no Analysis and no QCoDeS Instrument")):
        checks_of(3)
