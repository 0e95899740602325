"""The calibration of a delay line: what it states, and that a new one is used at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.bench.calibration_file import from_mapping, read_calibration, to_yaml
from perovskite_meas.bench.document import Node
from perovskite_meas.core.delay_scale import LIGHT
from perovskite_meas.core.errors import BenchError
from perovskite_meas.core.value import Value

PS_PER_MM = 2 * 1.00027 / LIGHT


def test_the_calibration_is_kept_with_the_data(make_line: Callable[..., Any]) -> None:
    found = make_line().conditions()["delay"]
    assert found["zero"] == {"value": 12.5, "sigma": pytest.approx(0.005), "unit": "mm"}
    assert found["ps_per_mm"]["value"] == pytest.approx(PS_PER_MM)
    assert (found["passes"], found["air_index"], found["sense"]) == (2, 1.00027, 1)
    assert found["fine_scale"] == {"value": 1.0, "sigma": pytest.approx(0.005), "unit": "um/um"}


def test_a_newly_measured_zero_is_used_from_then_on(make_line: Callable[..., Any], lab: Any) -> None:
    bench = make_line()
    line = bench.roles["delay"]
    line.begin()
    new = {"date": "2026-11-23", "zero": Value(12.6, 0.001, "mm"), "fine_scale": Value(0.99, 0.001, "um/um")}
    bench.install_calibration("delay", new)
    assert line.move_to(0.0).coarse == pytest.approx(12.6)
    assert line.fine_to(0.99).fine == pytest.approx(0.99)
    assert lab["piezo.position"].value == pytest.approx(8.5)
    assert bench.conditions()["delay"]["zero"]["value"] == 12.6


def test_a_delay_calibration_is_written_as_it_was_measured() -> None:
    new = {"date": "2026-11-23", "zero": Value(12.6, 0.001, "mm"), "passes": 4, "fine_scale": Value(0.2, 0.01, "um/V")}
    text = to_yaml(new)
    assert "zero: 12.6 +- 0.001 mm" in text
    assert "fine_scale: 0.2 +- 0.01 um/V" in text
    found: Any = from_mapping("delay", new)
    assert (found.zero, found.fine_scale, found.fine_unit) == ((12.6, 0.001), (0.2, 0.01), "V")
    assert found.scale.passes == 4
    assert from_mapping("delay", {"date": "2026-11-23", "zero": 12.6}).zero == (12.6, 0.0)  # type: ignore[attr-defined]


def test_a_position_that_grows_against_the_delay_turns_the_sense() -> None:
    found: Any = from_mapping("delay", {"date": "2026-11-23", "zero": 12.5, "sense": -1, "fine_scale": "1000 nm/um"})
    assert found.delay(11.5) == pytest.approx(PS_PER_MM)
    assert found.position(PS_PER_MM) == pytest.approx(11.5)
    assert found.fine_scale[0] == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{date: 2026-11-02}", "'zero' is missing"),
        ("{date: 2026-11-02, zero: 12.5}", "'12.5' has no unit; write it like '1 mm'"),
        ("{date: 2026-11-02, zero: 12.5 mm, passes: 1.5}", "delay.passes: must be 1 or more; got 1.5"),
        ("{date: 2026-11-02, zero: 12.5 mm, sense: 0}", "delay.sense: must be 1 or -1; got 0"),
        ("{date: 2026-11-02, zero: 12.5 mm, air_index: 1.4}", "must be from 1 to 1.1, 1.00027 in air; got 1.4"),
        ("{date: 2026-11-02, zero: 12.5 mm, fine_scale: 0.2 V}", "'0.2 V' cannot be expressed in um/um"),
        ("{date: 2026-11-02, zero: 12.5 mm, fine_scale: 0 um/V}", "fine_scale: must not be 0"),
        ("{date: 2026-11-02, zero: 12.5 mm, zeroo: 1}", "unknown key; did you mean 'zero'"),
    ],
)
def test_a_wrong_delay_calibration_is_refused_by_line(make_line: Callable[..., Any], text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        make_line(calibration=f"  delay: {text}\n")


def test_a_calibration_of_another_kind_is_refused(make_line: Callable[..., Any]) -> None:
    with pytest.raises(BenchError, match="calibration 'spot' is not one for a delay"):
        make_line({"calibration: delay": "calibration: spot"})


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("delay_piezo", "MichelsonScan finds the zero of each run near it"),
        ("power_at_sample", "or run PowerCalibration"),
        ("irf", "HBT measures it"),
        ("spot", "or state its keys in place of the file"),
    ],
)
def test_a_missing_file_comes_with_the_advice_of_its_kind(name: str, advice: str, tmp_path: Any) -> None:
    problems: list[str] = []
    node = Node({"file": "calibrations/gone.yaml"}, "bench.yaml", 3, ("calibrations", name), problems)
    assert read_calibration(name, node, tmp_path) is None
    (told,) = problems
    assert "no file 'calibrations/gone.yaml' beside the bench file" in told
    assert advice in told
    assert ("PowerCalibration" in told) == (name == "power_at_sample")
