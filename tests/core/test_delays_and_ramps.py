"""Delay arithmetic and ramps: the numbers everything else rests on."""

import numpy as np
import pytest

from perovskite_meas.core.delay_scale import LIGHT, DelayScale
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.ramp import Ramp


def test_a_mirror_met_head_on_makes_six_point_seven_picoseconds_per_millimetre() -> None:
    vacuum = DelayScale(passes=2, air_index=1.0)
    assert vacuum.delay(1.0) == pytest.approx(2.0 / 0.299792458)
    assert vacuum.delay(1.0) == pytest.approx(6.6713, abs=1e-4)


def test_air_lengthens_the_delay_by_its_index() -> None:
    assert DelayScale(air_index=1.00027).delay(1.0) / DelayScale(air_index=1.0).delay(1.0) == pytest.approx(1.00027)


@pytest.mark.parametrize("passes", [1, 2, 4])
@pytest.mark.parametrize("sense", [1, -1])
def test_travel_and_delay_are_each_others_inverse(passes: int, sense: int) -> None:
    scale = DelayScale(passes=passes, sense=sense)
    assert scale.travel(scale.delay(0.348)) == pytest.approx(0.348, rel=1e-12)
    assert np.sign(scale.delay(1.0)) == sense


def test_one_optical_period_of_1_78_ev_takes_348_nm_of_mirror() -> None:
    period_fs = 4.135667696 / 1.78
    assert DelayScale(air_index=1.0).travel(period_fs) == pytest.approx(0.3483, abs=1e-4)
    assert LIGHT * period_fs / 2 == pytest.approx(0.3483, abs=1e-4)


@pytest.mark.parametrize("wrong", [{"passes": 0}, {"air_index": 0.9}, {"air_index": 1.5}, {"sense": 0}])
def test_a_delay_line_that_makes_no_sense_is_refused_with_what_would(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"passes from 1 up, air_index from 1 to 1\.1"):
        DelayScale(**wrong)  # type: ignore[arg-type]


def test_a_ramp_goes_up_evenly_and_comes_back() -> None:
    ramp = Ramp(2.0, 4.0, 0.1, 0.025)
    assert ramp.period == pytest.approx(0.125)
    np.testing.assert_allclose(ramp.at(np.array([0.0, 0.05, 0.1, 0.1125, 0.125 + 0.05])), [2, 3, 4, 3, 3])


def test_a_ramp_downwards_or_without_time_is_refused() -> None:
    for low, high, forward, back in ((4.0, 2.0, 0.1, 0.1), (2.0, 4.0, 0.0, 0.1), (2.0, 4.0, 0.1, 0.0)):
        with pytest.raises(UsageError, match="takes its time both ways"):
            Ramp(low, high, forward, back)
