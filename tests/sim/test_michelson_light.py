"""Light, fringes and photons of the Michelson table, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.world import World, load_config, parse_config

TABLE = "virtual_michelson"
PER_MM = 2.0 * 1.00027 / 0.299792458
"""ps of delay per mm of mirror travel."""
GATES = ("shutter", "shutter_a", "shutter_b")


class Table:
    """A world with a hand on its knobs; time passes only in `wait`."""

    def __init__(self, changes: str = "", *, bare: bool = True, seed: int = 1) -> None:
        raw = load_config(None, TABLE).model_dump()
        raw["imperfections"]["off_centre"] = "50 nm"
        for name in ("blinking", "background", "dead_time", "dark_counts", "afterpulsing", "jitter"):
            raw["imperfections"][name] = "on"
        if bare:
            raw["imperfections"] = dict.fromkeys(raw["imperfections"], "off")
        for change in filter(None, changes.split(";")):
            key, value = (part.strip() for part in change.split("="))
            *path, last = key.split(".")
            node = raw
            for part in path:
                node = node[part]
            node[last] = value
        self.world = World(parse_config(raw, "test"), seed, SimClock(speed=0))
        self.port = self.world.port

    @property
    def now(self) -> float:
        return self.world.clock.now()

    def wait(self, seconds: float) -> float:
        """Let time pass; return when it began."""
        begin = self.now
        self.world.clock.sleep(seconds)
        return begin

    def power(self, watts: float) -> Table:
        plate = self.world.config.optics.attenuator
        share = (watts / plate.maximum_power - plate.extinction) / (1.0 - plate.extinction)
        angle = plate.angle_of_maximum + math.degrees(math.acos(math.sqrt(share))) / 2.0
        self.port("attenuator").path(self.now, angle, self.now, angle)
        return self

    def open(self, *names: str) -> Table:
        for name in (*GATES, "reference"):
            self.port(name).switch(name in names, self.now)
        return self

    def delay(self, ps: float) -> Table:
        """Go to a delay, from below, with the piezo in its middle."""
        target = float(self.world.truth("zero_delay")) + ps / PER_MM
        self.port("fine").move(7.5, self.now, True)
        self.port("coarse").path(self.now, target - 0.02, self.now, target)
        self.wait(0.01)
        return self

    def rates(self, um: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean cps (signal, monitor) with the piezo at these places from its middle."""
        found = []
        for place in um:
            self.port("fine").move(7.5 + float(place), self.now, True)
            self.wait(0.01)
            t0 = self.wait(0.01)
            light = self.world._scene._light
            found.append([float(np.mean(column)) for column in light.rates(light.grid(t0, self.now))])
        return tuple(np.array(found).T)


@pytest.fixture
def table():
    return Table().power(0.2e-6).open(*GATES).delay(0.0)


def fringe(um: np.ndarray, rates: np.ndarray, nm: float) -> tuple[float, float]:
    """Return (visibility, phase) of fringes of this vacuum wavelength."""
    phase = 2.0 * np.pi * 2.0 * 1.00027 * um * 1e3 / nm
    design = np.column_stack([np.ones(len(um)), np.cos(phase), np.sin(phase)])
    offset, cosine, sine = np.linalg.lstsq(design, rates, rcond=None)[0]
    return float(np.hypot(cosine, sine) / offset), float(np.arctan2(-sine, cosine))


PLACES = np.linspace(-0.35, 0.35, 29)


# Light on the sample ------------------------------------------------------------------------------------


def test_light_falls_on_the_sample_only_through_the_main_shutter_and_an_arm():
    table = Table().power(2e-6)
    for names in ((), ("shutter",), ("shutter_a", "shutter_b"), ("reference", "shutter_a")):
        table.open(*names).wait(1.0)
    assert table.world.light_log() == []
    for names, share in ((GATES, 1.0), (GATES[:2], 1 / 1.9), (("shutter", "shutter_b"), 0.9 / 1.9)):
        t0 = table.open(*names).wait(2.0)
        last = table.world.light_log()[-1]
        assert (last.t0, last.t1) == (t0, t0 + 2.0)
        assert last.power == pytest.approx(2e-6 * share, rel=1e-6)
    table.open().wait(1.0)
    assert len(table.world.light_log()) == 3
    assert table.world.truth("dose") > 0


