"""Reading and writing calibrations: from the bench file, from a file of their own, from a measurement."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ..core.errors import UsageError, did_you_mean
from ..core.value import Value
from .calibrations import (
    AttenuatorCalibration,
    Calibration,
    PowerAtSample,
    PulseCalibration,
    SpotCalibration,
    TimingCalibration,
)
from .document import Document, Node

_COMMON = ("date", "max_age", "kind", "notes")
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "attenuator": (("date", "maximum", "angle_of_maximum", "extinction", "range"), ("sigma",)),
    "power_at_sample": (("date", "ratio", "range"), ("zero", "extinction", "maximum", "wavelength", "head")),
    "pulse": (("date", "repetition_rate", "duration", "shape", "wavelength"), ("energy_spread",)),
    "spot": (("date", "waist"), ("centring",)),
    "irf": (("date", "bin", "a", "b"), ("zero_lag", "wavelength")),
}
"""Required and optional keys by kind."""
_UNITS = {"angle_of_maximum": "deg", "maximum": "W", "range": "W", "zero": "W", "wavelength": "nm"}
_UNITS |= {"bin": "ps", "zero_lag": "ps"}
_UNITS |= {"repetition_rate": "Hz", "duration": "fs", "waist": "nm", "centring": "nm", "max_age": "d"}
_WITH_SIGMA = ("ratio", "zero", "zero_lag", "extinction", "repetition_rate", "duration", "waist")


def read_calibration(name: str, node: Node, folder: Path) -> Calibration | None:
    """Return one entry of `calibrations:`, written in place or as {file: ...}; None if it has problems."""
    if not isinstance(node.value, Mapping):
        node.problem("must be a mapping such as {date: 2026-11-02, ...} or {file: calibrations/name.yaml}")
        return None
    if "file" not in node.value:
        return parse(name, node, "")
    entry = node.mapping()
    node.fields(("file",))
    relative = entry["file"].text()
    if relative is None:
        return None
    path = folder / relative
    if not path.is_file():
        entry["file"].problem(f"no file {relative!r} beside the bench file; give its path, or run PowerCalibration")
        return None
    document = Document(path, Path(relative).as_posix(), node.problems)
    return None if document.root is None else parse(name, document.root, document.text)


def parse(name: str, node: Node, text: str) -> Calibration | None:
    """Return the calibration that `node` states; None, with the problems reported, where it cannot."""
    kind = node.value.get("kind", name) if isinstance(node.value, Mapping) else name
    if kind not in _KEYS:
        node.problem(f"{str(kind)!r} is no kind of calibration; {did_you_mean(str(kind), _KEYS)} (or state kind: ...)")
        return None
    required, optional = _KEYS[kind]
    before = len(node.problems)
    keys = node.fields((*_COMMON, *required, *optional), required)
    found: dict[str, Any] = {key: _READERS[key](child) for key, child in keys.items() if key in _READERS}
    _check_order(keys, found)
    if len(node.problems) > before:
        return None
    common = {"name": name, "source": node.where, "text": text, "max_age": found.get("max_age")}
    return _BUILDERS[kind](common | {key: found.get(key) for key in (*required, *optional)})


def from_mapping(name: str, mapping: Mapping[str, Any]) -> Calibration:
    """Return the calibration `name` from Values, text or bare numbers, these in W, deg, nm, fs and Hz.

    Raises:
        UsageError: with every problem of the mapping.
    """
    problems: list[str] = []
    plain = {key: _written(key, value) for key, value in mapping.items()}
    node = Node(plain, f"calibration {name!r}", 0, (), problems, bare=True)
    found = parse(name, node, "")
    if found is None:
        raise UsageError("\n".join(problems))
    return dataclasses.replace(found, text=to_yaml(mapping))


def to_yaml(mapping: Mapping[str, Any]) -> str:
    """Return a calibration as YAML: values with sigma and unit, the unit behind every bare number."""
    writer = YAML(typ="rt")
    stream = io.StringIO()
    writer.dump({key: _written(key, value) for key, value in mapping.items()}, stream)
    return stream.getvalue()


def write_calibration(path: Path | str, mapping: Mapping[str, Any]) -> None:
    """Write a calibration file whole or not at all: a crash leaves the old one; its permissions stay."""
    target = Path(path)
    text = to_yaml(mapping)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not by `tempfile`, whose files nobody else may read: a calibration is the whole lab's.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _written(key: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_written(key, item) for item in value]
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, (dt.date, bool, str)) or value is None:
        return value
    if isinstance(value, Value):
        unit = "" if value.unit == "1" else f" {value.unit}"
        sigma = f" +- {float(value.sigma)!r}" if key in _WITH_SIGMA else ""
        return f"{float(value.nominal)!r}{sigma}{unit}"
    number = float(value)
    return f"{number!r} {_UNITS[key]}" if key in _UNITS else number


def _check_order(keys: Mapping[str, Node], found: Mapping[str, Any]) -> None:
    low_high = found.get("range")
    if low_high is not None and not 0 <= low_high[0] < low_high[1]:
        keys["range"].problem("must rise, from 0 W or more; write it like [0.5 uW, 110 uW]")
    maximum = found.get("maximum")
    if low_high is not None and maximum is not None and low_high[1] > maximum:
        keys["range"].problem("ends above `maximum`; a calibrated range lies below it")
    extinction = found.get("extinction")
    share = extinction[0] if isinstance(extinction, tuple) else extinction
    if share is not None and not 0 <= share < 1:
        keys["extinction"].problem("is the least over the highest power; write a number from 0 to 1 such as 1e-4")


def _positive(unit: str) -> Callable[[Node], Any]:
    def read(node: Node) -> float | None:
        number = node.quantity(unit)
        if number is not None and number <= 0:
            node.problem(f"must be above 0 {unit}")
        return number

    return read


def _positive_measured(unit: str) -> Callable[[Node], Any]:
    def read(node: Node) -> tuple[float, float] | None:
        found = node.measured(unit)
        if found is not None and found[0] <= 0:
            node.problem(f"must be above 0 {unit}".rstrip(" 1"))
        return found

    return read


def _counts(node: Node) -> tuple[float, ...] | None:
    found = [item.quantity("1", least=0.0) for item in node.items()]
    return None if None in found else tuple(number for number in found if number is not None)


_READERS: dict[str, Callable[[Node], Any]] = {
    "date": Node.date,
    "max_age": _positive("d"),
    "maximum": _positive("W"),
    "angle_of_maximum": lambda node: node.quantity("deg"),
    "extinction": lambda node: node.measured("1", least=0.0),
    "range": lambda node: node.pair("W"),
    "sigma": lambda node: node.quantity("1", least=0.0),
    "ratio": _positive_measured("1"),
    "zero": lambda node: node.measured("W"),
    "wavelength": _positive("nm"),
    "head": Node.text,
    "repetition_rate": _positive_measured("Hz"),
    "duration": _positive_measured("fs"),
    "energy_spread": lambda node: node.quantity("1", least=0.0),
    "shape": lambda node: node.text(("gauss", "sech2", "rect")),
    "waist": _positive_measured("nm"),
    "centring": lambda node: node.quantity("nm", least=0.0),
    "bin": _positive("ps"),
    "zero_lag": lambda node: node.measured("ps"),
    "a": _counts,
    "b": _counts,
}


def _attenuator(found: dict[str, Any]) -> Calibration:
    sigma = found.pop("sigma") or 0.0
    return AttenuatorCalibration(**found | {"extinction": found["extinction"][0], "sigma": sigma})


def _power_at_sample(found: dict[str, Any]) -> Calibration:
    return PowerAtSample(**found | {"zero": found["zero"] or (0.0, 0.0), "head": found["head"] or ""})


_BUILDERS: dict[str, Callable[[dict[str, Any]], Calibration]] = {
    "attenuator": _attenuator,
    "power_at_sample": _power_at_sample,
    "pulse": lambda found: PulseCalibration(**found),
    "spot": lambda found: SpotCalibration(**found),
    "irf": lambda found: TimingCalibration(**found | {"zero_lag": found["zero_lag"] or (0.0, 0.0)}),
}
