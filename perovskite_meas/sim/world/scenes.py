"""Which kinds of optical table there are: their world files and what stands on them."""

from __future__ import annotations

from .ase.config import AseConfig
from .base import TABLES, WorldFile
from .config import WorldConfig
from .confocal import Confocal
from .front import Setting
from .magneto.config import MagnetoConfig
from .michelson.config import MichelsonConfig
from .scene import Scene

SCHEMAS: dict[str, type[WorldFile]] = {
    "confocal": WorldConfig,
    "michelson": MichelsonConfig,
    "magneto": MagnetoConfig,
    "ase": AseConfig,
}
"""What a world file with this word under `table` may say."""


def packaged(kind: str) -> str:
    """Return the name of the packaged table of this kind, whose world file is complete."""
    return f"virtual_{kind}"


def make_scene(config: WorldFile, setting: Setting) -> Scene:
    """Return what a world file puts on the table."""
    if isinstance(config, MichelsonConfig):
        from .michelson.scene import Michelson  # compiled loops, which the other table can do without

        return Michelson(config, setting)
    if isinstance(config, MagnetoConfig):
        from .magneto.scene import Magneto

        return Magneto(config, setting)
    if isinstance(config, AseConfig):
        from .ase.scene import Ase

        return Ase(config, setting)
    if isinstance(config, WorldConfig):
        return Confocal(config, setting)
    raise TypeError(f"no kind of table goes with {type(config).__name__}; there are {', '.join(TABLES)}")
