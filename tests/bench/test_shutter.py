"""The shutter: light only inside an exposure, blocked however it ends."""

from __future__ import annotations

import pytest

from perovskite_meas.core.errors import HardwareFault, UsageError


def test_an_exposure_opens_for_the_block_only_and_reads_the_closure_back(bench, lab):
    shutter = bench.roles["shutter"]
    shutter.block()
    bench.roles["attenuator"].set_power(1e-5)
    lab.log.clear()
    with shutter.exposure():
        assert not shutter.is_blocking()
        assert lab["sc10.state"].value == "open"
    assert lab.log == [("sc10.state", "open"), ("sc10.state", "closed")]
    assert shutter.is_blocking()


def test_nothing_is_opened_while_neither_the_power_nor_its_maximum_is_known(make, lab):
    attenuator = "  attenuator: {date: 2026-11-02, maximum: 120 uW, angle_of_maximum: 12.5 deg, extinction: 1e-4, "
    bench = make(
        {
            "  attenuator: {use: ell14.angle, calibration: attenuator}\n": "",
            f"{attenuator}range: [0.5 uW, 110 uW]}}\n": "",
            ", attenuator.minimum]": "]",
            ", maximum: 120 uW}": "}",
        }
    )
    with pytest.raises(UsageError, match=r"shutter .*stays closed: the power .* is not known.*; call .*or state"):
        bench.roles["shutter"].exposure().__enter__()
    assert ("sc10.state", "open") not in lab.log


def test_a_shutter_that_does_not_close_is_a_hardware_fault(bench, lab):
    lab["sc10.state"].answer = lambda: "open"
    with pytest.raises(HardwareFault, match=r"shutter \(sc10.state, bench.yaml:3\) was told 'closed' but reports"):
        bench.roles["shutter"].block()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError])
def test_the_light_is_blocked_whatever_ends_the_exposure(bench, lab, stop):
    shutter = bench.roles["shutter"]
    shutter.block()
    bench.roles["attenuator"].set_power(1e-5)
    with pytest.raises(stop), shutter.exposure():
        raise stop
    assert lab["sc10.state"].value == "closed"


def test_closing_a_generator_blocks_the_light(bench, lab):
    shutter = bench.roles["shutter"]
    shutter.block()
    bench.roles["attenuator"].set_power(1e-5)

    def rows():
        with shutter.exposure():
            yield 1

    running = rows()
    next(running)
    assert lab["sc10.state"].value == "open"
    running.close()
    assert lab["sc10.state"].value == "closed"
    running = rows()
    next(running)
    lab["sc10.state"].refuse = OSError("line is dead")
    with pytest.raises(OSError, match="line is dead"):
        running.close()


def test_a_shutter_that_fails_to_close_does_not_hide_the_first_error(bench, lab):
    shutter = bench.roles["shutter"]
    shutter.block()
    bench.roles["attenuator"].set_power(1e-5)

    def expose():
        with shutter.exposure():
            lab["sc10.state"].refuse = OSError("line is dead")
            raise ZeroDivisionError("first")

    with pytest.raises(ZeroDivisionError, match="first") as caught:
        expose()
    assert "then the light could not be blocked: OSError: line is dead" in caught.value.__notes__[0]
    assert bench.guard.light_on, "light that could not be blocked is booked on"


def test_ctrl_c_while_blocking_is_raised_after_the_light_is_off(bench, lab):
    shutter, state = bench.roles["shutter"], lab["sc10.state"]
    shutter.block()
    bench.roles["attenuator"].set_power(1e-5)
    answers = iter([KeyboardInterrupt])

    def interrupted_once():
        for stop in answers:
            raise stop
        return state.value

    with pytest.raises(KeyboardInterrupt), shutter.exposure():
        state.answer = interrupted_once
    assert state.value == "closed"
    assert not bench.guard.light_on


def test_a_shutter_that_cannot_be_read_back_is_blocking_only_after_we_blocked_it(make, lab):
    bench = make({"shutter: sc10.state": "shutter: {use: sc10.state, open: 1, closed: 0, confirm: false}"})
    shutter = bench.roles["shutter"]
    assert not shutter.is_blocking()
    shutter.block()
    assert shutter.is_blocking()
    assert lab.log == [("sc10.state", 0)]
    assert lab["sc10.state"].asked == 0


def test_a_run_begins_with_every_shutter_closed_asked_for_or_not(make, lab, points):
    lab.parameters["daq.do0"] = lab["sample_head.power"]
    bench = make({
        "  waveplate:": "  shutter_diode: {use: daq.do0, open: 1, closed: 0, confirm: false}\n  waveplate:",
        "[shutter.block,": "[shutter.block, shutter_diode.block,",
    })  # fmt: skip
    procedure = points()
    assert len(list(procedure.measure(**bench.rehearse(procedure).arguments))) == 3
    assert lab.log == []
    arguments = bench.bind(procedure)
    assert lab.log == [("sc10.state", "closed"), ("sample_head.power", 0)]
    assert len(list(procedure.measure(**arguments))) == 3
