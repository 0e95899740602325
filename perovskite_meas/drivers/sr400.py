"""Stanford Research Systems SR400 gated photon counter."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, InstrumentError, ReplyError, UsageError

from ._gate import MOST_PERIODS, TICKS_PER_SECOND, Gate, compose
from ._instrument import WireInstrument
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_DATA_READY, _SCAN_FINISHED = 1, 2
_FAULTS = {3: "a counter overflowed", 4: "rate error", 7: "command error"}
"""Bits of `SS`; 4 is unverified against the manual."""

_DWELL = "2E-3"
"""s, the shortest pause between two periods."""

_POLL = 0.002
_LATE = 2.0
"""s, and a tenth of the gate, after the end of a gate until its count is given up."""

_LINE = Line(settings={"read_termination": "\n"}, timeout=2.0)


class SR400(WireInstrument):
    """Two-channel gated photon counter with two analog outputs; GPIB.

    Counter T gates A and B on the internal 10 MHz clock. Its preset keeps one significant digit, so a gate
    is made of 1 to 2000 equal periods, as few as possible (0.25 s: 5 of 0.05 s), whose counts are summed.
    Between two periods nothing is counted for 2 ms: a gate of n periods takes (n - 1) x 2 ms longer than its
    live time. Source: SRS SR400 manual, command list.

    Args:
        name: name in the station.
        address: VISA resource name (GPIB).
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self, name: str, address: str, visalib: str | None = None, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._gate = threading.RLock()
        self._prepared: dict[str, float] = {}
        self.gate_time: Parameter[float, Self] = self.add_parameter(
            "gate_time",
            label="Gate time",
            unit="s",
            get_cmd=lambda: self._read_gate().seconds,
            set_cmd=self._set_gate_time,
            vals=vals.Numbers(1e-7, 9e4),
        )
        """Live time of `counts_a` and `counts_b`, all periods together."""
        self.counts_a: Parameter[int, Self] = self.add_parameter(
            "counts_a",
            label="Counts A",
            unit="1",
            get_cmd=lambda: self._count("A"),
            vals=vals.Ints(0),
            snapshot_get=False,
        )
        """Counts of channel A in one gate; a get starts the gate and waits for its end."""
        self.counts_b: Parameter[int, Self] = self.add_parameter(
            "counts_b",
            label="Counts B",
            unit="1",
            get_cmd=lambda: self._count("B"),
            vals=vals.Ints(0),
            snapshot_get=False,
        )
        """Counts of channel B in one gate; a get starts the gate and waits for its end."""
        self.discriminator_a: Parameter[float, Self] = self._add_level(
            "discriminator_a", "Discriminator A", ("DM", "DL", 0), 0.3, 0.3e-3
        )
        """Discriminator level of channel A."""
        self.discriminator_b: Parameter[float, Self] = self._add_level(
            "discriminator_b", "Discriminator B", ("DM", "DL", 1), 0.3, 0.3e-3
        )
        """Discriminator level of channel B."""
        self.port_1: Parameter[float, Self] = self._add_level("port_1", "Port 1", ("PM", "PL", 1), 10, 6e-3)
        """Voltage of rear output PORT1, held fixed."""
        self.port_2: Parameter[float, Self] = self._add_level("port_2", "Port 2", ("PM", "PL", 2), 10, 6e-3)
        """Voltage of rear output PORT2, held fixed."""
        self._connect(_LINE)

    def count(self, seconds: float) -> tuple[int, float]:
        """Count channel A for `seconds` and return the counts and the live time in s.

        Raises:
            UsageError: no number of periods makes this time; nothing was sent.
            HardwareFault: a counter overflowed, or the count did not end in time.
        """
        self.gate_time.validate(seconds)
        with self._gate:
            gate = self._set_gate_time(seconds)
            return self._run("A", gate), gate.seconds

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor and model; the instrument tells no more."""
        return {"vendor": "Stanford Research Systems", "model": "SR400", "serial": None, "firmware": None}

    def _greet(self) -> None:
        # there is no identity query: an SR400 is what knows its own counting mode, periods and preset
        for command, low, high in (("CM", 0, 3), ("NP", 1, MOST_PERIODS), ("CP 2", 1, 9e11)):
            try:
                value = self._ask_number(command)
            except ReplyError as error:
                raise self._stranger(f"a reply to {command!r} that is no number", "an SRS SR400") from error
            except CommunicationError as error:
                raise CommunicationError(f"{error} (an SR400 answers {command!r})") from error
            if not low <= value <= high:
                raise self._stranger(f"{command} = {value:g}", f"an SRS SR400 ({low:g}..{high:g})")

    def _set_gate_time(self, seconds: float) -> Gate:
        try:
            gate = compose(seconds)
        except ValueError as error:
            raise UsageError(f"{self._where}: {error}") from error
        with self._gate:
            self._prepare("CM 0", "CI 2,0", "NE 0", f"NP {gate.periods}")
            with self._link.lock:
                self._tell(f"CP 2,{gate.preset}\n")
                found = self._ask_integer("CP 2")
        if found != gate.preset:
            raise self._fault(
                f"gate time is {gate.periods} x {found / TICKS_PER_SECOND:g} s after setting {gate}",
                "set it to remote and try again",
            )
        return gate

    def _read_gate(self) -> Gate:
        with self._link.lock:
            gate = Gate(self._ask_integer("NP"), self._ask_integer("CP 2"))
            self._prepared["NP"] = gate.periods
        return gate

    def _prepare(self, *settings: str) -> None:
        """Make settings that everything else rests on, once in a session, and check that they took."""
        with self._link.lock:
            for setting in settings:
                at = max(setting.rfind(" "), setting.rfind(","))
                question, wanted = setting[:at], float(setting[at + 1 :])
                if self._prepared.pop(question, None) != wanted:
                    self._tell(f"{setting}\n")
                    found = self._ask_number(question)
                    if found != wanted:
                        raise self._fault(
                            f"{question!r} is {found:g} after {setting!r}", "set it to remote and try again"
                        )
                self._prepared[question] = wanted

    def _count(self, channel: str) -> int:
        with self._gate:
            self._prepare("CM 0", "CI 2,0", "NE 0")
            periods = self._prepared.get("NP")
            gate = self._read_gate() if periods is None else Gate(int(periods), self._ask_integer("CP 2"))
            return self._run(channel, gate)

    def _run(self, channel: str, gate: Gate) -> int:
        """Count through one gate and return the sum of its periods."""
        points = [f"Q{channel}"]
        if gate.periods > 1:
            self._prepare(f"DT {_DWELL}")
            points = [f"Q{channel} {point}" for point in range(1, gate.periods + 1)]
        self._ask_integer("SS")  # clears what is left of earlier counts
        try:
            self._tell("CR\n")
            self._tell("CS\n")
            self.clock.sleep(gate.seconds + (gate.periods - 1) * float(_DWELL))
            self._wait_for_data(gate)
            counts = {point: self._ask_integer(point) for point in points}
            status = self._ask_integer("SS")
        except BaseException:
            self._stop()
            raise
        faults = [text for bit, text in _FAULTS.items() if status >> bit & 1]
        if faults:
            raise self._fault(f"{' and '.join(faults)} in a gate of {gate}", "lower the count rate or the gate time")
        for point, found in counts.items():
            if found < 0:
                raise self._fault(f"{point!r} is {found}, not ready though announced", "count again")
        return sum(counts.values())

    def _wait_for_data(self, gate: Gate) -> None:
        timeout = _LATE + gate.seconds / 10
        question = f"SS {_DATA_READY if gate.periods == 1 else _SCAN_FINISHED}"
        try:
            wait_until(self.clock, lambda: self._ask_integer(question) == 1, timeout=timeout, poll=_POLL)
        except TimeoutError as error:
            raise self._fault(
                f"the count did not end within {timeout:g} s after its gate of {gate}",
                "check that counter T counts the internal 10 MHz",
            ) from error

    def _stop(self) -> None:
        self._prepared.clear()  # whatever interrupted the count may have changed settings too
        try:
            self._tell("CH\n")
            self._tell("CR\n")
        except InstrumentError as error:
            self.log.warning("a running count could not be stopped: %s", error)

    def _add_level(
        self, name: str, label: str, words: tuple[str, str, int], limit: float, resolution: float
    ) -> Parameter[float, Any]:
        mode, level, index = words

        def put(volts: float) -> None:
            self._prepare(f"{mode} {index},0")
            with self._link.lock:
                self._tell(f"{level} {index},{volts:.4f}\n")
                found = self._ask_number(f"{level} {index}")
            if abs(found - volts) > resolution:
                raise self._fault(f"{name} is {found:g} V after setting {volts:g} V", "set it to remote and try again")

        parameter: Parameter[float, Any] = self.add_parameter(
            name,
            label=label,
            unit="V",
            get_cmd=lambda: self._ask_number(f"{level} {index}"),
            set_cmd=put,
            vals=vals.Numbers(-limit, limit),
        )
        return parameter

    def _ask_number(self, command: str) -> float:
        return self._number(command, self._ask(f"{command}\n"))

    def _ask_integer(self, command: str) -> int:
        return self._integer(command, self._ask(f"{command}\n"))
