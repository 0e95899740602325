"""Gentec-EO MAESTRO (and BLU) energy meters: every laser pulse by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from qcodes import validators as vals
from qcodes.instrument import InstrumentBaseKWArgs
from qcodes.parameters import Parameter

from perovskite_meas.core.clock import wait_until
from perovskite_meas.core.errors import CommunicationError, HardwareFault

from ._gentec_talk import ACK, GentecTalk
from ._visa import Line

if TYPE_CHECKING:
    from typing_extensions import Unpack

_OVER = 1e38
"""What is beyond the scale reads about 3.4e38."""
_SETTABLE = ("single-shot energy", "energy", "power")
_POLL = 0.005


class GentecMaestro(GentecTalk):
    """Energy meter console with an exchangeable head, on its USB (serial) port.

    `energy` reads one pulse; a stream has every pulse. A pulse below `trigger_level` is not seen by the meter.
    While it streams, nothing else can be asked: the values would be mixed up with the replies.
    Settings are read back, since the MAESTRO leaves them unanswered (the BLU says ACK, which is skipped).

    Source: MAESTRO user's manual rev. 8.1, pp. 57-71 and 81-86; the words of replies also from public drivers
    (contrib, InstrumentKit, fsc2). Unverified against the manual: about 3.4e38 for a pulse beyond the scale, mode 7 for
    a missing head, and that a stream is one value a line with CR LF.

    Args:
        name: name in the station.
        address: VISA resource name of the serial line.
        visalib: VISA library as PyVISA names it; None for the system's.
        **kwargs: `metadata` and `label` of QCoDeS.
    """

    def __init__(
        self, name: str, address: str, visalib: str | None = None, **kwargs: Unpack[InstrumentBaseKWArgs]
    ) -> None:
        super().__init__(name, address, visalib, **kwargs)
        self._held: list[float] = []
        self.energy: Parameter[float, Self] = self.add_parameter(
            "energy", label="Energy", unit="J", get_cmd=self._get_energy, vals=vals.Numbers(), snapshot_get=False
        )
        """Energy of the next pulse on the head; one that was shown before the question does not count."""
        self.new_value: Parameter[bool, Self] = self.add_parameter(
            "new_value", label="New value", get_cmd=self._fresh, vals=vals.Bool()
        )
        """Whether a pulse was shown that nobody has read."""
        self.scale: Parameter[float, Self] = self.add_parameter(
            "scale", label="Scale", unit="J", get_cmd=self._get_scale, set_cmd=self._set_scale, vals=vals.Numbers(0)
        )
        """Full scale; setting it picks the lowest that holds the energy, and ends `auto_scale`."""
        self.auto_scale: Parameter[bool, Self] = self.add_parameter(
            "auto_scale",
            label="Automatic scale",
            get_cmd=lambda: self._flag("*GAS"),
            set_cmd=lambda on: self._put(f"*SAS{on:d}", "*GAS", "auto_scale", on),
            vals=vals.Bool(),
        )
        """Whether the meter picks the scale."""
        self.trigger_level: Parameter[float, Self] = self.add_parameter(
            "trigger_level",
            label="Trigger level",
            unit="percent",
            get_cmd=lambda: self._number_of("*GTL"),
            set_cmd=lambda level: self._put(f"*STL{_four(level)}", "*GTL", "trigger_level", level, " %"),
            vals=vals.Numbers(0.1, 99.9),
        )
        """Share of `scale` that a pulse must reach to be seen."""
        self.wavelength: Parameter[int, Self] = self.add_parameter(
            "wavelength",
            label="Wavelength",
            unit="nm",
            get_cmd=lambda: self._whole("*GWL"),
            set_cmd=lambda nm: self._put(f"*PWC{round(nm):05d}", "*GWL", "wavelength", round(nm), " nm"),
            vals=vals.Numbers(1, 99_999),
        )
        """Wavelength that the head's responsivity is corrected for, in whole nm; its limits are the head's."""
        self.mode: Parameter[str, Self] = self.add_parameter(
            "mode", label="Mode", get_cmd=self._get_mode, set_cmd=self._set_mode, vals=vals.Enum(*_SETTABLE)
        )
        """What is measured; 'energy' (pyroelectric heads) and 'power' (thermal ones) end 'single-shot energy'."""
        self.rate: Parameter[float, Self] = self.add_parameter(
            "rate", label="Pulse rate", unit="Hz", get_cmd=lambda: self._number_of("*GRR"), vals=vals.Numbers(0)
        )
        """Pulses per second as the meter sees them; those below the trigger level are missing."""
        self.multiplier: Parameter[float, Self] = self.add_parameter(
            "multiplier", label="User multiplier", unit="1", get_cmd=lambda: self._number_of("*GUM")
        )
        """Factor that somebody set at the meter; 1 as delivered."""
        self.offset: Parameter[float, Self] = self.add_parameter(
            "offset", label="User offset", unit="J", get_cmd=lambda: self._number_of("*GUO")
        )
        """What the meter adds after the multiplier, as somebody set it; 0 as delivered."""
        self.zero_offset: Parameter[bool, Self] = self.add_parameter(
            "zero_offset",
            label="Zero offset",
            get_cmd=lambda: self._flag("*GZO"),
            set_cmd=lambda on: self._put("*SOU" if on else "*COU", "*GZO", "zero_offset", on),
            vals=vals.Bool(),
        )
        """Whether a zero is subtracted; setting it takes the present value as zero."""
        self.head: Parameter[str, Self] = self.add_parameter(
            "head", label="Head", get_cmd=lambda: self._query("*GFW"), vals=vals.Strings()
        )
        """What the meter says of its head."""
        self.pulse_timeout: Parameter[float, Self] = self.add_parameter(
            "pulse_timeout",
            label="Longest wait for a pulse",
            unit="s",
            set_cmd=None,
            initial_value=3.0,
            vals=vals.Numbers(0.01, 3600),
        )
        """How long `energy` waits for a pulse."""
        self._connect(Line(settings=self.SERIAL, timeout=1.0, spacing=0.002))

    def close(self) -> None:
        """End a stream that runs and close the instrument."""
        if self.__dict__.get("_streaming") and self.__dict__.get("_lease") is not None:
            try:
                self.stop_stream()
            except CommunicationError as error:
                self.log.warning("the stream could not be ended: %s", error)
        super().close()

    def start_stream(self) -> None:
        """Have the meter send the energy of every pulse from now on; `read_stream` fetches them.

        Raises:
            HardwareFault: no head, or one that measures power.
        """
        with self._link.lock:
            self._need_energy_mode()
            self._held = []
            self._tell("*CAU")
            self._streaming = True

    def stop_stream(self) -> None:
        """End the stream; values that were not fetched are lost. Harmless if none runs."""
        if self._streaming:
            with self._link.lock:
                self._quieten()
                self._streaming = False

    def read_stream(self, timeout: float = 0.0) -> list[float]:
        """Return the energies in J that have come in since the last call, in order.

        Args:
            timeout: s to wait for the first one, if there is none yet. Where none comes, the meter is asked for its
                head, for which the stream pauses for about 0.1 s; without a timeout it never does.

        Raises:
            HardwareFault: a pulse was beyond the scale; no stream runs; or nothing came in time and there is no head.
            ReplyError: a value could not be read.
                After an error the next call returns what this one would have, such pulses as inf or nan, so that no
                pulse remains uncounted.
        """
        with self._link.lock:
            if not self._streaming:
                raise self._fault("no stream runs", "call start_stream() first")
            deadline = self.clock.now() + timeout
            while not self._held and self._wait(lambda: self._waiting() > 0, deadline - self.clock.now()):
                self._take_in()
            while self._waiting():
                self._take_in()
            if not self._held and timeout > 0:
                self._look_for_head()
            values, self._held = self._held, []
            return values

    def _take_in(self) -> None:
        """Take in one line of the stream."""
        self._held.append(float("nan"))
        line = self._next_line("*CAU")
        if line == ACK:  # of *CAU itself
            self._held.pop()
            return
        self._held[-1] = self._number_in("*CAU", line)
        if self._held[-1] >= _OVER:
            self._held[-1] = float("inf")
            raise self._over()

    def _look_for_head(self) -> None:
        """Interrupt the stream to ask whether there is a head."""
        self._quieten()
        self._streaming = False
        try:
            self._need_energy_mode()
        finally:
            self._tell("*CAU")
            self._streaming = True

    def _get_energy(self) -> float:
        with self._link.lock:
            self._need_energy_mode()
            if self._fresh():
                self._number_of("*CVU")  # an earlier pulse
            if not self._wait(self._fresh, self.pulse_timeout()):
                self._need_energy_mode()
                raise self._fault(
                    f"no pulse above the trigger level ({self.trigger_level.get():g} % of {self._get_scale():g} J) "
                    f"came within {self.pulse_timeout():g} s",
                    "see that the laser fires and the beam is on the head, or lower `trigger_level` or `scale`",
                )
            value = self._number_of("*CVU")
            if value >= _OVER:
                raise self._over()
            return value

    def _wait(self, come: Callable[[], bool], timeout: float) -> bool:
        try:
            wait_until(self.clock, come, timeout=timeout, poll=_POLL)
        except TimeoutError:
            return False
        return True

    def _over(self) -> HardwareFault:
        return self._fault("a pulse was beyond the scale", "set a higher `scale` or attenuate, and repeat the reading")


def _four(level: float) -> str:
    """Return a level in percent as the four characters that the meter takes.

    Examples:
        >>> _four(15.44), _four(2), _four(0.1)
        ('15.4', '2.00', '0.10')
    """
    return f"{level:.2f}" if level < 9.995 else f"{level:.1f}"
