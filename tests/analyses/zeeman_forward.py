"""Forward model of a magneto-PL scan, exposure by exposure; written without looking at any analysis.

Levels come from the 4x4 Hamiltonian of an electron and a hole spin, populations from rate equations, spectra from
Voigt lines with a super-ohmic phonon wing, frames from a camera with bias, read noise and cosmic rays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import voigt_profile

MU_B = 0.0578838181  # meV/T
K_B = 0.08617333  # meV/K
EV_NM = 1239.841984
SERIES = ("on", "polar", "check", "lamp", "dark", "background", "faraday", "decay", "refocus")
FLAGS = {"flag_values": list(range(len(SERIES))), "flag_meanings": " ".join(SERIES)}
LAMP = {533.0777: 0.5, 534.1094: 1.0, 540.0562: 0.8, 546.0750: 1.2}  # nm in air: strength
UP = tuple(np.arange(0.0, 7.01, 0.5))


@dataclass(frozen=True)
class Truth:
    """Everything hidden; meV, T, ns, s, deg unless said otherwise."""

    kind: str = "exciton"  # exciton | trion
    energy: float = 2300.0
    dark: float = -2.6
    bright: tuple[float, float, float] = (-0.35, 0.05, 0.30)
    g_electron: float = 1.9
    g_hole: float = 0.55
    diamagnetic: float = 1e-3  # meV/T^2
    polar: float = 51.6
    azimuth: float = 34.4
    roll: float = 20.0
    faraday: bool = False  # field along the viewing direction
    aperture: float = 0.8
    temperature: float = 4.2
    lifetime: float = 0.6
    dark_lifetime: float = 500.0
    phonon_rate: float = 0.4  # 1/ns
    linewidth: float = 0.100
    psf: float = 0.090  # FWHM
    wing: float = 0.12
    cutoff: float = 1.0
    counts: float = 5e3  # of a frame at zero field through no analyser
    frames: int = 4
    fields: tuple[float, ...] = UP
    down: bool = True
    swap: tuple[float, ...] = (-2.0, -4.5, -7.0, 0.0)
    polarisers: tuple[float, ...] = (0.0, 45.0, 90.0, 135.0)
    lamps: bool = True
    lamp_lines: tuple[float, ...] = tuple(LAMP)
    decays: float = 0.0  # s per field; 0: none
    diffusion: float = 0.020
    diffusion_time: float = 5.0
    jitter: float = 0.1  # relative, of the brightness of a frame
    background: float = 0.02  # of the counts, over the window
    cosmics: float = 0.15  # per frame
    bias: float = 500.0  # ADU
    gain: float = 1.2  # e/ADU
    read: float = 4.0  # e
    dark_current: float = 0.02  # e/s/pixel
    field_scale: float = 0.0
    scale: float = 0.0  # relative error of the dispersion
    offset: float = 0.0  # nm
    drift: float = 0.05  # px/h
    trapped: float = 0.015  # T
    rotation: float = 1.5  # deg/T, once through the glass
    replica: float = 0.0  # share of a phonon replica
    replica_energy: float = 2.6
    pixels: int = 2000
    exposure: float = 4.0


def session(truth: Truth, seed: int) -> Truth:
    """Return the same with field and dispersion errors drawn."""
    rng = np.random.default_rng(seed + 10_000)
    return replace(
        truth, field_scale=0.01 * rng.standard_normal(), scale=0.005 * rng.standard_normal(),
        offset=0.02 * rng.standard_normal(),
    )  # fmt: skip


def small(**changes: Any) -> Truth:
    """Return a short scan of few pixels, for tests that shall be quick."""
    brief: dict[str, Any] = {
        "fields": (0.0, 1.0, 2.0, 3.5, 5.0, 7.0), "frames": 2, "down": False, "swap": (-5.0, 0.0), "pixels": 800,
        "lamp_lines": (537.2, 540.0562), "polarisers": (0.0, 60.0, 120.0), "counts": 1e4,
    }  # fmt: skip
    return replace(Truth(), **{**brief, **changes})


def vacuum(air: float) -> float:
    """Return the wavelength in vacuum, in nm (Ciddor 1996, dry air at 15 degC)."""
    s = (1e3 / air) ** 2
    return air * (1 + 1e-8 * (5792105.0 / (238.0185 - s) + 167917.0 / (57.362 - s)))


def levels(t: Truth, field: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies (4,), dipoles (4, 3) complex and bright shares (4,) at a field in crystal axes, in T."""
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex)
    one = np.eye(2)
    h = np.zeros((4, 4), complex)
    for j in range(3):
        h += 0.5 * MU_B * field[j] * (t.g_electron * np.kron(pauli[j], one) + t.g_hole * np.kron(one, pauli[j]))
    r = 1 / math.sqrt(2)
    states = np.array([[0, r, -r, 0], [-r, 0, 0, r], [1j * r, 0, 0, 1j * r], [0, r, r, 0]], dtype=complex)
    if t.kind == "exciton":
        for energy, state in zip((t.dark, *t.bright), states, strict=True):
            h += energy * np.outer(state, state.conj())
    energy, vectors = np.linalg.eigh(h)
    share = states.conj() @ vectors
    dipoles = share[1:].T
    return energy + t.diamagnetic * float(field @ field), dipoles, (abs(dipoles) ** 2).sum(axis=1)


