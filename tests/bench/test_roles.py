"""Role adapters: what they tell the instruments, in which order, and what they refuse."""

from __future__ import annotations

import pytest

from perovskite_meas.core.errors import CalibrationError, HardwareFault, LimitError, ReplyError, UsageError

# attenuator and wave plate -----------------------------------------------------------------------------


def test_the_attenuator_is_homed_in_the_dark_and_reports_the_power_it_reached(bench, lab):
    bench.roles["shutter"].block()
    lab["ell14.angle"].answer = lambda: round(lab["ell14.angle"].value, 1)
    reached = bench.roles["attenuator"].set_power(6e-5)
    assert lab.log[1] == ("ell14", "home")
    assert reached == pytest.approx(6e-5, rel=0.01)
    assert reached != 6e-5
    assert bench.guard.power == reached
    bench.roles["attenuator"].set_power(5e-5)
    assert lab.log.count(("ell14", "home")) == 1


def test_the_attenuator_refuses_to_move_while_the_shutter_is_open(bench, lab):
    with pytest.raises(UsageError, match=r"attenuator .* moves only in the dark, but shutter .* is open; block it"):
        bench.roles["attenuator"].set_power(1e-5)
    with pytest.raises(UsageError, match="moves only in the dark"):
        bench.roles["waveplate"].rotate_to(0)
    assert lab.log == []


@pytest.mark.parametrize(
    ("watt", "kind", "text"),
    [
        (1e-7, CalibrationError, "outside 500 nW .. 110 uW"),
        (1e-4, LimitError, "average power 100 uW at the sample exc"),
    ],
)
def test_a_power_beyond_range_or_limit_moves_nothing(bench, lab, watt, kind, text):
    bench.roles["shutter"].block()
    lab.log.clear()
    with pytest.raises(kind, match=text):
        bench.roles["attenuator"].set_power(watt)
    assert not [entry for entry in lab.log if entry[0].startswith("ell14")]


def test_a_mount_that_misses_is_a_hardware_fault_and_the_power_is_unknown(bench, lab):
    bench.roles["shutter"].block()
    lab["ell14.angle"].answer = lambda: 30.0
    with pytest.raises(HardwareFault, match=r"stands at 30.000 deg, more than 0.2 deg off"):
        bench.roles["attenuator"].set_power(1e-5)
    assert bench.guard.power is None


def test_backlash_is_taken_out_by_arriving_from_one_side(make, lab):
    bench = make({"calibration: attenuator}": "calibration: attenuator, backlash: 1 deg}"})
    bench.roles["shutter"].block()
    attenuator = bench.roles["attenuator"]
    attenuator.set_power(6e-5)  # from 0 deg: has to pass 35 deg and come back
    attenuator.set_power(8e-5)  # from above already
    angles = [value for name, value in lab.log if name == "ell14.angle"]
    assert angles[:2] == pytest.approx([36.0, 35.0], abs=0.01)
    assert len(angles) == 3


def test_the_minimum_may_be_taken_with_light_on(bench, lab):
    bench.roles["shutter"].block()
    bench.roles["attenuator"].set_power(1e-5)
    with bench.roles["shutter"].exposure():
        bench.roles["attenuator"].minimum()
        assert bench.guard.power == pytest.approx(1.2e-8)
    assert lab["ell14.angle"].value == pytest.approx(57.5)


def test_turning_the_attenuator_s_plate_tells_the_guard_the_power(bench):
    bench.roles["shutter"].block()
    assert bench.roles["waveplate"].rotate_to(35.0) == 35.0
    assert bench.guard.power == pytest.approx(6e-5, rel=1e-3)


def test_an_uncalibrated_plate_states_its_maximum(make, lab):
    replace = {
        "  waveplate: ell14.angle": "  waveplate: {use: ell14.angle, maximum: 80 uW}",
        "  attenuator: {use: ell14.angle, calibration: attenuator}\n": "",
        ", attenuator.minimum]": "]",
    }
    bench = make(replace)
    bench.roles["shutter"].block()
    bench.roles["waveplate"].rotate_to(350.0)
    assert bench.guard.power == pytest.approx(8e-5)


# meters, counter, scanner ------------------------------------------------------------------------------


def test_a_meter_averages_over_the_seconds_asked_for(bench, lab):
    head = lab["pickoff.power"]
    head.takes = 0.01
    readings = iter([1e-4, 2e-4] * 20)
    head.answer = lambda: next(readings)
    reading = bench.roles["meter"].read(0.5)
    assert lab.clock.time == pytest.approx(0.5)
    assert head.asked == 10
    assert reading.head == pytest.approx(1.5e-4)
    assert reading.power == pytest.approx(1.5e-5)
    head.takes = 1.0
    head.asked = 0
    bench.roles["meter"].read(0.1)
    assert head.asked == 3


