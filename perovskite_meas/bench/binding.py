"""Matching what a procedure asks for with what a bench has."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ..core.errors import did_you_mean
from ..core.procedure import Procedure

SPECIAL = ("clock", "ledger")
"""Arguments of `measure` that every bench has."""


def bind_roles(
    procedure: Procedure | type[Procedure], offered: Mapping[str, Any], file: str, absent: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments for `measure`, and what is missing or of the wrong kind.

    Args:
        procedure: whose roles are asked for.
        offered: adapters by role name, and the special names.
        file: name of the bench file, for messages.
        absent: roles of the bench that the station cannot fill -> why.
    """
    cls = procedure if isinstance(procedure, type) else type(procedure)
    arguments: dict[str, Any] = {}
    problems = []
    for name, need in cls.roles().items():
        if name not in offered:
            if need.optional:
                arguments[name] = None
            elif name in absent:
                problems.append(f"{cls.__name__} needs the role {name!r}, which is not filled here: {absent[name]}")
            else:
                roles = [role for role in offered if role not in SPECIAL]
                problems.append(
                    f"{cls.__name__} needs the role {name!r} ({_called(need.kind)}), which {file} does not have; "
                    f"{did_you_mean(name, roles)}, or add '{name}: instrument.parameter' under roles"
                )
            continue
        lacking = _lacking(type(offered[name]), need.kind)
        if lacking:
            problems.append(
                f"{cls.__name__} needs {name!r} as a {_called(need.kind)}, but in {file} it is a "
                f"{type(offered[name]).__name__}, which has no {lacking}; name another kind: of role"
            )
        arguments[name] = offered[name]
    return arguments, problems


def _called(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))


def _lacking(cls: type, kind: Any) -> str:
    """Say what `cls` lacks of `kind`; looks at classes alone, so no instrument is asked anything."""
    if not isinstance(kind, type) or kind is object:
        return ""
    if not getattr(kind, "_is_protocol", False):
        return "" if issubclass(cls, kind) else f"base {kind.__name__}"
    wanted = {
        name: member
        for base in kind.__mro__
        if getattr(base, "_is_protocol", False)
        for name, member in vars(base).items()
        if not name.startswith("_") and inspect.isfunction(member)
    }
    return ", ".join(f"{name}()" for name in wanted if not callable(getattr(cls, name, None)))
