"""Runs that count their pulses: the ledger books each, limits hold them, and a dry run plans them."""

from __future__ import annotations

from typing import ClassVar

import pytest

from perovskite_meas.core import Clock, Column, Procedure, Rows, param
from perovskite_meas.core.errors import LimitError, UsageError
from perovskite_meas.core.roles import Pulse, PulseAttenuator, PulseLedger, Scanner, Shutter

PEAK = 424.413  # 1/cm^2


class Bursts(Procedure):
    """Fires bursts of pulses at two spots."""

    energy: float = param("10 nJ", unit="J", doc="of a pulse")
    shots: int = param(20, doc="pulses of a burst")
    rate: float = param("10 Hz", unit="Hz", doc="of the pulses")

    columns: ClassVar = (Column("dose", "J/cm^2", "dose"), Column("before", "1", "pulses"))

    def measure(
        self,
        *,
        shutter: Shutter,
        pulse: Pulse,
        attenuator: PulseAttenuator,
        scanner: Scanner,
        clock: Clock,
        ledger: PulseLedger,
    ) -> Rows:
        pulse.hold()
        rate = pulse.set_rate(self.rate)
        for place in (scanner.on_emitter, scanner.on_emitter, scanner.off_emitter):
            place()
            reached = attenuator.set_energy(self.energy)
            row = {"dose": ledger.dose(), "before": ledger.shots()}
            with shutter.exposure():
                with pulse.releasing():
                    clock.sleep(self.shots / rate)
                clock.sleep(100.0)
            ledger.fired(self.shots * reached, self.shots)
            yield row


class Lit(Procedure):
    """Knows nothing of pulses."""

    columns: ClassVar = (Column("one", "1", "nothing"),)

    def measure(self, *, shutter: Shutter, clock: Clock) -> Rows:
        with shutter.exposure():
            clock.sleep(2.0)
        yield {"one": 1.0}


def test_pulses_are_booked_one_by_one_to_the_spot_that_took_them_and_nothing_by_time(pulses, lab):
    rows = list(Bursts().measure(**pulses.bind(Bursts())))
    assert [row["before"] for row in rows] == [0, 20, 0]
    assert [row["dose"] for row in rows] == pytest.approx([0, 20 * 1e-8 * PEAK, 0], rel=1e-4)
    spots = pulses.ledger.entries()
    assert {name: spot["shots"] for name, spot in spots.items()} == {"emitter": 40, "3.000,0.000": 20}
    assert spots["emitter"]["energy"] == pytest.approx(40 * 1e-8)
    assert spots["emitter"]["on_time"] == 0
    assert spots["emitter"]["photons"] == pytest.approx(4e-7 / 4.966e-19, rel=1e-3)
    assert lab["laser.output"].value == "closed"
    pulses.bind(Bursts())
    assert pulses.ledger.entries() == {}
    assert pulses.ledger.shots() == 0


def test_the_dose_of_any_spot_is_limited_with_the_light_off(make_pulses, lab):
    bench = make_pulses({"dose: 1 mJ/cm^2": "dose: 0.2 mJ/cm^2"})
    with pytest.raises(LimitError, match=r"dose 254.6 uJ/cm\^2 on the emitter exceeds the limit of 200 uJ/cm\^2 \("):
        list(Bursts(shots=30).measure(**bench.bind(Bursts())))
    assert bench.ledger.shots() == 60, "what was fired is booked all the same"
    bench.roles["scanner"].off_emitter()
    with pytest.raises(LimitError, match=r"dose 212.2 uJ/cm\^2 on the spot at 3.000,0.000 um exceeds"):
        bench.ledger.fired(50 * 1e-8, 50)
    assert lab["sc10.state"].value == "closed"
    with pytest.raises(LimitError, match=r"on the spot at 3\.000"):
        bench.roles["shutter"].exposure().__enter__()
    assert lab["sc10.state"].value == "closed"


def test_what_is_still_to_come_counts_unless_it_is_held(pulses, lab):
    pulses.roles["attenuator"].set_energy(1e-8)
    with pulses.roles["shutter"].exposure():
        pulses.guard.watch(ahead=1e6)
        with pulses.roles["pulse"].releasing(), pytest.raises(LimitError, match=r"dose .* exceeds"):
            pulses.guard.watch(ahead=1e6)
        assert lab["sc10.state"].value == "closed", "the limit has closed it"


