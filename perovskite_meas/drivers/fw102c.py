"""Thorlabs FW102C and FW212C motorised filter wheels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.errors import UsageError

from ._prompt import PromptInstrument, prompt_line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_PER_PLACE = 4.0
"""s per place that a turn may last: twice what public drivers allow for the slow speed."""
_SPARE = 2.0


class FW102C(PromptInstrument):
    """Filter wheel with six places, or twelve.

    The wheel answers `pos=` when it stands. While it turns, the borders of the filters pass the beam.
    Source: Thorlabs FW102C manual, command list. Unverified against the manual: how long a turn lasts.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        visalib: VISA library as PyVISA names it; None for the system's.
        baud_rate: 115200 as delivered, or 9600 where the wheel was set to it.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        visalib: str | None = None,
        baud_rate: int = 115200,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._idn: dict[str, str | None] = {}
        self._places = 0
        self.position: Parameter[int, Self] = self.add_parameter(
            "position",
            label="Place of the wheel",
            unit="1",
            get_cmd=lambda: self._whole("pos?"),
            set_cmd=self._set_position,
            vals=vals.Ints(1, 12),
        )
        """Place in the beam, from 1; a set returns when the wheel stands there and says so."""
        self.places: Parameter[int, Self] = self.add_parameter(
            "places", label="Number of places", unit="1", get_cmd=lambda: self._whole("pcount?")
        )
        """How many places the wheel has."""
        self.speed: Parameter[str, Self] = self.add_parameter(
            "speed",
            label="Speed",
            get_cmd=lambda: "fast" if self._flag("speed?") else "slow",
            set_cmd=lambda wanted: self._put("speed", int(wanted == "fast")),
            vals=vals.Enum("slow", "fast"),
        )
        """How fast it turns."""
        self.sensors: Parameter[bool, Self] = self.add_parameter(
            "sensors",
            label="Sensors stay on",
            get_cmd=lambda: self._flag("sensors?"),
            set_cmd=lambda wanted: self._put("sensors", int(wanted)),
            vals=vals.Bool(),
        )
        """Whether its infrared sensors stay on while it stands; off, they give no stray light."""
        self._connect(prompt_line(baud_rate))

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number (unknown) and firmware."""
        return dict(self._idn)

    def _greet(self) -> None:
        found = self._query("*idn?")
        if "FW102C" not in found.upper() and "FW212C" not in found.upper():
            raise self._stranger(repr(found), "a Thorlabs FW102C")
        self._places = self._whole("pcount?")
        model = "FW212C" if self._places == 12 else "FW102C"
        self._idn = {"vendor": "Thorlabs", "model": model, "serial": None, "firmware": found.rpartition("version ")[2]}

    def _set_position(self, place: int) -> None:
        if place > self._places:
            raise UsageError(f"{self._where}: place {place} refused; this wheel has places 1 to {self._places}")
        with self._link.lock:
            self._command(f"pos={place}", _SPARE + _PER_PLACE * self._places)
            found = self._whole("pos?")
        if found != place:
            raise self._fault(
                f"the wheel stands at place {found} after it was sent to {place}, so another filter is in the beam",
                "see whether something blocks the wheel, then set it again",
            )

    def _put(self, word: str, value: int) -> None:
        with self._link.lock:
            self._command(f"{word}={value}")
            found = self._whole(f"{word}?")
        if found != value:
            raise self._fault(f"{word} is {found} after setting {value}", "check the controller's firmware")
