"""The parts of g2, each against numbers known beforehand."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.stats import gamma

from perovskite_meas.analyses.g2 import g2
from perovskite_meas.analyses.g2.biexciton import biexciton_ratio, zero_of
from perovskite_meas.analyses.g2.gated import Gated
from perovskite_meas.analyses.g2.interval import Posterior
from perovskite_meas.analyses.g2.kernels import blurred, side_peaks, truncated, two_sided
from perovskite_meas.analyses.g2.likelihood import poisson_fit
from perovskite_meas.analyses.g2.verdict import Evidence, verdict
from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.value import Value
from perovskite_meas.testing import check_analysis

EDGES = np.arange(-400, 401) * 0.5


@pytest.mark.parametrize(("tau", "period"), [(20.0, 12.5), (5.0, 12.5), (20.0, 100.0)])
@pytest.mark.parametrize("k", [1, 2])
def test_a_peak_of_one_emitter_is_the_overlap_of_its_phase_and_its_decay(tau: float, period: float, k: int) -> None:
    z = -math.expm1(-period / tau)

    def density(t: float) -> float:
        """Integrate over the phase u in [0, T) of the first photon; the second comes w after pulse k."""
        lowest = max(0.0, k * period - t)
        if lowest >= period:
            return 0.0

        def both(u: float) -> float:
            return math.exp(-u / tau) / (tau * z) * math.exp(-(t - k * period + u) / tau) / tau

        return float(quad(both, lowest, period)[0])

    edges = np.arange(0, 500) * 0.5
    found = truncated(edges, k * period, tau, period)
    for bin_number in (3, 20, 60, 200):
        low, high = edges[bin_number], edges[bin_number + 1]
        assert found[bin_number] == pytest.approx(quad(density, low, high)[0], rel=1e-6, abs=1e-12)


def test_every_peak_has_the_area_one() -> None:
    wide = np.arange(-40_000, 40_001) * 0.5
    assert two_sided(wide, 3.0, 20.0).sum() == pytest.approx(1)
    assert truncated(wide, 30.0, 20.0, 12.5).sum() == pytest.approx(1)


def test_far_from_the_period_both_kinds_of_peaks_agree() -> None:
    apart = side_peaks(EDGES, 0.0, 4.0, 100.0, overlap=False)
    together = side_peaks(EDGES, 0.0, 4.0, 100.0, overlap=True)
    assert np.abs(apart - together).max() < 2e-3 * apart.max()


def test_blurring_keeps_the_area_and_shifts_by_the_mean_of_the_response() -> None:
    kernel = two_sided(EDGES, 0.0, 5.0)
    response = np.array([0.1, 0.5, 0.4])
    out = blurred(kernel, response)
    lags = 0.5 * (EDGES[1:] + EDGES[:-1])
    assert out.sum() == pytest.approx(kernel.sum(), rel=1e-6)
    assert (lags * out).sum() == pytest.approx(0.3 * 0.5, abs=1e-6)


def test_a_poisson_fit_of_amplitudes_finds_them_with_their_sigma() -> None:
    rng = np.random.default_rng(4)
    peak, flat = two_sided(EDGES, 0.0, 10.0), np.ones(EDGES.size - 1)
    pulls = []
    for _ in range(60):
        counts = rng.poisson(500 * peak + 2 * flat).astype(float)
        fit = poisson_fit(
            counts, lambda bent: np.vstack([two_sided(EDGES, 0.0, 10 * math.exp(bent[0])), flat]),
            {"stretch": 0.1, "peak": 300.0, "flat": 1.0}, ("stretch",), {},
        )  # fmt: skip
        assert fit.converged
        pulls.append((fit["peak"] - 500) / fit.sigma("peak"))
    assert abs(np.mean(pulls)) < 0.4
    assert 0.75 < np.std(pulls) < 1.3


def test_few_counts_give_the_gamma_posterior_and_not_a_gaussian() -> None:
    shape = np.full(10, 0.1)
    found = Posterior.of_amplitude(np.zeros(10), np.full(10, 1e-9), shape, 0.0, 100.0, 0.001)
    assert found.bounds()[1] == pytest.approx(gamma(1).ppf(0.95) / 100, rel=0.03)
    assert found.above(0.2) < 1e-6


@pytest.mark.parametrize(("x", "g0"), [(0.1, 0.0514), (0.5, 0.0570), (2.0, 0.0743)])
def test_the_excitation_raises_g2_zero_as_known(x: float, g0: float) -> None:
    assert zero_of(0.05, x) == pytest.approx(g0, abs=6e-5)


def powers(*rows: tuple[float, float, float]) -> dict[str, list[float]]:
    return {name: [row[k] for row in rows] for k, name in enumerate(("power", "g2_zero", "sigma"))}


def test_the_biexciton_ratio_undoes_the_excitation_and_books_the_ladder() -> None:
    found, how = biexciton_ratio(Value(0.0570, 0.001, "1"), Value(0.5, 0.05, "1"), powers((1, 0.057, 0.001)), 2, 0)
    assert found is not None
    assert found.nominal == pytest.approx(0.049, abs=0.0015)
    assert found.systematic is not None
    assert found.systematic > 0.0005
    assert "0.5" in how


def test_the_biexciton_ratio_is_none_with_the_reason_where_the_excitation_is_unknown() -> None:
    found, why = biexciton_ratio(Value(0.05, 0.001, "1"), None, powers((1, 0.05, 0.001)), 2, 0)
    assert found is None
    assert "unit_power" in why


def test_the_biexciton_ratio_is_none_where_the_lifetime_exceeds_the_period() -> None:
    found, why = biexciton_ratio(Value(0.3, 0.01, "1"), Value(0.1, 0.0, "1"), powers((1, 0.3, 0.01)), 2, math.exp(-0.6))
    assert found is None
    assert "period" in why


def test_stepwise_excitation_is_taken_out_of_the_biexciton_ratio() -> None:
    r = math.exp(-2.5)
    found, _ = biexciton_ratio(
        Value(0.2 * (1 + r) / (1 - r), 0.001, "1"), Value(0.01, 0.0, "1"), powers((1, 0.2, 0.001)), 2, r
    )
    assert found is not None
    assert found.nominal == pytest.approx(0.2, rel=0.02)


def gated(mean: float | None, sigma: float = 0.01) -> Gated:
    if mean is None:
        return Gated(None, None, "no gated pairs in the data", 0.0)
    return Gated(Value(mean, sigma, "1"), Posterior.normal(mean, sigma), "", 3.0)


@pytest.mark.parametrize(
    ("mean", "sigma", "late", "overlap", "seen", "word"),
    [
        (0.05, 0.005, None, "", True, "single"),
        (0.05, 0.005, None, "", False, "single"),
        (0.45, 0.01, None, "", True, "single"),
        (0.48, 0.01, None, "", True, "undecided"),  # below at 95 %, but a pair could do it
        (0.50, 0.01, 0.5, "", True, "undecided"),
        (0.67, 0.01, 0.66, "", True, "not single"),
        (0.67, 0.01, 0.66, "", False, "undecided"),
        (0.67, 0.01, 0.05, "", True, "undecided"),  # a bright biexciton is one dot
        (0.67, 0.01, None, "", True, "undecided"),
        (0.67, 0.01, 0.66, "overlap", True, "undecided"),
        (0.05, 0.005, None, "overlap", True, "undecided"),
        (0.3, 0.5, None, "", True, "undecided"),
    ],
)
def test_the_verdict_follows_both_bounds_and_the_late_photons(
    mean: float, sigma: float, late: float | None, overlap: str, seen: bool, word: str
) -> None:
    said, why = verdict(Evidence(Posterior.normal(mean, sigma), gated(late), overlap, seen))
    assert said == word
    assert why


def test_a_pair_at_one_half_is_called_single_less_than_once_in_a_thousand() -> None:
    rng = np.random.default_rng(1)
    estimates = 0.5 + 0.01 * rng.standard_normal(20_000)
    called = sum(
        verdict(Evidence(Posterior.normal(float(e), 0.01), gated(None), "", True))[0] == "single"
        for e in estimates[estimates < 0.4695]
    )
    assert called / estimates.size < 1e-3


def test_the_forecast_follows_the_closed_form() -> None:
    planned = xr.Dataset(
        {
            "series": ("row", np.zeros(30)),
            "live_time": ("row", np.full(30, 10.0)),
            "power_set": ("row", np.full(30, 1e-6)),
            "unit_power": ("row", np.full(30, math.sqrt(10) * 1e-6)),
            "excitation_order": ("row", np.full(30, 2.0)),
        }
    )
    rate = 2e4 / -math.expm1(-0.1)
    planned.attrs["conditions"] = {
        "pulse": {"repetition_rate": {"value": 5e6, "sigma": 0.0, "unit": "Hz"}},
        "sample": {
            "expect": {
                "brightness": {"value": rate, "sigma": 0.0, "unit": "cps"},
                "biexciton_ratio": {"value": 0.05, "sigma": 0.01, "unit": "1"},
            }
        },
    }
    told = g2.predict(planned)
    assert isinstance(told, Forecast)
    assert told.count_rate == pytest.approx(2e4)
    assert told.mean_excitations == pytest.approx((0.1, 0.1))
    assert told.sigma["g2_zero"] == pytest.approx(math.sqrt(0.0514 / 6000), rel=0.02)
    assert told.unknown == ()


def test_the_forecast_names_what_it_would_need() -> None:
    told = g2.predict(xr.Dataset({"series": ("row", np.zeros(3)), "live_time": ("row", np.ones(3))}))
    assert told is not None
    assert told.sigma == {}
    assert "sample.expect.brightness" in told.unknown


def test_the_declarations_hold() -> None:
    check_analysis(g2)


def test_the_order_of_the_excitation_shows_in_how_the_rate_grows() -> None:
    from types import SimpleNamespace

    from perovskite_meas.analyses.g2.biexciton import excitation_order

    def chunks(power: float, rate: float, stated: float = 0.0) -> SimpleNamespace:
        return SimpleNamespace(mean=lambda name: stated, power=np.array([power]), rates=lambda: (rate / 2, rate / 2))

    two = [chunks(power, 1e4 * (1 - math.exp(-0.1 * power**2)) + 200) for power in (0.5, 1.0, 2.0)]
    assert excitation_order(two, 200.0) == 2
    assert excitation_order([chunks(power, 1e4 * power + 200) for power in (0.5, 1.0, 2.0)], 200.0) == 1
    assert excitation_order(two[:2], 200.0) == 0
    assert excitation_order([chunks(1.0, 1e4, stated=2.0)], 200.0) == 2
