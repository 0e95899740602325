"""Histograms of the delay after the laser pulse, counted from recordings of any time tagger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from qcodes import validators as vals
from qcodes.parameters import Parameter, ParameterWithSetpoints

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags

from ._addressed import AddressedInstrument
from ._pieces import delay_counts


class DelayHistogram(AddressedInstrument):
    """An instrument with the parameters `acquisition_time`, `mode` and `histogram`, and a method `stream`."""

    acquisition_time: Any
    mode: Any
    _where: Any

    def stream(self, seconds: float) -> Iterator[Tags]:
        """Record for `seconds` and yield the tags piece by piece."""
        raise NotImplementedError

    def _add_histogram(self, inputs: int, width: float) -> None:
        self._inputs = inputs
        self.histogram_bin_width: Parameter[float, Self] = self.add_parameter(
            "histogram_bin_width",
            label="Bin width",
            unit="ps",
            set_cmd=None,
            initial_value=width,
            vals=vals.Numbers(1, 1e6),
            docstring="Width of the bins of `histogram`.",
        )
        self.histogram_bins: Parameter[int, Self] = self.add_parameter(
            "histogram_bins",
            label="Bins",
            unit="1",
            set_cmd=None,
            initial_value=2000,
            vals=vals.Ints(1, 1 << 20),
            docstring="Number of the bins of `histogram`.",
        )
        shape = (inputs, self.histogram_bins.get_latest)
        self.histogram_input: Parameter[NDArray[np.int64], Self] = self.add_parameter(
            "histogram_input",
            label="Input",
            unit="1",
            get_cmd=lambda: np.arange(1, inputs + 1),
            vals=vals.Arrays(shape=shape[:1]),
            docstring="Rows of `histogram`: inputs, counted from 1 as on the device.",
        )
        self.histogram_delay: Parameter[NDArray[np.float64], Self] = self.add_parameter(
            "histogram_delay",
            label="Delay",
            unit="ps",
            get_cmd=lambda: np.arange(self.histogram_bins.get()) * self.histogram_bin_width.get(),
            vals=vals.Arrays(shape=shape[1:]),
            docstring="Columns of `histogram`: starts of the bins after the laser pulse.",
        )
        self.histogram: ParameterWithSetpoints[NDArray[np.int64], Self] = self.add_parameter(
            "histogram",
            parameter_class=ParameterWithSetpoints,
            label="Counts",
            unit="1",
            setpoints=(self.histogram_input, self.histogram_delay),
            get_cmd=self._get_histogram,
            vals=vals.Arrays(shape=shape),
            snapshot_get=False,
            docstring="Delays after the laser pulse, by input; a get records for `acquisition_time` in T3 mode.",
        )

    def _get_histogram(self) -> NDArray[np.int64]:
        if self.mode.get() != "T3":
            raise UsageError(f"{self._where}: a histogram needs the laser pulses; set mode to 'T3'")
        counts = np.zeros((self._inputs, int(self.histogram_bins.get())), np.int64)
        for piece in self.stream(float(self.acquisition_time.get())):
            counts += delay_counts(piece, float(self.histogram_bin_width.get()), *counts.shape)
        return counts
