"""Open a file of time tags, whatever its format."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ...core.errors import UsageError
from ...core.tags import Tags
from .becker_hickl import read_spc_header
from .errors import TagFileError
from .picoquant_legacy import read_legacy_header
from .ptu_header import MAGIC
from .ptu_reader import read_ptu_header
from .record_file import RecordFile
from .tag_file import TagFile

_HDF5 = b"\x89HDF\r\n\x1a\n"
_LEGACY = (b"HydraHarp\0", b"PicoHarp 300\0", b"TimeHarp 200\0")
_KNOWN = (
    ".ptu (PicoHarp 300, HydraHarp, TimeHarp 260, MultiHarp, PicoHarp 330), .ht2, .ht3, .pt2, .pt3, .t3r, "
    ".spc (Becker & Hickl SPC-1xx/830), .h5/.hdf5 (Photon-HDF5)"
)


def open_tags(path: str | PathLike[str], *, sync_as_channel: int | None = None) -> TagFile:
    """Open a file of time tags; its format is found from its content, where that has no mark from its suffix.

    Args:
        path: The file.
        sync_as_channel: T2 recordings of the HydraHarp family: give the events of the sync input this channel.
            By default they are left out.

    Raises:
        TagFileError: if there is no such file, it is empty, damaged in its header, or of no known format.
        UsageError: if sync events are asked of a recording that has none.

    Warns:
        TagFileWarning: if the file is incomplete; its good part is read.
    """
    path = Path(path)
    head = _head(path)
    if head.startswith(_HDF5):
        from .photon_hdf5 import PhotonHdf5File

        if sync_as_channel is not None:
            raise UsageError(f"{path.name}: a Photon-HDF5 file has no sync events; leave sync_as_channel out")
        return PhotonHdf5File(path)
    if head.startswith(MAGIC.rstrip(b"\0")):
        recording = read_ptu_header(path)
    elif head.startswith(_LEGACY):
        recording = read_legacy_header(path)
    elif head.startswith(b"PQ"):
        magic = head[:8].rstrip(b"\0").decode("latin-1")
        raise TagFileError(f"{path.name} is a PicoQuant file of kind {magic!r}, which holds no time tags; .ptu does")
    elif path.suffix.lower() == ".spc":
        recording = read_spc_header(path)
    else:
        raise TagFileError(f"{path.name}: the format is unknown (it starts with {head[:8]!r}); known are {_KNOWN}")
    return RecordFile(recording, sync_as_channel)


def read_tags(path: str | PathLike[str], *, sync_as_channel: int | None = None) -> Tags:
    """Read a whole file of time tags; see `open_tags` for its arguments, errors and warnings."""
    with open_tags(path, sync_as_channel=sync_as_channel) as file:
        return file.read()


def _head(path: Path) -> bytes:
    if not path.is_file():
        raise TagFileError(f"there is no file {path}")
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise TagFileError(f"{path.name} is empty (0 bytes): the recording was never written")
    return head
