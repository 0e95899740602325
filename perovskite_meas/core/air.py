"""Wavelengths in air and in vacuum."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray


def air_index(vacuum: ArrayLike) -> NDArray[np.float64]:
    """Return the refractive index of standard air (15 degC, 101 325 Pa, dry, 450 ppm CO2) at wavelengths in vacuum.

    Ciddor, Appl. Opt. 35, 1566 (1996), eq. (1); 300 nm to 1690 nm. It agrees to 1e-8 with the formula of Peck and
    Reeder (1972), by which line tables are printed.

    Args:
        vacuum: nm.
    """
    wavenumber2 = (1e3 / np.asarray(vacuum, np.float64)) ** 2
    n: NDArray[np.float64] = 1 + 1e-8 * (5_792_105 / (238.0185 - wavenumber2) + 167_917 / (57.362 - wavenumber2))
    return n


@overload
def to_vacuum(air: float) -> float: ...
@overload
def to_vacuum(air: NDArray[Any]) -> NDArray[np.float64]: ...
def to_vacuum(air: Any) -> Any:
    """Return the wavelength in vacuum, in nm, of one in standard air, in nm.

    Examples:
        >>> round(to_vacuum(546.0750), 4)
        546.2268
    """
    given = np.asarray(air, np.float64)
    vacuum = given * 1.00028
    for _ in range(3):  # the index changes by 1e-9 for the error of the first guess
        vacuum = given * air_index(vacuum)
    return vacuum if vacuum.ndim else float(vacuum)


@overload
def to_air(vacuum: float) -> float: ...
@overload
def to_air(vacuum: NDArray[Any]) -> NDArray[np.float64]: ...
def to_air(vacuum: Any) -> Any:
    """Return the wavelength in standard air, in nm, of one in vacuum, in nm."""
    given = np.asarray(vacuum, np.float64)
    air = given / air_index(given)
    return air if air.ndim else float(air)
