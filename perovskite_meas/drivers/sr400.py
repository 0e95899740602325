"""Stanford Research Systems SR400 gated photon counter."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, InstrumentError, ReplyError

from ._instrument import WireInstrument
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_TICKS_PER_SECOND = 1e7
_READY = 1
_FAULTS = {3: "a counter overflowed", 4: "rate error", 7: "command error"}
"""Bits of `SS`; 4 is unverified against the manual."""

_POLL = 0.002
_LATE = 2.0
"""s, and a tenth of the gate, after the end of a gate until its count is given up."""

_LINE = Line(settings={"read_termination": "\n"}, timeout=2.0)


class SR400(WireInstrument):
    """Two-channel gated photon counter with two analog outputs; GPIB.

    Counter T gates A and B: each count is one period of `gate_time` on the internal 10 MHz clock.
    Source: SRS SR400 manual, command list.

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
        self._prepared: set[str] = set()
        self.gate_time: Parameter[float, Self] = self.add_parameter(
            "gate_time",
            label="Gate time",
            unit="s",
            get_cmd=lambda: self._ask_number("CP 2") / _TICKS_PER_SECOND,
            set_cmd=self._set_gate_time,
            vals=vals.Numbers(1e-7, 9e4),
        )
        """Length of the gate of `counts_a` and `counts_b`."""
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

        The live time is the gate that the instrument has set itself, which may be coarser than asked for.

        Raises:
            HardwareFault: a counter overflowed, or the count did not end in time.
        """
        self.gate_time.validate(seconds)
        with self._gate:
            live = self._program(seconds)
            if abs(live - seconds) > 1e-3 * seconds:  # the preset was cut to one digit: ask for the nearest one
                live = self._program(float(f"{seconds:.0e}"))
            return self._run("A", live), live

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor and model; the instrument tells no more."""
        return {"vendor": "Stanford Research Systems", "model": "SR400", "serial": None, "firmware": None}

    def _greet(self) -> None:
        # there is no identity query: an SR400 is what knows its own counting mode, periods and preset
        for command, low, high in (("CM", 0, 3), ("NP", 1, 2000), ("CP 2", 1, 9e11)):
            try:
                value = self._ask_number(command)
            except ReplyError as error:
                raise self._stranger(f"a reply to {command!r} that is no number", "an SRS SR400") from error
            except CommunicationError as error:
                raise CommunicationError(f"{error} (an SR400 answers {command!r})") from error
            if not low <= value <= high:
                raise self._stranger(f"{command} = {value:g}", f"an SRS SR400 ({low:g}..{high:g})")

    def _set_gate_time(self, seconds: float) -> None:
        with self._gate:
            found = self._program(seconds)
        if abs(found - seconds) > 1e-3 * seconds:
            raise self._fault(
                f"gate time is {found:g} s after setting {seconds:g} s",
                "choose a time with one significant digit, which is what the preset may be limited to",
            )

    def _program(self, seconds: float) -> float:
        """Set the preset of counter T and return the gate that it makes, in s."""
        self._prepare("CM 0", "CI 2,0", "NP 1", "NE 0")
        with self._link.lock:
            self._tell(f"CP 2,{max(1, round(seconds * _TICKS_PER_SECOND))}\n")
            return self._ask_number("CP 2") / _TICKS_PER_SECOND

    def _prepare(self, *settings: str) -> None:
        """Make settings that everything else rests on, once in a session, and check that they took."""
        with self._link.lock:
            for setting in settings:
                if setting in self._prepared:
                    continue
                self._tell(f"{setting}\n")
                question, wanted = setting[:-1].rstrip(" ,"), int(setting[-1])
                found = self._ask_integer(question)
                if found != wanted:
                    raise self._fault(f"{question!r} is {found} after {setting!r}", "set it to remote and try again")
                self._prepared.add(setting)

    def _count(self, channel: str) -> int:
        with self._gate:
            self._prepare("CM 0", "CI 2,0", "NP 1", "NE 0")
            return self._run(channel, self._ask_number("CP 2") / _TICKS_PER_SECOND)

    def _run(self, channel: str, gate: float) -> int:
        """Count through one gate of `gate` seconds."""
        self._ask_integer("SS")  # clears what is left of earlier counts
        try:
            self._tell("CR\n")
            self._tell("CS\n")
            self.clock.sleep(gate)
            self._wait_for_data(gate)
            counts = self._ask_integer(f"Q{channel}")
            status = self._ask_integer("SS")
        except BaseException:
            self._stop()
            raise
        faults = [text for bit, text in _FAULTS.items() if status >> bit & 1]
        if faults:
            raise self._fault(
                f"{' and '.join(faults)} in a gate of {gate:g} s", "lower the count rate or the gate time"
            )
        if counts < 0:
            raise self._fault(f"count {channel} is {counts}, not ready though announced", "count again")
        return counts

    def _wait_for_data(self, gate: float) -> None:
        timeout = _LATE + gate / 10
        try:
            wait_until(self.clock, lambda: self._ask_integer(f"SS {_READY}") == 1, timeout=timeout, poll=_POLL)
        except TimeoutError as error:
            raise self._fault(
                f"the count did not end within {timeout:g} s after its gate of {gate:g} s",
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