def test_the_sample_head_sees_what_the_arms_let_through_and_the_pickoff_everything():
    table = Table().power(2e-6)
    for names, share in ((GATES, 1.0), (GATES[:2], 1 / 1.9), (GATES[1:], 0.0)):
        t0 = table.open(*names).wait(1.0)
        assert table.port("sample_head").watts(t0, t0 + 1.0, 696.54) == pytest.approx(2e-6 * share)
        assert table.port("pickoff").watts(t0, t0 + 1.0, 696.54) == pytest.approx(2e-5)


# Fringes ------------------------------------------------------------------------------------------------


def test_at_zero_delay_both_ports_are_as_bright_as_the_overlaps_allow_and_opposite(table):
    signal, monitor = table.rates(PLACES)
    seen, phase = fringe(PLACES, signal, 1239.841984 / 1.78)
    assert seen == pytest.approx(0.851 * 2 * math.sqrt(0.9) / 1.9, abs=0.01)  # pi/10 pulses are not quite weak
    assert phase == pytest.approx(0.0, abs=0.01)
    seen, phase = fringe(PLACES, monitor, 696.54)
    assert seen == pytest.approx(0.95 * 2 * math.sqrt(0.9) / 1.9, abs=1e-3)
    assert abs(phase) == pytest.approx(math.pi, abs=0.01)
    assert np.mean(monitor) == pytest.approx(1e5, rel=0.05)


def test_counting_at_a_maximum_and_a_minimum_shows_the_true_visibility():
    """With all imperfections off and weak pulses: V = V0 e^(-tau/T2) once the pulses have parted."""
    table = Table("sample.pi_power = 1 mW; sample.brightness = 4e8 cps").power(0.2e-6).open(*GATES)
    truth = float(table.world.truth("visibility_zero"))
    period = 1239.841984 / 1.78 / (2 * 1.00027) * 1e-3
    found = []
    for tau in (6.0, 14.0, 22.0):
        table.delay(tau)
        _, phase = fringe(PLACES, table.rates(PLACES)[0], 1239.841984 / 1.78)
        counts = []
        for place in (-phase, math.pi - phase):
            um = (place / (2 * math.pi)) * period
            table.port("fine").move(7.5 + um, table.now, True)
            table.wait(0.1)
            t0 = table.wait(5.0)
            counts.append(table.port("apd").counts(t0, table.now))
        found.append((counts[0] - counts[1]) / (counts[0] + counts[1]))
        sigma = 1.0 / math.sqrt(sum(counts))
    decay = np.log(np.array(found[:-1]) / found[1:])
    assert decay == pytest.approx([8.0 / 11.12] * 2, abs=5 * sigma / min(found))
    # Pulses of finite length convolve the decay, most of all at zero delay, where V is the truth (PHYSICS 3.3).
    assert found[0] / truth == pytest.approx(math.exp(-6.0 / 11.12) / math.erfc(0.849 * 2 / 11.12 / 2**0.5), rel=5e-3)
    intercept = float(table.world.truth("visibility_intercept"))
    assert found == pytest.approx([intercept * math.exp(-tau / 11.12) for tau in (6.0, 14.0, 22.0)], rel=5e-3)


def test_the_laser_s_own_fringes_last_as_long_as_its_pulses(table):
    seen = {}
    for tau in (0.0, 1.0, 2.0, 3.0, 8.0):
        seen[tau] = fringe(PLACES, table.delay(tau).rates(PLACES)[1], 696.54)[0]
    sigma = 2.0 / (2 * math.sqrt(2 * math.log(2))) * math.sqrt(2)  # ps: the field is exp(-t^2/2 s^2), its square FWHM 2
    for tau, visibility in seen.items():
        assert visibility / seen[0.0] == pytest.approx(math.exp(-(tau**2) / (4 * sigma**2)), abs=5e-3), tau


def test_the_reference_laser_shows_the_travel_at_any_delay_and_only_to_the_monitor():
    table = Table().open("reference", "shutter_a", "shutter_b")
    angle = table.world.config.optics.attenuator.angle_of_maximum + 45.0
    table.port("attenuator").path(table.now, angle, table.now, angle)
    for tau in (0.0, 39.0):
        signal, monitor = table.delay(tau).rates(PLACES)
        assert np.max(signal) == 0.0
        visibility, _ = fringe(PLACES, monitor, 632.816)
        assert visibility == pytest.approx(0.95 * 2 * math.sqrt(0.9) / 1.9, abs=0.01)
        assert np.mean(monitor) == pytest.approx(2.5e5, rel=0.15)  # not a whole number of fringes
    _, alone = table.open("reference", "shutter_a").rates(PLACES[:3])
    assert alone == pytest.approx(2.5e5 / 1.9, rel=0.01)