def directions(t: Truth) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors of the field, of the view, and of the lab's x and y, in crystal axes."""
    th, ph = math.radians(t.polar), math.radians(t.azimuth)
    b = np.array([math.sin(th) * math.cos(ph), math.sin(th) * math.sin(ph), math.cos(th)])
    first = np.cross(b, [0.3, -0.5, 0.8])
    first /= np.linalg.norm(first)
    second = np.cross(b, first)
    roll = math.radians(t.roll)
    if t.faraday:
        return (
            b,
            b,
            math.cos(roll) * first + math.sin(roll) * second,
            np.cross(b, math.cos(roll) * first + math.sin(roll) * second),
        )
    k = math.cos(roll) * first + math.sin(roll) * second
    return b, k, b, np.cross(k, b)


def intensities(t: Truth, tesla: float, angle: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return energies (meV) and collected intensities through a linear analyser, (4,)."""
    b, k, x, y = directions(t)
    energy, dipoles, bright = levels(t, tesla * b)
    if t.kind == "trion":
        half, other = 0.5 * (t.g_electron + t.g_hole) * MU_B * tesla, 0.5 * (t.g_electron - t.g_hole) * MU_B * tesla
        energy = np.array([-half, -other, other, half]) + t.diamagnetic * tesla**2
        weight = np.array([1.0, 0.0, 0.0, 1.0]) if t.faraday else np.array([0.9, 0.6, 0.5, 0.7])
        upper = np.exp(-np.abs(2 * half) / (K_B * t.temperature))
        return energy, weight * np.array([1, 1, upper, upper]) ** 0.5 / weight.sum()
    radiative = bright / t.lifetime + (1 - bright) / t.dark_lifetime
    matrix = np.diag(radiative)
    for i in range(4):
        for j in range(4):
            if i != j:
                gap = abs(energy[i] - energy[j])
                n = 1 / math.expm1(max(gap, 1e-4) / (K_B * t.temperature))
                rate = t.phonon_rate * (bright[i] * bright[j] + (1 - bright[i] * bright[j]) / 20)
                flow = rate * min((n + 1) if energy[i] > energy[j] else n, 50.0)
                matrix[i, i] += flow
                matrix[j, i] -= flow
    population = np.linalg.solve(matrix, np.full(4, 0.25))
    c = math.cos(math.asin(min(t.aperture, 1.0)))
    fz, fxy = 0.75 * (2 / 3 - c + c**3 / 3), 0.375 * ((1 - c) + (1 - c**3) / 3)
    if angle is None:
        m = fxy * (np.eye(3) - np.outer(k, k)) + fz * np.outer(k, k)
    else:
        turned = math.radians(angle - t.rotation * tesla)
        e = math.cos(turned) * x + math.sin(turned) * y
        m = fxy * np.outer(e, e) + 0.5 * fz * np.outer(k, k)
    seen = np.einsum("ia,ab,ib->i", dipoles.conj(), m, dipoles).real
    return energy, population / t.lifetime * seen


def line(t: Truth, grid: np.ndarray) -> np.ndarray:
    """Return one line at 0 with its wing, of unit area, on a grid in meV."""
    step = grid[1] - grid[0]
    zero = voigt_profile(grid, t.psf / 2.354820045, t.linewidth / 2)
    x = np.where(np.abs(grid) < step / 2, step / 2, -grid)  # energy given to phonons
    n = 1 / np.expm1(np.abs(x) / (K_B * t.temperature))
    wing = np.abs(x) * np.exp(-((x / t.cutoff) ** 2)) * np.where(x > 0, n + 1, n)
    wing /= wing.sum() * step
    blurred = np.convolve(wing, zero, mode="same") * step
    return (1 - t.wing) * zero + t.wing * blurred


class Lab:
    """One session: diffusion, drift and trapped flux that run on from frame to frame."""

    def __init__(self, truth: Truth, seed: int) -> None:
        self.t, self.rng = truth, np.random.default_rng(seed)
        self.now, self.dose, self.branch, self.reached = 0.0, 0.0, 0, 0.0
        self.shift = truth.diffusion * self.rng.standard_normal()
        self.grid = np.arange(-16.0, 16.0, 0.004)
        self.shape = line(truth, self.grid)
        self.reference = sum(intensities(truth, 0.0, None)[1])
        self.rows: list[dict[str, Any]] = []

    def wavelengths(self, true: bool) -> np.ndarray:
        """Return the axis in vacuum nm: as it is, or as the bench's calibration says."""
        t = self.t
        p = np.arange(t.pixels) - (t.pixels - 1) / 2
        if not true:
            return 539.0 + 7.9e-3 * p
        return 539.0 + t.offset + 7.9e-3 * (1 + t.scale) * (p + t.drift * self.now / 3600)

    def ramp(self, tesla: float) -> None:
        """Go to a field; takes the time of a ramp."""
        self.now += 20 + abs(tesla - self.reached) / 0.3 * 60
        self.branch = int(np.sign(abs(tesla) - abs(self.reached))) if tesla != self.reached else self.branch
        self.reached = tesla

    def row(self, name: str, electrons: np.ndarray, **more: Any) -> None:
        """Add an exposure."""
        t, rng = self.t, self.rng
        light = rng.poisson(np.maximum(electrons, 0) + t.dark_current * t.exposure).astype(float)
        for _ in range(rng.poisson(t.cosmics)):
            place, length = int(rng.integers(t.pixels)), int(rng.integers(1, 4))
            light[place : place + length] += rng.exponential(1500.0) + 100
        adu = np.rint((light + t.read * rng.standard_normal(t.pixels)) / t.gain + t.bias)
        adu = np.clip(adu, 0, 65535)
        row = {
            "series": SERIES.index(name), "time": self.now, "field_set": self.reached,
            "field": self.reached + 2e-4 * rng.standard_normal(), "field_change": 1e-4 * rng.standard_normal(),
            "branch": self.branch, "temperature": t.temperature + 0.005 * rng.standard_normal(), "helium": 60.0,
            "analyser": -1000.0, "exposure": t.exposure, "power_set": 1e-7, "power": 1e-7, "dose": self.dose,
            "x": 0.0, "y": 0.0, "z": 0.0, "rate": -1.0, "identity": 1, "sensor": -70.0,
            "saturated": int((adu >= 65535).sum()), "wavelength": self.wavelengths(False), "spectrum": adu,
            "decay": np.zeros(500), "decay_bin": 1000.0, "live_time": 0.0,
        }  # fmt: skip
        self.rows.append(row | more)
        self.now += t.exposure + 0.3

    def emission(self, name: str, angle: float) -> None:
        """Expose on the emitter."""
        t, rng = self.t, self.rng
        keep = math.exp(-(t.exposure + 0.3) / t.diffusion_time)
        self.shift = keep * self.shift + math.sqrt(1 - keep**2) * t.diffusion * rng.standard_normal()
        tesla = self.reached * (1 + t.field_scale) - t.trapped * self.branch * (self.reached != 0)
        energy, strength = intensities(t, tesla, angle)
        axis = EV_NM / self.wavelengths(True) * 1e3 - t.energy
        width = np.abs(np.gradient(axis))
        level = t.counts * 2 / self.reference * max(0.1, 1 + t.jitter * rng.standard_normal())
        seen = np.zeros(t.pixels)
        fine = (np.arange(4) - 1.5) / 4
        for e, s in zip(energy, strength, strict=True):
            for part in fine:
                at = axis + part * width - e - self.shift
                seen += level * s / 4 * np.interp(at, self.grid, self.shape, 0, 0)
                if t.replica:
                    seen += t.replica * level * s / 4 * np.interp(at + t.replica_energy, self.grid, self.shape, 0, 0)
        seen = seen * width + t.background * t.counts / t.pixels
        self.dose += t.exposure
        self.row(name, seen, analyser=angle)

    def lamp(self) -> None:
        """Expose to the lamp."""
        axis = self.wavelengths(True)
        step = abs(axis[1] - axis[0])
        sigma = self.t.psf / 2.354820045 * 539.06**2 / EV_NM / 1e3
        seen = np.zeros(self.t.pixels)
        for air in self.t.lamp_lines:
            for part in (np.arange(4) - 1.5) / 4:
                at = (axis + part * step - vacuum(air)) / sigma
                seen += LAMP.get(air, 1.0) * 1e4 / 4 * np.exp(-0.5 * at**2) * step / sigma / math.sqrt(2 * math.pi)
        self.row("lamp", seen)

    def reference_laser(self) -> None:
        """Expose to the reference laser at two angles of the analyser."""
        axis = self.wavelengths(True)
        for angle in (0.0, 45.0, 90.0, 135.0):
            turned = math.radians(angle - 30.0 - 2 * self.t.rotation * self.reached)
            light = 2e4 * (0.01 + math.cos(turned) ** 2) * np.exp(-0.5 * ((axis - 537.0) / 0.009) ** 2) * 0.35
            self.row("faraday", light, analyser=angle)

    def decay(self) -> None:
        """Record a decay: fast and slow parts of the emission after the pulse, on a period of 2.5 us."""
        t, rng = self.t, self.rng
        b, *_ = directions(t)
        _, _, bright = levels(t, self.reached * (1 + t.field_scale) * b)
        lowest = int(np.argmin(bright))
        slow = 1 / t.dark_lifetime + bright[lowest] / t.lifetime
        edges = np.arange(2501) * 1.0 - 10.0  # ns
        law = np.zeros(2500)
        for weight, rate in ((0.75, 1 / t.lifetime), (0.15, slow)):
            reach = np.maximum(edges, 0.0)
            turn = (np.exp(-rate * reach[:-1]) - np.exp(-rate * reach[1:])) / -math.expm1(-rate * 2500.0)
            law += weight * turn
        counts = rng.poisson(t.decays * 4000.0 * law / law.sum() + t.decays * 0.02)
        self.row(
            "decay", np.zeros(t.pixels), decay=counts.astype(float), live_time=t.decays, spectrum=np.zeros(t.pixels)
        )


def scan(truth: Truth, seed: int = 1) -> xr.Dataset:
    """Return a whole scan as a procedure leaves it."""
    lab = Lab(truth, seed)
    nothing = np.zeros(truth.pixels)
    for _ in range(3):
        lab.row("dark", nothing)
    for _ in range(2):
        lab.row("background", nothing + truth.background * truth.counts / truth.pixels)
    for angle in truth.polarisers:
        for _ in range(2):
            lab.emission("polar", angle)
    plan = [*truth.fields, *(truth.fields[-2::-2] if truth.down else ()), *truth.swap]
    for number, tesla in enumerate(plan):
        lab.ramp(tesla)
        if truth.lamps and number % 5 == 0:
            lab.lamp()
            if number % 10 == 0:
                lab.reference_laser()
        for k in range(truth.frames):
            lab.emission("on", (0.0, 90.0)[k % 2])
        if truth.decays and number < len(truth.fields):
            lab.decay()
    if truth.lamps:
        lab.lamp()
    for _ in range(3):
        lab.row("dark", nothing)
    return dataset(lab.rows, truth)


def dataset(rows: list[dict[str, Any]], truth: Truth) -> xr.Dataset:
    """Return rows as a dataset."""
    bins = max(row["decay"].size for row in rows)
    for row in rows:
        row["decay"] = np.pad(row["decay"], (0, bins - row["decay"].size))
    data = xr.Dataset()
    inner = {"wavelength": "pixel", "spectrum": "pixel", "decay": "bin"}
    for name in rows[0]:
        data[name] = (("row", inner[name]) if name in inner else ("row",), np.array([row[name] for row in rows]))
    data["series"].attrs.update(FLAGS)
    angle = 0.0 if truth.faraday else 90.0
    data.attrs["conditions"] = {
        "geometry": {
            "field_angle": {"value": angle, "sigma": 2.0, "unit": "deg"}, "na": truth.aperture,
            "viewing": "unknown", "coil": {"value": 1.0, "sigma": 0.01, "unit": "1"}, "faraday_passes": 2,
        },
        "analyser": {"element": "half_wave", "accuracy": {"value": 0.2, "sigma": 0.0, "unit": "deg"}},
        "wavelength": {
            "centre": {"value": 539.0, "sigma": 0.0, "unit": "nm"},
            "offset": {"value": 0.0, "sigma": 0.02, "unit": "nm"},
            "dispersion": {"value": 7.9e-3, "sigma": 4e-5, "unit": "nm"},
        },
        "camera": {"gain": truth.gain, "read_noise": truth.read, "full_scale": 65535},
        "lamp": {"lines": [float(x) for x in truth.lamp_lines]},
        "reference": {"wavelength": {"value": 537.0, "sigma": 0.0, "unit": "nm"}},
        "sample": {"name": "FAPbBr3 nanocrystal"},
    }  # fmt: skip
    return data
