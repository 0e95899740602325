"""Gates of the SR400 made of periods whose preset has one significant digit."""

import random

import pytest

from perovskite_meas.drivers._gate import Gate, compose


def fewest_periods(ticks: int) -> int | None:
    """Try every number of periods."""
    for periods in range(1, 2001):
        preset, rest = divmod(ticks, periods)
        if rest == 0 and len(str(preset).rstrip("0")) == 1:
            return periods
    return None


@pytest.mark.parametrize(
    ("seconds", "gate"),
    [
        (1, Gate(1, 10_000_000)),
        (0.25, Gate(5, 500_000)),
        (1.5, Gate(3, 5_000_000)),
        (1.25, Gate(25, 500_000)),
        (1.2, Gate(2, 6_000_000)),
        (0.1 + 0.2, Gate(1, 3_000_000)),
        (1.234, Gate(617, 20_000)),
        (1e-7, Gate(1, 1)),
        (9e4, Gate(1, 900_000_000_000)),
    ],
)
def test_a_gate_takes_the_fewest_periods_and_lasts_what_was_asked(seconds, gate):
    assert compose(seconds) == gate
    assert gate.seconds == pytest.approx(seconds, rel=1e-12)


def test_a_gate_is_found_wherever_trying_all_periods_finds_one():
    draw = random.Random(1)
    found = 0
    for _ in range(150):
        ticks = draw.randrange(1, 20_000) * 10 ** draw.randrange(5)
        periods = fewest_periods(ticks)
        if periods is None:
            with pytest.raises(ValueError, match="no gate"):
                compose(ticks / 1e7)
        else:
            found += 1
            assert compose(ticks / 1e7).periods == periods
    assert 15 < found < 135


@pytest.mark.parametrize(
    ("seconds", "below", "above"),
    [
        (1 / 3, "0.3333 s (1111 x 0.0003 s)", "0.3334 s (1667 x 0.0002 s)"),
        (1.5e-7, "1e-07 s (1 x 1e-07 s)", "2e-07 s (1 x 2e-07 s)"),
        (1.2345, "1.2344 s (1543 x 0.0008 s)", "1.2348 s (1372 x 0.0009 s)"),
        (89999.9, "89950 s (1285 x 70 s)", "90000 s (1 x 90000 s)"),
    ],
)
def test_a_time_that_no_gate_makes_is_refused_with_the_nearest_two(seconds, below, above):
    with pytest.raises(ValueError, match="one significant digit") as refusal:
        compose(seconds)
    assert f"nearest possible: {below} and {above};" in str(refusal.value)
