"""What instruments of different makes say: of a gate, of faults, of a mode lock."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_NO_FAULT = ("", "0", "[]", "{}", "none", "no error", "no errors", "no fault", "no faults", "ok", "system ok", "ready")
_LOCKED = ("1", "true", "on", "yes", "locked", "mode-locked", "mode locked", "modelocked")


def same_word(answer: Any, word: Any) -> bool:
    """Return whether an answer is the word that was told, whatever its capitals."""
    if isinstance(answer, str) and isinstance(word, str):
        return answer.strip().lower() == word.strip().lower()
    return bool(answer == word)


def fault_text(answer: Any) -> str:
    """Return what faults a laser reports, as one line; '' where there are none.

    Args:
        answer: text, a list of texts, a number (0 for none) or None.
    """
    if answer is None or answer is False:
        return ""
    if isinstance(answer, str):
        text = " ".join(answer.split())
        return "" if text.lower().rstrip(".") in _NO_FAULT else f"{text[:200]!r}"
    if isinstance(answer, Collection):
        return ", ".join(found for found in map(fault_text, answer) if found)
    return "" if answer == 0 else f"fault {answer}"


def is_locked(answer: Any) -> bool:
    """Return whether a laser says that it is mode-locked: True, 1, or a word for it; some say 2 for continuous."""
    if isinstance(answer, str):
        return answer.strip().lower() in _LOCKED
    return bool(answer == 1)
