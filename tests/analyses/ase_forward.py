"""Forward model of an ASE fluence sweep; written without looking at any analysis.

Every ray of the stripe (a place across it, a depth in the film) amplifies its own emission, wavelength by wavelength;
nanocrystals have a spread of sizes; every pulse has its own energy, every frame its own noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

SERIES = ("dark", "scout", "up", "down", "return", "fresh", "overlap", "heating", "polarised")
RANGE = {1: (0.1, 6.0), 2: (0.3, 2.5), 3: (0.5, 1.8)}
AROUND = {1: (1.5, 3.4), 2: (1.1, 1.8), 3: (1.05, 1.5)}
HC = 1239.841984
PIXELS = 256


@dataclass(frozen=True)
class Truth:
    """Everything hidden; `stated` is what the bench believes."""

    photons: int = 1
    threshold: float = 5e-6
    charged: float = 0.0
    gain: float = 450.0
    loss: float = 20.0
    length: float = 0.05
    beta: float = 5e-3
    saturation: float = 2e4
    od: float = 0.3
    profile: str = "gauss"
    sizes: float = 0.15
    q: float = 0.1
    electrons: float = 3e4
    jitter: float = 0.10
    reading: float = 0.01
    flicker: float = 0.05
    points: int = 40
    shots: int = 20
    per_shot: bool = True
    down: bool = True
    fresh: int = 0
    scatter: float = 0.03
    degrade: float = 0.0
    lasing: bool = False
    noise: bool = True
    scale: float = 1.0
    filter_error: float = 0.0
    duration: float = 100.0
    span: tuple[float, float] | None = None
    stated: dict[str, Any] = field(default_factory=dict)


def zero_gain(charged: float) -> float:
    """Mean number of excitons at which the mixture neither absorbs nor amplifies, by bisection."""
    low, high = 0.1, 3.0
    for _ in range(60):
        x = 0.5 * (low + high)
        low, high = (x, high) if _gain(np.array(x), charged) < 0 else (low, x)
    return low


def _gain(x: np.ndarray, charged: float) -> np.ndarray:
    e = np.exp(-x)
    return (1 - charged) * (1 - e * (2 + x)) + charged * (1 - e * (1.5 + x / 2))


class Film:
    """Mean photons per pulse and pixel against fluence, tabulated."""

    def __init__(self, t: Truth) -> None:
        self.axis = np.linspace(500.0, 560.0, PIXELS)
        grid = np.exp(np.linspace(math.log(t.threshold) - 4.5, math.log(t.threshold) + 3.0, 260))
        energy = HC / self.axis
        spontaneous = np.exp(-0.5 * ((energy - 2.335) / (0.092 / 2.3548)) ** 2)
        spontaneous /= spontaneous.sum()
        line = np.exp(-0.5 * ((energy - 2.320) / (0.035 / 2.3548)) ** 2)
        if t.lasing:
            comb = np.exp(-0.5 * (((self.axis - 530.0 + 0.6) % 1.2 - 0.6) / 0.2) ** 2)
            line_shape = comb / comb.mean()
        else:
            line_shape = np.ones(PIXELS)
        depths = (np.arange(5) + 0.5) / 5 if t.photons == 1 and t.od else np.zeros(1)
        across = np.linspace(0.0, 1.5, 13) if t.profile == "gauss" else np.zeros(1)
        width = np.full(across.size, 1.0)
        width[0] = 0.5 if across.size > 1 else 1.0
        nodes, weights = np.polynomial.hermite_e.hermegauss(5)
        places = np.array([0.1, 0.3, 0.5, 0.7, 0.9]) * 0.25 / 1.5
        own_x = np.exp(t.sizes * nodes[:, None] - t.sizes**2 / 2 - 2 * t.photons * places**2).ravel()
        weights = np.repeat(weights / weights.sum() / 5, 5)
        total = np.zeros((grid.size, PIXELS))
        x0 = zero_gain(t.charged)
        for y, wy in zip(across, width, strict=True):
            for z in depths:
                local = grid * math.exp(-2 * y * y) * math.exp(-t.od * z)
                x = x0 * (local / t.threshold) ** t.photons
                g, emitted = np.zeros(grid.size), np.zeros(grid.size)
                for factor, w in zip(own_x, weights, strict=True):
                    own = x * factor
                    g += w * _gain(own, t.charged)
                    emitted += w * (-np.expm1(-own) + t.q * (1 - (1 + own) * np.exp(-own)))
                G = (t.gain * g[:, None] * line - t.loss) * t.length
                amp = np.expm1(G) / np.where(np.abs(G) < 1e-9, 1e-9, G)
                amp = amp / (1 + amp / t.saturation)
                share = wy * np.ones(1) / (width.sum() * depths.size)
                total += share * emitted[:, None] * spontaneous * (1 + t.beta * amp * line_shape)
        self.grid, self.table = np.log(grid), t.electrons * total

    def spectra(self, fluence: np.ndarray) -> np.ndarray:
        place = (np.log(fluence) - self.grid[0]) / (self.grid[1] - self.grid[0])
        k = np.clip(place.astype(int), 0, self.grid.size - 2)
        f = (place - k)[:, None]
        table = np.log(self.table + 1e-30)
        return np.exp((1 - f) * table[k] + f * table[k + 1])


FILTERS = (1.0, 0.1, 0.01, 0.001)
FULL = 60000.0


def quantity(value: float, sigma: float, unit: str) -> dict[str, Any]:
    return {"value": value, "sigma": sigma, "unit": unit}


def conditions(t: Truth) -> dict[str, Any]:
    found = {
        "photons": t.photons,
        "recording": "per shot" if t.per_shot else "per point",
        "pulse": {
            "repetition_rate": quantity(10.0, 0.0, "Hz"), "duration": quantity(t.duration, 5.0, "fs"),
            "shape": "gauss", "wavelength": quantity(400.0, 0.0, "nm"), "energy_spread": quantity(0.1, 0.0, "1"),
        },
        "spot": {
            "waist": quantity(1.5e6, 1.5e4, "nm"), "waist_y": quantity(1e5, 2e3, "nm"), "profile": t.profile,
        },
        "energy_at_sample": {"ratio": quantity(0.1, 0.003, "1"), "zero": quantity(0.0, 0.0, "J")},
        "meter": {"noise": quantity(0.01, 0.0, "1")},
        "filter": {"transmissions": [quantity(f, 0.02 * f if f < 1 else 0.0, "1") for f in FILTERS]},
        "collection": {"geometry": "edge", "na": 0.3, "length": quantity(0.5, 0.02, "mm")},
        "camera": {
            "gain": quantity(1.0, 0.0, "1"), "read_noise": quantity(5.0, 0.0, "1"),
            "full_scale": quantity(FULL, 0.0, "1"),
        },
        "sample": {
            "name": "film", "expect": {
                "optical_depth": quantity(t.od if t.photons == 1 else 0.0, 0.1 * t.od, "1"),
                "loss": quantity(20.0, 6.0, "1/cm"),
                "charged_fraction": quantity(t.charged, 0.0, "1"),
            },
        },
    }  # fmt: skip
    for dotted, value in t.stated.items():
        node, *rest = dotted.split(".")
        inner: Any = found
        while rest:
            inner, (node, *rest) = inner[node], rest
        if value is None:
            inner.pop(node, None)
        else:
            inner[node] = value
    return found


def plan(t: Truth) -> list[tuple[str, float, int, int]]:
    """Return series, fluence, spot and place of the filter (-1: as bright as it may be)."""
    low, high = t.span or RANGE[t.photons]
    ladder = [float(f) for f in t.threshold * np.geomspace(low, high, t.points)]
    rows = [("dark", 0.0, 0, 0)] * 3
    for k, f in enumerate(ladder):
        rows.append(("up", f, 0, -1))
        if t.down and k >= t.points // 2 and k % 3 == 0:
            rows.append(("overlap", f, 0, -2))
    if t.down:
        rows += [("down", f, 0, -1) for f in ladder[::-1]]
        rows += [("return", ladder[0], 0, -1)] * 2
    for spot in range(t.fresh):
        rows += [("fresh", float(f), 2 + spot, -1) for f in t.threshold * np.geomspace(*AROUND[t.photons], 6)]
    return [*rows, *[("dark", 0.0, 0, 0)] * 3]


def simulate(t: Truth, seed: int = 0, film: Film | None = None) -> xr.Dataset:
    """Return the rows of one run."""
    rng = np.random.default_rng(seed)
    film = film or Film(t)
    low_noise = 1.0 if t.noise else 0.0
    frames = t.shots if t.per_shot else 1
    spots = {0: 1.0} | {k: float(np.exp(t.scatter * rng.standard_normal())) for k in range(2, 2 + t.fresh)}
    errors = 1 + t.filter_error * rng.standard_normal(len(FILTERS))
    errors[0] = 1.0
    pattern = 300.0 + 0.0 * film.axis
    rows: dict[str, list[Any]] = {}
    dose, fired = dict.fromkeys(spots, 0.0), dict.fromkeys(spots, 0)
    for k, (series, fluence, spot, place) in enumerate(plan(t)):
        lit = fluence > 0
        shots = t.shots if lit else 0
        true = fluence * np.exp(t.jitter * low_noise * rng.standard_normal(shots))
        read = true * (1 + t.reading * low_noise * rng.standard_normal(shots)) * t.scale
        bright = film.spectra(true / spots[spot] * (1 + t.degrade * dose[spot] / t.threshold)) if lit else None
        spectra = np.zeros((frames, PIXELS))
        step = 0
        if bright is not None:
            bright = bright * math.exp(-t.degrade * dose[spot] / t.threshold)
            per_frame = bright if t.per_shot else bright.sum(axis=0, keepdims=True)
            if t.lasing:
                per_frame = per_frame * np.exp(0.3 * low_noise * rng.standard_normal((len(per_frame), 1)))
            usual = film.spectra(np.array([fluence]))[0].max() * (1 if t.per_shot else t.shots)
            fits = [i for i, f in enumerate(FILTERS) if usual * f < 0.45 * FULL]
            step = fits[0] if fits else len(FILTERS) - 1
            if place == -2:
                step = min(step + 1, len(FILTERS) - 1)
            noisy = per_frame * (1 + t.flicker * low_noise * rng.standard_normal((len(per_frame), 1)))
            noisy = noisy * FILTERS[step] * errors[step]
            spectra = rng.poisson(np.clip(noisy, 0, None)).astype(float) if t.noise else noisy
        spectra = spectra + pattern + 5.0 * low_noise * rng.standard_normal(spectra.shape)
        if t.noise:
            spectra = np.clip(np.round(spectra), 0, FULL)
        one = {
            "series": SERIES.index(series), "time": 3.0 * k, "fluence_set": fluence,
            "fluence": float(read.mean()) if lit else 0.0, "fluences": np.pad(read, (0, t.shots - shots)),
            "heads": np.pad(read, (0, t.shots - shots)), "shots": shots, "uncertain": 0, "spectra": spectra,
            "frames": frames, "paired": int(t.per_shot and lit), "exposure": 0.05, "wavelength": film.axis,
            "transmission": FILTERS[step], "step": step + 1, "saturated": int((spectra >= FULL).sum()), "rate": 10.0,
            "spot": spot, "x": 0.0, "y": 500.0 * spot, "shots_before": fired[spot], "dose": dose[spot], "length": 0.5,
            "analyser": -1000.0, "sensor": -60.0,
        }  # fmt: skip
        dose[spot] += float(true.sum())
        fired[spot] += shots
        for name, value in one.items():
            rows.setdefault(name, []).append(value)
    dims = {"fluences": ("row", "shot"), "heads": ("row", "shot"), "spectra": ("row", "frame", "pixel"),
            "wavelength": ("row", "pixel")}  # fmt: skip
    data = xr.Dataset({name: (dims.get(name, ("row",)), np.array(values)) for name, values in rows.items()})
    data["series"].attrs.update(flag_values=list(range(len(SERIES))), flag_meanings=" ".join(SERIES))
    data.attrs["conditions"] = conditions(t)
    return data


def clean(t: Truth) -> Truth:
    """Return the same world without noise and jitter."""
    return replace(t, noise=False, scale=1.0, filter_error=0.0)
