"""The simulated Cryomagnetics 4G and Oxford IPS 120-10, and what all supplies of magnets have in common."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest


def _magnet_lab():
    spec = importlib.util.spec_from_file_location("magnet_lab", Path(__file__).with_name("magnet_lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = _magnet_lab()


@pytest.fixture
def lab():
    return tools.MagnetLab()


class TestCryomagnetics:
    @pytest.fixture
    def supply(self, lab):
        supply = lab.terminal(tools.CRYOMAGNETICS)
        supply("REMOTE", "RANGE 0 40", "RATE 0 0.05", "RATE 1 0.025", "ULIM 90", "LLIM -10")
        return supply

    def test_each_range_has_its_own_rate(self, supply, lab):
        assert supply("ULIM?") == "90.0000kG"
        supply("SWEEP UP")
        begin = lab.clock.now()
        for seconds, amps in ((400, 20), (800, 40), (1600, 60), (2400, 80)):
            lab.clock.jump_to(begin + seconds)
            assert lab.tesla("magnet_c") == pytest.approx(amps * 0.1125)
        assert supply("*STB?") == "0"
        supply("UNITS A")
        assert supply("IMAG?") == "80.0000A"

    def test_a_pause_is_standby(self, supply, lab):
        supply("SWEEP DOWN")
        assert (supply("*STB?"), supply("SWEEP?")) == ("1", "Sweep down")
        lab.clock.sleep(10)
        supply("SWEEP PAUSE")
        assert supply("*STB?") == "2"
        held = lab.tesla("magnet_c")
        lab.clock.sleep(100)
        assert lab.tesla("magnet_c") == held < 0

    def test_nothing_starts_in_local_or_in_a_quench(self, supply, lab):
        supply("LOCAL", "SWEEP UP", "REMOTE")
        assert supply("*STB?") == "2"
        supply.faults.quench()
        supply("SWEEP UP")
        assert (supply("*STB?"), supply("*ESR?")) == ("6", "16")
        supply("QRESET", "SWEEP UP")
        assert supply("*STB?") == "1"


class TestIps120:
    def test_commands_come_back_and_mistakes_with_a_question_mark(self, lab):
        supply = lab.terminal(tools.IPS)
        send = lambda text: supply(text + "\r").strip()  # noqa: E731
        assert send("X") == "X00A4C2H0M10P00"
        assert (send("A0"), send("C3"), send("A0"), send("A1x"), send("R99")) == ("?A0", "C", "A", "?A1x", "?R99")
        assert (send("$J1"), send("R8")) == ("", "R+1.000000")
        supply.faults.quench()
        assert send("X").startswith("X10A4")


NUMBERS = ["", "0", "1", "2", "-0.5", "7", "nan", "inf", "1e-9", "1e308", "-1e308", "x", "\xb5", "1,2", "1,0.1,3"]
TALK = {
    tools.AMI: "RAMP|PAUSE|ZERO|INCR|DECR|CONF:FIELD:TARG |CONF:RAMP:RATE:FIELD 1,|CONF:RAMP:RATE:SEG |"
    "CONF:PS |PS |PS 1|PS 0|QU |QU 0|CONF:COIL |CONF:CURR:LIMIT |CONF:FIELD:UNITS |"
    "CONF:VOLT:LIM |CONF:PS:PSRR |STATE?|FIELD:MAG?|VOLT:MAG?|;",
    tools.LS336: "SETP 1,|RAMP 1,1,|RAMP 1,|RANGE 1,|RANGE |OUTMODE 1,3,|OUTMODE 1,|MOUT 1,|INTYPE A,|TLIMIT A,|HTR? 1|"
    "KRDG? |PID 1,|SETP? |CRVHDR? |INNAME A,|;",
    tools.MERCURY: "|".join(f"SET:DEV:GRPZ:PSU:{what}:" for what in ("SIG:FSET", "SIG:RFST", "SIG:CSET", "SIG:SWHN"))
    + "|".join(f"|SET:DEV:GRPZ:PSU:ACTN:{what}" for what in ("HOLD", "CLMP", "RTOS", "RTOZ"))
    + "|READ:DEV:GRPZ:PSU:SIG:FLD|READ:|SET:|:",
    tools.CRYOMAGNETICS: "REMOTE|ULIM |LLIM |RATE 0 |RATE |RANGE 0 |SWEEP UP|SWEEP DOWN FAST|SWEEP ZERO|SWEEP |UNITS |"
    "QRESET|PSHTR ON|IMAG?|*STB?|RATE? |;",
    tools.IPS: "C3|A0|A1|A2|A|J|T|I|S|H1|H0|H2|X|R|R7|$|V",
}


@pytest.mark.parametrize("address", [*TALK, tools.PARKED, tools.SWITCHED])
def test_no_noise_on_the_line_makes_a_device_stumble_or_a_field_jump(lab, address):
    noise = random.Random(7)
    supply = lab.terminal(address)
    talk = TALK[{tools.PARKED: tools.AMI, tools.SWITCHED: tools.MERCURY}.get(address, address)]
    words = talk.replace("GRPZ", "GRPX" if address == tools.SWITCHED else "GRPZ").split("|")
    for _ in range(2000):
        line = noise.choice(words) + (noise.choice(NUMBERS) if noise.random() < 0.6 else "")
        supply.device.feed(line.encode("latin-1") + b"\r\n", lab.clock.now())
        lab.clock.sleep(noise.random() * 60)
        supply.listen()
        if noise.random() < 0.01:
            supply.faults.quench() if hasattr(supply.faults, "quench") else supply.faults.open_sensor("A")
        if noise.random() < 0.02 and hasattr(supply.faults, "acknowledge_quench"):
            supply.faults.acknowledge_quench()


@pytest.mark.parametrize(
    ("address", "port", "lines"),
    [
        (tools.AMI, "magnet", ["CONF:RAMP:RATE:FIELD 1,0.005,9", "CONF:FIELD:TARG 1", "RAMP"]),
        (tools.CRYOMAGNETICS, "magnet_c", ["REMOTE", "RATE 0 0.05", "ULIM 10", "SWEEP UP"]),
        (
            tools.MERCURY,
            "magnet_m",
            [f"SET:DEV:GRPZ:PSU:{what}" for what in ("SIG:RFST:0.3", "ACTN:HOLD", "SIG:FSET:1", "ACTN:RTOS")],
        ),
    ],
)
class TestEverySupply:
    def test_a_quench_is_planned_with_the_ramp_so_that_it_comes_whoever_asks(self, lab, address, port, lines):
        supply = lab.terminal(address)
        supply.faults.quench_at(0.5)
        supply(*lines)
        coil = lab.ports[port]
        assert max(coil.nominal(t) for t in range(300)) == pytest.approx(0.5, abs=0.01)
        assert coil.nominal(300) == 0

    def test_an_inhibited_supply_does_not_ramp(self, lab, address, port, lines):
        supply = lab.terminal(address)
        supply.faults.refuse_ramps()
        supply(*lines)
        lab.clock.sleep(100)
        assert lab.tesla(port) == 0
        supply.faults.refuse_ramps(False)
        supply(lines[-1])
        lab.clock.sleep(400)
        assert lab.tesla(port) == pytest.approx(1)
