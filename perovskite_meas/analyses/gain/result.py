"""What a variable stripe finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class GainResult:
    """Net gain by I(l) = (J/g)(e^{g l} - 1) over lengths below saturation."""

    net_gain: Value | None
    """Net modal gain in the band where it is highest, in 1/cm; None where refused."""
    wavelength: Value | None
    """Middle and half width of that band, in nm in vacuum."""
    saturation_length: Value | None
    """Longest stripe that the law holds, in cm, from the data; None where all lengths obey it."""
    fluence: Value | None
    """Incident peak fluence, mean of the pulses, in J/cm^2."""
    loss: Value | None
    """Of light that runs from a short stripe farther and farther off to the edge, in 1/cm; None without such rows."""
    material_gain: Value | None
    """Net gain and loss together, in 1/cm; None without a measured loss."""
    uniformity: float | None
    """Rms by which short stripes at other places are off the fitted decay, relative; None without such rows."""
    naive: float | None
    """Gain in 1/cm by the law over all lengths, saturated ones too: for comparison, not to be used."""
    returned: Value | None
    """Emission of the first stripe once more at the end over that at the start; None without such rows."""
    spectrum: Mapping[str, Any]
    """wavelength (nm), gain, sigma (1/cm) of each band."""
    windows: Mapping[str, Any]
    """length (cm) of the longest stripe of each window, gain, sigma (1/cm), p."""
    fluences: Mapping[str, Any]
    """By fluence (J/cm^2): gain and sigma (1/cm), saturation_length (cm, 0 for none); the results above are those of
    the highest."""
    curve: Mapping[str, Any]
    """length (cm), intensity, sigma, fit, inside (1 where in the window) of the band of the highest gain."""
    shifted: Mapping[str, Any]
    """distance (cm), intensity, sigma, fit of the short stripes."""
    refused: str | None
    """Why no gain is claimed; None where one is."""
    collection: str
    """Collection geometry, aperture and filter, in words."""
    notes: tuple[str, ...]
    """Everything to know before using it."""
