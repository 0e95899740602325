"""What a pulsed laser says of itself, held against the pulses that the bench states."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.errors import HardwareFault
from ..calibrations import PulseCalibration
from ..handle import Handle
from .words import fault_text, is_locked


class LaserChecks:
    """Refuses a laser that is not as stated; asks only for what the bench names.

    Args:
        handles: by option of the role: `faults`, `locked`, `wavelength`, `duration`.
        label: of the role, for messages.
        tolerance: nm by which the wavelength may be off.
        stretch: share by which the duration may differ.
    """

    def __init__(self, handles: Mapping[str, Handle], label: str, tolerance: float, stretch: float) -> None:
        self._handles = handles
        self._label = label
        self._tolerance = tolerance
        self._stretch = stretch

    def require_faultless(self) -> None:
        """Refuse a laser that reports a fault, or is not mode-locked.

        Raises:
            HardwareFault: it does, or is not.
        """
        if "faults" in self._handles and (text := fault_text(self._handles["faults"].get())):
            raise HardwareFault(f"{self._label}: the laser reports {text}; clear it at the laser before the run")
        locked = self._handles.get("locked")
        if locked is not None and not is_locked(answer := locked.get()):
            raise HardwareFault(
                f"{self._label}: the laser is not mode-locked ({locked.name} says {answer!r}), so its pulses are long "
                "and weak; lock it and wait until it has settled"
            )

    def wavelength(self, nominal: PulseCalibration) -> float:
        """Return the wavelength in nm, as told; the stated one where the laser does not tell.

        Raises:
            HardwareFault: it is not the one that is stated.
        """
        if "wavelength" not in self._handles:
            return nominal.wavelength
        actual = float(self._handles["wavelength"].get())
        if not abs(actual - nominal.wavelength) <= self._tolerance:
            raise HardwareFault(
                f"{self._label}: the laser is at {actual:g} nm but calibrations.pulse ({nominal.source}) states "
                f"{nominal.wavelength:g} nm, {self._tolerance:g} nm either way (option `tolerance`): it was not tuned "
                "there, or clamped to the end of its range; tune it, or state the wavelength that is meant"
            )
        return actual

    def check_duration(self, nominal: PulseCalibration) -> None:
        """Refuse pulses of another length.

        Raises:
            HardwareFault: they differ from what is stated by more than `stretch`.
        """
        if "duration" not in self._handles:
            return
        actual = float(self._handles["duration"].get())
        if not abs(actual / nominal.duration[0] - 1) <= self._stretch:
            raise HardwareFault(
                f"{self._label}: pulses of {actual:g} fs leave the laser but calibrations.pulse ({nominal.source}) "
                f"states {nominal.duration[0]:g} fs, {100 * self._stretch:g} % either way (option `stretch`): see to "
                "the compressor, or measure the pulses anew and state them"
            )
