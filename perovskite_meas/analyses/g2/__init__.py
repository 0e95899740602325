"""Second-order correlation of one emitter: is it single, how long does it live, how bright is its biexciton."""

from .analysis import analyse, g2
from .result import G2Result

__all__ = ["G2Result", "analyse", "g2"]
