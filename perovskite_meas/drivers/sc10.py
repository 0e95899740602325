"""Thorlabs SC10 shutter controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, HardwareFault, ReplyError

from ._prompt import PromptInstrument, prompt_line

if TYPE_CHECKING:
    from typing_extensions import Unpack

MODES = {"manual": 1, "auto": 2, "single": 3, "repeat": 4, "external gate": 5}
"""Operating modes. Source: SC10 manual, command list, p. 15."""

_BLADE_TIMEOUT = 1.0
_BLADE_POLL = 0.005


class SC10(PromptInstrument):
    """Shutter controller; this driver opens and closes its shutter in manual mode.

    The command that moves the blade toggles, so the driver looks first, toggles only if needed, and then
    asks whether the shutter is closed. Two programs on one controller would defeat it.
    Source: Thorlabs SC10 manual, command list, p. 15.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        visalib: VISA library as PyVISA names it; None for the system's.
        baud_rate: 9600 as delivered, or 115200 where the controller was set to it.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        baud_rate: int = 9600,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._idn: dict[str, str | None] = {}
        self._opened = False
        self.state: Parameter[str, Self] = self.add_parameter(
            "state",
            label="Shutter",
            get_cmd=self._get_state,
            set_cmd=self._set_state,
            vals=vals.Enum("open", "closed"),
        )
        """Whether the blade is open or closed; a set returns when the controller confirms it."""
        self.enabled: Parameter[bool, Self] = self.add_parameter(
            "enabled", label="Enabled", get_cmd=lambda: self._flag("ens?"), vals=vals.Bool()
        )
        """Whether the controller is enabled, which in manual mode means told to open."""
        self.mode: Parameter[str, Self] = self.add_parameter(
            "mode", label="Mode", get_cmd=self._get_mode, set_cmd=self._set_mode, vals=vals.Enum(*MODES)
        )
        """Operating mode; can be changed only while the controller is not enabled."""
        self.open_time: Parameter[float, Self] = self._add_time("open_time", "Open time", "open")
        """Time open in the timed modes."""
        self.shut_time: Parameter[float, Self] = self._add_time("shut_time", "Shut time", "shut")
        """Time closed in the timed modes."""
        self.interlock: Parameter[str, Self] = self.add_parameter(
            "interlock",
            label="Interlock",
            get_cmd=lambda: "tripped" if self._flag("interlock?") else "ok",
            vals=vals.Enum("ok", "tripped"),
        )
        """State of the interlock; a tripped one keeps the shutter closed."""
        self._connect(prompt_line(baud_rate))

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number (unknown) and firmware."""
        return dict(self._idn)

    def _greet(self) -> None:
        found = self._query("id?")
        if "SC10" not in found.upper():
            raise self._stranger(repr(found), "a Thorlabs SC10")
        firmware = found.upper().rpartition("VERSION")[2].strip() if "VERSION" in found.upper() else found
        self._idn = {"vendor": "Thorlabs", "model": "SC10", "serial": None, "firmware": firmware}
        mode = self._get_mode()
        if mode == "manual":
            return
        if self._flag("ens?"):
            self.log.warning("%s runs in mode %r and is left alone until it is told to move", self._where, mode)
        else:
            self._set_mode("manual")

    def _get_state(self) -> str:
        return "closed" if self._flag("closed?") else "open"

    def _set_state(self, state: str) -> None:
        with self._link.lock:
            try:
                self._move(state)
            except (CommunicationError, ReplyError) as error:
                if state == "open":
                    raise
                self.log.warning("closing is tried once more after: %s", error)
                self._move(state)  # looking first makes this harmless, and one lost reply must not leave light on

    def _move(self, state: str) -> None:
        opening = state == "open"
        if self._get_mode() != "manual":
            self._disable()
            self._set_mode("manual")
        if opening and self._flag("interlock?"):
            self._disable()
            raise self._fault("opening refused, because the interlock is tripped", "clear the interlock first")
        enabled = self._flag("ens?")
        by_itself = self._opened and not (opening or enabled)
        self._opened = False
        if enabled != opening:
            self._command("ens")
        if not self._blade_becomes(state):
            raise self._stuck(state)
        self._opened = opening
        if by_itself:
            raise self._fault(
                "it had closed by itself before it was told to: its interlock tripped, somebody pressed the button, or "
                "its power failed; what was measured since it was opened is worth nothing",
                "see to the interlock and the button, then repeat the measurement",
            )

    def _disable(self) -> None:
        """Withdraw a standing order to open."""
        if self._flag("ens?"):
            self._command("ens")

    def _blade_becomes(self, state: str) -> bool:
        try:
            wait_until(self.clock, lambda: self._get_state() == state, timeout=_BLADE_TIMEOUT, poll=_BLADE_POLL)
        except TimeoutError:
            return False
        return True

    def _stuck(self, state: str) -> HardwareFault:
        """Return why the blade did not move; an order to open that was not obeyed must not stand."""
        tripped = self._flag("interlock?")
        if state == "open":
            self._disable()
            consequence = "the order to open was withdrawn"
        else:
            consequence = "LIGHT MAY PASS: block the beam by hand"
        cause = "the interlock is tripped" if tripped else "the blade did not move"
        return self._fault(
            f"not {state} within {_BLADE_TIMEOUT:g} s, because {cause}", f"{consequence}, then check shutter and cable"
        )

    def _get_mode(self) -> str:
        number = self._whole("mode?")
        for name, value in MODES.items():
            if value == number:
                return name
        raise self._garbage("mode?", str(number).encode(), "a mode from 1 to 5")

    def _set_mode(self, mode: str) -> None:
        with self._link.lock:
            if self._flag("ens?"):
                raise self._fault(f"mode {mode!r} refused while enabled, since the blade could move", "close it first")
            self._command(f"mode={MODES[mode]}")
            found = self._get_mode()
        if found != mode:
            raise self._fault(f"mode is {found!r} after setting {mode!r}", "set the mode at the front panel")

    def _add_time(self, name: str, label: str, word: str) -> Parameter[float, Any]:
        def put(seconds: float) -> None:
            with self._link.lock:
                wanted = round(seconds * 1000)
                self._command(f"{word}={wanted}")
                found = self._whole(f"{word}?")
            if found != wanted:
                raise self._fault(f"{name} is {found} ms after setting {wanted} ms", "choose another time")

        parameter: Parameter[float, Any] = self.add_parameter(
            name,
            label=label,
            unit="s",
            get_cmd=lambda: self._whole(f"{word}?") / 1000,
            set_cmd=put,
            vals=vals.Numbers(1e-3, 999.999),
        )
        return parameter
