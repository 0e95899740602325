"""QCoDeS drivers of the optics that the host frameworks lack: one instrument, one file."""

from .ell14 import ELL14
from .picoquant_harp import PicoQuantHarp
from .pm100 import PM100
from .sc10 import SC10
from .sr400 import SR400
from .swabian_time_tagger import SwabianTimeTagger

__all__ = ["ELL14", "PM100", "SC10", "SR400", "PicoQuantHarp", "SwabianTimeTagger"]
