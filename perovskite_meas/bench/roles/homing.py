"""Homing: what has lost its place is sent to find it before its positions are trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def homing_of(owner: object) -> Callable[[], object] | None:
    """Return what homes an instrument that says that it needs it; None where it does not, or never says.

    Args:
        owner: the instrument, or the axis of one: with `homed` or `referenced` (a parameter, a method or a flag) and
            `home()` or `reference()`.
    """
    flag = getattr(owner, "homed", getattr(owner, "referenced", None))
    action: Callable[[], object] | None = getattr(owner, "home", getattr(owner, "reference", None))
    if flag is None or action is None or _value(flag):
        return None
    return action


def _value(flag: Any) -> bool:
    return bool(flag() if callable(flag) else flag)
