"""Lines of each field by themselves, where that is all there is."""

from __future__ import annotations

from typing import Any

import numpy as np

from perovskite_meas.analyses.spectra.lines import Lines, count_lines
from perovskite_meas.analyses.spectra.prepare import Spectra
from perovskite_meas.analyses.spectra.rows import Mask
from perovskite_meas.analyses.spectra.shape import START, Shape
from perovskite_meas.analyses.spectra.stack import stack

ZERO = 0.05
"""T."""
MOST_FIELDS = 8


def lines_of(spectra: Spectra, keep: Mask, shape: Shape, start: np.ndarray = START) -> Lines:
    """Return the lines of the chosen frames, amplitudes free by angle of the analyser."""
    own = spectra.only(keep)
    turned = np.round(np.nan_to_num(own.frames.analyser, nan=-1.0))
    return count_lines(stack(own, [(angle,) for angle in turned], own.frames.field), shape, start)


def each_field(spectra: Spectra, shape: Shape) -> dict[str, Any]:
    """Return fields (T) with the energies (meV) and sigmas of their lines."""
    nominal = np.round(spectra.frames.nominal, 2)
    fields = np.unique(nominal)
    if fields.size > MOST_FIELDS:
        fields = fields[np.round(np.linspace(0, fields.size - 1, MOST_FIELDS)).astype(int)]
    energies, sigmas = [], []
    for field in fields:
        found = lines_of(spectra, nominal == field, shape)
        place, sigma = found.energies()
        shift = float(np.average(found.fit.shifts))
        energies.append((place + shift).tolist())
        sigmas.append(sigma.tolist())
    return {"field": fields.tolist(), "energy": energies, "sigma": sigmas}
