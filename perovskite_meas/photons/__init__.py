"""Photons: time tags, correlations, lifetimes, change points and TTTR files; no framework.

Everything is imported at first use, so that reading a file does not load the compiler of the kernels.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.tags import Tags as Tags
    from .changepoints import change_points as change_points
    from .files import open_tags as open_tags
    from .files import read_tags as read_tags
    from .files import write_photon_hdf5 as write_photon_hdf5
    from .files import write_ptu as write_ptu
    from .flid import flid as flid
    from .histograms import decay_histogram as decay_histogram
    from .histograms import intensity_trace as intensity_trace
    from .linear import correlate as correlate
    from .linear import cross_correlate as cross_correlate
    from .linear import lag_edges as lag_edges
    from .live import Correlator as Correlator
    from .log import log_correlate as log_correlate
    from .pulsed import lag_correlate as lag_correlate
    from .pulsed import pulse_correlate as pulse_correlate
    from .states import group_states as group_states
    from .streams import mask_afterpulses as mask_afterpulses
    from .streams import mask_dead_time as mask_dead_time
    from .streams import merge as merge
    from .streams import with_delays as with_delays

_HOME = {
    "Correlator": "perovskite_meas.photons.live",
    "Tags": "perovskite_meas.core.tags",
    "change_points": "perovskite_meas.photons.changepoints",
    "correlate": "perovskite_meas.photons.linear",
    "cross_correlate": "perovskite_meas.photons.linear",
    "decay_histogram": "perovskite_meas.photons.histograms",
    "flid": "perovskite_meas.photons.flid",
    "group_states": "perovskite_meas.photons.states",
    "intensity_trace": "perovskite_meas.photons.histograms",
    "lag_correlate": "perovskite_meas.photons.pulsed",
    "lag_edges": "perovskite_meas.photons.linear",
    "log_correlate": "perovskite_meas.photons.log",
    "mask_afterpulses": "perovskite_meas.photons.streams",
    "mask_dead_time": "perovskite_meas.photons.streams",
    "merge": "perovskite_meas.photons.streams",
    "open_tags": "perovskite_meas.photons.files",
    "pulse_correlate": "perovskite_meas.photons.pulsed",
    "read_tags": "perovskite_meas.photons.files",
    "with_delays": "perovskite_meas.photons.streams",
    "write_photon_hdf5": "perovskite_meas.photons.files",
    "write_ptu": "perovskite_meas.photons.files",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
