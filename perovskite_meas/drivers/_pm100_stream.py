"""Every laser pulse on an energy head of the PM100 family, while other things happen."""

from __future__ import annotations

from collections.abc import Callable

from perovskite_meas.core.clock import wait_until

from ._pm100_talk import ENERGY, PM100Talk
from ._visa import LINE_ERRORS

_COMMAND = "MEAS:ENER?"
_POLL = 0.002
_OVERRANGE = 9.0e37
"""An overload reads 9.9E37 (unverified against the manual)."""


class PM100Stream(PM100Talk):
    """What the driver adds to single readings.

    The meter answers a question for an energy when the next pulse has come, and its status byte tells that the answer
    is there (IEEE 488.2, message available; that meters of this family set it is unverified against the manual). So a
    question always stands while it streams, and the next one is put as soon as the answer was fetched: a pulse that
    comes before `read_stream` has fetched the one before it is missed.
    """

    _streaming = False

    def start_stream(self) -> None:
        """Have the meter wait for a pulse, and for another after each that `read_stream` fetches.

        Raises:
            HardwareFault: no energy head.
        """
        self._need(ENERGY, "energy")
        with self._link.lock:
            self._tell(f"{_COMMAND}\n")
            self._streaming = True

    def stop_stream(self) -> None:
        """End the stream; a value that was not fetched is lost. Harmless if none runs."""
        if self._streaming:
            with self._link.lock:
                self._streaming = False
                self._link.dirty = True  # the question that stands is cleared before the next one

    def read_stream(self, timeout: float = 0.0) -> list[float]:
        """Return the energies in J that have come in since the last call: none, or one.

        Args:
            timeout: s to wait for it, if there is none yet.

        Raises:
            HardwareFault: the pulse was beyond the range; there is no head; or no stream runs.
        """
        with self._link.lock:
            if not self._streaming:
                raise self._fault("no stream runs", "call start_stream() first")
            if not self._wait(self._answered, timeout):
                return []
            raw = self._more(_COMMAND)
            self._tell(f"{_COMMAND}\n")
        joule = self._number(_COMMAND, raw)
        if abs(joule) >= _OVERRANGE:
            raise self._fault(
                "a pulse was out of range, or no head is connected", "set a higher `energy_range`, or attenuate"
            )
        return [joule]

    def _answered(self) -> bool:
        try:
            return self._link.waiting() > 0
        except LINE_ERRORS as error:
            raise self._silent(_COMMAND, error) from error

    def _wait(self, come: Callable[[], bool], timeout: float) -> bool:
        try:
            wait_until(self.clock, come, timeout=timeout, poll=_POLL)
        except TimeoutError:
            return False
        return True
