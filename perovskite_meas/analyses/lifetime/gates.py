"""What a reader must know: gates on pile-up and response, misfits, and the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2 as chi2_distribution

from perovskite_meas.core.analysis import condition, fact

from .result import LifetimeResult
from .rows import Decays
from .selection import Choice
from .setup import Setup

if TYPE_CHECKING:
    import xarray as xr

PILE_UP_FINE, PILE_UP_MOST = 0.01, 0.05
"""Counts per pulse up to which nothing needs to be said, and up to which a correction is trusted."""
UNLIKELY = 1e-4
"""Chance below which the rows of a run are called different."""
BIN_PER_LIFETIME = 1 / 20
"""Widest bin that a lifetime allows."""


@dataclass(frozen=True)
class Facts:
    """What the notes look at besides the result."""

    data: xr.Dataset
    decays: Decays
    setup: Setup
    choice: Choice
    left_out: npt.NDArray[np.bool_]
    steadiness: float
    """Chance that the rows have the same decay."""


def verdict(result: LifetimeResult, facts: Facts) -> str:
    """Return the one line that sums the result up."""
    words = {"mono": "one decay", "bi": "two decays", "tri": "three decays"}[result.model]
    good = "fits within Poisson statistics" if _fits(result) else f"misfit, chi2 = {result.chi2:.2f}"
    rate = ""
    if result.pile_up > PILE_UP_MOST:
        rate = f"; pile-up {100 * result.pile_up:.1f} % is beyond what can be corrected safely"
    elif result.pile_up > PILE_UP_FINE:
        rate = f"; pile-up {100 * result.pile_up:.1f} % corrected"
    source = "; calculated response" if result.irf_source == "assumed" else ""
    return f"{words}, {good}{rate}{source}"


def notes(result: LifetimeResult, facts: Facts) -> tuple[str, ...]:
    """Return the notes in the order of their weight."""
    out = [*_misfit(result, facts), *_response(result, facts), *_pile_up(result, facts), *_wrap(result, facts)]
    out += [*_prompt(result, facts), *_background(facts)]
    if facts.decays.dropped:
        out.append(f"{facts.decays.dropped} row(s) without finite histograms or live time were left out")
    if facts.steadiness < UNLIKELY:
        out.append(
            f"the decay differs from row to row (chance {facts.steadiness:.1g}): the emitter switches or changes; "
            "sort the photons by brightness before quoting one lifetime"
        )
    if result.lifetime and fact(facts.data, "sample.expect.lifetime") is not None:
        expected = condition(facts.data, "sample.expect.lifetime", "ns")
        sigma = math.hypot(expected.sigma, result.lifetime.sigma)
        if sigma > 0 and abs(result.lifetime.nominal - expected.nominal) > 3 * sigma:
            out.append(f"the bench expects {expected}; this is {result.lifetime}")
    return tuple(out)


def steadiness(decays: Decays, setup: Setup, tau: float) -> float:
    """Return the chance that all rows on the emitter have one decay: early against late photons, row by row.

    Early: within tau ln 2 (ps) of the pulse.
    """
    early = late = np.zeros(decays.row_live_time.size)
    for d in range(2):
        name = "ab"[d]
        if name not in setup.names:
            continue
        centre = setup.model.traces[setup.names.index(name)].centre
        reach = max(1, int(tau * math.log(2) / decays.bin_width))
        place = (np.arange(decays.bins) - int(centre)) % decays.bins < min(reach, decays.bins // 2)
        early = early + decays.rows[d][:, place].sum(axis=1)
        late = late + decays.rows[d][:, ~place].sum(axis=1)
    total = early + late
    good = total > 50
    if good.sum() < 2:
        return 1.0
    part = early[good].sum() / total[good].sum()
    if not 0 < part < 1:
        return 1.0
    chi2 = ((early[good] - part * total[good]) ** 2 / (total[good] * part * (1 - part))).sum()
    return float(chi2_distribution.sf(chi2, int(good.sum()) - 1))


def _fits(result: LifetimeResult) -> bool:
    return result.chi2 is None or result.chi2 < 1 + 3 * (result.chi2_sigma or 0.0)


def _misfit(result: LifetimeResult, facts: Facts) -> list[str]:
    out = []
    if not _fits(result):
        out.append(
            f"the model misses the counts by more than chance (chi2 = {result.chi2:.2f} +- {result.chi2_sigma:.2f}): "
            f"sigmas are widened by {math.sqrt(result.chi2 or 1.0):.2f}; look at the residuals"
        )
        if facts.choice.why:
            out.append(f"no further decay: {facts.choice.why}")
    if result.agreement is not None and abs(result.agreement) > 3:
        a, b = result.detectors.values()
        out.append(f"the detectors disagree by {abs(result.agreement):.1f} sigma: {a} and {b}")
    if len(facts.setup.names) == 1:
        out.append(f"only detector {facts.setup.names[0]} has enough photons")
    return out


def _response(result: LifetimeResult, facts: Facts) -> list[str]:
    out = []
    width = facts.setup.model.bin_width
    if result.irf_source == "assumed":
        out.append(
            "calculated response: no laser rows and no calibration, so a Gaussian was fitted to the rising edge; "
            "decays shorter than the response cannot be told from it"
        )
    elif result.irf_source == "calibration":
        date = fact(facts.data, "irf.date", "without a date")
        out.append(f"the response is a stored calibration ({date}), not of this run")
    for name, shift in result.shift.items():
        if result.irf_source == "assumed":
            continue
        if abs(shift.nominal) > max(width, 3 * shift.sigma):
            out.append(
                f"detector {name}: the decay starts {shift.nominal:+.0f} ps from where the response says: "
                "the response is of another day, count rate or colour"
            )
        if abs(shift.nominal) > 0.99 * facts.setup.model.shift_bound * width:
            out.append(f"detector {name}: the shift of the response is at its limit; measure the response again")
    for name, response in zip(facts.setup.names, facts.setup.responses, strict=False):
        if response.late > 0.003:
            out.append(
                f"detector {name}: {100 * response.late:.1f} % of its response comes late (afterpulses, reflections); "
                "it is in the fit as measured"
            )
    if result.lifetime and width > BIN_PER_LIFETIME * 1e3 * min(tau.nominal for _, tau in result.components):
        out.append(f"bins of {width:g} ps are wide for the fastest decay; record with less than a twentieth of it")
    return out


def _pile_up(result: LifetimeResult, facts: Facts) -> list[str]:
    if result.pile_up <= PILE_UP_FINE:
        return []
    source = {
        "pairs": "the photons' own coincidences tell how they come together",
        "stated": "with the stated g2_zero",
        "assumed": "as for independent photons: for a single emitter this corrects too much; half is booked",
    }[facts.setup.light.source]
    text = f"{100 * result.pile_up:.1f} counts per 100 pulses: pile-up is corrected, {source}"
    if result.pile_up > PILE_UP_MOST:
        text += f"; above {100 * PILE_UP_MOST:.0f} % attenuate the light instead"
    return [text]


def _wrap(result: LifetimeResult, facts: Facts) -> list[str]:
    if not result.components:
        return []
    longest = max(tau.nominal for _, tau in result.components) * 1e3
    ratio = longest / facts.decays.period
    if ratio < 0.2:
        return []
    text = f"the slowest decay lasts {ratio:.2g} periods: it is wrapped in the model"
    if math.isinf(facts.setup.backgrounds[0].flat_sigma):
        text += ", but without dark rows a flat background cannot be told from it; take dark rows or slower pulses"
    return [text]


def _prompt(result: LifetimeResult, facts: Facts) -> list[str]:
    found = result.at_once
    out = []
    if found is not None and found.nominal > 3 * found.sigma:
        out.append(
            f"{100 * found.nominal:.2f} % of the emitter's photons come at once (biexcitons of some 75 ps, or "
            "scattered light); they are no part of the lifetime"
        )
    for which in np.flatnonzero(facts.left_out):
        tau = result.components[int(which)][1]
        out.append(f"a decay of {tau} within the response is left out of the averages")
    return out


def _background(facts: Facts) -> list[str]:
    missing = []
    if facts.decays.of("off_emitter") is None:
        missing.append("rows beside the emitter")
    if facts.decays.of("dark") is None:
        missing.append("dark rows")
    if len(missing) == 2:
        return [
            "neither rows beside the emitter nor dark rows: a flat background is fitted, and background light with a "
            "decay of its own is part of the result"
        ]
    if missing and "beside" in missing[0]:
        return ["no rows beside the emitter: background light with a decay of its own would be part of the result"]
    return []
