"""The magnet: ramped within its rates, held when anything goes wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.cryogenics import MagnetReading
from ...core.errors import HardwareFault, UsageError
from ...core.units import show
from ..attempt import finish, in_words
from ..calibrations import Calibration, quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .persistent import POLICIES, PersistentSwitch, Policy
from .ramp import Leg, legs
from .ramping import POLL, Follower, Settling
from .supplies import Fitting, supply_of

_ANSWERED = 0.1
"""s in which a supply has answered what it was asked before Ctrl-C came."""
_LAG = 3.0
"""s by which a coil arrives later than planned, in a dry run."""
_SWITCH_TIME = 30.0
"""s for a switch to warm or to cool, in a dry run where the bench does not say."""


def _impossible_magnet(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which of the options cannot be."""
    found = {}
    segments, maximum, word = options["segments"], options["maximum"], options["persistent"]
    if segments:
        ends = [end for end, _ in segments]
        if ends != sorted(set(ends)) or not ends[0] > 0:
            found["segments"] = f"must rise from above 0 T; got {', '.join(f'{end:g} T' for end in ends)}"
        elif not all(rate > 0 for _, rate in segments):
            found["segments"] = "every rate must be above 0 T/min"
        elif maximum is not None and maximum > ends[-1]:
            found["maximum"] = f"{maximum:g} T is beyond the last of the segments ({ends[-1]:g} T); state a rate there"
    if maximum is not None and not maximum > 0:
        found["maximum"] = f"must be above 0 T; got {maximum:g} T"
    if not options["tolerance"] or not options["tolerance"] > 0:
        found["tolerance"] = "must be above 0 T"
    if word not in POLICIES:
        found["persistent"] = f"must be {' | '.join(POLICIES)}; got {word!r}"
    elif word != "never" and not options["leads_rate"]:
        found["leads_rate"] = f"persistent: {word} ramps the leads alone; state how fast, e.g. leads_rate: 1 T/min"
    return found


