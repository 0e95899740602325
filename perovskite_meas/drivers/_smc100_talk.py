"""How a Newport SMC100 or CONEX-CC is talked to: one command per line, errors asked for after each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qcodes.instrument import InstrumentBaseKWArgs

from ._instrument import WireInstrument
from ._smc100_words import LETTER_ADVICE, Status, letter_text

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SMCInstrument(WireInstrument):
    """One controller on a line that several may share.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        bus_address: of the controller on that line, 1 to 31.
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self,
        name: str,
        address: str,
        bus_address: int | str,
        visalib: str | None = None,
        **kwargs: Unpack[InstrumentBaseKWArgs],
    ) -> None:
        if str(bus_address) not in map(str, range(1, 32)):
            raise ValueError(f"{name}: bus_address {bus_address!r} is not one of 1 to 31")
        super().__init__(name, address, visalib, **kwargs)
        self._bus = int(bus_address)

    @property
    def _where(self) -> str:
        return f"{self.name} ({type(self).__name__} at {self._address}, bus address {self._bus})"

    def _store(self, word: str, value: float, unit: str) -> None:
        self._command(f"{word}{value:.6f}")
        found = self._read(word, "?")
        if abs(found - value) > max(1e-4, 1e-3 * abs(value)):
            raise self._fault(f"{word} is {found:g} {unit} after setting {value:g} {unit}", "choose another value")

    def _status(self) -> Status:
        text = self._ask_word("TS")
        if not re.fullmatch("[0-9A-Fa-f]{6}", text):
            raise self._garbage("TS", text.encode(), "six hexadecimal digits")
        return Status(int(text[4:], 16), int(text[:4], 16))

    def _read(self, word: str, parameter: str = "") -> float:
        text = self._ask_word(word, parameter)
        return self._number(f"{self._bus}{word}{parameter}", text.encode())

    def _ask_word(self, word: str, parameter: str = "") -> str:
        """Return what follows address and word in the reply; replies of neighbours are none."""
        command = f"{self._bus}{word}{parameter}"
        raw = self._ask(f"{command}\r\n")
        text = raw.replace(b"\0", b"").decode("ascii", "replace").strip()
        if not text.startswith(f"{self._bus}{word}"):
            raise self._garbage(command, raw, f"{self._bus}{word} and a value")
        return text.removeprefix(f"{self._bus}{word}").strip()

    def _command(self, text: str) -> None:
        """Send a command and read what the controller has to say of it."""
        with self._link.lock:
            self._tell(f"{self._bus}{text}\r\n")
            letter = self._ask_word("TE")
        if letter != "@":
            advice = LETTER_ADVICE.get(letter, "read `state`, and correct the cause")
            raise self._fault(f"{letter_text(letter)} after '{self._bus}{text}'", advice)
