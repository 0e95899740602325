"""Magnet supplies, recognised by the class of their driver and spoken to without ever waiting for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ....core.errors import UsageError, did_you_mean
from ...handle import Handle
from .ami430 import Ami430, QcodesAmi430
from .ami430_3d import of_three
from .base import Fitting, Supply
from .cryomagnetics_4g import Cryomagnetics4G
from .ips120 import Ips120
from .mercury_ips import MercuryIps

__all__ = ["Fitting", "Supply", "supply_of"]

_Make = Callable[[Any, str, Fitting], Supply]
_DIRECT: Mapping[str, _Make] = {
    "AMIModel430": QcodesAmi430,
    "AMIModel4303D": of_three,
    "OxfordMercuryWorkerPS": MercuryIps,
    "CryomagneticsModel4G": Cryomagnetics4G,
}
"""By class name of a QCoDeS driver."""
_BRIDGED: Mapping[str, _Make] = {"AMI430": Ami430, "IPS120_10": Ips120}
"""By class name of a PyMeasure driver behind the bridge."""
_STATED: Mapping[str, str] = {
    "ami430": "AMIModel430",
    "ami430_3d": "AMIModel4303D",
    "mercury_ips": "OxfordMercuryWorkerPS",
    "cryomagnetics_4g": "CryomagneticsModel4G",
    "ips120": "IPS120_10",
}


def supply_of(handle: Handle, stated: str | None, fitting: Fitting) -> Supply:
    """Return the supply behind the field parameter.

    Args:
        handle: the field parameter.
        stated: the bench's `supply`; None to recognise it by the class of its driver.
        fitting: what the bench says of the magnet.

    Raises:
        UsageError: no known supply, or not its field.
    """
    owner: Any = handle.owner
    driver = getattr(owner, "driver", None)
    bridged = {name: make for name, make in _BRIDGED.items() if driver is not None}
    if stated is not None:
        if stated not in _STATED:
            raise UsageError(f"supply {stated!r} is not known; {did_you_mean(stated, _STATED)}")
        make = {**_DIRECT, **_BRIDGED}[_STATED[stated]]
        if stated == "ami430" and driver is not None:
            make = Ami430
    else:
        found = _by_class(driver, bridged) or _by_class(owner, _DIRECT)
        if found is None:
            raise UsageError(
                f"{handle.name} belongs to a {type(driver or owner).__name__}, which is no magnet supply known here "
                f"({', '.join((*_DIRECT, *_BRIDGED))}); name the field of one, or state supply: {' | '.join(_STATED)} "
                "where a driver of your own has the manners of one of these"
            )
        make = found
    return make(owner, _field_name(handle.name), fitting)


def _by_class(instrument: Any, known: Mapping[str, _Make]) -> _Make | None:
    return next((known[base.__name__] for base in type(instrument).__mro__ if base.__name__ in known), None)


def _field_name(dotted: str) -> str:
    return dotted.rsplit(".", maxsplit=1)[-1]
