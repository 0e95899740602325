"""Light Conversion PHAROS and CARBIDE femtosecond lasers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, ReplyError

from ._http import HTTP_LINE, HttpInstrument

if TYPE_CHECKING:
    from typing_extensions import Unpack

_POLL = 0.01
_CLOSING = 0.5
"""s for the answer to CloseOutput: while it is awaited, light may be on, and a second try may get through."""
_LONGEST = 2.0
"""s that a setting may take until it is read back."""
_START = 600.0
_PRESET = 60.0
_SLOW_POLL = 0.5


class LightConversion(HttpInstrument):
    """Laser with a pulse picker behind its amplifier, driven through the REST server of its own program.

    Every setting is read back. The output is the picker (or the shutter, by the laser's own setting), and what the
    laser says of it is all that this driver can confirm: whether pulses stopped, only an energy meter tells.

    Source: public programs for these lasers and the vendor's package `lightcon`. Unverified against the vendor's
    description: the names of the states beyond Operational and EmissionOn, and the form of Errors and Warnings.

    Args:
        name: name in the station.
        address: VISA resource name, such as TCPIP0::192.168.0.30::20020::SOCKET.
        base: first part of every path: "/v1", "/v0" on older lasers.
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        base: str = "/v1",
        visalib: str | None = None,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, base, visalib, **kwargs)
        self.output: Parameter[str, Self] = self.add_parameter(
            "output",
            label="Output",
            get_cmd=lambda: "open" if self._flag("Basic/IsOutputEnabled") else "closed",
            set_cmd=self._set_output,
            vals=vals.Enum("open", "closed"),
        )
        """Whether the picker lets pulses out; a set returns when the laser confirms it."""
        self.divider: Parameter[int, Self] = self.add_parameter(
            "divider",
            label="Picker's divider",
            unit="1",
            get_cmd=lambda: self._whole("Basic/ActualPpDivider"),
            set_cmd=self._set_divider,
            vals=vals.Ints(1, 10**6),
        )
        """Every so manieth pulse of the amplifier is let out."""
        self.output_frequency = self._reading("output_frequency", "Picked rate", "Hz", "ActualOutputFrequency", 1e3)
        """Rate of the pulses behind the picker, in Hz, whether or not the output is open."""
        self.frequency = self._reading("frequency", "Amplifier's frequency", "Hz", "ActualRaFrequency", 1e3)
        """Rate of the pulses of the amplifier, in Hz; presets change it."""
        self.power = self._reading("power", "Output power", "W", "ActualOutputPower", 1.0)
        """Average power at the output, in W, by the laser's own diode; 0 while the output is closed."""
        self.energy = self._reading("energy", "Pulse energy", "J", "ActualOutputEnergy", 1e-6)
        """Energy of a pulse at the output, in J, by the laser's own diode."""
        self.amplifier_power = self._reading("amplifier_power", "Amplifier's power", "W", "ActualRaPower", 1.0)
        """Average power before the picker, in W."""
        self.pulse_duration = self._reading("pulse_duration", "Pulse duration", "fs", "ActualPulseDuration", 1.0)
        """Duration of the pulses in fs; a CARBIDE tells it, a PHAROS has no such value."""
        self.attenuator: Parameter[float, Self] = self.add_parameter(
            "attenuator",
            label="Attenuator",
            unit="percent",
            get_cmd=lambda: self._number_at("Basic/ActualAttenuatorPercentage"),
            set_cmd=self._set_attenuator,
            vals=vals.Numbers(0, 100),
        )
        """Transmission of the laser's own attenuator, in percent, not linear in the energy on every model."""
        self.preset: Parameter[int, Self] = self.add_parameter(
            "preset",
            label="Preset",
            unit="1",
            get_cmd=lambda: self._whole("Basic/SelectedPresetIndex"),
            set_cmd=self._set_preset,
            vals=vals.Ints(0, 100),
        )
        """Number of the preset; a set applies it as well, and is refused while the output is open."""
        self.state: Parameter[str, Self] = self.add_parameter(
            "state", label="State", get_cmd=self._state, vals=vals.Strings()
        )
        """State of the laser: Off, StandingBy, Operational, EmissionOn, or others."""
        self.errors: Parameter[str, Self] = self.add_parameter(
            "errors", label="Errors", get_cmd=self._texts("Errors"), vals=vals.Strings()
        )
        """Errors that stand, in one line; empty if there are none."""
        self.warnings: Parameter[str, Self] = self.add_parameter(
            "warnings", label="Warnings", get_cmd=self._texts("Warnings"), vals=vals.Strings()
        )
        """Warnings that stand, in one line; empty if there are none."""
        self.interlock: Parameter[str, Self] = self.add_parameter(
            "interlock",
            label="Remote interlock",
            get_cmd=lambda: "tripped" if self._flag("Advanced/IsRemoteInterlockActive") else "ok",
            vals=vals.Enum("ok", "tripped"),
        )
        """State of the remote interlock; it is reset at the laser, not from here."""
        self._connect(HTTP_LINE)

    def get_idn(self) -> dict[str, str | None]:
        """Return the vendor; the server tells neither the model nor the number of the laser."""
        return {"vendor": "Light Conversion", "model": "PHAROS or CARBIDE", "serial": None, "firmware": None}

    def turn_on(self, timeout: float = _START) -> None:
        """Turn the laser on and wait until it is operational, at most `timeout` s; the output stays closed.

        Raises:
            HardwareFault: it refuses, or is not operational in time.
        """
        self._post("Basic/TurnOn", _PRESET)
        self._reach("the laser is operational", lambda: self._state() in ("Operational", "EmissionOn"), timeout)

    def standby(self) -> None:
        """Close the output and put the laser into standby; its oscillator goes on."""
        self._set_output("closed")
        self._post("Basic/GoToStandby", _PRESET)

    def _greet(self) -> None:
        found = self._get("Basic/ActualPpDivider")
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise self._stranger(f"{found!r} as divider", "a Light Conversion laser")

    def _set_output(self, wanted: str) -> None:
        with self._whole_talk:
            try:
                self._switch(wanted)
            except (CommunicationError, ReplyError) as error:
                if wanted == "open":
                    raise
                self.log.warning("closing is tried once more after: %s", error)
                self._switch(wanted)

    def _switch(self, wanted: str) -> None:
        if wanted == "open":
            self._post("Basic/EnableOutput")
        else:
            self._post("Basic/CloseOutput", _CLOSING)
        opening = wanted == "open"
        light = "" if opening else "; LIGHT MAY PASS: close another shutter"
        self._reach(f"the output is {wanted}", lambda: self._flag("Basic/IsOutputEnabled") == opening, _LONGEST, light)

    def _set_divider(self, divider: int) -> None:
        self._settle("Basic/TargetPpDivider", "Basic/ActualPpDivider", int(divider), 0.0)

    def _set_attenuator(self, percent: float) -> None:
        self._settle("Basic/TargetAttenuatorPercentage", "Basic/ActualAttenuatorPercentage", float(percent), 0.5)

    def _set_preset(self, index: int) -> None:
        with self._whole_talk:
            if self._flag("Basic/IsOutputEnabled"):
                raise self._fault(f"preset {index} refused while the output is open", "close the output first")
            self._settle("Basic/SelectedPresetIndex", "Basic/SelectedPresetIndex", int(index), 0.0)
            self._post("Basic/ApplySelectedPreset", _PRESET)

    def _settle(self, target: str, actual: str, value: float, tolerance: float) -> None:
        with self._whole_talk:
            self._put(target, value)
            self._reach(
                f"{actual.partition('/')[2]} is {value:g}",
                lambda: abs(self._number_at(actual) - value) <= tolerance,
                _LONGEST,
            )

    def _reach(self, what: str, reached: Callable[[], bool], timeout: float, light: str = "") -> None:
        poll = _POLL if timeout <= _LONGEST else _SLOW_POLL
        try:
            wait_until(self.clock, reached, timeout=timeout, poll=poll)
        except TimeoutError:
            errors = self._texts("Errors")() or "it names no error"
            raise self._fault(
                f"not so within {timeout:g} s that {what}: state {self._state()}, {errors}{light}",
                "see the laser's own program",
            ) from None

    def _state(self) -> str:
        return str(self._get("Basic/ActualStateName")).removeprefix("State")

    def _texts(self, kind: str) -> Callable[[], str]:
        def read() -> str:
            told = self._get(f"Basic/{kind}")
            return "; ".join(map(_text, told)) if isinstance(told, list) else str(told or "")

        return read

    def _flag(self, path: str) -> bool:
        told = self._get(path)
        if not isinstance(told, bool):
            raise self._garbage(f"GET {path}", repr(told).encode(), "true or false")
        return told

    def _number_at(self, path: str) -> float:
        told = self._get(path)
        if isinstance(told, bool) or not isinstance(told, int | float | str):
            raise self._garbage(f"GET {path}", repr(told).encode(), "a number")
        return self._number(f"GET {path}", str(told).encode())

    def _whole(self, path: str) -> int:
        return self._integer(f"GET {path}", str(self._number_at(path)).encode())

    def _reading(self, name: str, label: str, unit: str, resource: str, factor: float) -> Parameter[float, Any]:
        parameter: Parameter[float, Any] = self.add_parameter(
            name,
            label=label,
            unit=unit,
            get_cmd=lambda: factor * self._number_at(f"Basic/{resource}"),
            snapshot_get=name != "pulse_duration",
        )
        return parameter


def _text(entry: Any) -> str:
    """Return one error as text: {"Code": .., "Description": ..} or a plain string."""
    if not isinstance(entry, dict):
        return str(entry)
    return " ".join(str(entry[key]) for key in ("Code", "Description") if entry.get(key)) or str(entry)
