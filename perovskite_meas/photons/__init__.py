"""Photons: time tags, correlations, lifetimes, change points and TTTR files; no framework.

Everything is imported at first use, so that reading a file does not load the compiler of the kernels.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..core.tags import Tags as Tags
    from .changepoints import change_points as change_points
    from .cutting import concatenate as concatenate
    from .cutting import cut as cut
    from .cutting import segments as segments
    from .files import PhotonHdf5Writer as PhotonHdf5Writer
    from .files import PtuWriter as PtuWriter
    from .files import TagFile as TagFile
    from .files import open_tags as open_tags
    from .files import read_tags as read_tags
    from .files import write_photon_hdf5 as write_photon_hdf5
    from .files import write_ptu as write_ptu
    from .fold import fold_to_pulses as fold_to_pulses
    from .fringes import fit_fringes as fit_fringes
    from .fringes import pulse_overlap as pulse_overlap
    from .histograms import decay_histogram as decay_histogram
    from .histograms import intensity_trace as intensity_trace
    from .linear import correlate as correlate
    from .linear import cross_correlate as cross_correlate
    from .linear import lag_edges as lag_edges
    from .live import Correlator as Correlator
    from .log import LogCorrelation as LogCorrelation
    from .log import log_correlate as log_correlate
    from .pulsed import PulseCorrelator as PulseCorrelator
    from .pulsed import lag_correlate as lag_correlate
    from .pulsed import pulse_correlate as pulse_correlate
    from .ramps import fold_ramps as fold_ramps
    from .segment_lifetimes import flid as flid
    from .states import group_states as group_states
    from .streams import mask_afterpulses as mask_afterpulses
    from .streams import mask_dead_time as mask_dead_time
    from .streams import merge as merge
    from .streams import with_delays as with_delays

_HOME = {
    "TagFile": "perovskite_meas.photons.files",
    "PhotonHdf5Writer": "perovskite_meas.photons.files",
    "PtuWriter": "perovskite_meas.photons.files",
    "concatenate": "perovskite_meas.photons.cutting",
    "cut": "perovskite_meas.photons.cutting",
    "segments": "perovskite_meas.photons.cutting",
    "fold_to_pulses": "perovskite_meas.photons.fold",
    "PulseCorrelator": "perovskite_meas.photons.pulsed",
    "LogCorrelation": "perovskite_meas.photons.log",
    "Correlator": "perovskite_meas.photons.live",
    "Tags": "perovskite_meas.core.tags",
    "change_points": "perovskite_meas.photons.changepoints",
    "correlate": "perovskite_meas.photons.linear",
    "cross_correlate": "perovskite_meas.photons.linear",
    "decay_histogram": "perovskite_meas.photons.histograms",
    "fit_fringes": "perovskite_meas.photons.fringes",
    "flid": "perovskite_meas.photons.segment_lifetimes",
    "fold_ramps": "perovskite_meas.photons.ramps",
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
    "pulse_overlap": "perovskite_meas.photons.fringes",
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
