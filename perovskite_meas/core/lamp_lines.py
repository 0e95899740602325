"""The lines of spectral lamps."""

from __future__ import annotations

import re
from typing import NamedTuple

from .air import to_vacuum
from .errors import UsageError, did_you_mean


class LampLine(NamedTuple):
    """One line of a lamp."""

    element: str
    """'Ne', 'Hg', 'Ar', 'Kr', or '' where the lab stated it itself."""
    air: float
    """Wavelength in standard air, in nm."""
    vacuum: float
    """Wavelength in vacuum, in nm."""


_ANGSTROM = {
    "Ne": """3472.5711 3520.4711 4488.0926 4537.7545 4704.3949 4708.8594 4715.344 4752.7320 4788.9258 4827.338
        4884.9170 4957.0335 5005.1587 5031.3504 5037.7512 5080.3852 5116.5032 5144.9384 5330.7775 5341.0938 5343.2834
        5400.5616 5562.7662 5656.6588 5719.2248 5748.2985 5764.4188 5804.4496 5820.1558 5852.4878 5881.8950 5944.8340
        5975.5343 6029.9968 6074.3376 6096.1630 6128.4498 6143.0627 6163.5937 6217.2812 6266.4952 6304.7893 6334.4276
        6382.9914 6402.248 6506.5277 6532.8824 6598.9528 6678.2766 6717.0430 6929.4672 7024.0500 7032.4128 7173.9380
        7245.1665 7438.8981 7488.8712 7535.7739 8082.4576 8300.3248 8377.6070 8495.3591""",
    "Hg": "3650.158 3654.842 3663.284 4046.565 4077.837 4339.223 4347.506 4358.335 5460.750 5769.610 5790.670",
    "Ar": """4158.590 4181.884 4190.713 4191.029 4198.317 4200.674 4259.362 4266.286 4272.169 4300.101 4333.561 4510.733
        5162.285 5187.746 5221.271 5421.352 5451.652 5495.874 5558.702 5572.541 5606.733 5650.704 5739.520 5912.085
        5928.813 6032.127 6043.223 6052.723 6059.372 6416.307 6752.834 6871.289 6965.431 7030.251 7067.218 7147.042
        7272.936 7383.980 7503.869 7514.652 7635.106 7723.761 7724.207 7948.176 8006.157 8014.786 8103.693 8115.311
        8264.522 8408.210 8424.648 8521.442""",
    "Kr": """4273.9694 4318.5515 4319.5794 4362.6416 4376.1216 4453.9175 4463.6900 4502.3545 5562.2253 5570.2894
        5870.9160 6456.2889 7587.4136 7601.5457 7685.2459 7694.5401 7854.8233 8059.5048 8104.3660 8112.9012 8190.0566
        8263.2426 8281.0522""",
}
"""Strong lines in standard air, in angstrom. NIST Atomic Spectra Database and Handbook of Basic Atomic Spectroscopic
Data; Hg: Sansonetti, Salit and Reader, Appl. Opt. 35, 74 (1996)."""
_NUMBER = re.compile(r"\d+(\.\d*)?")


def lamp_lines(stated: str) -> tuple[LampLine, ...]:
    """Return the lines of a lamp, rising.

    Args:
        stated: elements such as 'Ne Hg', or the lines themselves in standard air as in '533.0777 540.0562 nm', or both.

    Raises:
        UsageError: an unknown element, or a wavelength that is none.

    Examples:
        >>> [round(line.vacuum, 4) for line in lamp_lines("Hg") if 540 < line.air < 560]
        [546.2268]
    """
    found: list[LampLine] = []
    for word in stated.replace(",", " ").split():
        if word in _ANGSTROM:
            found += [LampLine(word, float(text) / 10, to_vacuum(float(text) / 10)) for text in _ANGSTROM[word].split()]
        elif _NUMBER.fullmatch(word) and 200 <= float(word) <= 2000:
            found.append(LampLine("", float(word), to_vacuum(float(word))))
        elif word != "nm":
            raise UsageError(
                f"lines of a lamp, {stated!r}: {word!r} is neither an element nor a wavelength from 200 to 2000 nm; "
                f"{did_you_mean(word, _ANGSTROM)}"
            )
    if not found:
        raise UsageError(f"lines of a lamp, {stated!r}: name elements such as 'Ne Hg', or wavelengths in air, in nm")
    return tuple(sorted(found, key=lambda line: line.vacuum))
