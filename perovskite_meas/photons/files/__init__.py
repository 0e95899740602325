"""Files of time tags: readers of the common formats, crash-safe writers of PTU and Photon-HDF5.

Neither the compiler of the decoders nor HDF5 is loaded before a file needs it.
"""

from __future__ import annotations

from .convert import convert_tags as convert_tags
from .convert import write_photon_hdf5 as write_photon_hdf5
from .convert import write_ptu as write_ptu
from .errors import TagFileError as TagFileError
from .errors import TagFileWarning as TagFileWarning
from .opening import open_tags as open_tags
from .opening import read_tags as read_tags
from .photon_hdf5_writer import PhotonHdf5Writer as PhotonHdf5Writer
from .ptu_writer import PtuWriter as PtuWriter
from .tag_file import TagFile as TagFile