def test_a_meter_without_calibration_shows_what_its_head_shows(bench):
    assert bench.roles["sample_meter"].read(0.1) == pytest.approx((1e-5, 1e-5))


@pytest.mark.parametrize("reading", [9.9e37, float("nan")])
def test_an_over_range_reading_is_a_fault(bench, lab, reading):
    lab["pickoff.power"].value = reading
    with pytest.raises(HardwareFault, match="which means out of range: set a higher range"):
        bench.roles["meter"].read(0.1)


def test_the_counter_sets_its_gate_when_the_dwell_changes_and_reports_the_gate_it_kept(bench, lab):
    gate = lab["sr400.gate_time"]
    gate.answer = lambda: round(gate.value, 1)
    counter = bench.roles["counter"]
    assert counter.count(0.52) == (1000, 0.5)
    counter.count(0.52)
    counter.count(2.0)
    assert [value for name, value in lab.log if name == "sr400.gate_time"] == [0.52, 2.0]
    with pytest.raises(UsageError, match="dwell = 0 s must be longer"):
        counter.count(0)
    gate.answer = lambda: 0.0
    with pytest.raises(ReplyError, match="the gate was set to 3 s but reads 0 s"):
        counter.count(3.0)


def test_too_many_counts_block_the_light_before_the_error(bench, lab):
    bench.roles["shutter"].block()
    bench.roles["attenuator"].set_power(1e-5)
    lab["sr400.counts_a"].value = 3e6
    states = []

    def count() -> None:
        try:
            bench.roles["counter"].count(1.0)
        finally:
            states.append(lab["sc10.state"].value)

    with pytest.raises(LimitError) as caught, bench.roles["shutter"].exposure():
        count()
    assert states == ["closed"], "blocked before the error left the counter"
    text = "count rate 3 Mcps on counter (sr400.counts_a, sr400.gate_time, bench.yaml:8) exceeds the limit of 2 Mcps"
    assert text in str(caught.value)
    assert "(limits.count_rate, bench.yaml:10)" in str(caught.value)


def test_the_scanner_moves_from_where_the_run_began(bench, lab):
    scanner = bench.roles["scanner"]
    scanner.begin()
    scanner.off_emitter()
    assert (lab["sr400.port_1"].value, lab["sr400.port_2"].value) == (2.0, 0.0)
    assert bench.ledger.spot == "3.000,0.000"
    scanner.begin()  # a run that died off the emitter must not take that place for the emitter
    scanner.on_emitter()
    assert lab["sr400.port_1"].value == 0.5
    assert bench.ledger.spot == "emitter"
    lab["sr400.port_1"].value = 0.8  # re-centred by hand between two runs
    scanner.begin()
    scanner.move_to(1.0, -1.0)
    assert (lab["sr400.port_1"].value, lab["sr400.port_2"].value) == pytest.approx((1.3, -0.5))


def test_a_scanner_that_does_not_know_an_empty_place_says_so(make):
    bench = make({", off_emitter: [3 um, 0 um]": ""})
    with pytest.raises(UsageError, match=r"state off_emitter: \[3 um, 0 um\]"):
        bench.roles["scanner"].off_emitter()


def test_the_scanner_told_where_the_emitter_is_counts_its_places_from_there(bench, lab):
    scanner = bench.roles["scanner"]
    scanner.begin()
    scanner.move_to(0.2, 0.0)
    assert scanner.position() == pytest.approx((0.2, 0.0))
    scanner.centre_on(0.1, -0.06)
    assert lab["sr400.port_1"].value == pytest.approx(0.6), "being told moves nothing"
    assert scanner.position() == pytest.approx((0.1, 0.06))
    scanner.on_emitter()
    assert (lab["sr400.port_1"].value, lab["sr400.port_2"].value) == pytest.approx((0.55, -0.03))
    scanner.off_emitter()
    scanner.begin()  # the next run knows it, too
    scanner.on_emitter()
    assert lab["sr400.port_1"].value == pytest.approx(0.55)
    with pytest.raises(UsageError, match="cannot be at x = nan um"):
        scanner.centre_on(float("nan"), 0.0)


def test_light_close_to_the_emitter_is_booked_on_it(bench):
    scanner = bench.roles["scanner"]
    scanner.begin()
    for place, spot in (((0.2, 0.0), "emitter"), ((0.3, 0.39), "emitter"), ((0.4, 0.4), "0.400,0.400")):
        scanner.move_to(*place)
        assert bench.ledger.spot == spot
    scanner.centre_on(0.4, 0.4)
    assert bench.ledger.spot == "emitter"
