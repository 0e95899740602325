"""Shutters of an interferometer's arms: closed like others, booked like none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perovskite_meas.core import Clock
from perovskite_meas.core.errors import BenchError, HardwareFault, LimitError, UsageError
from perovskite_meas.core.roles import Attenuator, Shutter, WiredTagger


@pytest.fixture
def arms(make: Callable[..., Any], lab: Any) -> Any:
    """A bench with a shutter in each of two arms before the main one."""
    kind = type(lab["sc10.state"])
    names = ("sc10_a.state", "sc10_b.state")
    lab.parameters.update({name: kind(name, object(), lab, "open") for name in names})
    roles = "".join(f"  shutter_{name[5]}: {{use: {name}, arm: true}}\n" for name in names)
    return make({
        "  waveplate:": roles + "  waveplate:",
        "[shutter.block,": "[shutter.block, shutter_a.block, shutter_b.block,",
    })  # fmt: skip


def closed(lab: Any) -> list[bool]:
    return [lab[f"{name}.state"].value == "closed" for name in ("sc10", "sc10_a", "sc10_b")]


def test_an_open_arm_alone_puts_no_light_on_the_sample(arms: Any, lab: Any) -> None:
    arms.roles["shutter"].block()
    arms.roles["attenuator"].set_power(1e-5)
    with arms.roles["shutter_a"].exposure():
        assert lab["sc10_a.state"].value == "open"
        lab.clock.sleep(10.0)
        assert not arms.guard.light_on
        arms.roles["attenuator"].set_power(2e-5)  # dark: the main shutter blocks
    assert lab["sc10_a.state"].value == "closed"
    assert arms.ledger.dose() == 0.0
    assert arms.guard.opened == 0


def test_the_light_of_the_main_shutter_is_booked_whatever_an_arm_does(arms: Any, lab: Any) -> None:
    arms.roles["shutter"].block()
    arms.roles["attenuator"].set_power(1e-5)
    with arms.roles["shutter_a"].exposure(), arms.roles["shutter"].exposure():
        with arms.roles["shutter_b"].exposure():
            lab.clock.sleep(1.0)
        assert arms.guard.light_on
        lab.clock.sleep(1.0)
        with pytest.raises(UsageError, match=r"moves only in the dark, but shutter \(sc10.state"):
            arms.roles["attenuator"].set_power(2e-5)
    assert not arms.guard.light_on
    entry = arms.ledger.entries()["emitter"]
    assert entry["on_time"] == pytest.approx(2.0, abs=0.05)
    assert entry["energy"] == pytest.approx(entry["on_time"] * 1e-5, rel=1e-6)


def test_an_arm_needs_no_known_power(arms: Any, lab: Any) -> None:
    with arms.roles["shutter_b"].exposure():
        assert lab["sc10_b.state"].value == "open"


def test_a_broken_limit_closes_the_main_shutter_first_and_then_the_arms(arms: Any, lab: Any) -> None:
    arms.roles["shutter"].block()
    arms.roles["attenuator"].set_power(1e-5)

    def count() -> None:
        with arms.roles["shutter_a"].exposure(), arms.roles["shutter"].exposure():
            lab["sr400.counts_a"].value = 1e8
            lab.log.clear()
            arms.roles["counter"].count(1.0)

    with pytest.raises(LimitError, match="count rate"):
        count()
    assert [name for name, value in lab.log if value == "closed"][:3] == ["sc10.state", "sc10_a.state", "sc10_b.state"]
    assert closed(lab) == [True, True, True]


def test_an_arm_that_does_not_close_is_a_fault(arms: Any, lab: Any) -> None:
    lab["sc10_a.state"].answer = lambda: "open"
    with pytest.raises(HardwareFault, match=r"shutter_a \(sc10_a.state.*was told 'closed' but reports 'open'"):
        arms.roles["shutter_a"].block()
    assert len(arms.make_safe()) == 1
    assert lab["sc10.state"].value == "closed"


def test_a_run_begins_with_the_arms_closed_that_its_procedure_asks_for(arms: Any, lab: Any, points: Any) -> None:
    class Arms(points):  # type: ignore[misc]
        def measure(self, *, shutter: Shutter, shutter_a: Shutter, shutter_b: Shutter) -> Any:
            yield {}

    arms.bind(Arms())
    assert closed(lab) == [True, True, True]


def test_arms_of_which_the_procedure_knows_nothing_are_open(arms: Any, lab: Any, points: Any) -> None:
    procedure = points()
    arguments = arms.bind(procedure)
    assert closed(lab) == [True, False, False]
    assert len(list(procedure.measure(**arguments))) == 3
    assert arms.make_safe() == []
    assert closed(lab) == [True, True, True]


def test_a_dry_run_counts_the_exposures_of_the_main_shutter_alone(arms: Any, lab: Any, points: Any) -> None:
    class Arms(points):  # type: ignore[misc]
        def measure(self, *, shutter: Shutter, shutter_a: Shutter, attenuator: Attenuator, clock: Clock) -> Any:
            shutter.block()
            attenuator.set_power(1e-5)
            with shutter_a.exposure():
                clock.sleep(5.0)
                with shutter.exposure():
                    clock.sleep(1.0)
            yield {}

    rehearsal = arms.rehearse(Arms())
    list(Arms().measure(**rehearsal.arguments))
    assert rehearsal.opened == 1
    assert rehearsal.ledger.entries()["emitter"]["on_time"] == pytest.approx(1.0, abs=0.2)
    assert lab.log == []


def test_the_bench_says_what_is_plugged_into_the_tagger(make: Callable[..., Any], lab: Any) -> None:
    kind = type(lab["sc10.state"])
    lab.parameters.update({name: kind(name, object(), lab, 1.0) for name in ("harp.tags", "harp.seconds", "ref.state")})
    tagger = "  tagger: {use: harp.tags, time: harp.seconds, dead_time: 45 ns%s}\n"
    reference = "  reference: {use: ref.state, wavelength: 632.816 nm}\n"

    def bench(more: str) -> Any:
        return make(
            {"  scanner:": tagger % more + reference + "  scanner:", "[shutter.b": "[reference.block, shutter.b"}
        )

    found = bench(", monitor: 1, trigger: 2")
    assert isinstance(found.roles["tagger"], WiredTagger)
    assert found.roles["tagger"].inputs() == {"signal": 0, "monitor": 1, "trigger": 2}
    assert bench("").roles["tagger"].inputs() == {"signal": 0}
    assert found.conditions()["reference"] == {"wavelength": {"value": 632.816, "sigma": 0.0, "unit": "nm"}}
    for wrong in (", monitor: 0", ", monitor: 1.5"):
        with pytest.raises(BenchError, match=r"tagger .*signal: 0, monitor: .*give each use a channel of its own"):
            bench(wrong)


def test_the_sample_of_an_interferometer_can_be_described(make: Callable[..., Any]) -> None:
    more = "expect: {t2: 11 ps +- 3 ps, pi_power: 10 uW +- 50 %, energy: 1.78 eV +- 1 meV, "
    found = make({"expect: {": more}).conditions()["sample"]["expect"]
    assert found["pi_power"] == {"value": pytest.approx(1e-5), "sigma": pytest.approx(5e-6), "unit": "W"}
    assert found["energy"] == {"value": 1.78, "sigma": pytest.approx(1e-3), "unit": "eV"}
    assert found["t2"]["unit"] == "ps"
