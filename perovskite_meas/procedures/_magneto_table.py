"""The table of a magneto-PL run as its steps see it: go to a field, let one light in, expose, get a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from perovskite_meas.core.columns import Row
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import MagnetReading, Spectrograph
from perovskite_meas.photons import decay_histogram
from perovskite_meas.photons.histograms import whole_steps

from ._habits import set_power
from ._magneto_find import Place
from ._magneto_identity import CODES, Identity, line_of
from ._magneto_order import Stop
from ._magneto_roles import ON_SAMPLE, SERIES, UNKNOWN, Roles, cool_down, known, shown

NO_ANGLE = -1000.0
_METERED = 0.1
"""s of one power reading."""
_AT_REST = ("holding", "persistent")
_SATURATED = 2
"""Pixels that a cosmic ray may fill."""


class Table:
    """Takes exposures and makes rows of them.

    Args:
        roles: of the bench.
        identity: judges spectra.
        steady: how far the field may drift within one exposure, in T.
        gate: s of counting at the start of an exposure.
        decay_bin: of the decays, in ps; 0 where none are taken.
    """

    def __init__(self, roles: Roles, identity: Identity, steady: float, gate: float, decay_bin: int) -> None:
        self.roles, self._identity, self._steady, self._gate = roles, identity, steady, gate
        self._started = roles.clock.now()
        self._decay_bin = decay_bin
        rate = roles.tagger.sync_rate() if decay_bin and roles.tagger is not None else 0.0
        self._bins = math.ceil(1e12 / rate / decay_bin) if rate > 0 else 1
        self.place = Place(roles.scanner)
        self.stop = Stop(0.0, 0)
        self.watt = 0.0
        self.angle = NO_ANGLE
        self._kelvin = 0.0
        self._wavelength = np.zeros(roles.spectrometer.pixels())
        self._nothing = np.zeros(roles.spectrometer.pixels())
        self._alarm = ""

    def begin(self, kelvin: float | None, centre: float | None) -> None:
        """Block all light, put the spot on the emitter, settle, and turn the grating.

        Args:
            kelvin: temperature in K; None for the present one.
            centre: wavelength in vacuum of the middle pixel, in nm; None where the grating stays.
        """
        roles = self.roles
        roles.shutter.block()
        set_power(roles.attenuator, 0.0)
        if roles.scanner is not None:
            roles.scanner.on_emitter()
        self._kelvin = roles.cryostat.read().temperature if kelvin is None else kelvin
        roles.cryostat.settle_at(self._kelvin)
        if centre is not None and isinstance(roles.spectrometer, Spectrograph):
            roles.spectrometer.centre_on(centre)
        self._wavelength = np.asarray(roles.spectrometer.wavelengths(), np.float64)

    def go(self, stop: Stop) -> None:
        """Ramp to a field in the dark, and let the eddy currents' heat go."""
        self.stop = stop
        self.roles.magnet.ramp_to(stop.field)
        cool_down(self.roles.cryostat, self.roles.clock, self._kelvin, self._at_rest)

    def set_power(self, watt: float) -> None:
        """Set the power at the sample, in W; 0 is the least. In the dark."""
        self.watt = watt
        set_power(self.roles.attenuator, watt)

    def turn(self, degrees: float) -> None:
        """Turn the analyser, where there is one."""
        if self.roles.analyser is not None:
            self.angle = self.roles.analyser.set_angle(degrees)

    def frame(self, series: str, exposure: float) -> dict[str, Any]:
        """Expose the camera once to the light of a series, for `exposure` s, and return the row.

        Raises:
            HardwareFault: the magnet or the cryostat is not where it should be, or the camera failed.
        """
        roles, lit = self.roles, series in ON_SAMPLE
        row, field, before = self._opening(series)
        rate = UNKNOWN
        with roles.light(series):
            if lit and roles.counter is not None:
                counted = roles.counter.count(self._gate)
                rate = known(counted.counts / counted.live_time)
            spectrum = roles.spectrometer.expose(exposure)
        row |= {
            "exposure": spectrum.exposure,
            "rate": rate,
            "sensor": spectrum.sensor,
            "saturated": spectrum.saturated,
            "spectrum": shown(spectrum.counts),
        }
        if series in ("on", "polar", "check"):
            row["identity"] = self._identity.judge_line(
                self.stop.field, self.angle, self._wavelength, row["spectrum"], spectrum.exposure
            )
        if spectrum.saturated > _SATURATED:
            self._alarm = (
                f"{spectrum.saturated} pixels of the camera were at full scale in {spectrum.exposure:g} s "
                f"({series}): take less time or less light"
            )
        return self._closing(row, field, before)

    def recorded(self, seconds: float) -> dict[str, Any]:
        """Record the emitter's photons for `seconds` and return the row with their decay."""
        tagger = self.roles.tagger
        if tagger is None:
            raise ValueError("there is no tagger")
        row, field, before = self._opening("decay")
        inputs = tagger.inputs() if hasattr(tagger, "inputs") else {}
        with self.roles.light("decay"):
            tags = tagger.acquire(seconds, mark=1 + SERIES["decay"])
        channel = inputs.get("signal", 0)
        width = whole_steps(self._decay_bin, tags.resolution)
        row |= {
            "exposure": seconds,
            "rate": float(np.count_nonzero(tags.channels == channel)) / (tags.duration * 1e-12),
            "identity": self._identity.last,
            "decay": decay_histogram(tags, width, channel, bins=self._bins).astype(np.float64),
            "decay_bin": width,
            "live_time": tags.duration * 1e-12,
        }
        return self._closing(row, field, before)

    def refocused(self, rate: float, identity: int) -> dict[str, Any]:
        """Return the row of a correction of the place of the spot."""
        row, field, before = self._opening("refocus")
        return self._closing(row | {"rate": known(rate), "identity": identity}, field, before)

    def raise_alarm(self) -> None:
        """Raise what the last row showed to be wrong; the row is stored by now.

        Raises:
            HardwareFault: something was.
        """
        alarm, self._alarm = self._alarm, ""
        if alarm:
            raise HardwareFault(alarm)

    def require_line(self, rows: Sequence[Row], what: str, without: str) -> None:
        """Refuse exposures that show no line, taken together; those of a dry run show nothing at all.

        Raises:
            HardwareFault: there is none.
        """
        total = np.sum([row["spectrum"] for row in rows], axis=0)
        if total.any() and line_of(self._wavelength, total, 1.0) is None:
            raise HardwareFault(
                f"{what} shows no line on the camera at {self.stop.field:g} T: see that it is on, that its shutter "
                f"opens and that its light meets the slit; {without}"
            )

    def _opening(self, series: str) -> tuple[dict[str, Any], MagnetReading, float]:
        """Return a row with everything that does not depend on the exposure, the field before and the power before."""
        roles = self.roles
        # The magnet first: where it quenches the sample warms, and the quench is what has to be told.
        field = self._at_rest()
        cold = roles.cryostat.require_steady(self._kelvin)
        dark = series not in ON_SAMPLE and series != "refocus"
        x, y = self.place.place()
        row = {
            "series": SERIES[series],
            "time": roles.clock.now() - self._started,
            "field_set": self.stop.field,
            "branch": self.stop.branch,
            "temperature": cold.temperature,
            "helium": cold.helium,
            "analyser": self.angle,
            "exposure": 0.0,
            "power_set": 0.0 if dark else self.watt,
            "dose": roles.ledger.dose(),
            "x": x,
            "y": y,
            "z": self.place.focus(),
            "rate": UNKNOWN,
            "identity": CODES["unknown"],
            "sensor": 20.0,
            "saturated": 0,
            "wavelength": self._wavelength,
            "spectrum": self._nothing,
            "decay": np.zeros(self._bins),
            "decay_bin": self._decay_bin,
            "live_time": 0.0,
        }
        return row, field, 0.0 if dark else self._metered()

    def _closing(self, row: dict[str, Any], before: MagnetReading, power: float) -> dict[str, Any]:
        """Return the row with field and power, of which the readings before and after are the ends."""
        after = self._at_rest()
        change = after.field - before.field
        row |= {"field": (before.field + after.field) / 2, "field_change": change, "power": 0.0}
        if row["power_set"]:
            row["power"] = (power + self._metered()) / 2
        if abs(change) > self._steady:
            self._alarm = (
                f"the field went by {change * 1e3:.3g} mT within one exposure at {before.field:.4g} T, more than the "
                f"{self._steady * 1e3:.3g} mT of `drift`: look at the supply, or let it settle longer (the bench's "
                "`settle`)"
            )
        return row

    def _at_rest(self) -> MagnetReading:
        reading = self.roles.magnet.read()
        if reading.state not in _AT_REST:
            raise HardwareFault(
                f"the magnet says {reading.state!r} at {reading.field:.4g} T where it should hold {self.stop.field:g} "
                "T: nothing is measured in a field that may change; look at its supply before anything else"
            )
        return reading

    def _metered(self) -> float:
        return self.watt if self.roles.meter is None or not self.watt else self.roles.meter.read(_METERED).power
