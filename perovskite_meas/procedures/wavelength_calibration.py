"""Wavelength calibration: lines of a spectral lamp on the camera of a spectrograph."""

from __future__ import annotations

from typing import ClassVar

from perovskite_meas.core.columns import Column, Row
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import Clock, ReferenceLight, Shutter, Spectrograph, Spectrometer

SERIES = {"dark": 0, "lamp": 1}


class WavelengthCalibration(Procedure):
    """Take frames of a spectral lamp, after darks of the same exposure; the sample stays in the dark.

    The analysis `wavelength_calibration` turns the rows into the dated calibration `wavelength`, which the run writes
    beside its data. It holds as long as the grating stays where it is.
    """

    centre: float | None = param(
        None, unit="nm", low=200, high=5000, doc="middle of the window in vacuum; none leaves the grating"
    )
    exposure: float = param("2 s", unit="s", low="1 ms", high="1 h", doc="of the camera, per frame")
    frames: int = param(5, low=1, high=1000, doc="frames of the lamp; three or more tell cosmic rays")
    darks: int = param(3, low=1, high=1000, doc="dark frames before")

    columns: ClassVar = (
        Column("series", "1", "which kind of frame", codes=SERIES),
        Column("time", "s", "start of the exposure since the start of the run"),
        Column("exposure", "s", "of the camera"),
        Column("sensor", "degC", "temperature of the camera's sensor"),
        Column("saturated", "1", "pixels at full scale"),
        Column("wavelength", "nm", "in vacuum, of each pixel by the calibration so far", array=True),
        Column("spectrum", "1", "counts of each pixel as read", array=True),
    )
    analyses: ClassVar = ("wavelength_calibration",)
    table: ClassVar = "virtual_magneto"

    def measure(self, *, shutter: Shutter, spectrometer: Spectrometer, lamp: ReferenceLight, clock: Clock) -> Rows:
        """Yield the darks, then the lamp."""
        started = clock.now()
        shutter.block()
        if self.centre is not None:
            if not isinstance(spectrometer, Spectrograph):
                raise UsageError(
                    f"centre = {self.centre:g} nm: this spectrometer has no monochromator to turn; leave `centre` out"
                )
            spectrometer.centre_on(self.centre)
        axis = spectrometer.wavelengths()

        def frame(series: str) -> Row:
            begun = clock.now() - started
            found = spectrometer.expose(self.exposure)
            return {
                "series": SERIES[series],
                "time": begun,
                "exposure": found.exposure,
                "sensor": found.sensor,
                "saturated": found.saturated,
                "wavelength": axis,
                "spectrum": found.counts,
            }

        for _ in range(self.darks):
            yield frame("dark")
        for _ in range(self.frames):
            with lamp.shining():
                row = frame("lamp")
            yield row
