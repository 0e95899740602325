"""Forward model of a Michelson scan, sweep by sweep and point by point; written without looking at any analysis.

The visibility comes from a spectral integral over the laser's and the line's spectra, or (for strong pulses) from
the populations after two short pulses. Phase, detuning and blinking are processes in time that run through the
whole scan; what a point counts is drawn at random from the light during its exposure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from scipy.signal import lfilter

HBAR = 658.2119569  # ueV ps
LIGHT = 0.299792458  # um/fs
PASSES, AIR = 2, 1.00027
SERIES = ("on", "check", "dark", "reference", "zero", "arm_a", "arm_b", "power", "off_emitter")
FLAGS = {"flag_values": list(range(len(SERIES))), "flag_meanings": " ".join(SERIES)}


@dataclass(frozen=True)
class Truth:
    """Everything hidden; ps, s, cps, ueV, um unless said otherwise."""

    t2: float = 11.12
    t1: float = 200.0
    overlap: float = 0.851
    arm_balance: float = 0.9
    splitting: float = 0.0  # meV
    splitting_ratio: float = 0.5
    energy: float = 1.78  # eV
    pulse: float = 2.0
    area: float = 0.1  # pi, of arm a
    strong: bool = False  # the two-pulse populations instead of the weak limit
    rate: float = 2e4  # on the emitter, both arms, while it is on
    delays: tuple[float, ...] = tuple(np.linspace(3.0, 39.0, 20))
    check: float = 8.0
    check_every: int = 5  # 0: no check rows
    references: tuple[float, ...] = (3.0, 12.0, 21.0, 30.0, 39.0)
    zeros: tuple[float, ...] = tuple(np.linspace(-4.0, 4.0, 13))
    beside: bool = True  # dark, off_emitter, arms and power rows
    sweeps: int = 25
    points: int = 64
    fringes: float = 4.0
    exposure: float = 2e-3
    back: float = 0.25  # of the forward time
    between: float = 2.0  # s of moves before every burst
    on_time: float = 0.5  # s; 0: never off
    off_time: float = 0.1
    grey: float = 0.0
    detuning: float = 3.0  # rms of the OU process
    detuning_time: float = 10.0
    drift: float = 0.02  # rad/s
    walk: float = 0.1  # rad/sqrt(s)
    acoustic: float = 0.1  # rad rms
    acoustic_frequency: float = 97.0
    bend: float = 0.02  # relative slope at the ends of the travel
    scale: float = 0.005  # relative error of the um of the fine axis
    background: float = 0.005
    leakage: float = 0.02
    dark: float = 200.0
    dead_time: float = 45e-9
    bleaching: float = 0.0  # relative loss per on or check burst
    overlap_drift: float = 0.01  # per cm of travel
    zero: float = 0.03  # ps
    monitor: float = 2e5
    monitor_overlap: float = 0.95
    reference_rate: float = 5e5
    light_noise: float = 0.005
    substeps: int = 4


QUIET = {
    "on_time": 0.0, "detuning": 0.0, "drift": 0.0, "walk": 0.0, "acoustic": 0.0, "bend": 0.0, "scale": 0.0,
    "background": 0.0, "leakage": 0.0, "dark": 0.0, "dead_time": 0.0, "overlap_drift": 0.0, "zero": 0.0,
    "light_noise": 0.0,
}  # fmt: skip
"""Every nuisance off."""


def quiet(**changes: Any) -> Truth:
    """Return a scan without nuisances."""
    return replace(Truth(), **{**QUIET, **changes})


def weak_visibility(t: Truth, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return modulus and phase of the normalised interference, from the spectra (weak pulses)."""
    s = t.pulse / math.sqrt(2 * math.log(2))  # rms of the field autocorrelation of a Gaussian pulse
    w = np.linspace(-9.0, 9.0, 24001) / s
    laser = np.exp(-0.5 * (w * s) ** 2)
    gap, weight = t.splitting * 1e3 / HBAR, t.splitting_ratio if t.splitting else 0.0
    line = 1 / (1 + (w * t.t2) ** 2) if not t.splitting else (
        1 / (1 + ((w + gap / 2) * t.t2) ** 2) + weight / (1 + ((w - gap / 2) * t.t2) ** 2)
    )  # fmt: skip
    found = np.array([np.sum(laser * line * np.exp(1j * w * x)) for x in tau]) / np.sum(laser * line)
    return np.abs(found), np.angle(found)


