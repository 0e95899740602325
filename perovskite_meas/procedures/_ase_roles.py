"""What a run on an ASE table finds there, how it records bursts, and the columns that every such run has."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from perovskite_meas.core.columns import Column
from perovskite_meas.core.errors import ParameterError
from perovskite_meas.core.roles import (
    Analyser,
    ArmedSpectrometer,
    Clock,
    EnergyMeter,
    Filter,
    Positioner,
    Pulse,
    PulseAttenuator,
    PulseLedger,
    Scanner,
    Shutter,
)

NO_ANGLE = -1000.0
PER_SHOT, PER_POINT = "per shot", "per point"

SHARED: tuple[Column, ...] = (
    Column("time", "s", "start of the exposure since the start of the run"),
    Column("fluence_set", "J/cm^2", "commanded incident peak fluence; 0 in the dark"),
    Column("fluence", "J/cm^2", "incident peak fluence, mean of the pulses"),
    Column("fluences", "J/cm^2", "of each pulse in order, then zeros", array=True),
    Column("heads", "J", "what the meter's head showed of each pulse, then zeros", array=True),
    Column("shots", "1", "pulses on the film"),
    Column("uncertain", "1", "of these, pulses while shutter or picker moved; pulses that the meter missed"),
    Column("spectra", "1", "counts of each pixel as read, by frame, then zeros", array=True),
    Column("frames", "1", "frames that are there"),
    Column("paired", "1", "1 where each frame is that of one pulse, in order"),
    Column("exposure", "s", "of one frame"),
    Column("wavelength", "nm", "in vacuum, of each pixel by calibration", array=True),
    Column("transmission", "1", "of the neutral filter"),
    Column("step", "1", "place of that filter, 0 for the most transmitting"),
    Column("saturated", "1", "pixels at full scale, in the worst frame"),
    Column("rate", "Hz", "of the pulses"),
    Column("spot", "1", "which spot: 0 the main one, 1 that of the scout, from 2 on fresh ones"),
    Column("x", "um", "place on the film, from where the run started"),
    Column("y", "um", "likewise, second axis"),
    Column("shots_before", "1", "pulses that the spot took in this run before"),
    Column("dose", "J/cm^2", "light that the spot took in this run before"),
    Column("length", "mm", "of the pumped stripe; 0 where no slit tells"),
    Column("analyser", "deg", "angle of the analyser; -1000 for none"),
    Column("sensor", "degC", "temperature of the camera's sensor"),
)
"""Columns of every procedure on this table, besides its own."""


@dataclass(frozen=True)
class Roles:
    """What there is on the table."""

    pulse: Pulse
    shutter: Shutter
    attenuator: PulseAttenuator
    meter: EnergyMeter
    spectrometer: ArmedSpectrometer
    clock: Clock
    ledger: PulseLedger
    filter: Filter | None = None
    scanner: Scanner | None = None
    slit: Positioner | None = None
    near: Positioner | None = None
    analyser: Analyser | None = None


class Settings(NamedTuple):
    """How a burst is recorded."""

    shots: int
    rate: float
    """Hz, at most."""
    recording: str
    exposure: float
    """Of a frame that one pulse triggers, in s."""
    overhead: float
    """That shutter and picker take together, in s; a frame over a whole burst is longer by it."""


def refuse(name: str, roles: Roles, settings: Settings, lengths: Iterable[float]) -> None:
    """Refuse what this table cannot do, all at once.

    Args:
        name: of the procedure.
        roles: of the bench.
        settings: of the recording.
        lengths: of the stripe, in mm, where there is a slit.

    Raises:
        ParameterError: one frame per pulse without a trigger, or a stripe beyond the slit.
    """
    problems = []
    if settings.recording == PER_SHOT and not roles.spectrometer.triggerable():
        problems.append(
            "recording = 'per shot': no trigger of the laser is wired to this camera; wire the picker's output to its "
            "trigger input and state `trigger` at the spectrometer in the bench, or set recording='per point'"
        )
    if roles.slit is not None:
        low, high = roles.slit.span()
        beyond = [f"{length:g}" for length in lengths if not low <= length <= high]
        if beyond:
            problems.append(
                f"stripes of {', '.join(beyond)} mm lie beyond the slit, which the bench allows from {low:g} to "
                f"{high:g} mm: choose other lengths"
            )
    if problems:
        raise ParameterError(f"{name} cannot run here:", problems)


def refuse_order(name: str, roles: Roles, photons: int) -> None:
    """Refuse a number of photons per excitation that the colours of pump and emission rule out.

    Raises:
        ParameterError: so many photons are not enough for what the spectrometer sees, or one less would do.
    """
    pump, window = roles.pulse.state().wavelength, roles.spectrometer.wavelengths()
    red, blue = float(np.max(window)), float(np.min(window))
    if pump > photons * red or (photons > 1 and pump < (photons - 1) * blue):
        fewest, most = math.ceil(pump / red), math.floor(pump / blue) + 1
        raise ParameterError(
            f"{name} cannot run here:",
            [
                f"photons = {photons} does not go with a pump of {pump:g} nm and emission between {blue:.4g} and "
                f"{red:.4g} nm, where the spectrometer looks: that takes "
                f"{fewest if fewest >= most else f'{fewest} to {most}'} photons; set photons, and fluences to suit, or "
                "take the bench of another pump"
            ],
        )
