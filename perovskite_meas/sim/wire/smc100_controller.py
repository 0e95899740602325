"""One Newport SMC100 or CONEX-CC controller: its states, its settings and its stage.

States, letters and bits: SMC100CC user's manual as quoted by public drivers (Micro-Manager, EPICS motorNewport,
PyMeasure's open pull request, hvl_ccb). Unverified against the manual: which state each positioner error leads to, that
TS clears the error bits, that a new target is refused while moving (M), and speeds of the stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .stage import FINE_SEARCH, Stage, finite

FROM_RESET, FROM_HOMING, FROM_CONFIGURATION, FROM_DISABLE, FROM_READY, FROM_MOVING = range(0x0A, 0x10)
WRONG_STAGE, FROM_JOGGING, CONFIGURATION, HOMING, HOMING_KEYPAD, MOVING = 0x10, 0x11, 0x14, 0x1E, 0x1F, 0x28
READY_HOMED, READY_MOVED, READY_ENABLED, READY_JOGGED = 0x32, 0x33, 0x34, 0x35
DISABLED, DISABLED_MOVING, DISABLED_JOGGING, JOGGING, JOGGING_DISABLED = 0x3C, 0x3D, 0x3E, 0x46, 0x47
NEGATIVE_END, POSITIVE_END, FOLLOWING, HOMING_TIMEOUT, STAGE_TYPE, LOW_VOLTAGE = 0, 1, 5, 6, 7, 8
_LETTERS = {"not referenced": "H", "configuration": "I", "disable": "J", "ready": "K", "homing": "L", "moving": "M"}
_START = {"VA": 2.5, "AC": 10.0, "SL": 0.0, "FE": 0.1, "OH": 2.0, "OT": 30.0, "JR": 0.04, "BA": 0.0, "BH": 0.0}
_START |= {"HT": 2.0, "SU": 1e-5, "KP": 1.5, "KI": 1.2, "KD": 0.0}


class RefusedError(Exception):
    """A command that is not carried out; `letter` is what TE will say."""

    def __init__(self, letter: str) -> None:
        super().__init__(letter)
        self.letter = letter


class Controller:
    """One controller on the chain.

    Args:
        port: the World's port with `path(t0, mm0, t1, mm1)` and `position(t)`.
        rng: its own random numbers.
        travel: of its stage, in mm.
        version: the reply to VE.
        now: when the power comes on, s.
    """

    def __init__(self, port: Any, rng: np.random.Generator, travel: float, version: str, now: float) -> None:
        self.stage = Stage(port, rng, travel)
        self.version = version
        self.flash_writes = 0
        """How often its configuration was written; the memory bears about 100."""
        self.no_home = False
        """The home switch is broken: a search runs into its time-out."""
        self._stored = {**_START, "SR": travel}
        self.power_up(now)

    def power_up(self, now: float, state: int = FROM_RESET) -> None:
        """Start anew: not referenced, the counter at 0 wherever the stage stands, settings as stored."""
        self.stage.drop(now)
        self.state = state
        self.bits = 1 << STAGE_TYPE if state == WRONG_STAGE else 0
        self.letter = "@"
        """The error that TE will tell."""
        self._offset = self.stage.position(now)
        self.settings = dict(self._stored)
        """In force; those of the configuration are `_stored`."""
        self._home = (0.0, 0.0)

    @property
    def kind(self) -> str:
        """The state without where it came from."""
        if self.state <= FROM_JOGGING:
            return "not referenced"
        if self.state == CONFIGURATION:
            return "configuration"
        kinds = {1: "homing", 2: "moving", 3: "ready", 4: "jogging"}
        return "disable" if DISABLED <= self.state <= 0x3F else kinds[self.state // 16 if self.state < 0x46 else 4]

    def settle(self, now: float) -> None:
        """Let happen what was bound to happen by `now`: the end of a motion, or what cut it short."""
        trip = self.stage.tripped(now)
        if trip is not None:
            if trip.why == "stall":
                self.state, bit = (DISABLED_MOVING if self.kind == "moving" else FROM_HOMING), FOLLOWING
            else:
                self.state = FROM_MOVING if self.kind == "moving" else FROM_HOMING
                bit = POSITIVE_END if trip.why == "positive limit" else NEGATIVE_END
            self.bits |= 1 << bit
        elif self.kind == "moving" and not self.stage.moving(now):
            self.state = READY_MOVED
        elif self.kind == "homing" and now >= self._home[0]:
            if self.no_home:
                self.state = FROM_HOMING
                self.bits |= 1 << HOMING_TIMEOUT
            else:
                self.state = READY_HOMED
                self._offset = self.stage.found(self._home[1])

    def lose(self, now: float, bit: int) -> None:
        """Fall out of whatever it does into the state without reference, with an error bit."""
        self.settle(now)
        fallen = {"ready": FROM_READY, "moving": FROM_MOVING, "homing": FROM_HOMING, "disable": FROM_DISABLE}
        self.state = fallen.get(self.kind, FROM_JOGGING if self.kind == "jogging" else self.state)
        self.bits |= 1 << bit
        self.stage.drop(now)

    def counter(self, now: float) -> float:
        """Return the position that the controller counts, in mm."""
        return self.stage.counted(now, self._offset)

    def answer(self, word: str, argument: str, now: float) -> str:
        """Return what follows address and word in the reply to a question.

        Raises:
            KeyError: no such question.
            ValueError: its parameter is no number.
        """
        if word == "TP":
            return _text(self.counter(now))
        if word in ("TH", "PA"):
            return _text(self.stage.commanded(now) - self._offset)
        if word == "TE":
            letter, self.letter = self.letter, "@"
            return letter
        if word == "TS":
            bits, self.bits = self.bits, 0
            return f"{bits:04X}{self.state:02X}"
        if word == "PT":
            return f"{self._duration(abs(finite(argument))):.4f}"
        if word == "MM":
            return f"{self.state:02X}"
        if word == "VE":
            return f" {self.version}"
        if word == "ID":
            return f"MFA-CC_SN{self.stage.travel:04.0f}"
        return f"{self.settings[word]:g}"

    def obey(self, word: str, argument: str, now: float) -> None:
        """Carry out a command.

        Raises:
            RefusedError: TE will tell why.
            KeyError: no such command.
            ValueError: its parameter is no number.
        """
        if word in ("PA", "PR"):
            self._need("ready")
            self._move(finite(argument) + (self.counter(now) if word == "PR" else 0.0), now)
        elif word == "OR":
            self._search(now)
        elif word == "ST":
            self._stop(now)
        elif word == "MM":
            self._enable(argument, now)
        elif word == "PW":
            self._configure(argument)
        elif word == "RS":
            self.power_up(now)
        else:
            self._set(word, finite(argument))

    def _need(self, *kinds: str) -> None:
        if self.kind not in kinds:
            raise RefusedError(_LETTERS.get(self.kind, "D"))

    def _move(self, target: float, now: float) -> None:
        if not self.settings["SL"] <= target <= self.settings["SR"]:
            raise RefusedError("G")
        self.state = MOVING
        self._go(target + self._offset, self.settings["VA"], now)

    def _search(self, now: float) -> None:
        if self.kind == "homing":
            raise RefusedError("E")
        self._need("not referenced")
        if self.state == WRONG_STAGE:
            raise RefusedError("H")
        self.state = HOMING
        self._go(0.0, self.settings["OH"], now)
        self._home = (now + self.settings["OT"] if self.no_home else self.stage.end + FINE_SEARCH, 0.0)

    def _stop(self, now: float) -> None:
        self.stage.brake(now, self.settings["AC"])
        if self.kind == "homing":
            self.state = FROM_HOMING

    def _enable(self, argument: str, now: float) -> None:
        if argument == "0":
            self._need("ready", "moving")
            self.state = DISABLED_MOVING if self.kind == "moving" else DISABLED
            self.stage.drop(now)
        elif argument == "1":
            self._need("disable")
            self.state = READY_ENABLED
        else:
            raise RefusedError("C")

    def _configure(self, argument: str) -> None:
        if argument == "1":
            self._need("not referenced")
            self.state = CONFIGURATION
        elif argument == "0":
            self._need("configuration")
            self.flash_writes += 1
            self._stored = dict(self.settings)
            self.state = FROM_CONFIGURATION
        else:
            raise RefusedError("C")

    def _set(self, word: str, value: float) -> None:
        if word not in self.settings:
            raise KeyError(word)
        self._need("ready", "configuration", "disable")
        signs = {"SL": value <= 0, "SR": value >= 0}
        if not signs.get(word, value >= 1e-6 or word in ("BA", "BH", "HT", "KD", "KI", "KP")):
            raise RefusedError("C")
        if word == "VA" and value > self._stored["VA"] and self.kind != "configuration":
            raise RefusedError("C")
        self.settings[word] = value

    def _go(self, target: float, speed: float, now: float) -> None:
        self.stage.go(now, target, speed, self.settings["AC"], self.settings["FE"])

    def _duration(self, way: float) -> float:
        speed, acceleration = self.settings["VA"], self.settings["AC"]
        short = way * acceleration < speed * speed
        return float(2 * np.sqrt(way / acceleration)) if short else way / speed + speed / acceleration


def _text(mm: float) -> str:
    return f"{mm:.5f}".rstrip("0").rstrip(".") if abs(mm) > 1e-9 else "0"
