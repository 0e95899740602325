"""Sweeps from their short text form: the same in a GUI field, a file header, YAML and on the command line.

Examples:
    >>> sweep = parse_sweep("there_and_back(Logspace('1 uW', '1 mW', 24))")
    >>> parse_sweep(str(sweep)) == sweep
    True
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from .errors import UsageError, did_you_mean
from .sweeps import Linspace, Logspace, Sweep, Values, backwards, shuffled, there_and_back
from .units import to_unit

_WORDS: dict[str, Any] = {
    "Linspace": Linspace,
    "Logspace": Logspace,
    "Values": Values,
    "there_and_back": there_and_back,
    "backwards": backwards,
    "shuffled": shuffled,
}


def parse_sweep(text: str) -> Sweep:
    """Read a sweep from its text form; nothing is evaluated but sweeps, numbers and quoted quantities.

    Raises:
        UsageError: the text is no sweep.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{text!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24)") from error
    built = _build(tree, text)
    if not isinstance(built, Sweep):
        raise UsageError(f"{text!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24) or Values(1, 2, 5)")
    return built


def _build(node: ast.expr, text: str) -> Any:
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _build(left, text) + _build(right, text)
        case ast.Constant(value=(bool() | None)):
            pass
        case ast.Constant(value=(int() | float() | str()) as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=(int() | float()) as value)):
            return -value
        case ast.List(elts=points) | ast.Tuple(elts=points):
            return Values(*(_build(point, text) for point in points))
        case ast.Call(func=ast.Name(id=word), args=args, keywords=keywords):
            if word not in _WORDS:
                raise UsageError(f"{word!r} in {text!r} is no sweep; {did_you_mean(word, _WORDS)}")
            named = {keyword.arg: _build(keyword.value, text) for keyword in keywords if keyword.arg}
            if word == "Values" and len(args) == 1 and isinstance(args[0], (ast.List, ast.Tuple)):
                args = args[0].elts
            try:
                return _WORDS[word](*(_build(arg, text) for arg in args), **named)
            except TypeError as error:
                raise UsageError(f"{text!r}: {error}") from error
    raise UsageError(f"{text!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24)")


def as_sweep(value: object, unit: str) -> Sweep:
    """Return `value` (a sweep, its text, a number or a sequence) as a sweep in `unit`.

    Raises:
        UsageError: it cannot be read as one.
    """
    if isinstance(value, Sweep):
        return value.in_unit(unit)
    if isinstance(value, str):
        try:
            return parse_sweep(value).in_unit(unit)
        except UsageError:
            if "(" in value or "[" in value:
                raise
            return Values(*(to_unit(part, unit) for part in value.split(",")))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Values(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return Values(*(to_unit(point, unit) for point in value))
    raise UsageError(f"{value!r} is not a sweep; write e.g. Logspace('1 uW', '1 mW', 24)")
