"""Checks that a laboratory can run on its own procedures, analyses and drivers, in its own pytest.

    from perovskite_meas.testing import parametrize_with_checks

    @parametrize_with_checks([MyProcedure, my_analysis, (MyDriver, {"address": "ASRL3::INSTR"})])
    def test_what_every_one_of_ours_must_do(check):
        check()

Every check raises AssertionError with all that is wrong. The package runs them on everything it ships.
"""

from .analyses import check_analysis
from .collect import Check, checks_of, parametrize_with_checks
from .drivers import check_driver
from .procedures import check_procedure

__all__ = [
    "Check",
    "check_analysis",
    "check_driver",
    "check_procedure",
    "checks_of",
    "parametrize_with_checks",
]
