"""Light that grows along the pumped stripe, colour by colour, and saturates by its total."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..noise import Floats
from .colours import Colours
from .film_sample import FilmSample
from .material import Material

REFERENCE = 0.5
"""mm of stripe of which `brightness` is stated."""
_ELEMENT = 0.0125
"""mm, at most."""
_FEWEST = 8


class Stripe(NamedTuple):
    """The pumped part of the film, mm from the edge at which light is collected."""

    near: float
    far: float
    centre: float
    """Where the line focus is brightest."""
    waist: float
    """1/e^2 radius of the pump along the stripe; infinite: even."""


def elements(stripe: Stripe, photon_order: int) -> tuple[Floats, float]:
    """Return <N> of each element over that at full fluence, from the far end to the near one, and its length, mm."""
    length = stripe.far - stripe.near
    number = max(_FEWEST, int(np.ceil(length / _ELEMENT - 1e-9)))
    step = length / number
    places = stripe.far - step * (np.arange(number) + 0.5)
    found: Floats = np.exp(-2.0 * photon_order * ((places - stripe.centre) / stripe.waist) ** 2)
    return found, step


def spontaneous(pairs: Floats, stripe: Stripe, sample: FilmSample, material: Material) -> Floats:
    """Return the light that leaves the stripe at once, over `brightness`, shape (n,).

    Args:
        pairs: <N> at the surface where the focus is brightest, shape (n,).
        stripe: where it is pumped.
        sample: the film.
        material: its cross-section.
    """
    shares, step = elements(stripe, sample.photon_order)
    sources = material.emission(np.multiply.outer(pairs, shares))
    found: Floats = (1.0 - sample.spontaneous_coupling) * sources.sum(axis=1) * (step / REFERENCE)
    return found


def amplified(pairs: Floats, stripe: Stripe, sample: FilmSample, material: Material, colours: Colours) -> Floats:
    """Return the light that has run along the stripe to the film's edge, over `brightness`, 1/meV, shape (n, m).

    Through each element: dI/dx = s(E) + [g(E)/(1 + T/saturation) - loss] I with T the light of all colours,
    its mean over the element; exact where nothing saturates. Light that runs the other way saturates nothing here.

    Args:
        pairs: <N> at the surface where the focus is brightest, shape (n,).
        stripe: where it is pumped.
        sample: the film.
        material: its cross-section.
        colours: m nodes of photon energy.
    """
    shares, step = elements(stripe, sample.photon_order)
    local = np.multiply.outer(shares, pairs)
    gains = 0.1 * sample.gain * step * material.gain(local)
    sources = sample.spontaneous_coupling * step / REFERENCE * material.emission(local)
    light = np.zeros((len(pairs), len(colours.weights)))
    loss = 0.1 * sample.loss * step
    for gain, source in zip(gains, sources, strict=True):
        entering = light @ colours.weights
        fresh = source[:, None] * colours.spontaneous
        guess = _through(light, fresh, (gain / (1.0 + entering / sample.saturation))[:, None] * colours.gain - loss)
        mean = (entering + guess @ colours.weights) / 2.0
        light = _through(light, fresh, (gain / (1.0 + mean / sample.saturation))[:, None] * colours.gain - loss)
    outside = 0.1 * (sample.loss + sample.reabsorption * sample.gain * colours.gain) * stripe.near
    found: Floats = light * np.exp(-outside)
    return found


def _through(light: Floats, fresh: Floats, exponent: Floats) -> Floats:
    """Return the light behind an element that amplifies by e^exponent and adds `fresh` evenly along it."""
    more = np.expm1(exponent)
    small = np.abs(exponent) < 1e-6
    found: Floats = light * (1.0 + more) + fresh * np.where(small, 1.0, more) / np.where(small, 1.0, exponent)
    return found