def test_one_arm_alone_makes_no_fringes_and_no_arm_no_light(table):
    both = np.mean(table.delay(30.0).rates(PLACES)[0])
    a = table.open("shutter", "shutter_a").rates(PLACES)
    b = table.open("shutter", "shutter_b").rates(PLACES)
    assert max(np.ptp(column) for column in (*a, *b)) < 1e-6 * both
    assert a[0][0] + b[0][0] == pytest.approx(both, rel=0.03)
    assert a[1][0] / b[1][0] == pytest.approx(1 / 0.9)
    assert np.max(table.open("shutter").rates(PLACES[:2])) == 0.0


def test_the_main_shutter_darkens_the_signal_and_not_the_monitor(table):
    signal, monitor = table.open("shutter_a", "shutter_b").rates(PLACES[:2])
    assert np.max(signal) == 0.0
    assert np.min(monitor) > 1e3


def test_beside_the_dot_background_and_leakage_are_left():
    table = Table("imperfections.background = on; imperfections.leakage = 2 %").power(0.2e-6).open(*GATES).delay(20.0)
    table.port("scanner_x").set(5.0, table.now)
    signal, _ = table.rates(PLACES)
    plateau = table.world.config.sample.brightness * (math.pi / 2) ** 2 * 0.2e-6 / 10e-6
    assert signal == pytest.approx((0.005 + 0.02) * plateau, rel=1e-3)
    table.delay(0.0)
    visibility, phase = fringe(PLACES, table.rates(PLACES)[0], 696.54)
    assert visibility == pytest.approx(0.8 * 0.85, rel=0.01)
    assert phase == pytest.approx(0.0, abs=0.01)


def test_the_overlap_is_lost_with_travel():
    seen = [
        fringe(PLACES, Table(change).open("reference", *GATES[1:]).delay(39.0).rates(PLACES)[1], 632.816)[0]
        for change in ("", "imperfections.overlap_drift = 10 %")
    ]
    assert seen[1] / seen[0] == pytest.approx(1 - 0.1 * 39.0 / PER_MM / 10, rel=1e-3)


def test_fringes_that_pass_too_fast_are_averaged(table):
    t0 = table.now
    zero = float(table.world.truth("zero_delay"))
    table.port("coarse").path(t0, zero - 0.05, t0 + 0.02, zero + 0.05)
    table.wait(0.02)
    light = table.world._scene._light
    monitor = light.rates(light.grid(t0, table.now)).monitor
    assert np.ptp(monitor) < 0.2 * 1e5
    assert np.mean(monitor) == pytest.approx(1e5, rel=1e-2)


def test_without_a_dot_the_signal_s_fringes_end_with_the_pulses():
    table = Table("sample.kind = laser").power(0.2e-6).open(*GATES)
    assert fringe(PLACES, table.delay(0.0).rates(PLACES)[0], 696.54)[0] == pytest.approx(0.85, abs=2e-3)
    assert fringe(PLACES, table.delay(12.0).rates(PLACES)[0], 696.54)[0] < 1e-3


def test_a_doublet_beats():
    table = Table("sample.splitting = 0.1 meV; sample.t2 = 300 ps").power(0.02e-6).open(*GATES)
    period = 4.135667696 / 0.1
    seen = [fringe(PLACES, table.delay(tau).rates(PLACES)[0], 696.54)[0] for tau in (period / 2, period)]
    weaker = 0.5 * math.exp(-4 * math.log(2) * (0.1 / 0.9124) ** 2)  # there the 2 ps pulse is 0.912 meV wide
    assert seen[0] / seen[1] == pytest.approx(math.exp(period / 2 / 300) * (1 - weaker) / (1 + weaker), rel=0.01)


def test_the_power_of_arm_a_makes_its_area(table):
    assert table.world.truth("pulse_area") == pytest.approx(math.sqrt(0.2 / 1.9 / 10), rel=1e-6)
    assert table.world.at_power(19e-6)["pulse_area"] == pytest.approx(1.0)
    table.open(*GATES[:2])
    seen = [table.power(watts).rates(PLACES[:1])[0][0] for watts in (0.1e-6, 18.9e-6)]
    weak = math.sin(math.pi * math.sqrt(0.1 / 1.9 / 10) / 2) ** 2
    assert seen[1] / seen[0] == pytest.approx(1.0 / weak, rel=0.15)


# Photons ------------------------------------------------------------------------------------------------


