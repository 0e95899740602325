"""What is known of film and pump before the fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.pulses.inversion import transparency
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.analyses.spectra.setup import optional

from . import law
from .bands import Seen
from .fit import Prior
from .law import Pump

if TYPE_CHECKING:
    import xarray as xr

GAIN, GAIN_TRUST = 450.0, 0.7
"""1/cm at full inversion, and how far ln of it may be off."""
WIDTH, WIDTH_TRUST = 35.0, 0.4
"""meV FWHM of the gain's line, likewise."""
COUPLING, COUPLING_TRUST = -1.4, 3.0
"""Logit of the share of the light that is guided, likewise: anything from 1e-3 to 1."""
SATURATION, SATURATION_TRUST = -2.3, 4.0
"""ln of the light that halves the gain, likewise."""
PAIRS_TRUST = 0.7
"""How far ln <N> may be off what the stated threshold lets expect."""
PAIRS_UNKNOWN = 1.5
"""The same where no threshold is stated."""
SLOPE_TRUST = 0.1
"""Exponent by which the spontaneous light may differ from its law."""
LENGTH_TRUST = 3e-4
"""cm: the blade's zero."""
LOSS_TRUST = 40.0
"""1/cm: measured losses rest on the data."""
EXCESS_TRUST = 10.0
"""1/cm by which a pumped film may lose more or less than one that is not."""
OTHER_PROFILE = 0.04
"""Part by which a profile across the stripe that is stated is of the other kind."""
UNKNOWN_CHARGE = 0.5
"""Fraction of charged nanocrystals that is tried against none where nothing is stated."""
UNKNOWN_DEPTH = 0.5
"""Optical depth that is tried against none where nothing is stated."""
LOSS_LEAST = 1.0
"""1/cm, of every loss: how the pump falls off along the line is known no better."""
LAW_TRUST = 0.011
"""Relative 1-sigma of the material gain: sizes, and bands of finite width."""


def pump(data: xr.Dataset, setup: Setup) -> Pump:
    """Return what is taken for granted; a profile that is not stated is taken as Gaussian."""
    waist = optional(data, "spot.waist", "nm") if optional(data, "spot.waist_y", "nm") is not None else None
    return Pump(
        photons=setup.photons,
        gaussian=setup.profile != "top_hat",
        waist=math.inf if waist is None else 1e-7 * waist.nominal,
        depth=setup.optical_depth.nominal if setup.optical_depth is not None else 0.0,
        charged=min(max(setup.charged.nominal, 0.0), 1.0) if setup.charged is not None else 0.0,
        biexciton=setup.biexciton.nominal,
    )


def prior(data: xr.Dataset, setup: Setup, pump: Pump, seen: Seen) -> Prior:
    """Return what is known of the parameters: weak where the data are to tell."""
    expected = optional(data, "sample.expect.gain", "1/cm")
    threshold = optional(data, "sample.expect.threshold_fluence", "J/cm^2")
    waist = optional(data, "spot.waist", "nm")
    shifted = np.count_nonzero(seen.series == "shifted") > 1
    stripe = np.flatnonzero(seen.series == "stripe")
    longest = int(stripe[np.argmax(seen.length[stripe])])
    middle, sigma = np.zeros(len(law.NAMES)), np.zeros(len(law.NAMES))
    ratio = 2.0 if threshold is None else min(max(seen.fluence / threshold.nominal, 0.3), 4.0)
    trust = PAIRS_UNKNOWN if threshold is None else PAIRS_TRUST
    known = {
        law.LN_GAIN: (math.log(expected.nominal if expected is not None else GAIN), GAIN_TRUST),
        law.LN_PAIRS: (math.log(transparency(pump.charged) * ratio**pump.photons), trust * pump.photons),
        law.LOSS: (setup.loss.nominal, LOSS_TRUST if shifted else max(setup.loss.sigma, 0.3 * setup.loss.nominal)),
        law.CENTRE: (float((seen.borders[1:] + seen.borders[:-1])[int(np.argmax(seen.value[longest]))] / 2), 15.0),
        law.LN_WIDTH: (math.log(WIDTH), WIDTH_TRUST),
        law.LN_SATURATION: (SATURATION, SATURATION_TRUST),
        law.COUPLING: (COUPLING, COUPLING_TRUST),
        law.SLOPE: (0.0, SLOPE_TRUST),
        law.MIDDLE: (float(seen.length[longest]) / 3, max(float(seen.length[longest]) / 4, 0.01)),
        law.OFFSET: (0.0, LENGTH_TRUST),
        law.EXCESS: (0.0, EXCESS_TRUST),
        law.STRETCH: (0.0, 0.03 if waist is None else max(waist.relative, 0.01)),
    }
    for index, (value, width) in known.items():
        middle[index], sigma[index] = value, width
    return Prior(middle, sigma)


def rivals(setup: Setup, pump: Pump) -> dict[str, tuple[Pump, float, bool]]:
    """Return other things that may be true, by cause.

    With each: by how much of the way to it the gain is unsure, and whether nothing is stated, so that the truth lies as
    likely there as here.
    """
    charged = UNKNOWN_CHARGE if setup.charged is None else max(setup.charged.sigma, 0.0)
    other = replace(pump, gaussian=not pump.gaussian)
    unknown = setup.profile is None
    found = {"profile": (other, 0.5 if unknown else OTHER_PROFILE, unknown)}
    if charged:
        moved = pump.charged + (UNKNOWN_CHARGE if pump.charged < UNKNOWN_CHARGE else -UNKNOWN_CHARGE)
        found["charge"] = (replace(pump, charged=moved), min(charged / UNKNOWN_CHARGE, 1.0), False)
    if setup.optical_depth is None:
        found["depth"] = (replace(pump, depth=UNKNOWN_DEPTH), 0.5, True)
    return found
