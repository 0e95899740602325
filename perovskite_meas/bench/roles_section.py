"""Reading the `roles:` section of a bench file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..core.errors import UsageError, did_you_mean
from .calibrations import AttenuatorCalibration, Calibration, DelayCalibration, PowerAtSample
from .document import Node
from .pulse_calibrations import EnergyAtSample, EnergyCalibration
from .roles import Option, RoleSpec, adapter_class, kind_of

_DOTTED = re.compile(r"[A-Za-z_]\w*(\[\d+\])?(\.[A-Za-z_]\w*(\[\d+\])?)*")
_CALIBRATED_BY = {
    "attenuator": AttenuatorCalibration,
    "delay": DelayCalibration,
    "energy_meter": EnergyAtSample,
    "meter": PowerAtSample,
    "pulse_attenuator": EnergyCalibration,
}
"""Kind of calibration by kind of role."""


def read_roles(
    section: Node, calibrations: Mapping[str, Calibration], stated: Mapping[str, Node]
) -> dict[str, RoleSpec]:
    """Return the roles that the section states without problems.

    Args:
        section: the node of `roles:`.
        calibrations: those that could be read.
        stated: all that the file states, so that one with problems is not reported as missing too.
    """
    reader = _RoleReader(calibrations, stated)
    found = {name: reader.role(name, node) for name, node in section.mapping().items()}
    return {name: role for name, role in found.items() if role is not None}


class _RoleReader:
    def __init__(self, calibrations: Mapping[str, Calibration], stated: Mapping[str, Node]) -> None:
        self._calibrations = calibrations
        self._stated = stated

    def role(self, name: str, node: Node) -> RoleSpec | None:
        if name in ("clock", "ledger") or not name.isidentifier():
            node.problem("this name is taken" if name.isidentifier() else "must be a Python name such as 'shutter_a'")
            return None
        short = isinstance(node.value, str)
        entry = {"use": node} if short else node.mapping()
        if not short and not isinstance(node.value, Mapping):
            return None
        before = len(node.problems)
        kind = entry.pop("kind").text() if "kind" in entry else None
        optional = self._flag(entry.pop("optional")) if "optional" in entry else False
        try:
            kind = kind or kind_of(name)
            adapter = adapter_class(kind)
        except UsageError as error:
            node.problem(str(error))
            return None
        values: dict[str, Any] = {}
        for key, child in entry.items():
            option = adapter.options.get(key)
            if option is None:
                child.problem(f"a {kind} has no option {key!r}; {did_you_mean(key, adapter.options)}")
            else:
                values[key] = self._value(kind, option, child)
        for key, option in adapter.options.items():
            if option.required and key not in values:
                node.problem(f"{kind} {name!r} needs {key!r} ({option.doc}); state it")
        options = {
            key: values.get(key, option.default) for key, option in adapter.options.items() if option.kind != "target"
        }
        for check in adapter.checks:
            for key, text in check(options, self._calibrations).items():
                entry.get(key, node).problem(text)
        if len(node.problems) > before:
            return None
        targets = {key: values[key] for key in values if adapter.options[key].kind == "target"}
        return RoleSpec(name, kind, adapter, node.where, targets, options, dict(values), optional)

    def _value(self, kind: str, option: Option, node: Node) -> Any:
        if option.kind == "target":
            return self._target(node)
        if option.kind == "quantity":
            return node.quantity(self._unit(option.unit, node), least=option.least)
        if option.kind == "point":
            return self._point(option.unit, node)
        if option.kind == "pairs":
            return self._pairs(option.unit, node)
        if option.kind == "values":
            found = [item.measured(option.unit, least=option.least) for item in node.items()]
            return tuple(value for value in found if value is not None)
        if option.kind == "calibration":
            return self._calibration(kind, node)
        if option.kind == "flag":
            return self._flag(node)
        if not isinstance(node.value, (str, int, float)):
            node.problem(f"must be a word or a number; got {node.value!r}")
        return node.value

    def _unit(self, unit: str, node: Node) -> str:
        """Return which of the units that an option may have is written: by what stands behind the '/'."""
        units = unit.split(" or ")
        return next((one for one in units if re.search(rf"/\s*{one.split('/')[-1]}\s*$", str(node.value))), units[0])

    def _point(self, unit: str, node: Node) -> tuple[Any, ...] | None:
        units = unit.split(" or ")
        if len(units) == 1:
            return node.pair(unit)
        written = str(node.value)
        chosen = next((one for one in units if re.search(rf"\d\s*[a-zµμ]?{one[-1]}\b", written)), units[0])
        found = node.pair(chosen)
        return None if found is None else (*found, chosen)

    def _pairs(self, unit: str, node: Node) -> tuple[tuple[float, float], ...]:
        units = unit.split(", ")
        found = []
        for item in (items := node.items()):
            children = item.items()
            if len(children) == 2:
                first, second = (child.quantity(one) for child, one in zip(children, units, strict=True))
                if first is not None and second is not None:
                    found.append((first, second))
            elif children or not item.value:
                item.problem(f"must hold two quantities, in {units[0]} and {units[1]}; got {len(children)}")
        if not items and isinstance(node.value, list):
            node.problem(f"must hold at least one pair such as [1 {units[0]}, 1 {units[1]}]")
        return tuple(found)

    def _flag(self, node: Node) -> bool:
        if not isinstance(node.value, bool):
            node.problem(f"must be true or false; got {node.value!r}")
        return bool(node.value)

    def _target(self, node: Node) -> str | None:
        dotted = node.text()
        if dotted is not None and not _DOTTED.fullmatch(dotted):
            node.problem(f"{dotted!r} is no dotted name; write it like 'sc10.state' (instrument.parameter)")
        return dotted

    def _calibration(self, kind: str, node: Node) -> str | None:
        name = node.text()
        if name is None:
            return None
        wanted = _CALIBRATED_BY.get(kind)
        if name not in self._stated:
            node.problem(f"no calibration {name!r}; {did_you_mean(name, self._stated)} (under calibrations:)")
        elif wanted is not None and name in self._calibrations and not isinstance(self._calibrations[name], wanted):
            node.problem(f"calibration {name!r} is not one for a {kind}; name another")
        return name
