"""Reading a bench file: everything in it is checked, and every problem is reported at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

from ..core.errors import BenchError, did_you_mean
from .calibration_file import read_calibration
from .calibrations import AttenuatorCalibration, Calibration, PowerAtSample
from .document import Document, Node
from .limits import NEEDS, UNITS, Limit, Limits
from .roles import RoleSpec
from .roles_section import read_roles
from .spec import CONVENTIONS, EXPECTATIONS, BenchSpec, SafeStep, SampleSpec
from .spectral_calibrations import SpectralCalibration

_KEYS = ("station", "world", "clock_speed", "roles", "limits", "safe_state", "calibrations", "sample")
_MEASURED_BY: Mapping[type[Calibration], str] = {
    AttenuatorCalibration: "PowerCalibration",
    PowerAtSample: "PowerCalibration",
    SpectralCalibration: "WavelengthCalibration",
}
_STALE = 365
"""Days after which a calibration without `max_age` is warned about."""


def read_bench(path: Path | str, now: dt.date | None = None) -> BenchSpec:
    """Read and check a bench file and the calibration files it names; opens no instrument.

    Args:
        path: the bench file; the files it names are relative to it.
        now: the day on which calibrations must not be too old; today where not given.

    Raises:
        BenchError: with every problem, each with file, line, key and what to do.
    """
    path = Path(path)
    document = Document(path, path.name)
    spec = None if document.root is None else _Reader(document, document.root, path, now).spec()
    if spec is None or document.problems:
        raise BenchError(f"{path} cannot be used:", sorted(document.problems, key=_line))
    return spec


def _line(problem: str) -> int:
    """Line of a problem, so that the report follows the file."""
    found = re.match(r"[^:]*:(\d+):", problem)
    return int(found[1]) if found else 0


class _Reader:
    def __init__(self, document: Document, root: Node, path: Path, now: dt.date | None) -> None:
        self._document = document
        self._root = root
        self._path = path
        self._now = now or dt.datetime.now(dt.UTC).date()
        self._keys = root.fields(_KEYS, ("station", "roles"))
        self._warnings: list[str] = []

    def spec(self) -> BenchSpec | None:
        keys = self._keys
        station, world = self._file("station"), self._file("world")
        speed = keys["clock_speed"].quantity("1", least=0.0) if "clock_speed" in keys else 0.0
        if "clock_speed" in keys and "world" not in keys:
            keys["clock_speed"].problem("only a virtual bench (one with `world:`) has a clock speed; remove it")
        calibrations = self._calibrations()
        stated = keys["calibrations"].mapping() if "calibrations" in keys else {}
        roles = read_roles(keys["roles"], calibrations, stated) if "roles" in keys else {}
        limits = self._limits(stated)
        safe_state = self._safe_state(roles)
        sample = self._sample()
        self._compare_ranges(roles, calibrations, stated)
        if "world" not in keys:
            self._check_ages(calibrations, stated)
        self._require_power_limit(roles)
        if station is None or speed is None:
            return None
        return BenchSpec(
            path=self._path,
            text=self._document.text,
            station=station,
            world=world,
            clock_speed=speed,
            roles=roles,
            limits=limits,
            safe_state=safe_state,
            calibrations=calibrations,
            sample=sample,
            warnings=tuple(self._warnings),
        )

    def _file(self, key: str) -> Path | None:
        if key not in self._keys or (name := self._keys[key].text()) is None:
            return None
        path = self._path.parent / name
        if not path.is_file():
            self._keys[key].problem(f"no file {name!r} beside the bench file; give its path relative to it")
        return path

    def _calibrations(self) -> dict[str, Calibration]:
        if "calibrations" not in self._keys:
            return {}
        found = {
            name: read_calibration(name, node, self._path.parent)
            for name, node in self._keys["calibrations"].mapping().items()
        }
        return {name: calibration for name, calibration in found.items() if calibration is not None}

    def _limits(self, stated: Mapping[str, Node]) -> Limits:
        found: dict[str, Limit] = {}
        nodes = self._keys["limits"].fields(tuple(UNITS)) if "limits" in self._keys else {}
        for name, node in nodes.items():
            value = node.quantity(UNITS[name])
            if value is not None and value <= 0:
                node.problem("a limit must be above zero")
            elif value is not None:
                found[name] = Limit(name, value, node.where)
            for need in NEEDS.get(name, ()):
                if need not in stated:
                    node.problem(f"cannot be watched without calibrations.{need}; state it, or remove this limit")
        return Limits(**found)

    def _require_power_limit(self, roles: Mapping[str, RoleSpec]) -> None:
        """No real table puts light on a sample without saying how much it may get."""
        node = self._keys.get("limits", self._root)
        written = isinstance(node.value, Mapping) and "average_power" in node.value
        lit = any({"block", "minimum"} & set(role.adapter.verbs) for role in roles.values())
        if not lit or (node is not self._root and written):
            return
        advice = "state the most average power that the sample may get, e.g. limits: {average_power: 150 uW}"
        if "world" in self._keys:
            self._warnings.append(f"{self._root.file}: no limits.average_power; {advice}")
        else:
            node.problem(f"no limits.average_power; a bench with a shutter or an attenuator needs it: {advice}")

    def _safe_state(self, roles: Mapping[str, RoleSpec]) -> tuple[SafeStep, ...]:
        usual = [SafeStep(name, "block") for name, role in roles.items() if "block" in role.adapter.verbs]
        usual += [
            SafeStep(name, "hold") for name, role in roles.items() if role.kind == "pulse" and role.targets.get("use")
        ]
        if "safe_state" not in self._keys:
            usual += [SafeStep(name, "minimum") for name, role in roles.items() if "minimum" in role.adapter.verbs]
            if usual:
                self._warnings.append(
                    f"{self._root.file}: no safe_state; [{', '.join(map(str, usual))}] is assumed, better state it"
                )
            return tuple(usual)
        steps = []
        stated = self._keys["roles"].mapping() if "roles" in self._keys else {}
        for node in self._keys["safe_state"].items():
            role, _, verb = (node.text() or "").partition(".")
            if not role:
                continue
            if role not in stated:
                node.problem(f"no role {role!r}; {did_you_mean(role, stated)}")
            elif role in roles and verb not in roles[role].adapter.verbs:
                node.problem(f"{role!r} has no safe verb {verb!r}; {did_you_mean(verb, roles[role].adapter.verbs)}")
            else:
                steps.append(SafeStep(role, verb))
        self._warnings += [
            f"{self._keys['safe_state'].where}: safe_state leaves out {step}; add it first"
            for step in usual
            if step not in steps
        ]
        return tuple(steps)

    def _sample(self) -> SampleSpec:
        if "sample" not in self._keys:
            return SampleSpec()
        keys = self._keys["sample"].fields(("name", "two_photon_convention", "expect", "notes"))
        expect = keys["expect"].fields(tuple(EXPECTATIONS)) if "expect" in keys else {}
        values = {name: node.measured(EXPECTATIONS[name]) for name, node in expect.items()}
        return SampleSpec(
            name=(keys["name"].text() or "") if "name" in keys else "",
            two_photon_convention=keys["two_photon_convention"].text(CONVENTIONS)
            if "two_photon_convention" in keys
            else None,
            expect={name: value for name, value in values.items() if value is not None},
            notes=(keys["notes"].text() or "") if "notes" in keys else "",
        )

    def _compare_ranges(
        self, roles: Mapping[str, RoleSpec], calibrations: Mapping[str, Calibration], stated: Mapping[str, Node]
    ) -> None:
        """No power may be set that the pick-off was never calibrated for."""
        for calibration in calibrations.values():
            meter = calibrations.get("power_at_sample")
            low_high = getattr(meter, "range", None)
            if not isinstance(calibration, AttenuatorCalibration) or low_high is None:
                continue
            if not (
                low_high[0] * (1 - 1e-9) <= calibration.range[0] and calibration.range[1] <= low_high[1] * (1 + 1e-9)
            ):
                stated[calibration.name].problem(
                    f"its range {calibration.range[0]:g} .. {calibration.range[1]:g} W goes beyond "
                    f"{low_high[0]:g} .. {low_high[1]:g} W, in which power_at_sample was calibrated; "
                    "narrow it or run PowerCalibration over a wider range"
                )

    def _check_ages(self, calibrations: Mapping[str, Calibration], stated: Mapping[str, Node]) -> None:
        """Only a real table ages: a simulated one is today what it was when its file was written."""
        for name, calibration in calibrations.items():
            age, since = calibration.age(self._now), calibration.date.isoformat()
            if age < 0:
                self._warnings.append(f"{calibration.source}: calibration {name!r} is dated {since}, in the future")
            elif calibration.max_age is not None and age > calibration.max_age:
                run = _MEASURED_BY.get(type(calibration))
                stated[name].problem(
                    f"measured on {since}, {age} days ago; max_age is {calibration.max_age:g} d: measure it again"
                    f"{'' if run is None else f' (run {run})'}"
                )
            elif calibration.max_age is None and age > _STALE:
                self._warnings.append(
                    f"{calibration.source}: calibration {name!r} was measured on {since}, {age} days ago; "
                    "measure it again, or state max_age"
                )
