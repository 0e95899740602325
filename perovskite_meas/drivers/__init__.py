"""QCoDeS drivers of the optics that the host frameworks lack: one instrument, one file."""

from .acton_spectrapro import ActonSpectraPro
from .andor_camera import AndorCamera
from .chameleon import Chameleon
from .delay import Delay as Delay
from .ell14 import ELL14
from .esp301 import ESP301
from .fw102c import FW102C
from .gentec_maestro import GentecMaestro
from .kpz101 import KPZ101
from .light_conversion import LightConversion
from .maitai import MaiTai
from .ocean_spectrometer import OceanSpectrometer
from .pi_motor import PIMotor
from .pi_piezo import PIPiezo
from .picoquant_harp import PicoQuantHarp
from .pm100 import PM100
from .sc10 import SC10
from .smc100 import CONEX as CONEX
from .smc100 import SMC100
from .sr400 import SR400
from .swabian_time_tagger import SwabianTimeTagger

__all__ = [
    "ELL14",
    "ESP301",
    "FW102C",
    "KPZ101",
    "PM100",
    "SC10",
    "SMC100",
    "SR400",
    "ActonSpectraPro",
    "AndorCamera",
    "Chameleon",
    "GentecMaestro",
    "LightConversion",
    "MaiTai",
    "OceanSpectrometer",
    "PIMotor",
    "PIPiezo",
    "PicoQuantHarp",
    "SwabianTimeTagger",
]