def test_pulses_far_stronger_than_what_was_set_are_stopped_as_measured(pulses):
    pulses.ledger.fired(1.2e-7, 1)  # one pulse may be 22 % over the limit: jitter
    with pytest.raises(LimitError, match=r"fluence 63.66 uJ/cm\^2 of a pulse of 150 nJ .* so much was measured: calib"):
        pulses.ledger.fired(3e-7, 2)
    assert pulses.ledger.shots() == 3


@pytest.mark.parametrize(("joules", "shots"), [(float("nan"), 3), (float("inf"), 1), (1e-9, -1), (1e-9, 1.5)])
def test_what_is_no_energy_or_number_is_not_booked(pulses, joules, shots):
    with pytest.raises(UsageError, match="cannot book"):
        pulses.ledger.fired(joules, shots)
    assert pulses.ledger.entries() == {"emitter": {"energy": 0.0, "on_time": 0.0, "dose": 0.0, "photons": 0.0}}


def test_pulses_too_weak_to_be_told_from_nothing_count_as_no_energy(pulses):
    pulses.ledger.fired(-1e-12, 2)
    assert pulses.ledger.dose() == 0
    assert pulses.ledger.shots() == 2


def test_an_unknown_energy_is_taken_for_the_most_that_the_calibration_states(make_pulses, lab):
    with pytest.raises(LimitError, match=r"fluence 42.44 uJ/cm.* is not known, so the most that the table gives, "
                       r"100 nJ \(calibrations.energy.maximum, bench.yaml:11\), is assumed: call atten"):  # fmt: skip
        make_pulses_begun(make_pulses).roles["shutter"].exposure().__enter__()
    wide = {"pulse_energy: 98 nJ": "pulse_energy: 200 nJ", "fluence: 40 uJ": "fluence: 80 uJ",
            "average_power: 1 uW": "average_power: 1 mW"}  # fmt: skip
    bench = make_pulses_begun(make_pulses, wide)
    with bench.roles["shutter"].exposure():
        assert lab["sc10.state"].value == "open"
    assert bench.guard.pulses.max_energy == pytest.approx(1e-7)


def test_without_any_energy_the_shutter_stays_closed(make_pulses, lab):
    bench = make_pulses_begun(make_pulses, {
        "  attenuator: {kind: pulse_attenuator, use: ell14.angle, calibration: energy}\n": "",
        ", attenuator.minimum]": "]",
        "  energy: {date: 2026-11-02, maximum: 100 nJ, angle_of_maximum: 12.5 deg, extinction: 1e-4, "
        "range: [0.1 nJ, 97 nJ]}\n": "",
    })  # fmt: skip
    with pytest.raises(UsageError, match=r"shutter .* stays closed: the energy of a pulse at the sample is not known, "
                       "nor the most that it can be; call set_energy or set_fluence"):  # fmt: skip
        bench.roles["shutter"].exposure().__enter__()
    assert ("sc10.state", "open") not in lab.log


def test_a_higher_rate_after_the_energy_was_set_is_held_to_the_average_power(pulses, lab):
    pulses.roles["attenuator"].set_energy(5e-8)
    pulses.roles["pulse"].set_rate(50)
    with pytest.raises(LimitError, match=r"average power 2.5 uW of pulses of 50 nJ at 50 Hz exceeds the limit of 1 uW"):
        pulses.roles["shutter"].exposure().__enter__()
    assert ("sc10.state", "open") not in lab.log


def test_a_procedure_that_knows_nothing_of_pulses_gets_them_and_is_booked_by_time(make_pulses, lab):
    bench = make_pulses({"average_power: 1 uW": "average_power: 1 mW", "98 nJ": "200 nJ", "40 uJ": "80 uJ",
                         "dose: 1 mJ/cm^2": "dose: 1 J/cm^2"})  # fmt: skip
    lab["laser.divider"].value = 50
    list(Lit().measure(**bench.bind(Lit())))
    assert lab["laser.output"].value == "open"
    booked = bench.ledger.entries()["emitter"]["energy"]
    assert booked == pytest.approx(2 * 20 * 1e-7, rel=0.01), "the worst energy at the rate that the laser tells"
    assert bench.make_safe() == []
    assert lab["laser.output"].value == "closed"
    rehearsal = bench.rehearse(Lit())
    list(Lit().measure(**rehearsal.arguments))
    assert rehearsal.dose == pytest.approx(2 * 10 * 1e-7 * PEAK, rel=0.12), "a dry run takes the nominal rate"


