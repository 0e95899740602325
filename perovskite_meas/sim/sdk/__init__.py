"""Stand-ins for vendors' Python modules, fed by the virtual laboratory: a driver names them as text.

`perovskite_meas.sim.sdk.snapi` takes the place of `snAPI.Main`, `perovskite_meas.sim.sdk.time_tagger` that of
`Swabian.TimeTagger`, `perovskite_meas.sim.sdk.seabreeze` that of `seabreeze.spectrometers`; what
`perovskite_meas.sim.sdk.atmcd.load` returns takes the place of Andor's shared library `atmcd64d.dll`. A serial number
there is the name of a virtual table, or the path of a folder with a world.yaml.
"""

from .camera_faults import CameraFaults
from .faults import TaggerFaults
from .laboratory import faults_of

__all__ = ["CameraFaults", "TaggerFaults", "faults_of"]
