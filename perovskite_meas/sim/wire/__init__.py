"""Simulated instruments, bytes in and bytes out; which ones there are, and how a table wires them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core.errors import UsageError, did_you_mean
from . import (
    ami430,
    chameleon,
    cryomagnetics_4g,
    ell14,
    esp301,
    fw102c,
    gcs_motor,
    gcs_piezo,
    gentec,
    ips120,
    kpz101,
    lakeshore,
    light_conversion,
    maitai,
    mercury_ips,
    pm100d_energy,
    sc10,
    smc100,
    spectrapro,
    sr400,
)
from .device import Laboratory, WireDevice, Wiring

Factory = Callable[[Laboratory, Sequence[Wiring]], WireDevice]
"""Makes the device for one address from the entries of the wiring table (several on a multidrop line);
every entry has its `address`."""

FACTORIES: dict[str, Factory] = {
    "AMI430": ami430.make,
    "C-863": gcs_motor.make,
    "CONEX": smc100.make,
    "Chameleon": chameleon.make,
    "Cryomagnetics4G": cryomagnetics_4g.make,
    "E-709": gcs_piezo.make_e709,
    "E-727": gcs_piezo.make_e727,
    "ELL14": ell14.make,
    "ESP301": esp301.make,
    "GentecMaestro": gentec.make,
    "FW102C": fw102c.make,
    "IPS120": ips120.make,
    "KPZ101": kpz101.make,
    "LS335": lakeshore.make_335,
    "LS336": lakeshore.make_336,
    "LightConversion": light_conversion.make,
    "MaiTai": maitai.make,
    "MercuryiPS": mercury_ips.make,
    "PM100D": pm100d_energy.make,
    "SC10": sc10.make,
    "SMC100": smc100.make,
    "SR400": sr400.make,
    "SpectraPro": spectrapro.make,
}
"""Device name in world.yaml -> factory."""


def wire_up(laboratory: Laboratory, address: str, wiring: Any) -> WireDevice:
    """Make the device that one entry of the wiring table describes.

    Args:
        laboratory: the World whose ports the device touches.
        address: named in errors.
        wiring: a mapping, a model with `model_dump`, or a list of these for several on one line.

    Raises:
        UsageError: an unknown or missing device name, a part that it cannot do without, or devices that cannot share
            a line.
    """
    several = wiring if isinstance(wiring, list | tuple) else [wiring]
    entries = [{"address": address, **_entry(one)} for one in several]
    names = {str(entry.get("device")) for entry in entries}
    if len(names) != 1:
        raise UsageError(f"{address}: one line cannot hold {' and '.join(sorted(names)) or 'nothing'}")
    name = names.pop()
    if name not in FACTORIES:
        raise UsageError(f"{address}: no simulated device {name!r}; {did_you_mean(name, FACTORIES)}")
    try:
        return FACTORIES[name](laboratory, entries)
    except KeyError as error:  # of an entry; the table names its own parts
        raise UsageError(f"{address}: {name} needs {error.args[0]!r}; name what it works on") from error


def _entry(wiring: Any) -> Wiring:
    if isinstance(wiring, Mapping):
        return wiring
    dumped: Mapping[str, Any] = wiring.model_dump(exclude_none=True)
    return dumped
