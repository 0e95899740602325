"""Fine structure over many sessions of the virtual magneto table, through its drivers: truths recovered, sigmas honest.

Every seed is a session with its own draws (scale of the field, dispersion, offsets, meters) and its own truths.
The rows are those of the procedure; only database and report are left out.
"""

import importlib.util
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def _sessions() -> Any:
    path = Path(__file__).with_name("magneto_sessions.py")
    spec = importlib.util.spec_from_file_location("magneto_sessions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


sessions = _sessions()
Case, SHORT = sessions.Case, sessions.SHORT
BRIGHT = tuple(f"bright_energies.{axis}" for axis in "xyz")
PULLED = ("bright_dark_splitting", *BRIGHT, "g_sum", "g_diff", "g_diff_lifetime", "diamagnetic")
HONEST = tuple(name for name in PULLED if name != "g_diff_lifetime")
GOALS = {"bright_dark_splitting": 0.010, **dict.fromkeys(BRIGHT, 0.003), "g_sum": 0.02, "g_diff": 0.05}
SYSTEMATIC = {"bright_dark_splitting": 0.016, "g_sum": 0.03}
"""Half-widths with the errors of field scale and dispersion on."""
BELOW = "dark lowest"


def lifetimes_agree(found: Any) -> bool:
    """Tell whether |g_e - g_h| of energies and of the dark state's decay are within 2 sigma, where both are claimed."""
    one, other = found.zeeman.g_diff, found.zeeman.g_diff_lifetime
    if one is None or other is None:
        return True
    # Both know the field by the same coil: its scale cancels.
    return bool(abs(one.nominal - other.nominal) < 2 * math.hypot(one.statistical, other.sigma))


def counted(found: Any) -> bool:
    """Tell whether both analyses saw the lines there are at B = 0."""
    return bool(found.zeeman.n_lines == found.lines.n_lines == found.truths["n_lines"])


def without_lamp(found: Any) -> bool:
    """Tell whether the diamagnetic shift is withheld."""
    return found.zeeman.diamagnetic is None


CASES = (
    Case("default", share=1.0, ground=BELOW, goals=GOALS, honest=HONEST, check=lifetimes_agree),
    Case("packaged", vary=False, share=0.2, ground=BELOW, goals=GOALS, check=counted),
    Case("dark state above", dark=-0.30, share=0.1, never=BELOW),
    Case("trion", {"sample.kind": "trion"}, share=0.1, never=BELOW),
    Case("one line", bright=(0.0, 0.0), share=0.05, check=counted),
    Case("two lines", bright=(0.0, 0.45), share=0.05),
    Case("CsPbI3-like doublet", bright=(0.0, 0.40), dark=1.5, share=0.05, ground=BELOW),
    Case("Faraday geometry", {"optics.field_angle": "0 deg"}, share=0.05),
    Case("no lamp", settings={"lamp_every": 0}, share=0.03, always=without_lamp),
    Case("dark state above, eight fields", dark=-0.30, settings=SHORT, share=3.0, never=BELOW),
    Case("trion, eight fields", {"sample.kind": "trion"}, settings=SHORT, share=3.0, never=BELOW),
    Case("eight fields", settings=SHORT, share=0.2, ground=BELOW),
)


def slack(number: int) -> float:
    """Return what fewer than a hundred sessions scatter more, in sigma."""
    return max(0.0, 2.5 / math.sqrt(number) - 0.25)


def spread(values: Any) -> tuple[float, float]:
    """Return median and half of the distance between the 16 % and 84 % quantiles."""
    low, middle, high = np.nanpercentile(values, (16, 50, 84))
    return float(middle), float(high - low) / 2


def half_width(values: Any) -> float:
    """Return what 68 % of the values lie below, sign apart."""
    return float(np.nanquantile(np.abs(values), 0.68))


def line(name: str, found: list[Any]) -> str:
    """Return a few lines of text."""
    text = f"{name:32} {len(found)}: {dict(Counter(one.zeeman.ground_state for one in found))}"
    for own in PULLED:
        errors, whole = [one.error(own) for one in found], [one.whole_error(own) for one in found]
        if not np.isfinite(errors).any():
            continue
        bias, width = spread([one.pull(own) for one in found])
        total, wide = spread([one.whole_pull(own) for one in found])
        text += f"\n    {own:22} {half_width(errors):8.4f} (whole {half_width(whole):.4f}), "
        text += f"pulls {bias:+.2f} +- {width:.2f} (whole {total:+.2f} +- {wide:.2f})"
    both = [one for one in found if one.zeeman.g_diff is not None and one.zeeman.g_diff_lifetime is not None]
    agree, right = sum(lifetimes_agree(one) for one in both), sum(counted(one) for one in found)
    return f"{text}\n    both g_diff agree in {agree} of {len(both)}, lines right in {right}"


def judge(case: Any, found: list[Any]) -> None:
    """Assert what `case` asks for."""
    number = len(found)
    more = 1 + max(0.0, 2 / math.sqrt(number) - 0.2)
    verdicts = [one.zeeman.ground_state for one in found]
    if case.ground:
        assert sum(one != case.ground for one in verdicts) <= max(1.0, 0.05 * number), verdicts
    if case.never:
        assert verdicts.count(case.never) <= number / 300, [one.seed for one in found]
    assert all(case.always(one) for one in found), [one.seed for one in found if not case.always(one)]
    wrong = [one.seed for one in found if not case.check(one)]
    assert len(wrong) <= max(1.0, 0.1 * number), f"seeds {wrong}"
    for name, goal in case.goals.items():
        assert half_width([one.error(name) for one in found]) <= goal * more, name
        if name in SYSTEMATIC and not case.vary:
            assert half_width([one.whole_error(name) for one in found]) <= SYSTEMATIC[name] * more, name
    for name in case.honest:
        # Trapped flux, the form of the phonon wing and the second angle of the field are part of the whole sigma alone.
        for pulls, most, widest in (
            ([one.whole_pull(name) for one in found], 0.5, 1.25),
            ([one.pull(name) for one in found], 0.75, 1.5),
        ):
            middle, width = spread(pulls)
            assert abs(middle) <= most + slack(number), f"pulls of {name}: median {middle:+.2f}"
            assert width <= widest + slack(number), f"pulls of {name}: width {width:.2f}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_fine_structure_is_recovered_or_not_claimed(
    case: Any, tmp_path: Path, statistics_seeds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = max(2, round(case.share * statistics_seeds))
    found = [sessions.one(case, seed, tmp_path) for seed in range(1, seeds + 1)]
    with capsys.disabled():
        print(f"\n{line(case.name, found)}", end="")
    judge(case, found)
