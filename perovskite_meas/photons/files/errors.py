"""What can be wrong with a file of time tags."""

from __future__ import annotations

from ...core.errors import RecordError


class TagFileError(RecordError):
    """A file of time tags that cannot be read; says why and what would be read."""


class TagFileWarning(UserWarning):
    """A file of time tags is damaged or incomplete; what is returned is its good part."""
