"""The calibrations of a spectrum: its axis, measured; its geometry, stated; the lamp's lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.bench.calibration_file import from_mapping, read_calibration, to_yaml
from perovskite_meas.bench.document import Node
from perovskite_meas.core.analysis import analysis
from perovskite_meas.core.errors import BenchError, CalibrationError, UsageError
from perovskite_meas.core.lamp_lines import lamp_lines
from perovskite_meas.core.value import Value

AXIS = "  wavelength: {date: 2026-11-02, centre: 539 nm, offset: 0 nm +- 0.02 nm, dispersion: 7.9e-3 nm/px +- 0.5 %}\n"
GEOMETRY = "  geometry: {date: 2026-11-02, field_angle: voigt, na: 0.8, viewing: unknown}\n"


@pytest.fixture
def with_calibration(make: Callable[..., Any]) -> Callable[[str], Any]:
    return lambda text: make({"  spot:": text + "  spot:"})


def test_the_axis_counts_from_the_dial(with_calibration: Callable[[str], Any]) -> None:
    more = AXIS.replace("0.5 %", "0.5 %, curvature: -8e-8 nm/px^2 +- 2 %, focal: 5e4 px, grating: 1, lamp: Ne")
    found = with_calibration(more).spec.calibrations["wavelength"]
    assert found.dispersion == pytest.approx((7.9e-3, 3.95e-5))
    assert found.curvature == pytest.approx((-8e-8, 1.6e-9))
    axis = found.wavelengths(540.0, 2001)
    assert axis[1000] == 540.0
    u = 1000.0
    assert axis[2000] == pytest.approx(540.0 + 7.9e-3 * (u - u**3 / (2 * 5e4**2)) - 8e-8 * u**2)
    assert np.all(np.diff(axis) > 0)
    with pytest.raises(CalibrationError, match=r"541.1000 nm is more than 2 nm from 539.0000 nm"):
        found.wavelengths(541.1, 2001)


def test_a_measured_axis_is_written_as_it_was_measured() -> None:
    new = {
        "date": "2026-11-23", "centre": 539.0, "offset": Value(0.0123, 0.002, "nm"), "grating": 1, "focal": 5e4,
        "dispersion": Value(7.91e-3, 1e-7, "nm/px"), "curvature": Value(-7.8e-8, 1e-10, "nm/px^2"), "lamp": "Ne Hg",
    }  # fmt: skip
    text = to_yaml(new)
    assert "offset: 0.0123 +- 0.002 nm" in text
    assert "centre: 539.0 nm" in text
    found: Any = from_mapping("wavelength", new)
    assert found.offset == (0.0123, 0.002)
    assert found.curvature == pytest.approx((-7.8e-8, 1e-10))
    assert (found.grating, found.focal, found.lamp) == (1, 5e4, "Ne Hg")


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (("7.9e-3 nm/px", "0 nm/px"), "wavelength.dispersion: must not be 0"),
        (("7.9e-3 nm/px +- 0.5 %", "7.9e-3 nm"), "'7.9e-3 nm' cannot be expressed in nm/px"),
        (("centre: 539 nm, ", ""), "'centre' is missing"),
        (("0.5 %", "0.5 %, grating: 1.5"), "must be the number of a grating, 1 or more; got 1.5"),
    ],
)
def test_a_wrong_axis_is_refused_by_line(
    with_calibration: Callable[[str], Any], replace: tuple[str, str], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        with_calibration(AXIS.replace(*replace))


@pytest.mark.parametrize(
    ("angle", "expected"), [("voigt", (90.0, 2.0)), ("faraday", (0.0, 2.0)), ("45 deg +- 5 deg", (45.0, 5.0))]
)
def test_the_geometry_is_stated_and_kept_with_the_data(
    with_calibration: Callable[[str], Any], angle: str, expected: tuple[float, float]
) -> None:
    found = with_calibration(GEOMETRY.replace("voigt", angle)).conditions()["geometry"]
    assert (found["field_angle"]["value"], found["field_angle"]["sigma"]) == expected
    assert (found["na"], found["viewing"], found["faraday_passes"]) == (0.8, "unknown", 2.0)
    assert found["coil"] == {"value": 1.0, "sigma": 0.01, "unit": "1"}


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (("voigt", "120 deg"), "must be from 0 deg \\(faraday\\) to 90 deg \\(voigt\\); got 120 deg"),
        (("na: 0.8", "na: 2"), "must be above 0 and below 1.6; got 2"),
        ((", viewing: unknown", ""), "'viewing' is missing"),
        (("na: 0.8", "na: 0.8, coil: 0"), "true field over the nominal one"),
    ],
)
def test_a_wrong_geometry_is_refused_by_line(
    with_calibration: Callable[[str], Any], replace: tuple[str, str], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        with_calibration(GEOMETRY.replace(*replace))


def test_an_analysis_that_uses_the_geometry_refuses_a_bench_without(
    with_calibration: Callable[[str], Any], bench: Any
) -> None:
    @analysis(needs={}, uses=("geometry.field_angle", "geometry.na", "geometry.viewing"))
    def zeeman_like(data: Any) -> None:
        return None

    assert zeeman_like.unmet((), with_calibration(GEOMETRY).conditions()) == []
    problems = zeeman_like.unmet((), bench.conditions())
    assert len(problems) == 3
    assert "needs 'geometry.field_angle': state it in bench.yaml (roles, calibrations or sample)" in problems[0]


@pytest.mark.parametrize(("name", "advice"), [("wavelength", "run WavelengthCalibration"), ("geometry", "voigt")])
def test_a_missing_file_comes_with_the_advice_of_its_kind(name: str, advice: str, tmp_path: Any) -> None:
    problems: list[str] = []
    node = Node({"file": "calibrations/gone.yaml"}, "bench.yaml", 3, ("calibrations", name), problems)
    assert read_calibration(name, node, tmp_path) is None
    assert advice in problems[0]


def test_the_lines_of_a_lamp_are_kept_with_the_data(make: Callable[..., Any], lab: Any) -> None:
    lab.parameters["lamp.state"] = type(lab["sc10.state"])("lamp.state", object(), lab, "closed")
    role = "  lamp: {kind: reference, use: lamp.state, lines: Ne Hg}\n"
    assert make({"  scanner:": role + "  scanner:"}).conditions()["lamp"] == {"lines": "Ne Hg"}
    with pytest.raises(BenchError, match="'Xx' is neither an element nor a wavelength"):
        make({"  scanner:": role.replace("Ne Hg", "Ne Xx") + "  scanner:"})


def test_lamp_lines_are_in_vacuum_and_may_be_named_one_by_one() -> None:
    """NIST: Ne I 540.05616 nm in air is 540.20633 nm in vacuum."""
    named = {round(line.air, 3): line for line in lamp_lines("Ne Hg")}
    assert named[540.056].vacuum == pytest.approx(540.2063, abs=1e-4)
    assert named[546.075].element == "Hg"
    one, other = lamp_lines("540.0562, 533.0777 nm")
    assert one.vacuum < other.vacuum
    assert one.element == ""
    with pytest.raises(UsageError, match="name elements such as 'Ne Hg'"):
        lamp_lines("nm")
