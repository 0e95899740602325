"""A laboratory with nothing but linear stages in it, for the tests of their controllers."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyvisa

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.wire import wire_up

ESP, SMC, CONEX = "ASRL7::INSTR", "ASRL8::INSTR", "ASRL9::INSTR"
WIRING = {
    ESP: {"device": "ESP301", "axis_1": "coarse", "axis_2": "other"},
    SMC: [
        {"device": "SMC100", "bus_address": "1", "port": "coarse"},
        {"device": "SMC100", "bus_address": "2", "port": "other"},
    ],
    CONEX: {"device": "CONEX", "bus_address": "1", "port": "coarse"},
}


class Travel:
    """Linear paths, each of which replaces what was planned for later; nothing may jump."""

    def __init__(self, mm):
        self.paths = [(-1.0, mm, -1.0, mm)]

    def path(self, t0, mm0, t1, mm1):
        assert t1 >= t0
        assert abs(self.position(t0) - mm0) < 1e-6, "the stage jumped"
        self.paths = [path for path in self.paths if path[0] < t0] + [(t0, mm0, t1, mm1)]

    def position(self, t):
        t0, mm0, t1, mm1 = [path for path in self.paths if path[0] <= t][-1]
        return float(np.interp(t, [t0, t1], [mm0, mm1])) if t1 > t0 else mm1


class StageLab:
    """What wire devices need of a World: two stages, at 7 mm and at 3 mm when the power comes on."""

    def __init__(self, speed=0):
        self.clock = SimClock(speed=speed)
        self.lock = threading.RLock()
        self.ports = {"coarse": Travel(7.0), "other": Travel(3.0)}
        self.config = SimpleNamespace(instruments=WIRING)

    def port(self, name):
        return self.ports[name]

    def rng(self, name):
        return np.random.default_rng([len(name), *name.encode()])

    def where(self, port="coarse"):
        """Return where a stage is now, in mm."""
        return self.ports[port].position(self.clock.now())


class Terminal:
    """Sends bytes to the device at an address, and returns what comes back."""

    def __init__(self, lab, address, **options):
        wiring = WIRING[address]
        self.lab = lab
        self.device = wire_up(lab, address, {**wiring, **options} if options else wiring)

    def ask(self, data):
        self.device.feed(data, self.lab.clock.now())
        return self.listen()

    def listen(self):
        heard = []
        while (due := self.device.next_due()) is not None:
            self.lab.clock.jump_to(due)
            heard += self.device.poll(self.lab.clock.now())
        return b"".join(heard)


@contextlib.contextmanager
def twin(folder: Path, lab):
    """Give a VISA library (its name, itself) behind which `lab` stands."""
    (folder / "world.yaml").write_text("seed: 1\n", encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{folder}@twin")
    manager.visalib.adopt(lab)
    yield f"{folder}@twin", manager.visalib
    manager.close()
