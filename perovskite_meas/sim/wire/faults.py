"""Faults of one instrument: what can go wrong on its line, now or after some more exchanges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any


@dataclass
class _Spell:
    """A fault that spoils the next few replies."""

    kind: str
    left: int
    seconds: float = 0.0


class Faults:
    """The faults of one line; an instrument's own faults are methods of a subclass.

    An exchange is one command that the instrument has taken in. `faults.after(exchanges=3).unplug()` lets
    three more commands through and strikes with the fourth; every method can be put off like this.
    """

    def __init__(self) -> None:
        self.unplugged = False
        self._spells: list[_Spell] = []
        self._armed: list[tuple[int, Callable[[], object]]] = []
        self._exchanges = 0

    def unplug(self) -> None:
        """Pull the cable: nothing is heard any more, and waiting replies are lost."""
        self.unplugged = True

    def replug(self) -> None:
        """Put the cable back; the instrument itself was never switched off."""
        self.unplugged = False

    def garble(self, n: int = 1) -> None:
        """Spoil the bytes of the next `n` replies."""
        self._spells.append(_Spell("garble", n))

    def drop(self, n: int = 1) -> None:
        """Lose the next `n` replies."""
        self._spells.append(_Spell("drop", n))

    def delay(self, seconds: float, n: int = 1) -> None:
        """Send the next `n` replies `seconds` later."""
        self._spells.append(_Spell("delay", n, seconds))

    def after(self, exchanges: int) -> Later:
        """Return a stand-in for these faults whose methods strike after `exchanges` more commands."""
        return Later(self, exchanges)

    def clear(self) -> None:
        """Forget all line faults, those in force and those that are armed."""
        self.unplugged = False
        self._spells.clear()
        self._armed.clear()

    def arm(self, exchanges: int, strike: Callable[[], object]) -> None:
        """Call `strike` when `exchanges` more commands have been taken in and another one comes."""
        self._armed.append((self._exchanges + exchanges, strike))

    def exchange(self) -> None:
        """Count one command that comes in; armed faults whose time has come strike first."""
        if self._armed:
            due = [strike for at, strike in self._armed if at <= self._exchanges]
            self._armed = [armed for armed in self._armed if armed[0] > self._exchanges]
            for strike in due:
                strike()
        self._exchanges += 1

    @property
    def spoils(self) -> bool:
        """Whether the next reply will be spoiled."""
        return bool(self._spells)

    def spoil(self, due: float, reply: bytes) -> tuple[float, bytes] | None:
        """Return what becomes of a reply: its due time in s and bytes, or None if it is lost."""
        for spell in tuple(self._spells):
            spell.left -= 1
            if spell.left <= 0:
                self._spells.remove(spell)
            if spell.kind == "drop":
                return None
            if spell.kind == "delay":
                due += spell.seconds
            else:
                reply = garbled(reply)
        return due, reply


class Later:
    """The methods of some Faults, put off by a number of exchanges."""

    def __init__(self, faults: Faults, exchanges: int) -> None:
        self._faults = faults
        self._exchanges = exchanges

    def __getattr__(self, name: str) -> Callable[..., None]:
        strike = getattr(self._faults, name)

        def put_off(*args: Any, **kwargs: Any) -> None:
            self._faults.arm(self._exchanges, partial(strike, *args, **kwargs))

        return put_off


def garbled(reply: bytes, keep: Iterable[int] = b"\r\n") -> bytes:
    r"""Return bytes as a bad line delivers them: framing intact, content nonsense.

    Examples:
        >>> garbled(b"0PO00000000\r\n")
        b'?#?#?#?#?#?\r\n'
    """
    keep = frozenset(keep)
    return bytes(byte if byte in keep else b"?#"[place % 2] for place, byte in enumerate(reply))
