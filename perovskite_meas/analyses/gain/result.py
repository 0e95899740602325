"""What a variable stripe finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class GainResult:
    """Net gain by the growth of light along stripes of many lengths."""

    net_gain: Value | None
    """Net modal gain without saturation at the gain's maximum, in the middle of the pump, in 1/cm; None where
    refused. Its fluence is `fluence`; an error of the energy scale is one of the fluence, not of the gain."""
    wavelength: Value | None
    """Of the highest gain, in nm in vacuum."""
    saturation_length: Value | None
    """Length from which saturation takes a tenth of the light that runs along the middle of the pump, in cm; None
    where no stripe of the window is that long, or the data do not tell."""
    fluence: Value | None
    """Incident peak fluence, mean of the pulses, in J/cm^2."""
    loss: Value | None
    """Of light that runs from a short stripe farther and farther off to the edge, in 1/cm; None without such rows, or
    where too little light is guided."""
    material_gain: Value | None
    """Net gain and loss together, in 1/cm; None without a measured loss."""
    uniformity: float | None
    """Rms by which short stripes at other places are off the law, relative; None without such rows."""
    naive: float | None
    """Gain in 1/cm by (J/g)(e^{gl} - 1) over all lengths, saturated ones and unguided light too: for comparison, not
    to be used."""
    returned: Value | None
    """Emission of the first stripe once more at the end over that at the start; None without such rows."""
    guided: Value | None
    """Part of the spontaneous light that runs along the stripe; None where refused."""
    upper_limit: float | None
    """Of the net gain, 95 %, in 1/cm, where amplified light does not stand out; else None."""
    systematics: Mapping[str, float]
    """1-sigma of the net gain in 1/cm by cause: window, law, profile, charge, depth."""
    spectrum: Mapping[str, Any]
    """wavelength (nm), gain, sigma (1/cm, statistical) of each band."""
    windows: Mapping[str, Any]
    """length (cm) of the longest stripe of each window, gain, sigma (1/cm), p, and taken (1 for the chosen one)."""
    fluences: Mapping[str, Any]
    """By fluence (J/cm^2): gain and sigma (1/cm; NaN where refused), saturation_length (cm, 0 for none); the results
    above are those of the highest."""
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
