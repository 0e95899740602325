"""The numbers that make a film."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilmSample:
    """A film of nanocrystals; what each number means also stands at its key of the world file.

    Defaults: CsPbBr3, neutral, one-photon pumping (PHYSICS 3.2 and 9; those not named there are assumptions).
    """

    threshold_fluence: float = 5e-6
    """Incident peak fluence that leaves no material gain at the surface, for the mean size, J/cm^2."""
    photon_order: int = 1
    charged_fraction: float = 0.0
    gain: float = 450.0
    """At full inversion and the line's maximum, 1/cm."""
    loss: float = 20.0
    """Along the film, also where it is not pumped, 1/cm."""
    optical_depth: float = 0.3
    """ln of incident over transmitted pump light."""
    size_spread: float = 0.1
    """1-sigma of the relative <N> among nanocrystals under equal light (log-normal)."""
    energy: float = 2.36
    """Maximum of the spontaneous emission, eV."""
    linewidth: float = 92.0
    """FWHM of the spontaneous emission, meV."""
    gain_width: float = 35.0
    """FWHM of the gain, meV."""
    gain_shift: float = -15.0
    """Maximum of the gain minus that of the spontaneous emission, meV."""
    biexciton_ratio: float = 0.08
    brightness: float = 2e5
    """Spontaneous photo-electrons per pulse of 0.5 mm pumped evenly with one pair in every nanocrystal."""
    spontaneous_coupling: float = 0.2
    """Share of the spontaneous light that runs along the stripe and is amplified."""
    saturation: float = 3.0
    """Light running along the stripe that halves the gain, over `brightness`."""
    reabsorption: float = 0.0
    """Band-edge absorption outside of the stripe, over `gain`; 0: only `loss` acts there."""
    polarisation: float = 0.1
    """Degree of linear polarisation of the amplified light."""
    lasing: bool = False
    """Light finds cavities; then nothing is amplified along the stripe."""
    mode_spacing: float = 1.2
    """nm."""
    mode_width: float = 0.15
    """FWHM, nm."""
    mode_scatter: float = 0.4
    """Relative scatter of one mode's light from pulse to pulse."""
    degradation_dose: float | None = None
    """Dose on one place after which 1/e of the brightness is left, J/cm^2; None: nothing degrades."""
    degradation_threshold: float = 0.5
    """Relative rise of the threshold by then."""
    heating: float = 0.0
    """Relative rise of the threshold per average irradiance, cm^2/W."""
    spot_scatter: float = 0.0
    """1-sigma of ln(threshold) from place to place."""
