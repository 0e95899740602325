"""The physics of the virtual laboratory: one sample, one beam, one time."""

from .base import TableConfig
from .config import WorldConfig
from .exposure import Light
from .load import load_config, parse_config
from .magneto.config import MagnetoConfig
from .michelson.config import MichelsonConfig
from .photons.detectors import Events
from .world import World

__all__ = [
    "Events",
    "Light",
    "MagnetoConfig",
    "MichelsonConfig",
    "TableConfig",
    "World",
    "WorldConfig",
    "load_config",
    "parse_config",
]