class MagnetAdapter(RoleAdapter):
    """Ramps in legs, each at the rate of its segment; holds whenever a ramp is not finished, whatever the reason."""

    options: ClassVar = {
        "use": Option("target", "field of the magnet, a parameter of its supply", required=True),
        "segments": Option("pairs", "up to which |B|, at which rate", unit="T, T/min", required=True),
        "maximum": Option("quantity", "highest |B| that may be asked for", unit="T", required=True),
        "tolerance": Option("quantity", "how far the read-back may be off", unit="T", default=1e-3),
        "settle": Option("quantity", "for how long it must be within", unit="s", default=15.0, least=0),
        "samples": Option("quantity", "in how many readings at least", default=5, least=1),
        "timeout": Option("quantity", "longest wait beyond the planned time", unit="s", default=120.0, least=1),
        "persistent": Option("setting", "never | allowed | park", default="never"),
        "leads_rate": Option("quantity", "rate of the leads alone", unit="T/min", least=0),
        "heat_time": Option("quantity", "until the persistent switch is open", unit="s", least=0),
        "cool_time": Option("quantity", "until it is superconducting", unit="s", least=0),
        "switch": Option("flag", "whether the coil has a persistent switch", default=True),
        "direction": Option("point", "polar and azimuthal angle, for three axes", unit="deg"),
        "supply": Option("setting", "kind of supply, where its driver is not recognised"),
    }
    verbs: ClassVar = ("hold",)
    checks: ClassVar = (_impossible_magnet,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._here = 0.0
        self._connect()

    def begin(self) -> None:
        """Refuse a supply or driver whose own limits are below what the bench asks for.

        Raises:
            UsageError: names both.
        """
        with in_words(self.label):
            self._supply.drop_unread()
            highest, fastest = self._supply.ceiling()
        slack = 1 + 1e-6
        wanted = max(rate for _, rate in self.option("segments"))
        if wanted > fastest * 60 * slack:
            raise UsageError(
                f"{self.label}: a segment asks for {wanted:g} T/min but the driver allows {fastest * 60:.4g} T/min; "
                "lower the rate of the segment, or raise the driver's limit in the station file"
            )
        if self.option("maximum") > highest * slack:
            raise UsageError(
                f"{self.label}: maximum is {self.option('maximum'):g} T but the supply allows {highest:.4g} T; lower it"
            )

    def ramp_to(self, tesla: float) -> MagnetReading:
        """Ramp to a field in T, wait until it has settled, and return the last reading.

        Raises:
            UsageError: beyond `maximum`, or persistent against the policy; nothing has been sent.
            HardwareFault: quench, fault, stall or time-out; the supply holds.
        """
        with in_words(self.label):
            self._check(tesla)
            return self._ramped_to(tesla)

    def read(self) -> MagnetReading:
        """Return field and state, also a quench's."""
        with in_words(self.label):
            return MagnetReading(state=self._supply.state(), field=self._supply.field())

    def hold(self) -> None:
        """Stop ramping and stay at the present field; never ramps down.

        Raises:
            HardwareFault: it ramps on.
        """
        with in_words(self.label):
            self._supply.hold()
            self.clock.sleep(_ANSWERED)
            self._supply.drop_unread()
            for _ in range(3):
                if self._supply.state() != "ramping":
                    return
                self.clock.sleep(POLL)
        raise HardwareFault(
            f"{self.label} was told to hold but goes on ramping, now at {show(self._supply.field(), 'T')}; press "
            "pause at its panel"
        )

    def span(self) -> tuple[float, float]:
        """Return the lowest and the highest field that the bench allows, in T."""
        return -self.option("maximum"), self.option("maximum")

    def facts(self) -> dict[str, Any]:
        """Return the supply, its rates and when a field counts as reached."""
        stated = self.option("segments")
        segments = [{"up_to": quantity((end, 0), "T"), "rate": quantity((rate, 0), "T/min")} for end, rate in stated]
        limits = {name: quantity((self.option(name), 0.0), "T") for name in ("tolerance", "maximum")}
        return {"supply": self._supply.kind, "segments": segments, "persistent": self.option("persistent")} | limits

    def _ramped_to(self, tesla: float) -> MagnetReading:
        found = self._follower.require_ready()
        self._switch.check(found)
        try:
            if found.state == "persistent":
                self._switch.open(found.field)
            way = self._legs(self._supply.field(), tesla)
            self.guard.watch(ahead=sum(leg.seconds for leg in way))
            for leg in way:
                self._follower.run(leg, self._supply.start)
            found = self._follower.settle(tesla)
            self._switch.close()
            return self.read() if self.option("persistent") == "park" else found
        except BaseException as error:
            finish({"the magnet could not be told to hold": self._supply.hold}, error)
            raise

    def _connect(self) -> None:
        stated = self.option("supply")
        fitting = Fitting(self.option("switch"), self.option("direction"))
        self._supply = supply_of(self.handles["use"], None if stated is None else str(stated), fitting)
        settling = Settling(*(self.option(name) for name in ("tolerance", "settle", "samples", "timeout")))
        self._follower = Follower(self._supply, self.clock, settling, self.label)
        self._switch = PersistentSwitch(self._supply, self._follower, self._policy(), self.clock, self.label)

    def _policy(self) -> Policy:
        word = str(self.option("persistent"))
        if word != "never" and not self._supply.switchable:
            raise UsageError(f"persistent: {word} cannot be done with a {self._supply.kind}; state persistent: never")
        heat, cool = self.option("heat_time"), self.option("cool_time")
        if word != "never" and (heat is None or cool is None):
            told = self._supply.switch_times()
            if told is None:
                raise UsageError(
                    f"a {self._supply.kind} does not tell how long its switch takes; state heat_time, cool_time"
                )
            heat, cool = (told[0] if heat is None else heat), (told[1] if cool is None else cool)
        match = max(2 * self.option("tolerance"), 2 * self._supply.resolution)
        return Policy(word, (self.option("leads_rate") or 0.0) / 60, heat or 0.0, cool or 0.0, match)

    def _legs(self, start: float, target: float) -> list[Leg]:
        return legs(start, target, self.option("segments"))

    def _check(self, tesla: float) -> None:
        maximum = self.option("maximum")
        if not math.isfinite(tesla):
            raise UsageError(f"{self.label}: cannot ramp to {tesla} T; state a finite field")
        if not abs(tesla) <= maximum * (1 + 1e-9):
            self._refuse(
                abs(tesla),
                f"{self.label}: {tesla:g} T is beyond {-maximum:g} T to {maximum:g} T (`maximum`, segments up to "
                f"{self.option('segments')[-1][0]:g} T); ask for a field inside",
            )

    def _refuse(self, how_far: float, text: str) -> None:
        raise UsageError(text)


class PlannedMagnet(MagnetAdapter):
    """The same in a dry run: ramps take their planned time; a field beyond the range is noted and the plan goes on."""

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a handle that is never asked."""
        return PlannedHandle(dotted, table.clock)

    def begin(self) -> None:
        """Nothing is there to be asked."""

    def ramp_to(self, tesla: float) -> MagnetReading:
        """Let the time of the ramp pass, settling and persistent switch included."""
        self._check(tesla)
        parts = self._legs(self._here, tesla)
        seconds = sum(leg.seconds + POLL for leg in parts) + _LAG + self.option("settle")
        self.guard.watch(ahead=seconds)
        self.clock.sleep(seconds + self._switch_time(tesla))
        self._here = tesla
        return self.read()

    def read(self) -> MagnetReading:
        """Return the planned field."""
        return MagnetReading(self._here, "persistent" if self.option("persistent") == "park" else "holding")

    def hold(self) -> None:
        """Nothing moves."""

    def facts(self) -> dict[str, Any]:
        """Return nothing: the real one tells."""
        return {}

    def _connect(self) -> None:
        """Do without a supply."""

    def _switch_time(self, tesla: float) -> float:
        if self.option("persistent") != "park":
            return 0.0
        rate: float = self.option("leads_rate") / 60
        times: tuple[float | None, ...] = (self.option("heat_time"), self.option("cool_time"))
        return sum(_SWITCH_TIME if time is None else time for time in times) + (abs(tesla) + abs(self._here)) / rate

    def _refuse(self, how_far: float, text: str) -> None:
        self.guard.note(f"field of {self.role.name}", how_far, text)


MagnetAdapter.twin = PlannedMagnet
