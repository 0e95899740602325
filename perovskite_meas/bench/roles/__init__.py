"""Role adapters: each makes one role of `core.roles` out of whatever parameter a lab has."""

from __future__ import annotations

from ...core import plugins
from ...core.errors import UsageError, did_you_mean
from .analyser import AnalyserAdapter
from .armed_spectrometer import ArmedSpectrographAdapter, ArmedSpectrometerAdapter
from .attenuator import AttenuatorAdapter
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .counter import CounterAdapter
from .cryostat import CryostatAdapter
from .delay import DelayAdapter
from .energy_meter import EnergyMeterAdapter
from .filter import FilterAdapter
from .focus import FocusingAdapter
from .magnet import MagnetAdapter
from .meter import PowerMeterAdapter
from .positioner import PositionerAdapter
from .pulse import PulseAdapter
from .pulse_attenuator import PulseAttenuatorAdapter
from .reference import ReferenceAdapter
from .scanner import ScannerAdapter
from .shutter import ShutterAdapter
from .spectrograph import SpectrographAdapter
from .spectrometer import SpectrometerAdapter
from .tagger import TaggerAdapter
from .waveplate import WaveplateAdapter

__all__ = [
    "AnalyserAdapter",
    "ArmedSpectrographAdapter",
    "ArmedSpectrometerAdapter",
    "AttenuatorAdapter",
    "CounterAdapter",
    "CryostatAdapter",
    "DelayAdapter",
    "EnergyMeterAdapter",
    "FilterAdapter",
    "FocusingAdapter",
    "MagnetAdapter",
    "Option",
    "PlannedHandle",
    "PositionerAdapter",
    "PowerMeterAdapter",
    "PulseAdapter",
    "PulseAttenuatorAdapter",
    "ReferenceAdapter",
    "RoleAdapter",
    "RoleSpec",
    "ScannerAdapter",
    "ShutterAdapter",
    "SpectrographAdapter",
    "SpectrometerAdapter",
    "Table",
    "TaggerAdapter",
    "WaveplateAdapter",
    "adapter_class",
    "kind_of",
    "kinds",
]


def kinds() -> tuple[str, ...]:
    """Return the names of all kinds of role, of this package and of anyone else's."""
    return plugins.names("roles")


def kind_of(role_name: str) -> str:
    """Return the kind that a role's name tells: 'sample_meter' is a meter, 'shutter_a' a shutter.

    Of kinds that contain one another the longer one counts: 'energy_meter_b' is an energy meter.

    Raises:
        UsageError: no part of the name is a kind, or two are.
    """
    known = kinds()
    if role_name in known:
        return role_name
    inside = [kind for kind in known if _holds(role_name.lower(), kind)]
    found = [kind for kind in inside if not any(_holds(other, kind) for other in inside if other != kind)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{role_name!r} could be {' or '.join(found)}; state kind: {found[0]}")
    hint = did_you_mean(role_name, known)
    if hint.startswith("known"):
        hint = did_you_mean(role_name.rsplit("_", maxsplit=1)[-1], known)
    raise UsageError(f"{role_name!r} is no known kind of role; {hint} (or state kind: ...)")


def _holds(name: str, part: str) -> bool:
    return f"_{part}_" in f"_{name}_"


def adapter_class(kind: str) -> type[RoleAdapter]:
    """Return the adapter class of one kind.

    Raises:
        UsageError: no such kind, or what is registered under it is no adapter.
    """
    if kind not in kinds():
        raise UsageError(f"{kind!r} is no known kind of role; {did_you_mean(kind, kinds())}")
    found = plugins.find("roles", kind)
    if not (isinstance(found, type) and issubclass(found, RoleAdapter)):
        raise UsageError(f"role {kind!r} is registered as {found!r}, which is no subclass of RoleAdapter")
    return found
