"""Checks of a driver: an ordinary QCoDeS instrument whose parameters explain themselves."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from .source import assigned, attribute_docs, fail, tree

_QCODES_OWN = ("IDN", "timeout")
_WORDS = ("Enum", "Strings", "Bool", "OnOff")
"""Validators of what is no number and needs no unit."""


def check_driver(cls: type, **arguments: Any) -> None:
    """Check a driver class in every way below.

    Args:
        cls: a QCoDeS Instrument class.
        **arguments: of `__init__` but the name; with them the driver is opened (on a virtual table, for
            instance: address=..., visalib="virtual_confocal@twin"), its parameters looked at, and closed again.

    Raises:
        AssertionError: lists what is wrong.
    """
    for check in DRIVER_CHECKS:
        check(cls, **arguments)


def is_driver(cls: Any) -> bool:
    """Return whether `cls` is a class of QCoDeS instruments."""
    from qcodes.instrument import Instrument

    return isinstance(cls, type) and issubclass(cls, Instrument)


def _is_an_instrument_that_takes_name_address_and_keywords(cls: type, **arguments: Any) -> None:
    problems = [] if is_driver(cls) else ["it is no subclass of qcodes.instrument.Instrument"]
    taken = inspect.signature(inspect.getattr_static(cls, "__init__")).parameters
    problems += [f"__init__ takes no {name!r}" for name in ("name", "address") if name not in taken]
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values()):
        problems.append("__init__ takes no **kwargs; hand them to super().__init__ (metadata, label)")
    fail(problems, cls.__name__)


def _explains_itself_and_its_methods(cls: type, **arguments: Any) -> None:
    problems = [] if (vars(cls).get("__doc__") or "").strip() else ["the class has no docstring"]
    problems += [
        f"{name}() has no docstring"
        for name, member in vars(cls).items()
        if inspect.isfunction(member) and not name.startswith("_") and not inspect.getdoc(getattr(cls, name))
    ]
    fail(problems, cls.__name__)


def _gives_every_parameter_a_doc_and_a_unit(cls: type, **arguments: Any) -> None:
    explained = attribute_docs(cls)
    fail([text for call in _calls(tree(cls)) for text in _written(*call, explained)], f"{cls.__name__} as written")
    if not arguments:
        return
    instrument = cls("checked", **arguments)
    try:
        problems = [
            text
            for name, parameter in instrument.parameters.items()
            if name not in _QCODES_OWN
            for text in _opened(name, parameter, explained)
        ]
        identity = instrument.get_idn()
        problems += [f"get_idn() tells no {word}" for word in ("vendor", "model") if not identity.get(word)]
    finally:
        instrument.close()
    fail(problems, f"{cls.__name__} as opened")


def _calls(root: ast.AST) -> Iterator[tuple[ast.Call, list[str]]]:
    """Yield every `add_parameter("name", ...)` with the names that its result is assigned to."""
    targets = {
        id(node.value): assigned(node)
        for node in ast.walk(root)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None
    }
    for node in ast.walk(root):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_parameter"), args=[ast.Constant(value=str()), *_]):
                yield node, targets.get(id(node), [])


def _written(call: ast.Call, assigned_to: list[str], explained: set[str]) -> Iterator[str]:
    name = ast.literal_eval(call.args[0])
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    if None in words:  # **options: only the opened driver can tell
        return
    if "docstring" not in words and not explained & {name, *assigned_to}:
        yield f"parameter {name!r} is not explained; give it docstring=... or a string below"
    validator = words.get("vals")
    word = validator.func if isinstance(validator, ast.Call) else None
    kind = getattr(word, "attr", getattr(word, "id", ""))
    if "unit" not in words and kind not in _WORDS:
        yield f"parameter {name!r} has no unit; give it unit=... ('1' for a plain number)"


def _opened(name: str, parameter: Any, explained: set[str]) -> Iterator[str]:
    if (parameter.__doc__ or "").lstrip().startswith("Parameter class:") and name not in explained:
        yield f"parameter {name!r} is not explained; give it docstring=... or a string below"
    if not getattr(parameter, "unit", "") and type(getattr(parameter, "vals", None)).__name__ not in _WORDS:
        yield f"parameter {name!r} has no unit; give it unit=... ('1' for a plain number)"
    if not getattr(parameter, "label", ""):
        yield f"parameter {name!r} has no label"


DRIVER_CHECKS: tuple[Callable[..., None], ...] = (
    _is_an_instrument_that_takes_name_address_and_keywords,
    _explains_itself_and_its_methods,
    _gives_every_parameter_a_doc_and_a_unit,
)
