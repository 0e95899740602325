"""Loops that are compiled to machine code, at their first call; the result is cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers (decorator); it releases the lock of Python while it runs.

    Numba is loaded here and not with the core, because it takes a third of a second.
    """
    import numba

    made: Any = numba.njit(cache=True, nogil=True)(function)
    return cast(Function, made)


def inlined(function: Function) -> Function:
    """Compile a small function into the compiled loops that call it (decorator)."""
    import numba

    made: Any = numba.njit(cache=True, nogil=True, inline="always")(function)
    return cast(Function, made)
