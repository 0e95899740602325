"""An open file of time tags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ...core.errors import UsageError
from ...core.tags import Tags
from .layouts import Mode


class TagFile(ABC):
    """A file of time tags, read whole or in chunks of bounded memory (context manager).

    T3 recordings keep pulse numbers and delays as they were recorded; times are
    round(pulse * period + delay * resolution) in ps, which may go back by a little where a delay exceeds the period.
    Recorders with a clock of their own (.t3r, .spc) count that clock in `pulses`: their `period` is None, and times
    are those of the clock without the delay.
    """

    path: Path
    format: str
    """Format and recorder."""
    kind: Mode
    """T2 or T3."""
    period: float | None
    """ps between two laser pulses, where known."""
    resolution: float
    """ps per unit of the delays (T3) or per tick of the recorder (T2)."""
    header: Mapping[str, Any]
    """The header by its own names; entries with an index are called `name[index]`."""

    @property
    @abstractmethod
    def duration(self) -> int:
        """Length of the recording in ps: by the header, at least up to the last event once the file was read."""

    def chunks(self, records: int = 2**18) -> Iterator[Tags]:
        """Read the file piece by piece, from its start; times continue from one piece to the next.

        The duration of a piece is the time from the start of the recording that it reaches. Pieces of the usual size
        stay in the processor's cache.

        Raises:
            UsageError: if the piece is smaller than one record.
        """
        if records < 1:
            raise UsageError(f"chunks of {records} records were asked for; give 1 or more")
        return self._chunks(int(records))

    @abstractmethod
    def _chunks(self, records: int) -> Iterator[Tags]: ...

    @abstractmethod
    def read(self) -> Tags:
        """Read the whole file."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> TagFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TagFile({self.path.name!r}, {self.format} {self.kind}, {self.duration * 1e-12:.6g} s)"
