"""What every instrument here does as a QCoDeS instrument, however it is reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qcodes.instrument import Instrument


class AddressedInstrument(Instrument):
    """A QCoDeS instrument that has an `address`; one whose name is taken does not stay open."""

    @property
    def address(self) -> str:
        """Where the instrument is reached."""
        raise NotImplementedError

    @classmethod
    def record_instance(cls, instance: Instrument) -> None:
        """Register the finished instrument; one whose name is taken is closed before KeyError is raised."""
        try:
            super().record_instance(instance)
        except KeyError:
            instance.close()
            raise

    def snapshot_base(self, update: Any = False, params_to_skip_update: Sequence[str] | None = None) -> dict[Any, Any]:
        """Return the QCoDeS snapshot with the address in it."""
        snapshot = super().snapshot_base(update=update, params_to_skip_update=params_to_skip_update)
        snapshot["address"] = self.address
        return snapshot
