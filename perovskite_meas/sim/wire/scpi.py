"""SCPI of a simulated instrument: short and long forms, chains of commands, the error queue.

General knowledge of SCPI-1999; the error numbers and the path rules are unverified against its text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import product

from .device import Reply

_NODES = re.compile(r"\[:?(?P<optional>[*\w]+):?|(?P<word>[*\w]+)")

Handler = Callable[[str], Reply | None]
"""Takes the text of the parameters; returns the reply of a query."""


class ScpiError(Exception):
    """An error for the instrument's queue: number and text."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(number, text)
        self.entry = f'{number:+d},"{text}"'


class Parser:
    """Dispatches commands to handlers.

    A header is spelled like `[SENSe]:CORRection:WAVelength?`: capitals are the short form, brackets may be
    left out. Capitals in what comes in do not count.

    Args:
        commands: spelling -> handler.
        depth: how many errors the queue holds.
    """

    def __init__(self, commands: dict[str, Handler], depth: int = 30) -> None:
        self.errors: deque[str] = deque(maxlen=depth)
        self._handlers: dict[str, Handler] = {}
        for spelling, handler in {**commands, "SYSTem:ERRor[:NEXT]?": self._next_error}.items():
            for header in spellings(spelling):
                self._handlers[header] = handler
        self._handlers["*CLS"] = self._clear

    def execute(self, line: str) -> list[Reply]:
        """Carry out one line and return the replies of its queries; errors go to the queue."""
        replies: list[Reply] = []
        path = ""
        for part in line.split(";"):
            header, _, parameters = part.strip().partition(" ")
            if not header:
                continue
            header = header.upper()
            handler = self._handlers.get(path + header) or self._handlers.get(header.lstrip(":"))
            if handler is None:
                self.errors.append(ScpiError(-113, "Undefined header").entry)
                continue
            if header[0] != "*":
                full = path + header if path + header in self._handlers else header.lstrip(":")
                path = full[: full.rfind(":") + 1]
            try:
                reply = handler(parameters.strip())
            except ScpiError as error:
                self.errors.append(error.entry)
            else:
                if reply is not None:
                    replies.append(reply)
        return replies

    def _next_error(self, _: str) -> bytes:
        return (self.errors.popleft() if self.errors else '+0,"No error"').encode()

    def _clear(self, _: str) -> None:
        self.errors.clear()


def spellings(header: str) -> Iterator[str]:
    """Yield every way to write a header, in capitals.

    Examples:
        >>> sorted(spellings("[SENSe:]POWer?"))
        ['POW?', 'POWER?', 'SENS:POW?', 'SENS:POWER?', 'SENSE:POW?', 'SENSE:POWER?']
    """
    query = "?" if header.endswith("?") else ""
    nodes: list[tuple[str, ...]] = []
    for part in _NODES.finditer(header):
        word = part["optional"] or part["word"]
        forms = ("".join(letter for letter in word if not letter.islower()), word.upper())
        nodes.append(("", *forms) if part["optional"] else forms)
    for words in product(*nodes):
        yield ":".join(word for word in words if word) + query


def real(value: float) -> bytes:
    """Return a number as a meter prints it."""
    return b"%.8E" % value


def limit(text: str, low: float, high: float, now: float) -> float:
    """Return what a query with MIN, MAX or nothing asks for."""
    return {"MIN": low, "MAX": high, "MINIMUM": low, "MAXIMUM": high}.get(text.upper(), now)


def number(text: str, low: float, high: float) -> float:
    """Parse the number of a setting.

    Raises:
        ScpiError: -104 not a number, -222 out of range.
    """
    if text.upper() in ("MIN", "MAX", "MINIMUM", "MAXIMUM"):
        return limit(text, low, high, low)
    try:
        value = float(text)
    except ValueError:
        raise ScpiError(-104, "Data type error") from None
    if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
        raise ScpiError(-222, "Data out of range")
    return value


def switch(text: str) -> bool:
    """Parse an on or off.

    Raises:
        ScpiError: -224 neither.
    """
    words = {"0": False, "OFF": False, "1": True, "ON": True}
    if text.upper() not in words:
        raise ScpiError(-224, "Illegal parameter value")
    return words[text.upper()]