def test_records_count_what_the_light_says_and_the_counter_sees_the_same():
    table = Table(bare=False).power(0.2e-6).open(*GATES).delay(20.0)
    t0 = table.wait(6.0)
    events = table.port("tagger").record(t0, table.now)
    counts = np.bincount(events.channels, minlength=3)
    light = table.world._scene._light
    rates = light.rates(light.grid(t0, table.now))
    for channel in (0, 1):
        expected = (np.mean(rates[channel]) + 200) * 6
        expected *= 1.01 * (1 - np.mean(rates[channel]) * 45e-9)
        assert counts[channel] == pytest.approx(expected, abs=5 * math.sqrt(expected))
    assert table.port("apd").counts(t0, table.now) == pytest.approx(counts[0], abs=7 * math.sqrt(counts[0]))
    assert table.port("tagger").rates(t0, table.now)[:2] == pytest.approx(counts[:2] / 6, rel=0.03)
    assert np.all(np.diff(events.times) >= 0)
    assert events.times[-1] < 6e12
    assert events.sync is None
    assert table.port("tagger").sync_rate(t0) == 0.0
    assert table.port("tagger").inputs == ("signal", "monitor", "trigger")


def test_the_trigger_marks_the_cycles_in_the_record():
    table = Table()
    begin = table.now + 0.25
    table.port("trigger").pulses(begin, 0.16)
    t0 = table.wait(2.0)
    events = table.port("tagger").record(t0, table.now)
    marks = events.times[events.channels == 2] * 1e-12
    assert marks == pytest.approx(0.25 + 0.16 * np.arange(11), abs=1e-9)
    assert table.port("tagger").rates(t0, table.now)[2] == pytest.approx(5.5)


def test_any_order_of_looks_sees_the_same_light():
    """Overlapping, long and late looks, with moves in between: the means are functions of time alone."""

    def run(looks: bool) -> list[np.ndarray]:
        table = Table(bare=False, seed=3).power(0.2e-6).open(*GATES).delay(5.0)
        table.port("fine").wave(table.now, [6.8, 8.2], 0.08, False)
        for k in range(6):
            table.wait(0.37)
            if looks:
                table.port("tagger").record(max(0.0, table.now - 0.9), table.now)
                table.port("apd").counts(table.now - 0.1, table.now)
                table.world.light_log()
            if k == 2:
                here = table.port("coarse").position(table.now)
                table.port("coarse").path(table.now, here, table.now + 0.2, here + 0.3)
            if k == 4:
                table.port("shutter_b").switch(False, table.now + 0.005)
        light = table.world._scene._light
        rates = light.rates(light.grid(0.0, table.now))
        part = light.rates(light.grid(0.5, 1.5))
        whole = np.mean(rates.signal[2000:6000]), np.mean(part.signal)
        assert whole[0] == pytest.approx(whole[1], rel=2e-2)
        return [*rates]

    for quiet, busy in zip(run(False), run(True), strict=True):
        assert np.array_equal(quiet, busy)


def test_a_long_recording_is_as_good_as_short_ones():
    """Longer ones are worked out in parts: nothing is lost or doubled where these meet."""
    table = Table("imperfections.dark_counts = on; detectors.monitor.dark_rate = 3000 cps")
    table.port("trigger").pulses(table.now, 1.0)
    t0 = table.wait(95.0)
    events = table.port("tagger").record(t0, table.now)
    assert np.all(np.diff(events.times) >= 0)
    assert events.times[events.channels == 2] == pytest.approx(1e12 * np.arange(95), abs=1e3)
    per_second = np.histogram(events.times[events.channels == 1], 95, (0, 95e12))[0]
    assert np.all(np.abs(per_second - 3000) < 5 * math.sqrt(3000))
    assert np.var(per_second) == pytest.approx(3000, rel=0.6)


def test_a_recording_of_the_future_is_refused(table):
    with pytest.raises(UsageError, match="cannot be read at"):
        table.port("tagger").record(table.now, table.now + 1.0)
    with pytest.raises(UsageError, match="at most 7200 s"):
        table.port("tagger").record(table.now, table.now + 8000.0)


def test_blinking_darkens_the_dot_for_its_share_of_the_time():
    light = []
    for change in ("", "imperfections.blinking = on"):
        table = Table(change).power(0.2e-6).open(*GATES).delay(60.0)
        t0 = table.wait(100.0)
        light.append(table.port("apd").expected(t0, table.now))
    assert light[1] / light[0] == pytest.approx(5 / 6, abs=0.05)
