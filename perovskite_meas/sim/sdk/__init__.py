"""Stand-ins for vendors' Python modules, fed by the virtual laboratory: a driver names them as text.

`perovskite_meas.sim.sdk.snapi` takes the place of `snAPI.Main`, `perovskite_meas.sim.sdk.time_tagger` that of
`Swabian.TimeTagger`. A serial number there is the name of a virtual table, or the path of a folder with a world.yaml.
"""

from .faults import TaggerFaults
from .laboratory import faults_of

__all__ = ["TaggerFaults", "faults_of"]
