"""How meters of the PM100 family are talked to: questions, settings with their errors, and which head they have."""

from __future__ import annotations

from ._instrument import WireInstrument
from ._visa import Line

POWER, ENERGY, WAVELENGTH = 1, 2, 32
"""Flags of `SYST:SENS:IDN?`. Source: PM100D manual, SCPI chapter, p. 49."""
LINE = Line(timeout=3.0)


class PM100Talk(WireInstrument):
    """What the driver of a meter builds on."""

    _flags = 0
    _idn: dict[str, str | None]

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial number and firmware."""
        return dict(self._idn)

    def _greet(self) -> None:
        found = self._ask_text("*IDN?")
        parts = [part.strip() for part in found.split(",")]
        if len(parts) != 4 or parts[0].upper() != "THORLABS" or not parts[1].upper().startswith("PM"):
            raise self._stranger(repr(found), "a Thorlabs PM100-family meter")
        self._idn = dict(zip(("vendor", "model", "serial", "firmware"), parts, strict=True))
        for old in self.errors():
            self.log.warning("%s had an error from before, now cleared: %s", self._where, old)
        self._get_sensor()

    def _refuse_missing_head(self) -> None:
        """Look at the head again: a missing one explains an odd reading."""
        if self._get_sensor() == "no sensor":
            raise self._fault("no sensor is connected", "plug the head in and open the instrument again")

    def _need(self, flag: int, what: str) -> None:
        if not self._flags & flag:
            sensor = self._get_sensor()
            if not self._flags & flag:
                raise self._fault(f"the head ({sensor}) measures no {what}", f"connect a head for {what}")

    def _get_sensor(self) -> str:
        command = "SYST:SENS:IDN?"
        text = self._ask_text(command)
        parts = [part.strip().strip('"') for part in text.split(",")]
        if parts[0].lower() == "no sensor":
            self._flags = 0
            return "no sensor"
        if len(parts) < 6 or not parts[5].isdigit():
            raise self._garbage(command, text.encode(), "name,serial,calibration,type,subtype,flags")
        self._flags = int(parts[5])
        return f"{parts[0]}, serial {parts[1]}, calibrated {parts[2]}"

    def _confirm(self, what: str, unit: str, wanted: float, found: float, tolerance: float) -> None:
        if abs(found - wanted) > tolerance:
            raise self._fault(
                f"{what} is {found:g} {unit} after setting {wanted:g} {unit}", "choose a value that the head can take"
            )

    def _set(self, command: str) -> None:
        """Send a setting and read the error queue."""
        with self._link.lock:
            self._tell(f"{command}\n")
            errors = self.errors()
        if errors:
            raise self._fault(f"{command!r} was refused: {'; '.join(errors)}", "correct the value or the head")

    def errors(self) -> list[str]:
        """Read the error queue, which empties it; the oldest first, such as '-113 Undefined header'."""
        errors: list[str] = []
        for _ in range(20):
            code, _, message = (text := self._ask_text("SYST:ERR?")).partition(",")
            if not code.strip().lstrip("+-").isdigit():
                raise self._garbage("SYST:ERR?", text.encode(), 'an entry such as +0,"No error"')
            if int(code) == 0:
                break
            errors.append(f"{int(code)} {message.strip().strip(chr(34))}")
        return errors

    def _ask_text(self, command: str) -> str:
        raw = self._ask(f"{command}\n")
        try:
            return raw.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise self._garbage(command, raw, "ASCII text") from error

    def _ask_number(self, command: str, timeout: float | None = None) -> float:
        return self._number(command, self._ask(f"{command}\n", timeout))