def test_a_laser_that_refuses_to_release_hinders_no_run_without_it(make_pulses, lab):
    bench = make_pulses({"average_power: 1 uW": "average_power: 1 mW", "98 nJ": "200 nJ", "40 uJ": "80 uJ",
                         "dose: 1 mJ/cm^2": "dose: 1 J/cm^2"})  # fmt: skip
    lab["laser.output"].value = "closed"
    lab["laser.output"].refuse = OSError("403 wrong state")
    assert len(list(Lit().measure(**bench.bind(Lit())))) == 1
    assert lab["laser.output"].value == "closed"


# dry run ---------------------------------------------------------------------------------------------------


def test_a_dry_run_books_the_planned_pulses_without_instruments(pulses, lab):
    rehearsal = pulses.rehearse(Bursts())
    rows = list(Bursts().measure(**rehearsal.arguments))
    assert lab.log == []
    assert rehearsal.problems == []
    assert rows[1]["before"] == 20
    assert rehearsal.opened == 3
    assert rehearsal.dose == pytest.approx(40 * 1e-8 * PEAK, rel=1e-4)
    assert rehearsal.max_fluence == pytest.approx(1e-8 * PEAK, rel=1e-4)
    assert rehearsal.max_irradiance == pytest.approx(1e-8 * PEAK * 0.939437 / 100e-15, rel=1e-4)
    assert rehearsal.max_power == pytest.approx(1e-7, rel=1e-4)
    assert 3 * 102 < rehearsal.clock.now() < 3 * 104
    assert pulses.ledger.shots() == 0


def test_a_dry_run_goes_on_and_reports_range_rate_and_limits(make_pulses):
    bench = make_pulses({"divider: laser.divider, base: laser.base, ": "", "dose: 1 mJ/cm^2": "dose: 0.1 mJ/cm^2"})
    strong = Bursts(energy=9.9e-8, rate=5.0)
    rehearsal = bench.rehearse(strong)
    assert len(list(strong.measure(**rehearsal.arguments))) == 3
    texts = sorted(rehearsal.problems)
    assert [text.split()[0] for text in texts] == ["99", "dose", "fluence", "pulse", "pulse"]
    assert "is outside 100 pJ .. 97 nJ" in texts[0]
    assert texts[1].startswith("dose 1.681 mJ/cm^2 on the emitter")
    assert any("the laser gives 10 Hz and has no `divider`" in text for text in texts)


def test_a_planned_rate_is_one_that_the_picker_has(make_pulses):
    bench = make_pulses({"base: laser.base": "base: laser.base, base_rate: 1 kHz"})
    pulse = bench.rehearse(Bursts()).arguments["pulse"]
    assert pulse.set_rate(7) == pytest.approx(1000 / 143)
    assert pulse.set_rate(500) == 50
    assert pulse.state() == (50, 100, 400)
    assert pulse.gated()


def test_old_benches_book_by_time_as_before(bench, points, lab):
    rows = list(points().measure(**bench.bind(points())))
    assert len(rows) == 3
    entry = bench.ledger.entries()["emitter"]
    assert entry["on_time"] > 3
    assert "shots" not in entry
    assert set(bench.conditions()["spot"]) == {"waist", "centring"}


def test_a_bench_that_forgets_to_hold_its_pulses_is_warned_and_does_so_where_nothing_is_stated(make_pulses):
    (warning,) = make_pulses({"pulse.hold, ": ""}).spec.warnings
    assert warning.endswith("safe_state leaves out pulse.hold; add it first")
    bench = make_pulses({"safe_state: [shutter.block, pulse.hold, attenuator.minimum]\n": ""})
    assert [str(step) for step in bench.spec.safe_state] == ["shutter.block", "pulse.hold", "attenuator.minimum"]


def make_pulses_begun(make, replace=None):
    bench = make(replace)
    for role in bench.roles.values():
        role.begin()
    return bench
