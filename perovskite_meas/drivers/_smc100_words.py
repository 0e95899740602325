"""What a Newport SMC100 or CONEX-CC says of its state and its errors, in words."""

from __future__ import annotations

from dataclasses import dataclass

STATES = {
    0x0A: "not referenced (after a restart)",
    0x0B: "not referenced (homing did not end)",
    0x0C: "not referenced (after configuration)",
    0x0D: "not referenced (error while disabled)",
    0x0E: "not referenced (error while ready)",
    0x0F: "not referenced (error while moving)",
    0x10: "not referenced (the stage is not the one in the controller's memory)",
    0x11: "not referenced (error while jogging)",
    0x14: "configuration",
    0x1E: "homing",
    0x1F: "homing (started at the keypad)",
    0x28: "moving",
    0x32: "ready (homed)",
    0x33: "ready (moved)",
    0x34: "ready (enabled)",
    0x35: "ready (jogged)",
    0x36: "ready (homed, tracking allowed)",
    0x37: "ready (moved, tracking allowed)",
    0x38: "ready (enabled, tracking allowed)",
    0x3C: "disabled",
    0x3D: "disabled (while moving)",
    0x3E: "disabled (while jogging)",
    0x3F: "disabled (while tracking)",
    0x46: "jogging or tracking",
    0x47: "jogging (disabled before) or tracking",
}
"""Source: SMC100CC user's manual, command TS; 0x36 to 0x3F as in the CONEX-CC manual."""

_BITS = (
    "negative end of run",
    "positive end of run",
    "peak current limit",
    "RMS current limit",
    "short circuit",
    "following error",
    "homing time-out",
    "wrong stage",
    "DC voltage too low",
    "80 W output power exceeded",
)
"""Source: SMC100CC user's manual, command TS, from the lowest bit."""

_LETTERS = {
    "A": "unknown command or address",
    "B": "controller address not correct",
    "C": "parameter missing or out of range",
    "D": "command not allowed",
    "E": "search for home already started",
    "F": "stage name unknown",
    "G": "target outside the controller's limits",
    "H": "not allowed while not referenced",
    "I": "not allowed in configuration",
    "J": "not allowed while disabled",
    "K": "not allowed while ready",
    "L": "not allowed while homing",
    "M": "not allowed while moving",
    "N": "position outside the software limits",
    "S": "communication time-out",
    "U": "error of the memory",
    "V": "error while the command was carried out",
    "W": "not for the stepper version",
    "X": "not for the DC version",
}
"""Source: SMC100CC user's manual, command TB."""

LETTER_ADVICE = {
    "C": "choose a value that the controller's configuration allows",
    "G": "stay within low_limit and high_limit",
    "H": "call home()",
    "J": "set `enabled` to True",
    "L": "wait for the search for home, or call stop()",
    "M": "wait for the end of the motion, or call stop()",
}
"""What to do after an error of a command; for the others, look at the state."""

_ADVICE = {
    "not referenced": "correct the cause, then call home()",
    "configuration": "leave the configuration with the vendor's program, then call home()",
    "homing": "wait, or call stop()",
    "moving": "wait, or call stop()",
    "disabled": "free the stage of what may block it, then set `enabled` to True",
    "jogging": "put the keypad down",
}


@dataclass(frozen=True)
class Status:
    """State of a controller and the errors of its stage.

    Attributes:
        state: number, as in the manual.
        bits: errors of the stage.
    """

    state: int
    bits: int

    @property
    def word(self) -> str:
        """The state in words."""
        return STATES.get(self.state, f"unknown state {self.state:02X}")

    @property
    def kind(self) -> str:
        """The state without where it came from."""
        return self.word.partition(" (")[0].partition(" or ")[0]

    @property
    def referenced(self) -> bool:
        """Whether the controller knows where it is."""
        return self.kind in ("ready", "moving", "disabled")

    @property
    def errors(self) -> str:
        """The errors of the stage in words; empty for none."""
        return ", ".join(word for place, word in enumerate(_BITS) if self.bits >> place & 1)

    @property
    def advice(self) -> str:
        """What to do so that it can move."""
        if self.state == 0x10:
            return "plug in the stage that belongs to it, or load the new one with the vendor's program"
        return _ADVICE.get(self.kind, "see the manual, then restart the controller")

    def __str__(self) -> str:
        return f"the controller is {self.word}" + (f" and reports {self.errors}" if self.errors else "")


def letter_text(letter: str) -> str:
    """Return the words for the answer to TE.

    Examples:
        >>> letter_text("H")
        'error H (not allowed while not referenced)'
    """
    return f"error {letter} ({_LETTERS.get(letter, 'not in the manual')})"
