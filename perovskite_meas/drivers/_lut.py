"""A ramp as the waveform table of an APT piezo controller.

Source: APT protocol, MGMSG_PZ_SET_OUTPUTLUT and _OUTPUTLUTPARAMS, field layout as in thorlabs-apt-protocol 29; mode
bits as in the Kinesis header (PZ_OutputLUTModes). Unverified against the manual of this controller: its sample interval
and number of samples (those of the T-Cube: 0.25 ms, 513), whether `DelayTime` counts sample intervals (protocol) or ms
(Kinesis header) and is the whole time of a sample or comes on top of it, and that it puts a trigger out at all (the
T-Cube does not). Check the period once by the trigger's own rate.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.ramp import Ramp
from perovskite_meas.core.units import show

from ._apt import CHANNEL

LAYOUT = "<HHHLLLLHLH"
"""Channel, mode, cycle length, cycles, delay, rest before, rest after, trigger start, trigger width, trigger repeat."""
MOST = 512
_FULL = 32767
_CONTINUOUS, _TRIGGER, _TRIGGER_HIGH, _TRIGGER_REPEAT = 0x01, 0x04, 0x10, 0x80
_TRIGGER_WIDTH = 1
_FEWEST_UP, _FEWEST_BACK = 8, 2


@dataclass(frozen=True)
class Table:
    """A ramp on the grid of the controller.

    Attributes:
        ramp: what the controller really does; its times are whole numbers of samples.
        samples: voltage of each sample in steps of limit/32767, shape (samples,).
        delay: sample intervals for which each sample stays.
    """

    ramp: Ramp
    samples: NDArray[np.int64]
    delay: int

    @classmethod
    def of(cls, ramp: Ramp, limit: float, interval: float) -> Table:
        """Return the table for a ramp in V on a controller that is limited to `limit` V.

        Args:
            ramp: in V.
            limit: voltage limit of the controller, in V.
            interval: s of the controller's sample interval.

        Raises:
            UsageError: too short for the table; a ramp of any length fits otherwise.
        """
        delay = max(1, math.ceil(ramp.period / (interval * MOST) - 1e-9))
        step = interval * delay
        up, back = round(ramp.forward / step), round(ramp.back / step)
        if up < _FEWEST_UP or back < _FEWEST_BACK:
            raise UsageError(
                f"a ramp of {show(ramp.forward, 's')} up and {show(ramp.back, 's')} back is {up} and {back} samples of "
                f"{show(step, 's')}; the controller's table needs {_FEWEST_UP} up and {_FEWEST_BACK} back: make "
                "it slower, or the way back a larger part of it"
            )
        exact = Ramp(ramp.low, ramp.high, up * step, back * step)
        volts = exact.at(np.arange(up + back, dtype=np.float64) * step)
        return cls(exact, np.rint(volts / limit * _FULL).astype(np.int64), delay)

    def parameters(self) -> bytes:
        """Return the data of the message that describes the table: for ever, with a trigger as each cycle starts."""
        mode = _CONTINUOUS | _TRIGGER | _TRIGGER_HIGH | _TRIGGER_REPEAT
        cycle = (len(self.samples), 1, self.delay, 0, 0)
        return struct.pack(LAYOUT, CHANNEL, mode, *cycle, 0, _TRIGGER_WIDTH, 1)

    def sample(self, index: int) -> bytes:
        """Return the data of the message that stores one sample."""
        return struct.pack("<HHh", CHANNEL, index, int(self.samples[index]))
