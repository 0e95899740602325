"""The zeeman analysis: from spectra in a field to the exciton's levels, and to a verdict on its ground state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perovskite_meas.analyses.spectra.excited import require_conditions
from perovskite_meas.analyses.spectra.rows import COLUMNS
from perovskite_meas.core.analysis import Analysis, Forecast
from perovskite_meas.core.errors import UsageError

from .result import ZeemanResult
from .scan import analyse

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

USES = ("geometry.field_angle", "geometry.na", "geometry.viewing", "analyser", "wavelength")


class Zeeman(Analysis[ZeemanResult]):
    """The analysis, which can also be asked for what it refuses."""

    def fit(self, data: xr.Dataset, *, free_angles: int = 1) -> ZeemanResult:
        """Return the result, with the direction of the field described by one angle.

        Raises:
            UsageError: `free_angles` is not 1.
            AnalysisRefused: the rows support no fit.
        """
        return fit(data, free_angles=free_angles)


def fit(data: xr.Dataset, *, free_angles: int = 1) -> ZeemanResult:
    """Return the result of `zeeman`, with the direction of the field described by one angle.

    Raises:
        UsageError: `free_angles` is not 1.
        AnalysisRefused: the rows support no fit.
    """
    if free_angles != 1:
        raise UsageError(
            f"free_angles={free_angles}: the energies depend on the direction of the field through q = SUM_j E_j b_j^2 "
            "alone, so polar and azimuthal angle cannot both be free (their errors would be many rad, and that of "
            "g_sum thirty times larger); fit with free_angles=1 and read q"
        )
    require_conditions(data)
    return analyse(data)


def zeeman_of(data: xr.Dataset, *, free_angles: int = 1) -> ZeemanResult:
    """Return the levels of an exciton from its spectra in a magnetic field.

    Args:
        data: the rows of a magneto-PL run.
        free_angles: angles that describe the direction of the field; only 1 can be told from energies.

    Raises:
        UsageError: `free_angles` is not 1.
        AnalysisRefused: the rows support no fit (the message says what is missing).
    """
    return fit(data, free_angles=free_angles)


zeeman_of.__name__ = "zeeman"
zeeman = Zeeman(zeeman_of, COLUMNS, USES)


@zeeman.figure
def plot(data: xr.Dataset, result: ZeemanResult, figure: Figure) -> None:
    """Draw spectra against field with the levels, residuals, the dark line's growth and its decay rate."""
    from .figure import draw

    draw(result, figure)


@zeeman.forecast
def predict(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate and what the planned fields can and cannot tell."""
    from .forecast import forecast

    return forecast(planned)
