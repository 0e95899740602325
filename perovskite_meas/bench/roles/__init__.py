"""Role adapters: each makes one role of `core.roles` out of whatever parameter a lab has."""

from __future__ import annotations

from ...core import plugins
from ...core.errors import UsageError, did_you_mean
from .analyser import AnalyserAdapter
from .attenuator import AttenuatorAdapter
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .counter import CounterAdapter
from .cryostat import CryostatAdapter
from .delay import DelayAdapter
from .focus import FocusingAdapter
from .magnet import MagnetAdapter
from .meter import PowerMeterAdapter
from .reference import ReferenceAdapter
from .scanner import ScannerAdapter
from .shutter import ShutterAdapter
from .spectrograph import SpectrographAdapter
from .spectrometer import SpectrometerAdapter
from .tagger import TaggerAdapter
from .waveplate import WaveplateAdapter

__all__ = [
    "AnalyserAdapter",
    "AttenuatorAdapter",
    "CounterAdapter",
    "CryostatAdapter",
    "DelayAdapter",
    "FocusingAdapter",
    "MagnetAdapter",
    "Option",
    "PlannedHandle",
    "PowerMeterAdapter",
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

    Raises:
        UsageError: no word of the name is a kind, or two are.
    """
    known = kinds()
    if role_name in known:
        return role_name
    found = sorted({word for word in role_name.lower().split("_") if word in known})
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{role_name!r} could be {' or '.join(found)}; state kind: {found[0]}")
    hint = did_you_mean(role_name, known)
    if hint.startswith("known"):
        hint = did_you_mean(role_name.rsplit("_", maxsplit=1)[-1], known)
    raise UsageError(f"{role_name!r} is no known kind of role; {hint} (or state kind: ...)")


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
