"""What can be set up on an American Magnetics 430: units, limits, target, rates, and the answers about them.

Source: AMI Model 430 manual, chapter 4 (commands), as far as the stock drivers and the published pages of it go.
Unverified against the manual: the valid ranges, the number of digits, that a missing upper bound of a segment keeps
the old one, and most defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

Handler = Callable[[str], str | None]
"""Takes the text behind the header; returns the answer to a query."""

SEGMENTS = 10
_STORED = {  # header, first value, lowest, highest
    "STABility": (0.0, 0.0, 100.0),
    "VOLTage:LIMit": (3.0, 0.001, 20.0),
    "INDuctance": (20.0, 0.0, 1000.0),
    "PSwitch:CURRent": (50.0, 0.0, 125.0),
    "PSwitch:HeatTIME": (20, 5, 120),
    "PSwitch:CoolTIME": (20, 5, 3600),
    "PSwitch:PowerSupplyRampRate": (10.0, 0.01, 50.0),
    "PSwitch:CoolingGAIN": (0.0, 0.0, 100.0),
    "QUench:DETect": (1, 0, 1),
    "ABsorber": (0, 0, 1),
    "LOCK:PSwitch:CONTRol": (0, 0, 1),
    "RAMPDown:ENABle": (0, 0, 1),
}


class AmiError(Exception):
    """An error for the queue: number and text."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(number, text)
        self.entry = f'{number},"{text}"'


INVALID, NO_BOOLEAN = (-102, "Invalid argument"), (-103, "Non-boolean argument")
MISSING, OUT_OF_RANGE = (-104, "Missing parameter"), (-105, "Out of range")


