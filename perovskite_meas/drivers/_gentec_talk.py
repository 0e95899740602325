"""How Gentec-EO meters are talked to: questions, settings that are read back, and who answers."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pyvisa.constants import Parity, StopBits

from ._instrument import WireInstrument
from ._visa import LINE_ERRORS

MODES = {
    0: "power",
    1: "energy",
    2: "single-shot energy",
    3: "fluence",
    4: "irradiance",
    5: "dose",
    6: "dBm",
    7: "no head",
}
"""What the numbers of `*GMD` mean."""
_ENERGY = ("energy", "single-shot energy")
_NO_HEAD = "no head"
_SCALES = 42
_LISTED = 0.2
"""s in which the list of scales has come."""
_SCALE = re.compile(r"\[\s*(\d+)\s*\]")
ACK = "ACK"
_VALUE = re.compile(r"(?:[A-Za-z ]*:)?\s*([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)\s*(?:%|$)")
_KNOWN = ("maestro", "blu", "gentec", "integra")


def full_scale(index: int) -> float:
    """Return the full scale in J of an index as `*SCS` takes it.

    Examples:
        >>> full_scale(0), full_scale(17), full_scale(24)
        (1e-12, 0.0003, 1.0)
    """
    decade, three = divmod(index, 2)
    return float(f"{3 if three else 1}e{decade - 12:d}")


class GentecTalk(WireInstrument):
    """What the driver of a meter builds on; while it streams, questions are refused."""

    SERIAL: ClassVar[dict[str, Any]] = {
        "baud_rate": 115200,
        "data_bits": 8,
        "parity": Parity.none,
        "stop_bits": StopBits.one,
        "read_termination": "\n",
    }
    _streaming = False
    _version = ""

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number (unknown) and firmware."""
        model, _, firmware = self._version.rpartition(" ")
        return {"vendor": "Gentec-EO", "model": model.split()[0], "serial": None, "firmware": firmware}

    def scales(self) -> tuple[float, ...]:
        """Ask which full scales the head has, and return them in J from the lowest up."""
        with self._link.lock:
            lines = [self._query("*DVS")]
            self.clock.sleep(_LISTED)
            while self._waiting():
                lines.append(self._next_line("*DVS"))
        found = [_SCALE.match(line) for line in lines]
        indices = sorted(int(match[1]) for match in found if match is not None)
        if len(indices) != len(lines):
            raise self._garbage("*DVS", "; ".join(lines).encode(), "lines such as [22] : 100.0 m")
        return tuple(full_scale(index) for index in indices)

    def _greet(self) -> None:
        self._quieten()  # a stream that another program left running
        found = self._query("*VER")
        if not any(word in found.lower() for word in _KNOWN) or len(found.split()) < 2:
            raise self._stranger(repr(found), "a Gentec-EO MAESTRO or BLU")
        self._version = found
        for command, plain, what in (
            ("*GUM", 1.0, "user multiplier"),
            ("*GUO", 0.0, "user offset"),
            ("*GZO", 0.0, "zero offset"),
        ):
            value = self._number_of(command)
            if value != plain:
                self.log.warning("%s has a %s set at the meter (%g), which changes readings", self._where, what, value)

    def _quieten(self) -> None:
        """Stop a stream, and have what it left dropped before the next question."""
        self._tell("*CSU")
        self._link.dirty = True

    def _query(self, command: str) -> str:
        """Ask, and return the first line that is not the acknowledgement of an earlier setting."""
        if self._streaming:
            raise self._fault(f"{command} cannot be asked while it streams", "call stop_stream() first")
        with self._link.lock:
            text = self._text(command, self._ask(command))
            while text == ACK:
                text = self._next_line(command)
        return text

    def _next_line(self, command: str) -> str:
        return self._text(command, self._more(command))

    def _text(self, command: str, raw: bytes) -> str:
        try:
            return raw.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise self._garbage(command, raw, "ASCII text") from error

    def _waiting(self) -> int:
        try:
            return self._link.waiting()
        except LINE_ERRORS as error:
            raise self._silent("*CAU", error) from error

    def _number_of(self, command: str) -> float:
        return self._number_in(command, self._query(command))

    def _number_in(self, command: str, text: str) -> float:
        """Return the number of a reply such as `Range: 10` or `Trigger level: 15.4% (4.6 Joules)`."""
        match = _VALUE.match(text)
        if match is None:
            raise self._garbage(command, text.encode(), "a number, perhaps behind its name and a colon")
        return float(match[1])

    def _whole(self, command: str) -> int:
        number = self._number_of(command)
        if not number.is_integer():
            raise self._garbage(command, f"{number:g}".encode(), "a whole number")
        return int(number)

    def _flag(self, command: str) -> bool:
        number = self._whole(command)
        if number not in (0, 1):
            raise self._garbage(command, str(number).encode(), "0 or 1")
        return number == 1

    def _fresh(self) -> bool:
        text = self._query("*NVU")
        if text.lower() not in ("new data available", "new data not available"):
            raise self._garbage("*NVU", text.encode(), "whether new data are available")
        return "not" not in text.lower()

    def _put(self, command: str, question: str, what: str, wanted: float, unit: str = "") -> None:
        """Send a setting and see by a question whether it was taken.

        Raises:
            HardwareFault: it was not.
        """
        if self._streaming:
            raise self._fault(f"{command} cannot be sent while it streams", "call stop_stream() first")
        with self._link.lock:
            self._tell(command)
            found = self._number_of(question)
        if abs(found - wanted) > 1e-6 + 0.006 * abs(wanted):
            raise self._fault(
                f"{what} is {found:g}{unit} after setting {wanted:g}{unit}", "choose a value that head and meter have"
            )

    def _get_scale(self) -> float:
        return full_scale(self._whole("*GCR"))

    def _set_scale(self, energy: float) -> None:
        with self._link.lock:
            have = self.scales()
            wanted = next((scale for scale in have if scale >= energy * (1 - 1e-6)), None)
            if wanted is None:
                raise self._fault(
                    f"its highest scale is {have[-1]:g} J, below {energy:g} J", "attenuate or change the head"
                )
            index = next(index for index in range(_SCALES) if full_scale(index) == wanted)
            self._put(f"*SCS{index:02d}", "*GCR", "the number of the scale", index)

    def _get_mode(self) -> str:
        number = self._whole("*GMD")
        if number not in MODES:
            raise self._garbage("*GMD", str(number).encode(), "a mode from 0 to 7")
        return MODES[number]

    def _set_mode(self, mode: str) -> None:
        number = {word: number for number, word in MODES.items()}[mode]
        self._put(f"*SSE{int(number == 2)}", "*GMD", "mode", number)

    def _need_energy_mode(self) -> None:
        mode = self._get_mode()
        if mode == _NO_HEAD:
            raise self._fault("no head is connected", "plug the head in and open the instrument again")
        if mode not in _ENERGY:
            advice = "set `mode` to 'single-shot energy', or change the head"
            raise self._fault(f"it measures {mode}, not energies", advice)
