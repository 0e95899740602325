"""Block bootstrap over chunks: whether blinking scatters the ratio more than photon statistics do."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .likelihood import PoissonFit

Array = npt.NDArray[np.float64]

FEWEST_CHUNKS = 8
REPLICAS = 400
SEED = 20_031


def block_bootstrap(fit: PoissonFit, gradient: Array, chunks: Array, share: Array) -> float | None:
    """Return the 1-sigma of a function of the fit by resampling whole chunks; None for fewer than eight.

    Every chunk moves the estimate by its influence, one scoring step from the common fit; chunks are drawn with
    replacement and their influences added, so that nothing is fitted again.

    Args:
        fit: of all chunks together.
        gradient: of the function over the parameters.
        chunks: coincidences (chunk, bin), the same bins as in the fit.
        share: of the expected coincidences that falls to each chunk, sum 1.
    """
    number = chunks.shape[0]
    if number < FEWEST_CHUNKS:
        return None
    weight = (gradient @ fit.cov @ fit.jacobian) / np.maximum(fit.expected, 1e-12)
    moves = chunks @ weight - share * float(fit.expected @ weight)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(number, np.full(number, 1.0 / number), size=REPLICAS)
    return float(np.std(drawn @ moves)) * math.sqrt(number / (number - 1))


def statistical(fisher: float, bootstrap: float | None, number: int) -> float:
    """Return the larger of both where the bootstrap's exceeds the other beyond its own scatter."""
    if bootstrap is None or bootstrap < fisher * (1 + 2 / np.sqrt(2 * (number - 1))):
        return fisher
    return bootstrap
