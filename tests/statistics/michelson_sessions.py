"""Sessions of the virtual Michelson table with truths redrawn: worlds, runs, and the bound that photons set."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import erfcx

from perovskite_meas import load_bench
from perovskite_meas.analyses.coherence import CoherenceResult, coherence
from perovskite_meas.core.delay_scale import DelayScale
from perovskite_meas.core.sweeps import Linspace
from perovskite_meas.hosts._store import rows_to_xarray
from perovskite_meas.procedures import MichelsonScan

EV_NM = 1239.841984
BLINKING = {"sample.blinking.on_time": (200.0, 1000.0, "ms"), "sample.blinking.off_time": (40.0, 200.0, "ms")}
DRAWN = {
    "sample.t2": (5.56, 16.68, "ps"),
    "sample.pi_power": (7.0, 13.0, "uW"),
    "optics.arm_balance": (0.7, 1.3, ""),
    "optics.mode_overlap": (0.75, 0.95, ""),
    "imperfections.spectral_diffusion": (0.0, 5.0, "ueV"),
    "imperfections.phase_walk": (0.05, 0.3, "rad/s^0.5"),
    **BLINKING,
}
"""Truths drawn anew for every seed, between these numbers; so are line, laser and brightness."""
OTHERS = ("visibility_zero", "zero_delay", "pulse_duration", "fringe_period", "pulse_area")
BRIGHT = 5.7e5
"""cps in the world file for 2e4 cps on average."""


@dataclass(frozen=True)
class Case:
    """A world, how it is measured, and what must come of it."""

    name: str
    world: dict[str, str] = field(default_factory=dict)
    """`section.key` -> text of the world file."""
    bench: str = "bench.yaml"
    settings: dict[str, Any] = field(default_factory=dict)
    bright: float = 1.0
    """Brightness over that of the packaged world."""
    vary: bool = True
    """False: the packaged truths in every seed, session draws alone."""
    share: float = 0.08
    """Seeds, as a part of --statistics-seeds."""
    goal: float = math.inf
    """Largest 68 % half-width of the relative error of T2."""
    bound: float = math.inf
    """Largest standard deviation of it over the Cramer-Rao bound."""
    honest: bool = True
    """Pulls of T2 have median 0 and width 1."""
    others: tuple[str, ...] = ()
    """Results whose pulls have to as well."""
    refused: str | None = None
    """What the reason of refusal must say in every run; None where T2 must be claimed."""
    may_refuse: bool = False
    """T2 may be claimed or not."""
    flag: str = ""
    """What verdict and notes must say in every run."""
    check: Callable[["Found"], bool] = lambda _: True
    """What must hold in every run besides."""


@dataclass(frozen=True)
class Found:
    """What one session gave."""

    seed: int
    result: CoherenceResult
    truths: dict[str, Any]
    """With zero_delay in ps on the axis of the rows."""
    bound: float
    """Cramer-Rao bound of ln T2 for the photons counted."""
    rate: float
    """Mean counts per second of the rows on the emitter."""

    @property
    def error(self) -> float:
        """Relative error of T2."""
        return math.nan if self.result.t2 is None else self.result.t2.nominal / self.truths["t2"] - 1

    def pull(self, name: str) -> float:
        """Return the pull of one result; of T2 by its statistical sigma."""
        value = getattr(self.result, name)
        if value is None or name not in self.truths:
            return math.nan
        sigma = value.statistical if name == "t2" else value.sigma
        return float(value.pull(self.truths[name], sigma=sigma))


def one(case: Case, seed: int, folder: Path, source: Path) -> Found:
    """Return what one session gives."""
    data, truths = measured(case, seed, folder, source)
    return Found(seed, coherence(data), truths, *bound(data, truths))


def measured(case: Case, seed: int, folder: Path, source: Path) -> tuple[Any, dict[str, Any]]:
    """Return rows and truths of one session; its bench states the laser's colour as a spectrometer would show it."""
    rng = np.random.default_rng([seed, sum(case.name.encode())])
    drawn = {key: f"{rng.uniform(low, high):.6g} {unit}" for key, (low, high, unit) in DRAWN.items()}
    energy, detuning = 1.78 + rng.uniform(-5e-3, 5e-3), 5e-5 * rng.uniform(-1, 1)
    drawn |= {"sample.energy": f"{energy:.7f} eV", "laser.wavelength": f"{EV_NM / (energy + detuning):.5f} nm"}
    # The less power a pulse of area pi needs, the more counts; the brightness makes up for that, but for 25 %.
    scale = float(drawn["sample.pi_power"].split()[0]) / 10 * rng.uniform(0.75, 1.25)
    guess = rng.uniform(0.8, 1.25)
    if "imperfections" in case.world:
        drawn = {key: text for key, text in drawn.items() if "imperfections." not in key}
    tree = {"table": "michelson"} | (drawn if case.vary else {}) | {
        "sample.brightness": f"{BRIGHT * case.bright * (scale if case.vary else 1.0):.6g} cps"
    } | case.world  # fmt: skip
    here = folder / f"{seed}"
    shutil.copytree(source, here)
    (here / "hidden.yaml").write_text(written(tree), encoding="utf-8")
    if "imperfections" in case.world:
        bench_file = here / case.bench
        bench_file.write_text(
            bench_file.read_text(encoding="utf-8").replace("time: 45 ns", "time: 0 ns"), encoding="utf-8"
        )
    wavelength = tree.get("laser.wavelength", "696.54 nm")
    stated = f"{float(tree.get('sample.energy', '1.78 eV').split()[0]) + rng.normal(0, 2e-4):.5f} eV +- 1 meV"
    for path in (here / case.bench, here / "calibrations" / "power_at_sample.yaml"):
        text = path.read_text(encoding="utf-8").replace("696.54 nm", wavelength).replace("1.78 eV +- 1 meV", stated)
        path.write_text(text, encoding="utf-8")
    settings = {"wavelength": wavelength} | case.settings
    if case.vary:
        t2 = float(str(tree["sample.t2"]).split()[0])
        settings = {"delays": Linspace("3 ps", f"{3.5 * t2 * guess:.4g} ps", 20)} | settings
    with load_bench(here / case.bench, world=here / "hidden.yaml", seed=seed) as bench:
        procedure = MichelsonScan(**settings)
        rows = list(procedure.measure(**bench.bind(procedure)))
        conditions = bench.conditions()
        world = next(iter(bench.libraries.values())).world
        truths = dict(world.truths()) | world.at_power(procedure.power)
    shutil.rmtree(here)
    # Sound at 97 Hz is faster than a sweep and slower than a point: the fringes themselves are that much weaker.
    truths["visibility_zero"] *= math.exp(-(float(truths["imperfections.acoustic"]) ** 2) / 2)
    truths["zero_delay"] = DelayScale().delay(truths["zero_delay"] - 12.5)
    data = rows_to_xarray(rows, MichelsonScan.columns)
    data.attrs["conditions"] = conditions
    return data, truths


