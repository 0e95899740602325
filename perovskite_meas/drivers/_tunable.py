"""What tunable lasers have in common: a shutter, a wavelength that takes time, a mode lock and a watchdog."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, InstrumentError, ReplyError, UsageError
from perovskite_meas.core.units import to_unit

from ._in_step import InStepInstrument

if TYPE_CHECKING:
    from typing_extensions import Unpack

_SHUTTER = 4.0
"""s until a move of the shutter is reported."""
_TUNING = 120.0
_LOCKING = 60.0
_EMISSION = 120.0
_POLL = 0.1
_CLOSE_ENOUGH = 0.5
"""nm; both lasers count in whole nm."""


class TunableLaser(InStepInstrument):
    """A laser whose wavelength can be set; a subclass talks to it.

    The wavelength is set in whole nm and with the laser's own shutter closed, since the mode lock is lost on the way. A
    set returns on arrival, mode-locked again if the laser emits. A watchdog switches the laser off when this program
    has said nothing for so long; every exchange feeds it, and an orderly `close` disarms it.

    Args:
        name: name in the station.
        address: VISA resource name.
        visalib: VISA library as PyVISA names it; None for the system's.
        watchdog: s, or text with a unit; 0 leaves the laser's own setting alone.
        tune_open: whether the wavelength may be set with the laser's own shutter open.
        **kwargs: `metadata` and `label` of QCoDeS.

    Raises:
        UsageError: a watchdog that the laser does not have.
    """

    _longest_watchdog = 3600.0

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        watchdog: float | str = 0.0,
        tune_open: bool = False,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._watchdog = to_unit(watchdog, "s")
        if self._watchdog and not 1 <= self._watchdog <= self._longest_watchdog:
            raise UsageError(
                f"{self._where}: watchdog of {self._watchdog:g} s refused; 1 s to {self._longest_watchdog:g} s, or 0 "
                "for none, in the station file"
            )
        self._tune_open = tune_open
        self._armed = False
        self._lit = False
        """Whether it was seen to emit since it was told to, or since it was found so."""
        self.shutter: Parameter[str, Self] = self.add_parameter(
            "shutter",
            label="Laser's shutter",
            get_cmd=lambda: "open" if self._is_open() else "closed",
            set_cmd=self._set_shutter,
            vals=vals.Enum("open", "closed"),
        )
        """The laser's own shutter; a set returns when the laser reports it, which takes about a second."""
        self.emission: Parameter[str, Self] = self.add_parameter(
            "emission",
            label="Emission",
            get_cmd=lambda: "on" if self._emits() else "off",
            set_cmd=self._set_emission,
            vals=vals.Enum("on", "off"),
        )
        """Whether it emits, behind its shutter; switching off closes the shutter first."""
        self.wavelength: Parameter[float, Self] = self.add_parameter(
            "wavelength",
            label="Wavelength",
            unit="nm",
            get_cmd=self._nm,
            set_cmd=self._set_wavelength,
            vals=vals.Numbers(200, 3000),
        )
        """Wavelength where it is, in nm; a set returns on arrival and takes whole nm."""
        self.mode_locked: Parameter[bool, Self] = self.add_parameter(
            "mode_locked", label="Mode-locked", get_cmd=self._is_locked, vals=vals.Bool()
        )
        """Whether it is mode-locked; not so while it tunes or is off."""
        self.power: Parameter[float, Self] = self.add_parameter(
            "power", label="Power", unit="W", get_cmd=self._watts, vals=vals.Numbers()
        )
        """Average power before its shutter, in W, by its own diode."""
        self.errors: Parameter[str, Self] = self.add_parameter(
            "errors", label="Errors", get_cmd=self._get_errors, vals=vals.Strings()
        )
        """What is wrong, in one line; empty if nothing is."""

    def close(self) -> None:
        """Disarm the watchdog and close the instrument; the laser and its shutter stay as they are."""
        if self.__dict__.get("_armed") and self._lease is not None:
            self._armed = False
            try:
                self._arm(0.0)
            except InstrumentError as error:
                self.log.error("the watchdog stays armed and will switch the laser off: %s", error)
        super().close()

    def _settle_in(self) -> None:
        """Take note of how the laser was found, and arm the watchdog; `_greet` calls it when it knows who answers."""
        self._lit = self._emits()
        if self._watchdog:
            self._arm(self._watchdog)
            self._armed = True

    def _is_open(self) -> bool:
        raise NotImplementedError

    def _move_shutter(self, opened: bool) -> None:
        raise NotImplementedError

    def _emits(self) -> bool:
        raise NotImplementedError

    def _switch(self, on: bool) -> None:
        """Switch the emission; refuses where the laser is not ready for it."""
        raise NotImplementedError

    def _nm(self) -> float:
        raise NotImplementedError

    def _range(self) -> tuple[float, float]:
        """Return the shortest and the longest wavelength that the laser names, nm."""
        raise NotImplementedError

    def _order(self, nm: int) -> None:
        """Have it tune; refuses where the laser did not take the value."""
        raise NotImplementedError

    def _tunes(self) -> bool:
        """Whether it says that it still tunes."""
        raise NotImplementedError

    def _is_locked(self) -> bool:
        raise NotImplementedError

    def _tells_lock(self) -> bool:
        return True

    def _watts(self) -> float:
        raise NotImplementedError

    def _faults(self) -> list[str]:
        """Return what the laser says is wrong."""
        raise NotImplementedError

    def _arm(self, seconds: float) -> None:
        """Arm the watchdog; 0 disarms it."""
        raise NotImplementedError

    def _get_errors(self) -> str:
        with self._link.lock:
            found = self._faults()
            if self._lit and not self._emits():
                dog = f"the watchdog of {self._watchdog:g} s, " if self._watchdog else ""
                found.append(f"the emission went off by itself: {dog}the key or the interlock")
        return "; ".join(found)

    def _set_shutter(self, wanted: str) -> None:
        with self._link.lock:
            try:
                self._move(wanted)
            except (CommunicationError, ReplyError) as error:
                if wanted == "open":
                    raise
                self.log.warning("closing is tried once more after: %s", error)
                self._move(wanted)  # one lost reply must not leave light on

    def _move(self, wanted: str) -> None:
        self._move_shutter(wanted == "open")
        if not self._becomes(lambda: self._is_open() == (wanted == "open"), _SHUTTER):
            light = "look at its interlock" if wanted == "open" else "LIGHT MAY PASS: block the beam by hand"
            raise self._fault(f"its shutter is not {wanted} within {_SHUTTER:g} s", f"{light}, and check the laser")

    def _set_emission(self, wanted: str) -> None:
        with self._link.lock:
            if wanted == "off":
                self._lit = False
                self._set_shutter("closed")
            self._switch(wanted == "on")
            if not self._becomes(lambda: self._emits() == (wanted == "on"), _EMISSION):
                raise self._fault(
                    f"its emission is not {wanted} within {_EMISSION:g} s: {self._told()}", "check key and interlock"
                )
            self._lit = wanted == "on"

    def _set_wavelength(self, wanted: float) -> None:
        with self._link.lock:
            low, high = self._range()
            if not low <= wanted <= high or not float(wanted).is_integer():
                raise UsageError(
                    f"{self._where}: {wanted:g} nm refused; it tunes from {low:g} nm to {high:g} nm in whole nm"
                )
            if not self._tune_open and self._is_open():
                raise self._fault(
                    f"{wanted:g} nm refused while its own shutter is open, since it is not mode-locked on the way",
                    "close the shutter first, or allow it by `tune_open` in the station file",
                )
            self._order(int(wanted))
            self._arrive(wanted, low, high)

    def _arrive(self, wanted: float, low: float, high: float) -> None:
        settled = self._becomes(lambda: not self._tunes(), _TUNING)
        found = self._nm()
        if not settled or abs(found - wanted) > _CLOSE_ENOUGH:
            why = "" if settled else f" after {_TUNING:g} s"
            raise self._fault(
                f"it stands at {found:g} nm{why} instead of {wanted:g} nm, though it says that it tunes from "
                f"{low:g} nm to {high:g} nm: {self._told()}",
                "ask for a wavelength that it reaches, and measure nothing with this one",
            )
        if not self._emits() or not self._tells_lock():
            return
        if not self._becomes(self._is_locked, _LOCKING):
            raise self._fault(
                f"it stands at {wanted:g} nm, but is not mode-locked after {_LOCKING:g} s: {self._told()}",
                "let it search its mode lock, then set the wavelength again",
            )

    def _told(self) -> str:
        return self._get_errors() or "it names no error"

    def _becomes(self, condition: Callable[[], bool], timeout: float) -> bool:
        try:
            wait_until(self.clock, condition, timeout=timeout, poll=_POLL)
        except TimeoutError:
            return False
        return True
