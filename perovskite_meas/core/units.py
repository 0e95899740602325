"""Numbers with units as people write them, turned into plain floats in the lab's units."""

from __future__ import annotations

import re
import tokenize
from functools import lru_cache
from typing import Any

import pint

from .errors import UsageError

_UNREADABLE = (
    pint.PintError,
    tokenize.TokenError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
)
_PLUS_MINUS = re.compile(r"\s*(?:\+/?-|±)\s*")


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """Return the one unit registry; it knows the Goeppert-Mayer (GM) and counts per second (cps)."""
    ureg: pint.UnitRegistry[Any] = pint.UnitRegistry(cache_folder=None)
    ureg.define("goeppert_mayer = 1e-50 * centimeter ** 4 * second = GM")
    return ureg


@lru_cache(maxsize=4096)
def _text_to_unit(text: str, unit: str) -> float:
    ureg = registry()
    if not any(character.isdigit() for character in text):
        raise UsageError(f"{text!r} is not a quantity; write a number with a unit such as '1 {unit}'")
    try:
        quantity: Any = ureg.Quantity(text.replace("µ", "u").replace("μ", "u"))
    except _UNREADABLE as error:
        raise UsageError(f"{text!r} is not a quantity; write a number with a unit such as '1 {unit}'") from error
    if quantity.unitless and not ureg.Unit(_pint_unit(unit)).dimensionless:
        return float(quantity.magnitude)
    try:
        return float(f"{quantity.to(_pint_unit(unit)).magnitude:.15g}")
    except pint.DimensionalityError as error:
        raise UsageError(f"{text!r} cannot be expressed in {unit}; write it like '1 {unit}'") from error


def _pint_unit(unit: str) -> str:
    return "dimensionless" if unit in ("1", "") else unit


def to_unit(value: object, unit: str) -> float:
    """Return `value` as a float in `unit`; text carries its own unit, bare numbers are in `unit` already.

    Raises:
        UsageError: not a number, or a unit of another kind.

    Examples:
        >>> to_unit("250 nW", "W")
        2.5e-07
        >>> to_unit(3, "s")
        3.0
    """
    if isinstance(value, bool) or value is None:
        raise UsageError(f"{value!r} is not a quantity in {unit}")
    if isinstance(value, str):
        return _text_to_unit(value.strip(), unit)
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{value!r} is not a quantity in {unit}") from error


def with_sigma(value: object, unit: str) -> tuple[float, float]:
    """Return (value, sigma) in `unit` from text like '433 +- 9 nm', '150 fs +- 5 %' or a bare quantity.

    Examples:
        >>> with_sigma("433 +- 9 nm", "nm")
        (433.0, 9.0)
        >>> with_sigma("200 fs +- 5 %", "fs")
        (200.0, 10.0)
        >>> with_sigma("5 MHz", "Hz")
        (5000000.0, 0.0)
    """
    if not isinstance(value, str):
        return to_unit(value, unit), 0.0
    parts = _PLUS_MINUS.split(value.strip())
    if len(parts) == 1:
        return to_unit(parts[0], unit), 0.0
    if len(parts) != 2:
        raise UsageError(f"{value!r} is not 'value +- sigma unit'")
    left, right = parts
    if right.endswith("%"):
        nominal = to_unit(left, unit)
        return nominal, abs(nominal) * to_unit(right[:-1], "1") / 100
    trailing = re.search(r"[^\d.eE+\-\s].*$", right)
    if trailing and not re.search(r"[A-Za-zµμ%°]", left.replace("e", "").replace("E", "")):
        left = f"{left} {trailing.group(0)}"
    return to_unit(left, unit), abs(to_unit(right, unit))


def check_unit(unit: str) -> None:
    """Refuse text that names no unit.

    Raises:
        UsageError: the unit is unknown.
    """
    try:
        registry().Unit(_pint_unit(unit))
    except _UNREADABLE as error:
        raise UsageError(f"{unit!r} is not a unit") from error


_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"))
_SCALABLE = {"W", "s", "Hz", "V", "J", "W/cm^2", "J/cm^2", "eV", "K", "T", "A", "cps"}


def show(value: float, unit: str, digits: int = 4) -> str:
    """Write a number with a readable prefix.

    Examples:
        >>> show(9.42e-06, "W")
        '9.42 uW'
        >>> show(0.5, "1")
        '0.5'
    """
    if unit in ("1", ""):
        return f"{value:.{digits}g}"
    factor, prefix = readable(value, unit)
    return f"{value / factor:.{digits}g} {prefix}{unit}"


def readable(value: float, unit: str) -> tuple[float, str]:
    """Return the factor of the prefix with which a number reads best, and that prefix; (1, "") for none.

    Examples:
        >>> readable(5e-6, "J/cm^2")
        (1e-06, 'u')
    """
    for factor, prefix in _PREFIXES if unit in _SCALABLE and value else ():
        if abs(value) >= factor * (1 - 1e-12):
            return factor, prefix
    return 1.0, ""
