"""Settings and rate meters of PicoQuant's Harps as QCoDeS parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.parameters import Parameter

from perovskite_meas.core.errors import CommunicationError, HardwareFault, UsageError

from ._sdk import GATE, SdkTagger

DELAYS = 1 << 15
"""Delays that a T3 record can hold."""
_PER_INPUT = (
    ("input_delay", "Delay of input", "ChanOffs", "setInputChannelOffset", (-99999, 99999)),
    ("dead_time", "Dead time of input", "DeadTime", "setInputDeadTime", (800, 180000)),
)
_HINTS = {"input_delay": "like a longer cable", "dead_time": "added to the device's own; 800 ps is none"}


def said_yes(answer: Any) -> bool:
    """Return what the vendor's module answered: it hands on a C bool as an int of which the lowest byte alone counts.

    Examples:
        >>> said_yes(-261930751), said_yes(-261930752), said_yes(True)
        (True, False, True)
    """
    return bool(int(answer) & 0xFF)


class HarpSettings(SdkTagger):
    """A Harp whose settings survive a new initialisation."""

    _api: Any = None
    _settings: dict[str, Callable[[], None]]
    _resolution: float | None

    def _device(self) -> Any:
        if self._api is None:
            raise CommunicationError(f"{self._where} is not open; load it again")
        return self._api

    def _add_settings(self) -> None:
        device = self._device().device
        self.resolution: Parameter[float, Self] = self.add_parameter(
            "resolution",
            label="Resolution",
            unit="ps",
            get_cmd=lambda: float(self._config("Resolution" if self.mode.get() == "T3" else "BaseResolution")),
            set_cmd=self._set_resolution,
            vals=vals.Numbers(min_value=1e-3),
            docstring="T3: step of the delays, the base resolution times a power of two. T2: step of the times.",
        )
        self.sync_divider: Parameter[int, Self] = self.add_parameter(
            "sync_divider",
            label="Sync divider",
            unit="1",
            get_cmd=lambda: int(self._config("SyncDiv")),
            set_cmd=partial(self._put, "sync_divider", device.setSyncDiv),
            vals=vals.Enum(1, 2, 4, 8, 16),
            docstring="Divider of the sync input, needed above 78 MHz.",
        )
        self.sync_trigger_level: Parameter[float, Self] = self.add_parameter(
            "sync_trigger_level",
            label="Sync trigger level",
            unit="V",
            get_cmd=lambda: self._config("SyncTrigLvl") / 1000,
            set_cmd=self._set_sync_level,
            vals=vals.Numbers(-1.5, 1.5),
            docstring="Edge trigger level of the sync input; the edge stays as it is.",
        )
        self.sync_delay: Parameter[int, Self] = self.add_parameter(
            "sync_delay",
            label="Sync delay",
            unit="ps",
            get_cmd=lambda: int(self._config("SyncChannelOffset")),
            set_cmd=partial(self._put, "sync_delay", device.setSyncChannelOffset),
            vals=vals.Ints(-99999, 99999),
            docstring="Delay of the laser pulses; a positive one makes the photons' delays shorter.",
        )
        for index in range(self._inputs):
            self._add_input(index, device)

    def _add_input(self, index: int, device: Any) -> None:
        number = index + 1
        for name, label, entry, call, limits in _PER_INPUT:
            self.add_parameter(
                f"{name}_{number}",
                label=f"{label} {number}",
                unit="ps",
                get_cmd=partial(self._of_input, index, entry),
                set_cmd=partial(self._put, f"{name}_{number}", getattr(device, call), index),
                vals=vals.Ints(*limits),
                docstring=f"{label} {number}, {_HINTS[name]}.",
            )
        self.add_parameter(
            f"trigger_level_{number}",
            label=f"Trigger level of input {number}",
            unit="V",
            get_cmd=lambda: self._of_input(index, "TrigLvl") / 1000,
            set_cmd=partial(self._set_level, index),
            vals=vals.Numbers(-1.5, 1.5),
            docstring=f"Edge trigger level of input {number}; the edge stays as it is.",
        )

    def _get_sync_rate(self) -> float:
        return float(self._rates()[0])

    def _get_count_rates(self) -> NDArray[np.float64]:
        return self._rates()[1:]

    def _rates(self) -> NDArray[np.float64]:
        """Return the rates in Hz of the sync and the inputs, from a gate that starts now."""
        device = self._device().device
        self.clock.sleep(GATE)
        return np.asarray(device.getCountRates(), np.float64)

    def _config(self, entry: str) -> Any:
        return self._device().deviceConfig[entry]

    def _of_input(self, index: int, entry: str) -> Any:
        return self._config("ChansCfg")[index][entry]

    def _put(self, name: str, call: Callable[..., bool], *values: Any) -> None:
        """Make a setting now and after every initialisation."""
        shown = ", ".join(map(str, values))
        self._ask(f"set {name} to {shown}", call, *values)
        self._settings[name] = partial(self._ask, f"set {name} to {shown}", call, *values)

    def _ask(self, what: str, call: Callable[..., bool], *values: Any) -> None:
        if not said_yes(call(*values)):
            raise HardwareFault(
                f"{self._where} refused to {what}; check the cable and that this model has the setting and the range"
            )

    def _set_level(self, index: int, volts: float) -> None:
        edge = int(self._of_input(index, "TrigEdge"))
        call = self._device().device.setInputEdgeTrig
        self._put(f"trigger_level_{index + 1}", call, index, round(volts * 1000), edge)

    def _set_sync_level(self, volts: float) -> None:
        edge = int(self._config("SyncTrigEdge"))
        self._put("sync_trigger_level", self._device().device.setSyncEdgeTrig, round(volts * 1000), edge)

    def _set_resolution(self, resolution: float) -> None:
        base = float(self._config("BaseResolution"))
        steps = int(self._config("BinSteps"))
        binning = math.log2(resolution / base)
        if abs(binning - round(binning)) > 1e-9 or not 0 <= round(binning) <= steps:
            near = base * 2 ** min(steps, max(0, math.ceil(binning)))
            raise UsageError(
                f"{self._where}: no resolution of {resolution:g} ps; it is {base:g} ps times a power of two up to "
                f"2^{steps}; the next one is {near:g} ps"
            )
        self._put("resolution", self._device().device.setBinning, round(binning))
        self._resolution = resolution

    def _cover(self, period: float) -> None:
        """Choose the finest resolution whose delays cover a period in ps, or check the one that was set.

        Raises:
            UsageError: the one that was set does not.
        """
        base = float(self._config("BaseResolution"))
        if self._resolution is None:
            binning = max(0, math.ceil(math.log2(period / base / DELAYS)))
            self._ask(f"choose binning {binning}", self._device().device.setBinning, binning)
            return
        if self._resolution * DELAYS < period:
            raise UsageError(
                f"{self._where}: with a resolution of {self._resolution:g} ps delays end at "
                f"{self._resolution * DELAYS / 1000:g} ns, before the laser's period of {period / 1000:g} ns; "
                f"set a resolution of {period / DELAYS:.3g} ps or more"
            )