def number(text: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Parse one argument.

    Raises:
        AmiError: missing, not a number, or out of range.
    """
    if not text:
        raise AmiError(*MISSING)
    try:
        value = float(text)
    except ValueError:
        raise AmiError(*INVALID) from None
    if not low <= value <= high:  # NaN is out of any range
        raise AmiError(*OUT_OF_RANGE)
    return value


def boolean(text: str) -> bool:
    """Parse a 0 or 1.

    Raises:
        AmiError: missing or neither.
    """
    if not text:
        raise AmiError(*MISSING)
    if text not in ("0", "1"):
        raise AmiError(*NO_BOOLEAN)
    return text == "1"


def shown(value: float) -> str:
    """Return a number as the programmer prints it."""
    return f"{value:.7f}"


class Settings:
    """Everything is kept in A and A/s, in whatever units it is said.

    Args:
        constant: coil constant in T/A.
        limit: current limit in A.
        tesla: field units T, else kG.
        minutes: rates per minute, else per second.
        changed: called when target, rates or limit have changed.
    """

    def __init__(
        self, *, constant: float, limit: float, tesla: bool, minutes: bool, changed: Callable[[], None]
    ) -> None:
        self.constant = constant
        self.limit = self.rated = limit
        self.tesla = tesla
        self.minutes = minutes
        self.target = 0.0
        self.count = 1
        self.rates = [0.03] * SEGMENTS
        self.bounds = [limit] * SEGMENTS
        self.stored: dict[str, float] = {header: first for header, (first, _, _) in _STORED.items()}
        self._changed = changed

    @property
    def segments(self) -> list[tuple[float, float]]:
        """Upper bound (A) and rate (A/s) of each segment, as far as the voltage limit lets the coil follow."""
        fastest = self.stored["VOLTage:LIMit"] / max(self.stored["INDuctance"], 1e-3)
        return [(bound, min(rate, fastest)) for bound, rate in zip(self.bounds[: self.count], self.rates, strict=False)]

    @property
    def per_amp(self) -> float:
        """Coil constant in the field units."""
        return self.constant * (1.0 if self.tesla else 10.0)

    def commands(self) -> dict[str, Handler]:
        """Return header -> handler."""
        per_amp, one = (lambda: self.per_amp), (lambda: 1.0)
        table: dict[str, Handler] = {
            "CONFigure:COILconst": self._set_coil,
            "COILconst?": lambda _: shown(self.per_amp),
            "CONFigure:CURRent:LIMit": self._set_limit,
            "CURRent:LIMit?": lambda _: shown(self.limit),
            "CONFigure:FIELD:UNITS": partial(self._set_flag, "tesla"),
            "FIELD:UNITS?": lambda _: str(int(self.tesla)),
            "CONFigure:RAMP:RATE:UNITS": partial(self._set_flag, "minutes"),
            "RAMP:RATE:UNITS?": lambda _: str(int(self.minutes)),
            "CONFigure:RAMP:RATE:SEGments": self._set_count,
            "RAMP:RATE:SEGments?": lambda _: str(self.count),
            "SUPPly:CURRent:MINimum?": lambda _: shown(-self.rated),
            "SUPPly:CURRent:MAXimum?": lambda _: shown(self.rated),
            "SUPPly:VOLTage:MINimum?": lambda _: shown(-5.0),
            "SUPPly:VOLTage:MAXimum?": lambda _: shown(5.0),
        }
        for word, unit in (("CURRent", one), ("FIELD", per_amp)):
            table[f"CONFigure:{word}:TARGet"] = partial(self._set_target, unit)
            table[f"{word}:TARGet?"] = partial(self._get_target, unit)
            table[f"CONFigure:RAMP:RATE:{word}"] = partial(self._set_rate, unit)
            for segment in range(1, SEGMENTS + 1):
                table[f"RAMP:RATE:{word}:{segment}?"] = partial(self._get_rate, unit, segment)
        for header in _STORED:
            table[f"CONFigure:{header}"] = partial(self._store, header)
            table[f"{header}?"] = partial(self._recall, header)
        return table

    def _set_coil(self, text: str) -> None:
        """`CONF:COIL`: field per ampere in the field units."""
        self.constant = number(text, 0.001, 999.99999) / (1.0 if self.tesla else 10.0)
        self._changed()

    def _set_limit(self, text: str) -> None:
        """`CONF:CURR:LIMIT`, A; not below the present target."""
        self.limit = number(text, abs(self.target), self.rated)
        self._changed()

    def _set_flag(self, name: str, text: str) -> None:
        """`CONF:FIELD:UNITS` (0 kG, 1 T), `CONF:RAMP:RATE:UNITS` (0 s, 1 min)."""
        setattr(self, name, boolean(text))

    def _set_count(self, text: str) -> None:
        """`CONF:RAMP:RATE:SEG`: how many segments."""
        self.count = int(number(text, 1, SEGMENTS))
        self._changed()

    def _set_target(self, unit: Callable[[], float], text: str) -> None:
        """`CONF:FIELD:TARG`, `CONF:CURR:TARG`; nothing beyond the current limit."""
        reach = self.limit * unit() * (1 + 1e-9)
        self.target = number(text, -reach, reach) / unit()
        self._changed()

    def _get_target(self, unit: Callable[[], float], _: str) -> str:
        """`FIELD:TARG?`, `CURR:TARG?`."""
        return shown(self.target * unit())

    def _set_rate(self, unit: Callable[[], float], text: str) -> None:
        """`CONF:RAMP:RATE:FIELD` and `:CURR`: segment, rate, upper bound."""
        parts = [part.strip() for part in text.split(",")]
        if len(parts) < 2:
            raise AmiError(*MISSING)
        segment = int(number(parts[0], 1, SEGMENTS)) - 1
        rate = number(parts[1], 0.0) / unit() / (60.0 if self.minutes else 1.0)
        if not 1e-6 <= rate <= 10.0:
            raise AmiError(*OUT_OF_RANGE)
        if len(parts) > 2:
            self.bounds[segment] = number(parts[2], 0.0) / unit()
        self.rates[segment] = rate
        self._changed()

    def _get_rate(self, unit: Callable[[], float], segment: int, _: str) -> str:
        """`RAMP:RATE:FIELD:n?`: rate and upper bound; the last segment reaches up to the current limit."""
        rate = self.rates[segment - 1] * unit() * (60.0 if self.minutes else 1.0)
        bound = self.limit if segment == self.count else self.bounds[segment - 1]
        return f"{rate:.8f},{shown(bound * unit())}"

    def _store(self, header: str, text: str) -> None:
        """Keep a value that only has to lie within its range."""
        first, low, high = _STORED[header]
        value = number(text, low, high)
        self.stored[header] = int(value) if isinstance(first, int) else value
        self._changed()

    def _recall(self, header: str, _: str) -> str:
        """Return such a value."""
        value = self.stored[header]
        return str(value) if isinstance(value, int) else shown(value)
