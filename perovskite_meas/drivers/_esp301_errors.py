"""What a Newport ESP300 or ESP301 says of its errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REPORT = re.compile(r"(\d+)\s*,\s*(\d+)\s*,\s*(\S.*)")

_GENERAL = {
    1: "communication time-out",
    4: "emergency stop",
    6: "command does not exist",
    7: "parameter out of range",
    8: "cable interlock",
    9: "axis number out of range",
    27: "command not allowed",
    37: "axis number missing",
    38: "command parameter missing",
}
"""Source: ESP300 user's manual, appendix on error messages."""

_OF_AXIS = {
    0: "motor type not defined",
    1: "parameter out of range",
    2: "amplifier fault",
    3: "following error",
    4: "positive hardware limit",
    5: "negative hardware limit",
    6: "positive software limit",
    7: "negative software limit",
    8: "motor or stage not connected",
    9: "feedback signal fault",
    10: "maximum velocity exceeded",
    11: "maximum acceleration exceeded",
    13: "motor not enabled",
    15: "maximum jerk exceeded",
    20: "homing aborted",
    22: "driver communication error",
    23: "driver not detected",
    24: "speed out of range",
    26: "parameter change not allowed",
    29: "digital interlock",
    30: "command not allowed during homing",
}
"""Source: ESP300 user's manual, appendix on error messages; these count from 100 times the axis."""

_ADVICE = {
    2: "let the driver cool, check the motor cable, then home()",
    3: "free the stage of what blocks it, then home() it",
    4: "move away from the end switch with a low velocity, then home()",
    5: "move away from the end switch with a low velocity, then home()",
    6: "stay within low_limit and high_limit",
    7: "stay within low_limit and high_limit",
    8: "check the cable of the stage, with the controller switched off",
    10: "choose a lower velocity",
    13: "see why the motor is off, then home()",
    20: "home() again",
}


@dataclass(frozen=True)
class Report:
    """One entry of the controller's error buffer.

    Attributes:
        code: 0 for none; 100 times the axis plus the rest for errors of an axis.
        ticks: when, in servo ticks since the controller was switched on.
        message: in the controller's words.
    """

    code: int
    ticks: int
    message: str

    @classmethod
    def parse(cls, text: str) -> Report | None:
        """Return the reply to TB?; None if it is none.

        Examples:
            >>> Report.parse("113, 1049, MOTOR NOT ENABLED")
            Report(code=113, ticks=1049, message='MOTOR NOT ENABLED')
        """
        match = _REPORT.fullmatch(text)
        return cls(int(match[1]), int(match[2]), match[3]) if match else None

    @property
    def axis(self) -> int:
        """The axis that it is about; 0 for the controller."""
        return self.code // 100

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.axis:
            return _ADVICE.get(self.code % 100, "correct the cause, then home() the axis")
        if self.code == 4:
            return "see why the stop was pressed, release it, then home() every axis"
        return "check that nothing else talks to the controller"

    def __str__(self) -> str:
        known = _OF_AXIS.get(self.code % 100) if self.axis else _GENERAL.get(self.code)
        where = f"axis {self.axis}: " if self.axis else ""
        return f"error {self.code} ({where}{known or self.message.lower()})"
