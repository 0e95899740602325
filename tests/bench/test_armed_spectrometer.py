"""A camera that is armed: frames while other things happen, stopped however the block ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perovskite_meas.core import Procedure, Rows
from perovskite_meas.core.errors import BenchError, HardwareFault, LimitError, ReplyError, UsageError
from perovskite_meas.core.roles import ArmedSpectrometer, Spectrograph, Spectrometer

PIXELS = 7
ARMED = """armed: camera.armed, frames: camera.frames, frames_taken: camera.frames_taken, series: camera.series,
          trigger: camera.trigger, frame_time: 20 ms"""
ROLE = f"""  spectrometer: {{use: camera.spectrum, exposure: camera.exposure_time, temperature: camera.temperature,
          cold_below: -60 degC, pixels: {PIXELS}, full_scale: 65535, calibration: wavelength,
          {ARMED}}}
"""
CALIBRATION = "  wavelength: {date: 2026-11-02, centre: 530 nm, offset: 0 nm +- 0.2 nm, dispersion: 0.25 nm/px}\n"
VALUES = {
    "camera.spectrum": np.arange(PIXELS), "camera.exposure_time": 1.0, "camera.temperature": -70.0,
    "camera.armed": False, "camera.frames": 1, "camera.frames_taken": 0, "camera.series": np.empty((0, PIXELS)),
    "camera.trigger": "internal", "acton.wavelength": 530.0,
}  # fmt: skip


@pytest.fixture
def make_camera(make: Callable[..., Any], lab: Any) -> Callable[..., Any]:
    kind = type(lab["sc10.state"])
    lab.parameters.update({name: kind(name, object(), lab, value) for name, value in VALUES.items()})

    def made(replace: dict[str, str] | None = None) -> Any:
        role = ROLE
        for old, new in (replace or {}).items():
            assert old in role
            role = role.replace(old, new)
        return make({"  scanner:": role + "  scanner:", "  spot:": CALIBRATION + "  spot:"})

    return made


@pytest.fixture
def camera(make_camera: Callable[..., Any], lab: Any) -> Any:
    found = make_camera().roles["spectrometer"]
    found.begin()
    lab.log.clear()
    return found


def told(lab: Any) -> list[tuple[str, Any]]:
    return [(name.removeprefix("camera."), value) for name, value in lab.log if name.startswith("camera.")]


def twin_of(bench: Any) -> Any:
    class One(Procedure):
        def measure(self, *, spectrometer: Spectrometer) -> Rows:
            yield {}

    return bench.rehearse(One()).arguments["spectrometer"]


@pytest.mark.parametrize("moves", [False, True])
def test_what_the_bench_names_tells_what_the_role_can_do(make_camera: Callable[..., Any], moves: bool) -> None:
    dial = {"pixels:": "monochromator: acton.wavelength, pixels:"} if moves else {}
    for role in (make_camera(dial).roles["spectrometer"], twin_of(make_camera(dial))):
        assert isinstance(role, ArmedSpectrometer)
        assert isinstance(role, Spectrograph) is moves
        assert callable(getattr(type(role), "centre_on", None)) is moves  # binding looks at classes
    plain = make_camera({f",\n          {ARMED}": "", **dial})
    for role in (plain.roles["spectrometer"], twin_of(plain)):
        assert not isinstance(role, ArmedSpectrometer)
        assert isinstance(role, Spectrograph) is moves
        assert not callable(getattr(type(role), "armed", None))


def test_every_pulse_has_its_frame(camera: Any, lab: Any) -> None:
    series, temperature = lab["camera.series"], lab["camera.temperature"]
    with camera.armed(3, 0.01, triggered=True) as armed:
        asked = temperature.asked
        assert told(lab) == [("exposure_time", 0.01), ("trigger", "external"), ("frames", 3), ("armed", True)]
        assert armed.taken() == 0
        assert armed.read() == []
        lab["camera.frames_taken"].value, series.value = 2, np.arange(2 * PIXELS).reshape(2, PIXELS)
        series.value[1, 3:5] = 65535
        assert armed.taken() == 2
        first, second = armed.read()
    assert told(lab)[-2:] == [("armed", False), ("trigger", "internal")]
    assert first.counts.tolist() == list(range(PIXELS))
    assert (first.exposure, first.saturated, first.sensor) == (0.01, 0, -70.0)
    assert second.saturated == 2
    assert temperature.asked == asked  # a camera that is armed tells none
    for look in (armed.taken, armed.read):
        with pytest.raises(UsageError, match="armed no more"):
            look()


def test_one_frame_may_last_for_a_whole_burst(camera: Any, lab: Any) -> None:
    lab["camera.series"].value = np.ones((1, PIXELS))
    with camera.armed(1, 2.5, triggered=False) as armed:
        assert ("trigger", "internal") in told(lab)
        (only,) = armed.read()
    assert only.exposure == 2.5


def test_it_is_stopped_however_the_block_ends(camera: Any, lab: Any) -> None:
    with pytest.raises(KeyboardInterrupt), camera.armed(3, 0.01, triggered=True):
        raise KeyboardInterrupt
    assert told(lab)[-2:] == [("armed", False), ("trigger", "internal")]
    lab["camera.armed"].refuse = HardwareFault("no")
    with pytest.raises(HardwareFault, match="no"), camera.armed(3, 0.01, triggered=True):
        pass
    lab["camera.armed"].refuse = None
    with camera.armed(3, 0.01, triggered=True):
        pass


def test_one_thing_at_a_time(camera: Any) -> None:
    with camera.armed(3, 0.01, triggered=True):
        with pytest.raises(UsageError, match="armed already"):
            camera.expose(1.0)
        with pytest.raises(UsageError, match="armed already"), camera.armed(1, 1.0, triggered=False):
            pass
    assert camera.expose(1.0).counts.tolist() == list(range(PIXELS))


def test_a_camera_that_was_left_armed_is_stopped_at_the_start_of_a_run(
    make_camera: Callable[..., Any], lab: Any
) -> None:
    lab["camera.armed"].value, lab["camera.trigger"].value = True, "external"
    make_camera().roles["spectrometer"].begin()
    assert lab["camera.armed"].value is False
    assert lab["camera.trigger"].value == "internal"


def test_a_camera_without_a_trigger_says_so(make_camera: Callable[..., Any], lab: Any) -> None:
    camera = make_camera({"          trigger: camera.trigger, ": "          "}).roles["spectrometer"]
    assert not camera.triggerable()
    with pytest.raises(UsageError, match="no trigger of the laser is wired"), camera.armed(3, 0.01, triggered=True):
        pass
    with camera.armed(3, 0.01, triggered=False):
        pass
    assert not any(name == "trigger" for name, _ in told(lab))


def test_the_words_of_another_camera_are_used(make_camera: Callable[..., Any], lab: Any) -> None:
    words = {"trigger: camera.trigger": "trigger: camera.trigger, external: 1, internal: 0"}
    with make_camera(words).roles["spectrometer"].armed(3, 0.01, triggered=True):
        assert lab["camera.trigger"].value == 1
    assert lab["camera.trigger"].value == 0


def test_a_warm_sensor_keeps_it_from_being_armed(camera: Any, lab: Any) -> None:
    with camera.armed(1, 0.01, triggered=False):
        pass
    lab["camera.temperature"].value = -40.0
    lab.log.clear()
    with pytest.raises(HardwareFault, match="warmer than -60 degC"), camera.armed(1, 0.01, triggered=False):
        pass
    assert ("armed", True) not in told(lab)


@pytest.mark.parametrize(("frames", "seconds"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_no_frames_and_no_exposure_are_refused(camera: Any, lab: Any, frames: int, seconds: float) -> None:
    with pytest.raises(UsageError, match="ask for 1 or more"), camera.armed(frames, seconds, triggered=True):
        pass
    assert lab.log == []


def test_a_camera_that_takes_fewer_frames_is_a_fault(camera: Any, lab: Any) -> None:
    lab["camera.frames"].answer = lambda: 2
    with pytest.raises(HardwareFault, match="takes 2 frames where 3 were set"), camera.armed(3, 0.01, triggered=True):
        pass
    assert ("armed", True) not in told(lab)


@pytest.mark.parametrize("answer", [np.zeros((2, 3)), np.zeros(PIXELS), np.full((1, PIXELS), np.nan)])
def test_a_series_of_another_shape_is_refused(camera: Any, lab: Any, answer: Any) -> None:
    lab["camera.series"].value = answer
    with camera.armed(2, 0.01, triggered=True) as armed, pytest.raises(ReplyError, match=f"{PIXELS}"):
        armed.read()


def test_it_is_not_armed_where_the_dose_is_spent(make_camera: Callable[..., Any], lab: Any) -> None:
    bench = make_camera()
    bench.roles["shutter"].block()
    bench.roles["attenuator"].set_power(5e-5)
    with bench.roles["shutter"].exposure():
        lab.clock.sleep(1e6)
        with pytest.raises(LimitError, match="dose"), bench.roles["spectrometer"].armed(1, 0.01, triggered=False):
            pass
    assert ("armed", True) not in told(lab)


@pytest.mark.parametrize("missing", ["frames: camera.frames, ", "series: camera.series,\n", ", frame_time: 20 ms"])
def test_a_camera_that_cannot_be_armed_is_refused(make_camera: Callable[..., Any], missing: str) -> None:
    with pytest.raises(BenchError, match=f"also needs `{missing.strip(', ').split(':')[0]}`"):
        make_camera({missing: " " if missing.endswith(" ") else ""})


def test_the_least_time_between_triggers_is_kept_with_the_data(camera: Any, make_camera: Callable[..., Any]) -> None:
    assert camera.frame_time() == 0.02
    assert make_camera().conditions()["camera"]["frame_time"] == {"value": 0.02, "sigma": 0.0, "unit": "s"}


def test_in_a_dry_run_the_frames_come_in_their_time(make_camera: Callable[..., Any], lab: Any) -> None:
    twin = twin_of(make_camera())
    lab.log.clear()
    with twin.armed(20, 0.01, triggered=True) as armed:
        twin.clock.sleep(2.0)
        assert armed.taken() == 0
        twin.table.planned_pulses += [1e-9] * 18
        assert armed.taken() == 18
        found = armed.read()
    assert len(found) == 18
    assert np.isnan(found[0].counts).all()
    before = twin.clock.now()
    with twin.armed(1, 2.0, triggered=False) as armed:
        assert armed.taken() == 0
        assert len(armed.read()) == 1
    assert twin.clock.now() - before == pytest.approx(2.02, abs=0.02)
    assert lab.log == []
