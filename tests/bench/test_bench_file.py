"""Everything wrong in a bench file is reported at once, each with file, line, key and suggestion."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from perovskite_meas.bench import read_bench
from perovskite_meas.bench.roles import adapter_class, kind_of, kinds
from perovskite_meas.core.errors import BenchError, UsageError

TODAY = dt.date(2026, 11, 20)


def problems_of(path: Path, now: dt.date = TODAY) -> tuple[str, ...]:
    with pytest.raises(BenchError) as caught:
        read_bench(path, now)
    return caught.value.problems


def test_a_good_file_is_read_without_warnings(write):
    spec = read_bench(write(), TODAY)
    assert spec.warnings == ()
    assert spec.limits.average_power.value == 9e-5
    assert spec.limits.dose.source == "bench.yaml:10"
    assert spec.roles["sample_meter"].kind == "meter"
    assert [str(step) for step in spec.safe_state] == ["shutter.block", "attenuator.minimum"]
    assert not spec.virtual


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("safe_state:", "safestate:", "bench.yaml:11: safestate: unknown key; did you mean 'safe_state'?"),
        ("station: station.yaml", "station: stations.yaml", "bench.yaml:1: station: no file 'stations.yaml'"),
        ("station: station.yaml", "# no station", "bench.yaml:1: 'station' is missing; state it"),
        ("  shutter: sc10", "  shuter: sc10", "bench.yaml:3: roles.shuter: 'shuter' is no known kind of role; did you"),
        ("  shutter: sc10.state", "  shutter: 'sc10 state'", "'sc10 state' is no dotted name; write it like"),
        ("  shutter: sc10.state", "  ledger: sc10.state", "bench.yaml:3: roles.ledger: this name is taken"),
        ("dead_time: 45 ns", "deadtime: 45 ns", "counter.deadtime: a counter has no option 'deadtime'; did you mean"),
        ("dead_time: 45 ns", "dead_time: 45 nm", "roles.counter.dead_time: '45 nm' cannot be expressed in ns"),
        ("dead_time: 45 ns", "dead_time: -45 ns", "roles.counter.dead_time: '-45 ns' must be a finite number of at"),
        ("scale: 2 um/V", "scale: 2", "roles.scanner.scale: '2' has no unit; write it like '1 um/V'"),
        ("[3 um, 0 um]}", "[3 um]}", "roles.scanner.off_emitter: must hold two quantities in um; got 1"),
        ("y: sr400.port_2, ", "", "bench.yaml:9: roles.scanner: scanner 'scanner' needs 'y' (second axis); state it"),
        ("calibration: power_at", "calibration: power_et", "no calibration 'power_et_sample'; did you mean 'power_at_"),
        ("meter: {use: pickoff.power, calibration: power_at_sample}",
         "meter: {use: pickoff.power, calibration: spot}", "calibration 'spot' is not one for a meter; name another"),
        ("average_power: 90 uW", "average_power: ", "limits.average_power: None is not a quantity in W"),
        ("average_power: 90 uW", "average_power: lots", "limits.average_power: 'lots' is not a quantity"),
        ("average_power: 90 uW", "average_power: 90", "limits.average_power: '90' has no unit; write it like '1 W'"),
        ("average_power: 90 uW", "average_power: 0 uW", "limits.average_power: a limit must be above zero"),
        ("fluence: 10 mJ/cm^2", "fluense: 10 mJ/cm^2", "limits.fluense: unknown key; did you mean 'fluence'?"),
        ("[shutter.block,", "[shutter.close,", "safe_state.0: 'shutter' has no safe verb 'close'; known: block"),
        ("[shutter.block,", "[shuter.block,", "safe_state.0: no role 'shuter'; did you mean 'shutter'?"),
        ("date: 2026-11-02, maximum: 120 uW", "date: 2026-13-02, maximum: 120 uW", "'2026-13-02' is not a date; write"),
        ("angle_of_maximum: 12.5 deg, ", "", "calibrations.attenuator: 'angle_of_maximum' is missing; state it"),
        ("maximum: 120 uW, angle", "maximum: 100 uW, angle", "attenuator.range: ends above `maximum`; a calibrated"),
        ("extinction: 1e-4, range", "extinction: 2, range", "attenuator.extinction: is the least over the highest"),
        ("shape: gauss", "shape: gaus", "calibrations.pulse.shape: 'gaus' is not allowed; did you mean 'gauss'?"),
        ("  spot: {", "  spod: {", "calibrations.spod: 'spod' is no kind of calibration; did you mean 'spot'?"),
        ("  spot: {", "  other: {", "bench.yaml:10: limits.dose: cannot be watched without calibrations.spot"),
        ("ratio: 0.1 +- 3 %", "ratio: 0.1 +- x", "power_at_sample.ratio: '0.1 +- x' is not a number; write it like"),
        ("waist: 433 nm +- 2 %", "waist: 0 nm", "calibrations.spot.waist: must be above 0 nm"),
        ("brightness: 1e5", "brigtness: 1e5", "sample.expect.brigtness: unknown key; did you mean 'brightness'?"),
        ("convention: absorbed_photons", "convention: photons", "two_photon_convention: 'photons' is not allowed"),
        ("  name: dot 1", "  name: dot 1\n  name: dot 2", "bench.yaml:20: sample.name: stands already in line 19"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line_and_what_to_do(write, old, new, expected):
    problems = problems_of(write(replace={old: new}))
    assert any(expected in problem for problem in problems), problems


def test_all_mistakes_of_a_file_are_reported_in_one_go_and_in_its_order(write):
    changes = {
        "station: station.yaml": "station: nowhere.yaml",
        "  shutter: sc10.state": "  shuter: sc10.state",
        "average_power: 90 uW": "average_power: 90 um",
        "date: 2026-11-02, waist": "date: someday, waist",
        "name: dot 1": "nam: dot 1",
    }
    problems = problems_of(write(replace=changes))
    lines = [int(problem.split(":")[1]) for problem in problems]
    assert lines == sorted(lines) == [1, 3, 10, 11, 17, 19]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "bench.yaml:1: is empty; write keys"),
        ("- a\n- b\n", "bench.yaml:1: is not a mapping"),
        ("just words\n", "bench.yaml:1: is not a mapping"),
        ("station: [1\nroles: }\n", "bench.yaml:2: is not YAML"),
        ("station: station.yaml\nroles: 3\n", "bench.yaml:2: roles: must be a mapping of 'key: value'; got '3'"),
        ("station: station.yaml\nroles: {shutter: {}}\n", "roles.shutter: shutter 'shutter' needs 'use'"),
        ("station: station.yaml\nroles: {}\nclock_speed: 1\n", "only a virtual bench (one with `world:`) has a clock"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(write, text, expected):
    assert expected in "\n".join(problems_of(write(text)))


def test_a_missing_bench_file_is_named(tmp_path):
    assert "nowhere.yaml: cannot be read" in problems_of(tmp_path / "nowhere.yaml")[0]


def test_problems_of_a_calibration_file_carry_that_file_s_line(write, tmp_path):
    (tmp_path / "att.yaml").write_text("date: 2026-11-02\nmaximum: 120 um\n", encoding="utf-8")
    inline = next(line for line in write().read_text().splitlines() if line.startswith("  attenuator: {date"))
    path = write(replace={inline: "  attenuator: {file: att.yaml}"})
    problems = problems_of(path)
    assert any(problem.startswith("att.yaml:2: maximum: '120 um' cannot be expressed in W") for problem in problems)
    assert any("att.yaml:1: 'range' is missing" in problem for problem in problems)
    (tmp_path / "att.yaml").unlink()
    assert any("attenuator.file: no file 'att.yaml'" in problem for problem in problems_of(path))


def test_an_attenuator_range_beyond_that_of_the_pick_off_is_refused(write):
    path = write(replace={"3 %, range: [0.5 uW, 110 uW]": "3 %, range: [1 uW, 110 uW]"})
    assert any("goes beyond 1e-06 .. 0.00011 W, in which power_at_sample" in problem for problem in problems_of(path))


def test_an_old_calibration_is_an_error_where_max_age_is_stated_and_a_warning_elsewhere(write):
    path = write(replace={"centring: 50 nm": "centring: 50 nm, max_age: 30 d"})
    assert read_bench(path, dt.date(2026, 12, 2)).warnings == ()
    assert (
        "17: calibrations.spot: measured on 2026-11-02, 31 days ago; max_age is 30 d: measure it again"
        in (problems_of(path, dt.date(2026, 12, 3))[0])
    )
    old = read_bench(write(), dt.date(2028, 1, 1))
    assert len(old.warnings) == 4
    assert "425 days ago; measure it again, or state max_age" in old.warnings[0]
    assert "in the future" in read_bench(write(), dt.date(2026, 1, 1)).warnings[0]


LIMITS = "average_power: 90 uW, peak_irradiance: 1e11 W/cm^2, fluence: 10 mJ/cm^2, count_rate: 2e6 cps, "
LIMITS = f"limits: {{{LIMITS}dose: 2e5 J/cm^2}}\n"
NO_SHUTTER = {"  shutter: sc10.state\n": "", "[shutter.block, ": "["}
NO_LIGHT = NO_SHUTTER | {
    "  attenuator: {use: ell14.angle, calibration: attenuator}\n": "",
    "safe_state: [attenuator.minimum]": "",
}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({LIMITS: ""}, 1),
        ({LIMITS: "limits:\n"}, 10),
        ({"average_power: 90 uW, ": ""}, 10),
        (NO_SHUTTER | {"average_power: 90 uW, ": ""}, 9),
    ],
)
def test_a_real_bench_with_a_shutter_or_an_attenuator_must_state_the_most_power(write, changes, line):
    where = f"bench.yaml:{line}: {'limits: ' if line > 1 else ''}"
    problem = next(one for one in problems_of(write(replace=changes)) if "average_power" in one)
    assert problem == (
        f"{where}no limits.average_power; a bench with a shutter or an attenuator needs it: "
        "state the most average power that the sample may get, e.g. limits: {average_power: 150 uW}"
    )


def test_a_virtual_bench_and_one_without_light_may_do_without_a_power_limit(write, tmp_path):
    (tmp_path / "world.yaml").write_text("", encoding="utf-8")
    without = {"average_power: 90 uW, ": ""}
    spec = read_bench(write(replace=without | {"station: station.yaml": "station: station.yaml\nworld: world.yaml"}))
    assert "no limits.average_power; state the most average power" in spec.warnings[0]
    assert read_bench(write(replace=without | NO_LIGHT), TODAY).warnings == ()


def test_a_bench_without_safe_state_is_warned_about(write):
    changes = {"safe_state: [shutter.block, attenuator.minimum]": ""}
    spec = read_bench(write(replace=changes), TODAY)
    assert [str(step) for step in spec.safe_state] == ["shutter.block", "attenuator.minimum"]
    assert "no safe_state; [shutter.block, attenuator.minimum] is assumed" in spec.warnings[0]
    short = read_bench(write(replace={"[shutter.block, attenuator.minimum]": "[attenuator.minimum]"}), TODAY)
    assert "safe_state leaves out shutter.block" in short.warnings[0]


def test_the_kind_of_a_role_is_told_by_its_name():
    assert set(kinds()) >= {"shutter", "attenuator", "waveplate", "meter", "counter", "scanner"}
    assert (kind_of("sample_meter"), kind_of("shutter_a"), kind_of("scanner")) == ("meter", "shutter", "scanner")
    with pytest.raises(UsageError, match="could be meter or shutter; state kind: meter"):
        kind_of("shutter_meter")
    with pytest.raises(UsageError, match="'zebra' is no known kind of role; known: analyser"):
        adapter_class("zebra")


def test_a_role_of_any_name_may_state_its_kind(write):
    spec = read_bench(write(replace={"  sample_meter: {use": "  powermaker: {kind: meter, use"}), TODAY)
    assert spec.roles["powermaker"].kind == "meter"