def written(tree: dict[str, str]) -> str:
    """Return the text of a world file from dotted keys."""
    nested: dict[str, Any] = {}
    for path, text in tree.items():
        *parents, key = path.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
        node[key] = text
    return json.dumps(nested)


def law(tau: Any, t2: float, duration: float) -> Any:
    """Return V/V0 of an exponential line under Gaussian pulses (PHYSICS 3.3 b, in a form that does not overflow)."""
    s = duration / math.sqrt(2 * math.log(2))
    early, late = (s / t2 - tau / s) / math.sqrt(2), (s / t2 + tau / s) / math.sqrt(2)
    fading = -(tau**2) / (2 * s**2)
    # erfcx(-x) = 2 exp(x^2) - erfcx(x)
    folded = np.exp(fading) * erfcx(np.abs(early))
    first = np.where(early < 0, 2 * np.exp(np.where(early < 0, early**2 + fading, 0.0)) - folded, folded)
    shape = first + np.exp(fading) * erfcx(late)
    return shape / (2 * erfcx(s / t2 / math.sqrt(2)))


def bound(data: Any, truths: dict[str, Any]) -> tuple[float, float]:
    """Return the Cramer-Rao bound of ln T2 with V0 free, for the photons counted, and the mean rate on the emitter."""
    kind = data.series.values
    counts = data.counts.values.reshape(len(kind), -1).sum(axis=1)
    seconds = (data.sweeps * data.exposure).values * data.point_time.shape[1]
    lit, beside = np.isin(kind, (0, 1)), kind == 8
    rate = float(counts[lit].sum() / seconds[lit].sum())
    if not math.isfinite(float(truths.get("t2", math.nan))):
        return math.nan, rate
    floor = float(counts[beside].sum() / seconds[beside].sum()) if beside.any() else 0.0
    tau = np.abs(data.delay.values[lit] - truths["zero_delay"])
    phase = 2 * math.pi * (np.arange(64) + 0.5) / 64
    information, step = np.zeros((2, 2)), 1e-4
    duration, t2, v0 = truths["pulse_duration"], truths["t2"], truths["visibility_zero"]
    shape = law(tau, t2, duration)
    slope = v0 * (law(tau, t2 * (1 + step), duration) - law(tau, t2 * (1 - step), duration)) / (2 * step)
    for photons, time, v, by_t2 in zip(counts[lit], seconds[lit], shape, slope, strict=True):
        share = max(0.0, 1 - floor * time / photons)
        wave = share * np.cos(phase)
        per_v = photons * float(np.mean(wave**2 / (1 + v0 * v * wave)))
        information += per_v * np.outer((v, by_t2), (v, by_t2))
    return math.sqrt(float(np.linalg.inv(information)[1, 1])), rate
