"""Any power meter that answers MEAS:POW? in watts, as an ordinary QCoDeS instrument."""

from typing import Any

from qcodes.instrument import VisaInstrument
from qcodes.validators import Numbers


class ScpiMeter(VisaInstrument):
    """Optical power meter with a bare SCPI command set."""

    def __init__(self, name: str, address: str, **kwargs: Any) -> None:
        super().__init__(name, address, terminator="\n", **kwargs)
        self.power = self.add_parameter(
            "power",
            unit="W",
            label="Power",
            docstring="Optical power on the head.",
            get_cmd="MEAS:POW?",
            get_parser=float,
            vals=Numbers(),
        )
        self.wavelength = self.add_parameter(
            "wavelength",
            unit="nm",
            label="Wavelength",
            docstring="Wavelength that the responsivity is corrected for.",
            get_cmd="SENS:CORR:WAV?",
            set_cmd="SENS:CORR:WAV {:.1f}",
            get_parser=float,
            vals=Numbers(400, 1100),
        )