def strong_visibility(t: Truth, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return modulus and phase behind two short pulses of equal area: photons of both exciton lives."""
    c, r, d = math.cos(math.pi * t.area), np.exp(-np.abs(tau) / t.t1), np.exp(-np.abs(tau) / t.t2)
    first, waiting = -c, -1 + (1 - c) * r
    mean = (first + 1) / 2 * (1 - r) + (waiting * c + 1) / 2
    return math.sin(math.pi * t.area) ** 2 * d / 2 / mean, np.zeros(tau.size)


def laser_visibility(t: Truth, tau: float) -> float:
    """Return the laser's own field autocorrelation."""
    return math.exp(-math.log(2) * (tau / t.pulse) ** 2)


class Lab:
    """One session: processes that run on from burst to burst."""

    def __init__(self, truth: Truth, seed: int) -> None:
        self.t = truth
        self.rng = np.random.default_rng(seed)
        self.now, self.phase = 0.0, 0.0
        self.detuned = truth.detuning * self.rng.standard_normal()
        self.on = bool(self.rng.random() < 5 / 6)
        self.acoustic_phase = 2 * math.pi * self.rng.random()
        self.dose = 0.0
        self.bursts = 0

    def burst(self, name: str, delay: float, sweeps: int, power: float = 1.0) -> dict[str, Any]:
        """Return one row; `delay` as the coarse axis reads it, from the calibrated zero."""
        t, rng = self.t, self.rng
        self._pass(t.between)
        forward = t.points * t.exposure
        period = forward * (1 + t.back)
        step = t.exposure / t.substeps
        per_sweep = round(period / step)
        length = sweeps * per_sweep
        times = self.now + (np.arange(length) + 0.5) * step
        phase, detuned, lit = self._processes(length, step, times)
        used = (np.arange(length) % per_sweep) < t.points * t.substeps

        def shaped(values: np.ndarray) -> np.ndarray:
            return values[used].reshape(sweeps, t.points, t.substeps)

        travel = t.fringes * 2 * math.pi * HBAR * 1e-6 / t.energy * 1e3 * LIGHT / (PASSES * AIR)  # um
        nominal = ((np.arange(t.points * t.substeps) + 0.5) / (t.points * t.substeps) - 0.5) * travel
        true = nominal * (1 + t.scale) + 0.5 * t.bend * (nominal**2 - travel**2 / 12) / (travel / 2)
        fine = (true * PASSES * AIR / LIGHT).reshape(t.points, t.substeps)  # fs
        tau = delay - t.zero
        common = shaped(phase)
        colour = t.energy * 1e6 / HBAR / 1e3  # rad/fs
        start = 2 * math.pi * rng.random()
        cm = abs(tau) * LIGHT / (PASSES * AIR) / 10
        overlap = 1 - t.overlap_drift * cm
        optical = colour * fine + common + start
        own_law = strong_visibility if t.strong else weak_visibility
        v, turn = own_law(t, np.array([tau]))
        balance = 2 * math.sqrt(t.arm_balance) / (1 + t.arm_balance)
        fringe = t.overlap * balance * overlap * float(v[0]) * np.cos(
            optical + float(turn[0]) + shaped(detuned) * tau / HBAR
        )  # fmt: skip
        self_light = t.monitor_overlap * balance * overlap * laser_visibility(t, tau) * np.cos(optical)
        reference = t.monitor_overlap * overlap * np.cos(2 * math.pi * fine * LIGHT / 0.632816 + common + start)
        bright = t.rate * (1 - t.bleaching) ** self.bursts * (shaped(lit) + t.grey * (1 - shaped(lit)))
        share = {"arm_a": 1 / (1 + t.arm_balance), "arm_b": t.arm_balance / (1 + t.arm_balance)}.get(name, 1.0)
        if name in ("on", "check"):
            emitted = bright * (1 + fringe) + t.rate * (t.background + t.leakage * (1 + self_light))
        elif name == "off_emitter":
            emitted = t.rate * (t.background + t.leakage * (1 + self_light)) + 0 * bright
        elif name in ("arm_a", "arm_b"):
            emitted = share * (bright + t.rate * (t.background + t.leakage))
        elif name == "power":
            half = math.pi * t.area / 2
            gain = (math.sin(half * math.sqrt(power)) / math.sin(half)) ** 2
            emitted = share_a(t) * (bright * gain + power * t.rate * (t.background + t.leakage))
        else:
            emitted = 0 * bright
        monitor = {
            "reference": t.reference_rate * (1 + reference),
            "dark": 0.0,
            "arm_a": t.monitor * 0.5,
            "arm_b": t.monitor * 0.5,
            "power": t.monitor * 0.5 * power,
        }.get(name, t.monitor * (1 + self_light))
        noise = 1 + t.light_noise * rng.standard_normal((sweeps, 1))
        counts = self._counted(emitted.mean(axis=2) * noise + t.dark)
        seen = self._counted((monitor * np.ones_like(bright)).mean(axis=2) * noise + t.dark)
        began = self.now
        self.now += sweeps * period
        if name in ("on", "check"):
            self.bursts += 1
            self.dose += 25.0 * power * sweeps * forward
        middle = (np.arange(t.points) + 0.5) * t.exposure
        position = ((np.arange(t.points) + 0.5) / t.points - 0.5) * travel
        pad = ((0, max(t.sweeps - sweeps, 0)), (0, 0))
        sweep_start = np.arange(max(t.sweeps, sweeps)) * period
        return {
            "series": SERIES.index(name), "time": began, "delay_set": delay, "delay": delay,
            "coarse": 12.5 + delay * LIGHT / (PASSES * AIR), "fine": 0.0, "zero": 0.0, "zero_sigma": -1.0,
            "power_set": 2e-7 * power, "power": 2e-7 * power, "dose": self.dose, "point_time": middle,
            "position": position, "fine_delay": position * PASSES * AIR / LIGHT, "sweep_start": sweep_start,
            "sweeps": sweeps, "counts": np.pad(counts, pad), "monitor": np.pad(seen, pad),
            "exposure": t.exposure, "visibility_running": -1.0, "visibility_sigma": -1.0,
        }  # fmt: skip

    def _counted(self, rate: np.ndarray) -> np.ndarray:
        seen = rate / (1 + rate * self.t.dead_time)
        return self.rng.poisson(np.clip(seen, 0, None) * self.t.exposure).astype(float)

    def _processes(self, length: int, step: float, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        t, rng = self.t, self.rng
        walked = self.phase + np.cumsum(t.drift * step + t.walk * math.sqrt(step) * rng.standard_normal(length))
        self.phase = float(walked[-1])
        hum = t.acoustic * math.sqrt(2) * np.sin(2 * math.pi * t.acoustic_frequency * times + self.acoustic_phase)
        keep = math.exp(-step / t.detuning_time)
        kicks = t.detuning * math.sqrt(1 - keep**2) * rng.standard_normal(length)
        detuned = lfilter([1.0], [1.0, -keep], kicks, zi=np.array([keep * self.detuned]))[0]
        self.detuned = float(detuned[-1])
        return walked + hum, detuned, self._lit(length, step)

    def _lit(self, length: int, step: float) -> np.ndarray:
        """Return the part of each step during which the emitter is on."""
        t, rng = self.t, self.rng
        if not t.on_time:
            return np.ones(length)
        edges, totals, on = [0.0], [0.0], self.on
        while edges[-1] < length * step:
            dwell = rng.exponential(t.on_time if on else t.off_time)
            edges.append(edges[-1] + dwell)
            totals.append(totals[-1] + (dwell if on else 0.0))
            on = not on
        self.on = not on
        cumulated = np.interp(np.arange(length + 1) * step, edges, totals)
        return np.diff(cumulated) / step

    def _pass(self, seconds: float) -> None:
        t, rng = self.t, self.rng
        self.now += seconds
        keep = math.exp(-seconds / t.detuning_time)
        self.detuned = keep * self.detuned + t.detuning * math.sqrt(1 - keep**2) * float(rng.standard_normal())
        self.on = bool(rng.random() < t.on_time / (t.on_time + t.off_time)) if t.on_time else True


def share_a(t: Truth) -> float:
    """Return the part of arm a in the power at the sample."""
    return 1 / (1 + t.arm_balance)


def scan(truth: Truth, seed: int, **conditions: Any) -> xr.Dataset:
    """Return the rows of a scan; `conditions` are merged into attrs["conditions"]."""
    lab, t = Lab(truth, seed), truth
    quick = min(t.sweeps, 5)
    rows = [lab.burst("dark", 3.0, t.sweeps)] if t.beside else []
    rows += [lab.burst("zero", x, quick) for x in t.zeros]
    rows += [lab.burst("reference", x, quick) for x in t.references]
    if t.beside:
        rows += [lab.burst(name, 3.0, t.sweeps) for name in ("arm_a", "arm_b")]
        rows += [lab.burst("power", 3.0, t.sweeps, power) for power in (1.0, 4.0, 16.0)]
        rows += [lab.burst("off_emitter", 3.0, t.sweeps)]
    order = np.random.default_rng(seed + 1000).permutation(len(t.delays))
    for number, k in enumerate(order):
        if t.check_every and number % t.check_every == 0:
            rows.append(lab.burst("check", t.check, t.sweeps))
        rows.append(lab.burst("on", t.delays[k], t.sweeps))
    if t.check_every:
        rows.append(lab.burst("check", t.check, t.sweeps))
    return dataset(rows, t, conditions)


def dataset(rows: list[dict[str, Any]], t: Truth, conditions: dict[str, Any]) -> xr.Dataset:
    """Return the rows as the procedure's dataset."""
    shapes = {"point_time": ("point",), "position": ("point",), "fine_delay": ("point",), "sweep_start": ("sweep",),
              "counts": ("sweep", "point"), "monitor": ("sweep", "point")}  # fmt: skip
    units = {"time": "s", "delay_set": "ps", "delay": "ps", "coarse": "mm", "fine": "um", "zero": "ps",
             "zero_sigma": "ps", "power_set": "W", "power": "W", "dose": "J/cm^2", "point_time": "s",
             "position": "um", "fine_delay": "fs", "sweep_start": "s", "exposure": "s"}  # fmt: skip
    data = xr.Dataset({
        name: (("row", *shapes.get(name, ())), np.array([row[name] for row in rows], dtype=float),
               {"units": units.get(name, "1")})
        for name in rows[0]
    })  # fmt: skip
    data["series"].attrs.update(FLAGS)
    stated: dict[str, Any] = {
        "delay": {
            "passes": PASSES, "air_index": AIR, "ps_per_mm": PASSES * AIR / LIGHT,
            "zero": {"value": 12.5, "sigma": 0.005, "unit": "mm"},
            "fine_scale": {"value": 1.0, "sigma": 0.01, "unit": "1"},
        },
        "pulse": {
            "duration": {"value": 1e3 * t.pulse, "sigma": 50.0 * t.pulse, "unit": "fs"}, "shape": "gauss",
            "wavelength": {"value": 1239.84198 / t.energy, "sigma": 0.05, "unit": "nm"},
            "repetition_rate": {"value": 76e6, "sigma": 0.0, "unit": "Hz"},
        },
        "reference": {"wavelength": {"value": 632.816, "sigma": 0.0, "unit": "nm"}},
        "tagger": {"dead_time": {"value": 45.0, "sigma": 0.0, "unit": "ns"}},
        "sample": {"name": "forward", "expect": {"pi_power": {"value": 1.05e-5, "sigma": 2e-6, "unit": "W"}}},
    }  # fmt: skip
    data.attrs["conditions"] = {**stated, **conditions}
    return data


def crb(t: Truth) -> float:
    """Return the Cramer-Rao bound of ln T2 from the photons of all on and check bursts, all nuisances off."""
    taus = np.array(t.delays)
    step = 1e-4
    information = np.zeros((2, 2))
    photons = t.rate * t.exposure * t.points * t.sweeps
    checks = 0 if not t.check_every else -(-len(t.delays) // t.check_every) + 1
    for tau, number in [*((x, 1) for x in taus), *(((t.check, checks),) if checks else ())]:
        v0 = t.overlap * 2 * math.sqrt(t.arm_balance) / (1 + t.arm_balance)

        def law(scale: float, tau: float = tau, v0: float = v0) -> float:
            return v0 * float(weak_visibility(replace(t, t2=t.t2 * scale), np.array([tau]))[0][0])

        v = law(1.0)
        phase = (np.arange(64) + 0.5) / 64 * 2 * math.pi
        per_v = photons * number * float(np.mean(np.cos(phase) ** 2 / (1 + v * np.cos(phase))))
        slope = np.array([v / v0, (law(1 + step) - law(1 - step)) / (2 * step)])
        information += per_v * np.outer(slope, slope)
    return math.sqrt(float(np.linalg.inv(information)[1, 1]))
