"""Hanbury Brown-Twiss: antibunching, lifetime and blinking of one emitter from time tags."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from perovskite_meas.core.columns import Column
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import (
    Attenuator,
    Clock,
    Ledger,
    PowerMeter,
    ReferenceLight,
    Scanner,
    Shutter,
    TimeTagger,
)
from perovskite_meas.core.sweeps import Sweep, Values
from perovskite_meas.photons.hbt import HISTOGRAM_COLUMNS, Histograms
from perovskite_meas.photons.running import UNKNOWN, Running

from ._habits import beside_emitter
from ._linked import unit_power

SERIES: Mapping[str, int] = {"on": 0, "off_emitter": 1, "dark": 2, "laser": 3}
FADING = 3
"""So many chunks in a row must be too faint before the emitter is taken for bleached: it may only be blinking."""
LOUD = 100
"""Photons on one detector without any on the other, behind the same splitter: the other one is dead."""


class HBT(Procedure):
    """Correlate the photons of one emitter on two detectors, pulsed or continuous, chunk by chunk.

    Each row is one accumulation chunk with its own histograms, so that stopping early keeps every photon; the raw
    tags of all chunks lie beside the rows in `photons.ptu`. Dark counts come first, then reference light (zero lag,
    timing response, g2 = 1 control), then at each power the background beside the emitter and the emitter itself.
    The shutter opens for each chunk alone. With laser pulses on the tagger's sync the recording is pulsed (T3), else
    continuous (T2). Source: review section 2.1 and Fig. 6(a-c); Nair et al., Nano Lett. 11, 1136 (2011).
    """

    powers: Sweep = param(
        Values("3 uW"),
        unit="W",
        low="1 pW",
        high="1 W",
        doc="average powers at the sample; three or more extrapolate to <N> = 0",
    )
    duration: float = param("300 s", unit="s", low="0.1 s", high="24 h", doc="light on the emitter per power, at most")
    chunk: float = param("10 s", unit="s", low="0.1 s", high="10 min", doc="length of one accumulation chunk")
    precision: float | None = param(
        None, unit="1", above=0, high=1, doc="stop when sigma of the live g2(0) is this small; none to go on"
    )
    dose: float | None = param(
        None, unit="J/cm^2", above=0, doc="stop at this dose on the emitter; none for the bench's own limit"
    )
    fading: float = param(
        0.2, low=0, high=1, doc="stop as bleached below this share of the first chunk's rate; 0 to go on"
    )
    background_time: float = param("30 s", unit="s", low=0, high="1 h", doc="recording beside the emitter, per power")
    dark_time: float = param("10 s", unit="s", low="0.1 s", high="1 h", doc="recording in the dark")
    control_time: float = param("20 s", unit="s", low=0, high="1 h", doc="recording of the reference light")
    bin_width: float | None = param(None, unit="ps", low=1, high=1e9, doc="bin of the lags; none to suit the laser")
    max_lag: float | None = param(None, unit="ps", low=10, high=1e11, doc="longest lag; none to suit the laser")
    max_pulses: int = param(500, low=20, high=100_000, doc="longest lag in pulses")
    gate: float = param("3 ns", unit="ps", low=0, high=1e9, doc="photons later than this after the pulse are gated")
    saturation: str = param("", doc="run folder of a TwoPhotonSaturation of the same emitter: tells <N>")

    columns: ClassVar = (
        Column("series", "1", "which kind of chunk", codes=SERIES),
        Column("time", "s", "start of the chunk since the start of the run"),
        Column("power_set", "W", "commanded average power at the sample"),
        Column("power", "W", "average power at the sample, as measured before the chunk"),
        Column("dose", "J/cm^2", "light the spot took in this run before this chunk"),
        *HISTOGRAM_COLUMNS,
        Column("g2_running", "1", "live estimate of g2(0) at this power; -1 while unknown"),
        Column("g2_sigma", "1", "its 1-sigma; -1 while unknown"),
        Column("unit_power", "W", "power at which <N> = 1, from the linked saturation run; 0 if unknown"),
        Column("unit_power_sigma", "W", "its 1-sigma"),
        Column("excitation_order", "1", "<N> grows with this power of the light; 0 if unknown"),
    )
    analyses: ClassVar = ("g2", "lifetime", "blinking")
    table: ClassVar = "virtual_confocal"

    def measure(
        self,
        *,
        shutter: Shutter,
        tagger: TimeTagger,
        clock: Clock,
        ledger: Ledger,
        attenuator: Attenuator | None = None,
        meter: PowerMeter | None = None,
        scanner: Scanner | None = None,
        reference: ReferenceLight | None = None,
    ) -> Rows:
        """Yield dark, reference, and for each power the background and the chunks on the emitter."""
        started = clock.now()
        linked = unit_power(self.saturation)
        fixed = {
            "unit_power": linked.watt,
            "unit_power_sigma": linked.sigma,
            "excitation_order": linked.order,
        }
        # "At most" is meant: rounding up would give the emitter more light than was asked for.
        length = min(self.chunk, self.duration)
        lengths = (length, self.dark_time, self.background_time, self.control_time)
        histograms = Histograms(
            shortest=min(seconds for seconds in lengths if seconds),
            bin_width=self.bin_width,
            max_lag=self.max_lag,
            max_pulses=self.max_pulses,
            gate=self.gate,
        )
        shutter.block()

        def chunk(series: str, power: float, seconds: float, light: AbstractContextManager[None]) -> dict[str, Any]:
            measured = meter.read(0.1).power if meter is not None and power else power
            begun, dose = clock.now() - started, ledger.dose()
            with light:
                tags = tagger.acquire(seconds, mark=1 + SERIES[series])
            place = {"series": SERIES[series], "time": begun, "power_set": power, "power": measured, "dose": dose}
            live = {"g2_running": UNKNOWN, "g2_sigma": UNKNOWN}
            found = histograms.of(tags, prompt=series == "laser", emitting=series == "on")
            if series != "dark":
                _both_alive(found, series)
            return place | found | live | fixed

        if scanner is not None:
            scanner.on_emitter()
        if attenuator is not None:
            attenuator.minimum()
        yield chunk("dark", 0.0, self.dark_time, nullcontext())
        control: Mapping[str, Any] | None = None
        if reference is not None and self.control_time:
            control = chunk("laser", 0.0, self.control_time, reference.shining())
            yield control
        for power in self.powers:
            if attenuator is not None:
                attenuator.set_power(power)
            running = Running(histograms.zero, control)
            if scanner is not None and self.background_time:
                with beside_emitter(scanner):
                    beside = chunk("off_emitter", power, self.background_time, shutter.exposure())
                    running.background(beside)
                    # Stored before the spot moves back: a scanner that fails now costs no row.
                    yield beside
            watch = _Watch(self, ledger)
            for _ in range(math.floor(self.duration / length + 1e-9)):
                row = chunk("on", power, length, shutter.exposure())
                row["g2_running"], row["g2_sigma"] = running.add(row)
                yield row
                if watch.enough(row):
                    break


def _both_alive(row: Mapping[str, Any], series: str) -> None:
    counts = {side: int(row[f"singles_{side}"]) for side in "ab"}
    dead, other = sorted(counts, key=lambda side: counts[side])
    if counts[dead] == 0 and counts[other] >= LOUD:
        raise HardwareFault(
            f"detector {dead} registered no photon in a recording ({series}) in which detector {other} registered "
            f"{counts[other]}: check its power supply, its cable, and the trigger level of its input"
        )


class _Watch:
    """Says when one power has had enough: precise, dosed or bleached."""

    def __init__(self, procedure: HBT, ledger: Ledger) -> None:
        self._procedure, self._ledger = procedure, ledger
        self._rates: list[float] = []

    def enough(self, row: Mapping[str, Any]) -> bool:
        procedure = self._procedure
        if procedure.precision is not None and 0 < row["g2_sigma"] <= procedure.precision:
            return True
        if procedure.dose is not None and self._ledger.dose() >= procedure.dose:
            return True
        self._rates.append((row["singles_a"] + row["singles_b"]) / row["live_time"])
        faint = [rate < procedure.fading * self._rates[0] for rate in self._rates[-FADING:]]
        return len(faint) == FADING and all(faint)
