"""The spectrometer: a cold camera, an axis in vacuum, and a grating that arrives from one side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.bench.roles.spectrometer import celsius
from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.air import air_index, to_air, to_vacuum
from perovskite_meas.core.errors import BenchError, CalibrationError, HardwareFault, LimitError, ReplyError, UsageError
from perovskite_meas.core.roles import Spectrograph, Spectrometer

PIXELS = 11
ROLE = f"""  spectrometer: {{use: camera.spectrum, exposure: camera.exposure_time, temperature: camera.temperature,
          cold_below: -60 degC, pixels: {PIXELS}, gain: 1.2, read_noise: 4, full_scale: 65535,
          monochromator: acton.wavelength, grating: acton.grating, calibration: wavelength}}
"""
CALIBRATION = """  wavelength: {date: 2026-11-02, centre: 539 nm, offset: 0.01 nm +- 0.02 nm, dispersion: 8e-3 nm/px,
               curvature: -1e-6 nm/px^2, grating: 1}
"""
OWN = f"""  spectrometer: {{use: camera.spectrum, exposure: camera.exposure_time, wavelengths: camera.wavelengths,
          pixels: {PIXELS}}}
"""
VALUES = {
    "camera.spectrum": np.arange(PIXELS), "camera.exposure_time": 1.0, "camera.temperature": -70.0,
    "camera.wavelengths": np.linspace(530.0, 550.0, PIXELS), "acton.wavelength": 545.0, "acton.grating": 1,
}  # fmt: skip


@pytest.fixture
def make_camera(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    kind = type(lab["sc10.state"])
    lab.parameters.update({name: kind(name, object(), lab, value) for name, value in VALUES.items()})

    def made(replace: dict[str, str] | None = None, role: str = ROLE, calibration: str = CALIBRATION) -> Any:
        for old, new in (replace or {}).items():
            assert old in role + calibration
            role, calibration = role.replace(old, new), calibration.replace(old, new)
        return make({"  scanner:": role + "  scanner:", "  spot:": calibration + "  spot:"})

    return made


@pytest.fixture
def camera(make_camera: Callable[..., Any], lab: Any) -> Any:
    found = make_camera().roles["spectrometer"]
    found.begin()
    return found


def test_a_monochromator_makes_it_a_spectrograph_and_its_absence_does_not(make_camera: Callable[..., Any]) -> None:
    assert isinstance(make_camera().roles["spectrometer"], Spectrograph)
    own = make_camera(role=OWN).roles["spectrometer"]
    assert isinstance(own, Spectrometer)
    assert not isinstance(own, Spectrograph)
    assert not callable(getattr(type(own), "centre_on", None))  # binding looks at classes


def test_an_exposure_is_returned_as_read(camera: Any, lab: Any) -> None:
    lab["camera.spectrum"].value = np.array([65535, 65535, *range(PIXELS - 2)])
    found = camera.expose(4.0)
    assert found.counts.tolist() == lab["camera.spectrum"].value.tolist()
    assert (found.exposure, found.saturated, found.sensor) == (4.0, 2, -70.0)
    assert ("camera.exposure_time", 4.0) in lab.log


def test_the_axis_is_that_of_the_calibration_at_the_present_dial(camera: Any, lab: Any) -> None:
    lab["acton.wavelength"].value = 540.0
    axis = camera.wavelengths()
    assert axis[PIXELS // 2] == pytest.approx(540.01)
    assert axis[-1] == pytest.approx(540.01 + 5 * 8e-3 - 25e-6)
    assert camera.pixels() == axis.size == PIXELS


def test_the_grating_always_arrives_from_below(camera: Any, lab: Any) -> None:
    assert camera.centre_on(539.01) == pytest.approx(539.01)
    moves = [value for name, value in lab.log if name == "acton.wavelength"]
    assert moves == pytest.approx([537.0, 539.0])
    lab.log.clear()
    lab["acton.wavelength"].value = 520.0  # far below: no detour
    camera.centre_on(540.01)
    assert [value for name, value in lab.log if name == "acton.wavelength"] == pytest.approx([540.0])


def test_a_grating_that_stands_where_we_left_it_is_not_moved_again(camera: Any, lab: Any) -> None:
    camera.centre_on(539.5)
    lab.log.clear()
    camera.begin()
    camera.centre_on(539.5)
    assert lab.log == []
    lab["acton.wavelength"].value = 539.6  # a hand
    camera.centre_on(539.5)
    assert len(lab.log) == 2


def test_a_grating_that_does_not_arrive_is_a_fault(camera: Any, lab: Any) -> None:
    lab["acton.wavelength"].answer = lambda: 538.5
    with pytest.raises(HardwareFault, match=r"sent to 538.9900 nm but shows 538.5000 nm"):
        camera.centre_on(539.0)


def test_a_place_that_was_not_calibrated_and_another_grating_are_refused(camera: Any, lab: Any) -> None:
    with pytest.raises(CalibrationError, match=r"more than 2 nm from 539.0000 nm.*WavelengthCalibration"):
        camera.centre_on(545.0)
    assert lab.log == []
    with pytest.raises(CalibrationError, match="545"):
        camera.wavelengths()
    lab["acton.wavelength"].value, lab["acton.grating"].value = 539.0, 2
    with pytest.raises(CalibrationError, match="grating 2 is in, but calibration 'wavelength' is for grating 1"):
        camera.wavelengths()


def test_a_warm_sensor_is_waited_for_in_the_dark_and_is_a_fault_later(camera: Any, lab: Any) -> None:
    sensor = lab["camera.temperature"]
    sensor.answer = lambda: 20.0 - lab.clock.time
    assert camera.expose(1.0).sensor <= -60.0
    assert 80 <= lab.clock.time < 90
    sensor.answer = lambda: -50.0
    with pytest.raises(HardwareFault, match=r"the sensor is at -50.0 degC, warmer than -60 degC"):
        camera.expose(1.0)


def test_a_sensor_that_stays_warm_is_a_fault_and_never_waited_for_in_the_light(
    make_camera: Callable[..., Any], lab: Any
) -> None:
    bench = make_camera({"pixels:": "cooling: 60 s, pixels:"})
    camera = bench.roles["spectrometer"]
    lab["camera.temperature"].value = 10.0
    with pytest.raises(HardwareFault, match="after 60 s"):
        camera.expose(1.0)
    bench.roles["shutter"].block()
    bench.roles["attenuator"].set_power(1e-6)
    before = lab.clock.time
    with bench.roles["shutter"].exposure(), pytest.raises(HardwareFault, match=r"10\.0 degC"):
        camera.expose(1.0)
    assert lab.clock.time - before < 5


def test_an_exposure_that_would_break_the_dose_is_not_begun(make_camera: Callable[..., Any], lab: Any) -> None:
    bench = make_camera()
    bench.roles["shutter"].block()
    bench.roles["attenuator"].set_power(5e-5)
    with bench.roles["shutter"].exposure(), pytest.raises(LimitError, match="dose"):
        bench.roles["spectrometer"].expose(1e6)
    assert ("camera.exposure_time", 1e6) not in lab.log


@pytest.mark.parametrize("answer", [np.zeros(7), np.full(PIXELS, np.nan)])
def test_a_spectrum_of_another_shape_is_refused(camera: Any, lab: Any, answer: Any) -> None:
    lab["camera.spectrum"].value = answer
    with pytest.raises(ReplyError, match="not one finite number for each of 11 pixels"):
        camera.expose(1.0)
    with pytest.raises(UsageError, match="longer than 0 s"):
        camera.expose(0.0)


def test_an_axis_in_air_is_turned_into_vacuum(make_camera: Callable[..., Any], lab: Any) -> None:
    own = make_camera(role=OWN).roles["spectrometer"]
    axis = own.wavelengths()
    assert axis - np.linspace(530.0, 550.0, PIXELS) == pytest.approx(0.15, abs=0.01)
    assert own.expose(1.0).sensor == 20.0
    vacuum = make_camera(role=OWN.replace("pixels:", "axis: vacuum, pixels:")).roles["spectrometer"]
    assert vacuum.wavelengths().tolist() == np.linspace(530.0, 550.0, PIXELS).tolist()


def test_air_and_vacuum_are_those_of_the_line_tables() -> None:
    """NIST Atomic Spectra Database: Ne I 585.24878 nm in air is 585.41109 nm in vacuum; Hg I 546.0750 and 546.2268."""
    assert to_vacuum(585.24878) == pytest.approx(585.4110, abs=1e-4)
    assert to_vacuum(546.0750) == pytest.approx(546.2268, abs=1e-4)
    assert to_air(to_vacuum(540.0)) == pytest.approx(540.0, abs=1e-7)
    assert float(air_index(633.0)) == pytest.approx(1.000276, abs=1e-6)


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        ({"cold_below: -60 degC": "cold_below: cold"}, "'cold' is no temperature; write it like '-60 degC'"),
        ({f"pixels: {PIXELS}": "pixels: 10.5"}, "must be a whole number"),
        ({"calibration: wavelength": "calibration: spot"}, "'spot' is not one for a spectrometer"),
        ({", calibration: wavelength": ""}, "needs its axis from one place"),
        ({"grating: acton.grating": "wavelengths: camera.wavelengths"}, "needs its axis from one place"),
        ({"calibration: wavelength": "wavelengths: camera.wavelengths"}, "follows its dial by calibration"),
        ({f"pixels: {PIXELS}, ": ""}, "needs 'pixels'"),
    ],
)
def test_a_role_that_cannot_be_is_refused_by_line(
    make_camera: Callable[..., Any], replace: dict[str, str], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        make_camera(replace)


def test_the_camera_and_its_axis_are_kept_with_the_data(make_camera: Callable[..., Any]) -> None:
    found = make_camera().conditions()
    assert found["camera"]["gain"] == {"value": 1.2, "sigma": 0.0, "unit": "1"}
    assert found["wavelength"]["offset"] == {"value": 0.01, "sigma": 0.02, "unit": "nm"}
    assert "spectrometer" not in found
    own = make_camera(role=OWN.replace("pixels:", "accuracy: 50 pm, pixels:")).conditions()["wavelength"]
    assert own == {"offset": {"value": 0.0, "sigma": pytest.approx(0.05), "unit": "nm"}, "source": "camera.wavelengths"}


def test_a_dry_run_takes_the_time_of_an_exposure_and_of_a_move_and_asks_nothing(
    make_camera: Callable[..., Any], lab: Any, points: Any
) -> None:
    bench = make_camera()
    rehearsal = bench.rehearse(points())
    twin = twin_of(bench)
    assert isinstance(twin, Spectrograph)
    before = twin.clock.now()
    assert np.isnan(twin.expose(4.0).counts).all()
    assert 4.0 < twin.clock.now() - before < 4.3
    before = twin.clock.now()
    twin.centre_on(539.01)
    assert 0.5 < twin.clock.now() - before < 5
    assert twin.wavelengths()[PIXELS // 2] == pytest.approx(539.01)
    twin.centre_on(560.0)
    assert any("more than 2 nm from 539" in text for text in twin.guard._collect.texts())
    assert lab["camera.spectrum"].asked == 0
    assert rehearsal.problems == []


def twin_of(bench: Any) -> Any:
    """The planning twin, by what binding makes of a procedure's roles."""

    class One(Procedure):
        def measure(self, *, spectrometer: Spectrometer) -> Rows:
            yield {}

    return bench.rehearse(One()).arguments["spectrometer"]


@pytest.mark.parametrize(("text", "value"), [("-60 degC", -60.0), (-60, -60.0), ("-60.5", -60.5), ("cold", None)])
def test_a_temperature_is_read_in_degrees_celsius(text: Any, value: float | None) -> None:
    assert celsius(text) == value
