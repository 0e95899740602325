"""What a class's source says about its attributes."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterable, Iterator


def fail(problems: Iterable[str], what: str) -> None:
    """Raise with every problem, if there is one.

    Raises:
        AssertionError: lists them.
    """
    found = list(problems)
    if found:
        raise AssertionError("\n".join([f"{what}:", *(f"  - {problem}" for problem in found)]))


def attribute_docs(cls: type) -> set[str]:
    """Return the attributes of a class and its bases that a string literal right below their assignment explains."""
    return {name for base in cls.__mro__ for name, _ in _documented(tree(base))}


def tree(cls: type) -> ast.Module:
    """Return the syntax tree of a class; an empty one where it has no source."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return ast.Module(body=[], type_ignores=[])


def _documented(root: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(root):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for first, second in itertools.pairwise(body):
            match second:
                case ast.Expr(value=ast.Constant(value=str() as text)) if text.strip():
                    yield from ((name, text) for name in assigned(first))


def assigned(statement: ast.stmt) -> list[str]:
    """Return the names that a statement assigns to: `x = ...`, `x: int`, `self.x = ...`."""
    targets = (
        statement.targets
        if isinstance(statement, ast.Assign)
        else [statement.target]
        if isinstance(statement, ast.AnnAssign)
        else []
    )
    names = []
    for target in targets:
        if isinstance(target, ast.Name):
            names.append(target.id)
        elif isinstance(target, ast.Attribute):
            names.append(target.attr)
    return names
