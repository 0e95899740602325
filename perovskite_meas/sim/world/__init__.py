"""The physics of the virtual laboratory: one sample, one beam, one time."""

from .ase.config import AseConfig
from .base import TableConfig, WorldFile
from .config import WorldConfig
from .exposure import Light
from .load import load_config, parse_config
from .magneto.config import MagnetoConfig
from .michelson.config import MichelsonConfig
from .photons.detectors import Events
from .scene import Shot
from .world import World

__all__ = [
    "AseConfig",
    "Events",
    "Light",
    "MagnetoConfig",
    "MichelsonConfig",
    "Shot",
    "TableConfig",
    "World",
    "WorldConfig",
    "WorldFile",
    "load_config",
    "parse_config",
]
