"""A laboratory with nothing but a coil and a cold finger in it, for the tests of their controllers."""

from __future__ import annotations

import contextlib
import math
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyvisa

from perovskite_meas.sim.clock import SimClock
from perovskite_meas.sim.wire import wire_up

AMI, AMI_Y, AMI_Z = (f"TCPIP0::192.168.0.{last}::7180::SOCKET" for last in (20, 30, 31))
PARKED = "TCPIP0::192.168.0.32::7180::SOCKET"
LS336, LS335 = "TCPIP0::192.168.0.21::7777::SOCKET", "ASRL5::INSTR"
CRYOMAGNETICS, IPS = "TCPIP0::192.168.0.24::4444::SOCKET", "GPIB0::25::INSTR"
MERCURY, SWITCHED = "TCPIP0::192.168.0.22::7020::SOCKET", "TCPIP0::192.168.0.23::7020::SOCKET"
WIRING = {
    AMI: {"device": "AMI430", "port": "magnet"},
    AMI_Y: {"device": "AMI430", "port": "magnet_y"},
    AMI_Z: {"device": "AMI430", "port": "magnet_z"},
    PARKED: {"device": "AMI430", "port": "magnet_p", "persistent_switch": True},
    LS336: {"device": "LS336", "port": "cryostat"},
    LS335: {"device": "LS335", "port": "cryostat"},
    MERCURY: {"device": "MercuryiPS", "port": "magnet_m", "group": "GRPZ", "cryostat": "cryostat"},
    SWITCHED: {"device": "MercuryiPS", "port": "magnet_s", "group": "GRPX", "persistent_switch": True},
    CRYOMAGNETICS: {"device": "Cryomagnetics4G", "port": "magnet_c"},
    IPS: {"device": "IPS120", "port": "magnet_i"},
}


class Coil:
    """Linear paths, each of which replaces what was planned for later; the field never jumps."""

    def __init__(self):
        self.paths = [(-1.0, 0.0, -1.0, 0.0)]
        self.quenches = []

    def path(self, t0, tesla0, t1, tesla1):
        assert t1 >= t0
        assert abs(self.nominal(t0) - tesla0) < 1e-6, "the field jumped"
        self.paths = [path for path in self.paths if path[0] < t0] + [(t0, tesla0, t1, tesla1)]

    def nominal(self, t):
        t0, tesla0, t1, tesla1 = [path for path in self.paths if path[0] <= t][-1]
        return float(np.interp(t, [t0, t1], [tesla0, tesla1])) if t1 > t0 else tesla1

    def quench_heat(self, t):
        self.quenches.append(t)


class Finger:
    """Settles exponentially within a minute, never below 4 K; the cold plate is 0.2 K colder."""

    def __init__(self):
        self.plans = [(-1.0, 4.0, 4.0)]

    def set(self, kelvin, t):
        here = self.kelvin("A", t)
        self.plans = [plan for plan in self.plans if plan[0] < t] + [(t, here, max(kelvin, 4.0))]

    def kelvin(self, sensor, t):
        since, begin, target = [plan for plan in self.plans if plan[0] <= t][-1]
        here = target + (begin - target) * math.exp(-(t - since) / 60.0)
        return here - {"A": 0.0, "B": 0.2}[sensor]


class MagnetLab:
    """What wire devices need of a World."""

    def __init__(self, speed=0):
        self.clock = SimClock(speed=speed)
        self.lock = threading.RLock()
        names = ("magnet", "magnet_y", "magnet_z", "magnet_p", "magnet_m", "magnet_s", "magnet_c", "magnet_i")
        self.ports = {**{name: Coil() for name in names}, "cryostat": Finger()}
        self.config = SimpleNamespace(instruments=WIRING)

    def port(self, name):
        return self.ports[name]

    def rng(self, name):
        return np.random.default_rng([len(name), *name.encode()])

    def tesla(self, port="magnet"):
        """Return the nominal field of a coil now."""
        return self.ports[port].nominal(self.clock.now())

    def terminal(self, address, **options):
        """Connect to the device at an address."""
        return Terminal(self, address, options)


class Terminal:
    """Sends lines to a device, and returns what comes back."""

    def __init__(self, lab, address, options):
        self.lab = lab
        self.device = wire_up(lab, address, {**WIRING[address], **options})
        self.faults = self.device.faults

    def __call__(self, *lines):
        for line in lines:
            self.device.feed(line.encode() + b"\n", self.lab.clock.now())
        return self.listen().decode().rstrip()

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
