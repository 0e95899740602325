"""The checks of procedures find what is wrong, and say what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from perovskite_meas.core import Clock, Column, Procedure, Rows, param
from perovskite_meas.core.roles import Attenuator, Shutter
from perovskite_meas.testing import check_procedure
from perovskite_meas.testing.procedures import PROCEDURE_CHECKS


def only(what: str) -> Callable[..., None]:
    return next(check for check in PROCEDURE_CHECKS if what in check.__name__)


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
