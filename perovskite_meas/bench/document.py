"""A YAML file as nodes that know their line, so that every problem in it can be reported at once."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from ..core.errors import UsageError, did_you_mean
from ..core.units import to_unit, with_sigma

_EXPONENT = re.compile(r"(?<=[\d.])[eE](?=[+\-]?\d)")
_LETTER = re.compile(r"[A-Za-zµμ°Ω]")


class _Constructor(RoundTripConstructor):
    """Leaves dates as text: 2026-13-02 is then a problem of its line and not the end of the reading."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


class Document:
    """One YAML file, and the problems found in it and in the files it names.

    Args:
        path: the file.
        name: how messages call it.
        problems: list that takes the problems, shared between files; a new one by default.
    """

    def __init__(self, path: Path, name: str, problems: list[str] | None = None) -> None:
        self.path = path
        self.name = name
        self.problems: list[str] = [] if problems is None else problems
        self.text = ""
        self.root: Node | None = None
        try:
            self.text = path.read_text(encoding="utf-8")
        except OSError as error:
            self.problems.append(f"{name}: cannot be read ({error.strerror or error}); give the path of a file")
            return
        except UnicodeDecodeError:
            self.problems.append(f"{name}: is not UTF-8 text; save it as UTF-8")
            return
        self._parse()

    def _parse(self) -> None:
        reader = YAML(typ="rt")
        reader.Constructor = _Constructor
        reader.allow_duplicate_keys = True
        try:
            self._refuse_duplicates(reader.compose(self.text))
            data = reader.load(self.text)
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self.problems.append(f"{self.name}:{line}: is not YAML: {error.problem or error.context}")
            return
        except YAMLError as error:
            self.problems.append(f"{self.name}: is not YAML: {error}")
            return
        if data is None:
            self.problems.append(f"{self.name}:1: is empty; write keys such as 'station: station.yaml'")
        elif not isinstance(data, Mapping):
            self.problems.append(f"{self.name}:1: is not a mapping; write 'key: value' lines")
        else:
            self.root = Node(data, self.name, 1, (), self.problems)

    def _refuse_duplicates(self, node: YamlNode | None, path: tuple[str, ...] = ()) -> None:
        if isinstance(node, MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in seen:
                    where = ".".join((*path, name))
                    self.problems.append(
                        f"{self.name}:{line}: {where}: stands already in line {seen[name]}; keep one of the two"
                    )
                seen.setdefault(name, line)
                self._refuse_duplicates(value, (*path, name))
        elif isinstance(node, SequenceNode):
            for number, value in enumerate(node.value):
                self._refuse_duplicates(value, (*path, str(number)))


class Node:
    """One value of a document; readers return None after reporting what is wrong with it.

    Args:
        value: as loaded.
        file: name for messages.
        line: counted from 1; 0 where there is none.
        path: keys that lead here.
        problems: list that takes the problems.
        bare: True where plain numbers may stand for quantities, in the unit asked for.
    """

    def __init__(
        self, value: Any, file: str, line: int, path: tuple[str, ...], problems: list[str], *, bare: bool = False
    ) -> None:
        self.value = value
        self.file = file
        self.line = line
        self.path = path
        self.problems = problems
        self._bare = bare

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def problem(self, text: str) -> None:
        """Report a problem of this node."""
        dotted = ".".join(self.path)
        self.problems.append(f"{self.where}: {dotted}: {text}" if dotted else f"{self.where}: {text}")

    def mapping(self) -> dict[str, Node]:
        """Return the children by key; empty, and reported, where this is no mapping."""
        if not isinstance(self.value, Mapping):
            self.problem(f"must be a mapping of 'key: value'; got {_shown(self.value)}")
            return {}
        return {str(key): self._child(key, str(key)) for key in self.value}

    def fields(self, known: Collection[str], required: Collection[str] = ()) -> dict[str, Node]:
        """Return the children, after reporting those that are unknown and those that are missing."""
        children = self.mapping()
        for name in [name for name in children if name not in known]:
            children.pop(name).problem(f"unknown key; {did_you_mean(name, known)}")
        if isinstance(self.value, Mapping):
            for name in required:
                if name not in children:
                    self.problem(f"{name!r} is missing; state it")
        return children

    def items(self) -> list[Node]:
        """Return the children of a list; empty, and reported, where this is none."""
        if not isinstance(self.value, Sequence) or isinstance(self.value, str):
            self.problem(f"must be a list such as [a, b]; got {_shown(self.value)}")
            return []
        return [self._child(number, str(number)) for number in range(len(self.value))]

    def text(self, choices: Collection[str] = ()) -> str | None:
        """Return a word or line of text."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.problem(f"must be text; got {_shown(self.value)}")
            return None
        if choices and self.value not in choices:
            self.problem(f"{self.value!r} is not allowed; {did_you_mean(self.value, choices)}")
            return None
        return str(self.value)

    def date(self) -> dt.date | None:
        """Return a calendar date written as 2026-11-02."""
        if isinstance(self.value, dt.date):
            return self.value.date() if isinstance(self.value, dt.datetime) else self.value
        try:
            return dt.datetime.fromisoformat(str(self.value)).date()
        except ValueError:
            self.problem(f"{_shown(self.value)} is not a date; write it like 2026-11-02")
            return None

    def quantity(self, unit: str, *, least: float = -math.inf) -> float | None:
        """Return a finite number in `unit`, not below `least`."""
        found = self.measured(unit, least=least, sigma=False)
        return None if found is None else found[0]

    def measured(self, unit: str, *, least: float = -math.inf, sigma: bool = True) -> tuple[float, float] | None:
        """Return (value, sigma) in `unit` from '433 +- 9 nm' or '150 fs +- 5 %'; sigma 0 where not stated."""
        if self._lacks_unit(unit):
            self.problem(f"{_shown(self.value)} has no unit; write it like '1 {unit}'")
            return None
        try:
            found = with_sigma(self.value, unit) if sigma else (to_unit(self.value, unit), 0.0)
        except UsageError as error:
            self.problem(f"{_shown(self.value)} is not a number; write it like '0.1'" if unit == "1" else str(error))
            return None
        if not all(map(math.isfinite, found)) or found[0] < least:
            at_least = "" if least == -math.inf else f" of at least {least:g} {unit}".removesuffix(" 1")
            self.problem(f"{_shown(self.value)} must be a finite number{at_least}")
            return None
        return found

    def pair(self, unit: str) -> tuple[float, float] | None:
        """Return the two quantities of a list such as [0.5 uW, 110 uW]."""
        children = self.items()
        if len(children) != 2:
            if isinstance(self.value, Sequence) and not isinstance(self.value, str):
                self.problem(f"must hold two quantities in {unit}; got {len(children)}")
            return None
        first, second = (child.quantity(unit) for child in children)
        return None if first is None or second is None else (first, second)

    def _lacks_unit(self, unit: str) -> bool:
        if self._bare or unit in ("1", ""):
            return False
        if isinstance(self.value, (int, float)) and not isinstance(self.value, bool):
            return self.value != 0
        return isinstance(self.value, str) and not _LETTER.search(_EXPONENT.sub("", self.value))

    def _child(self, key: Any, name: str) -> Node:
        line = self.line
        marks = getattr(self.value, "lc", None)
        if marks is not None and marks.data is not None and key in marks.data:
            line = marks.data[key][0] + 1
        return Node(self.value[key], self.file, line, (*self.path, name), self.problems, bare=self._bare)


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value if isinstance(value, str) else str(value))[:80]
