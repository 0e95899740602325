"""The ASE table: amplifier with pulse picker, a film under a line focus, and what takes the spectra of its edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..exposure import Light
from ..front import Setting
from ..magneto.ccd import Sensor
from ..magneto.cosmics import Cosmics
from ..noise import Floats, RandomWalk
from ..ports import Gate, Later, Rotation
from ..scene import Shot, Truth
from ..timeline import History, Turn
from .beam import Beam
from .camera import Camera
from .config import AseConfig
from .draws import draw
from .film import Film
from .fired import Fired
from .glow import Glow, pixel_edges
from .heads import EnergyHead
from .laser import Laser
from .source import Source, angles
from .spot import Spot
from .table import Stages
from .train import PulseTrain
from .truths import all_truths
from .wheel import FilterWheel

_SENSOR_AT = -70.0
"""degC: `detectors.camera.dark_rate` is that of a sensor this cold."""


class Ase:
    """A Scene: single pulses on a film.

    Args:
        config: the world file.
        setting: where the table stands.
    """

    def __init__(self, config: AseConfig, setting: Setting) -> None:
        seed, lock, start = setting.seed, setting.lock, setting.clock.now()
        sizes, optics = config.imperfections, config.optics
        self._config, self._setting, self._draws = config, setting, draw(config, seed)
        draws, diary = self._draws, Later(start)
        drift = RandomWalk(setting.rng("laser.drift"), sizes.energy_drift)
        train = PulseTrain(start, config.laser.repetition_rate, seed, sizes.energy_jitter, drift)
        self._source = Source(train, config.laser)
        self._beam = Beam(self._source, optics.attenuator, start)
        play, knife = 1e-3 * sizes.stage_backlash, (draws.knife_x, draws.knife_y)
        self._stages = Stages(start, optics.near, optics.slit, play, knife, diary, lock)
        self._spot = Spot(draws.waist, draws.waist_y, optics.top_hat)
        self._fired = Fired(self._beam, self._stages, self._spot, start)
        diary.diary = self._fired
        self._film = Film(
            config.film,
            seed,
            centre_mm=optics.centre,
            waist_mm=1e-3 * draws.waist,
            even=optics.top_hat,
            spectral_noise=sizes.spectral_noise,
        )
        self._analyser = History(start, Turn(start, 0.0, start, 0.0))
        self._wheel = FilterWheel(start, draws.filters, diary, lock)
        section, pixels = config.spectrograph, config.detectors.camera.pixels
        self._glow = Glow(
            self._film,
            self._beam,
            self._fired,
            self._spot,
            optics=optics,
            nominal=config.laser.wavelength,
            draws=draws,
            turns=self._analyser,
            wheel=self._wheel,
            edges=pixel_edges(section, pixels, draws),
            resolution=section.resolution / section.dispersion,
        )

    def advance(self, t: float) -> None:
        """Follow the light on the film up to `t` (clock time, s)."""
        self._fired.advance(t)

    def light_log(self) -> list[Light]:
        """Return every interval in which the shutter was open and pulses fell on one place."""
        return self._fired.lights()

    def shots(self) -> list[Shot]:
        """Return every laser pulse that reached the film, as far as the light has been followed."""
        return self._fired.shots()

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that the table uses; what depends on light, place and time, as it is now."""
        now = self._setting.clock.now()
        here = np.array([now])
        x, y, near, far = (float(column[0]) for column in self._stages.film(here))
        energy = float(self._beam.transmitted(angles(self._beam.turns, here))[0])
        return {
            **all_truths(self._config, self._draws),
            **self._at_energy(energy),
            "wavelength": float(self._source.wavelengths(here)[0]),
            "stripe_length": max(0.0, far - near),
            "spot_scatter": self._film.ageing.place(x, y),
            "dose": self._fired.places.dose(x, y),
            "shots": float(self._fired.places.shots(x, y)),
            "divider": float(self._source.divider.at(now)),
        }

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` (W at the film, at the rate that the picker lets out now)."""
        return self._at_energy(power * self._source.divider.at(self._setting.clock.now()) / self._source.rate)

    def describe(self) -> dict[str, str]:
        """Return nothing: what an experimenter knows of this table stands in the calibrations."""
        return {}

    def ports(self) -> dict[str, Any]:
        """Return what instruments can touch, by name; to be called once."""
        config, fired, setting, lock = self._config, self._fired, self._setting, self._setting.lock
        sizes, play, around = config.imperfections, config.imperfections.attenuator_backlash, (lock, setting.clock)
        pixels = config.detectors.camera.pixels
        cosmics = Cosmics(setting.seed, "camera", sizes.cosmic_rays, pixels)
        sensor = _sensor(config)
        return {
            "laser": Laser(self._source, config.laser, self._draws.pulse_duration, fired, lock),
            "attenuator": Rotation(self._beam.turns, fired, backlash=play, lock=lock),
            "analyser": Rotation(self._analyser, fired, backlash=play, lock=lock),
            "shutter": Gate(self._beam.shutter, fired, lock),
            "pickoff": self._head("pickoff"),
            "sample_head": self._head("sample_head"),
            **self._stages.ports,
            "filter": self._wheel,
            "camera": Camera(self._glow, self._source, fired, sensor, cosmics, pixels, setting.seed, *around),
        }

    def _head(self, name: str) -> EnergyHead:
        sizes, before = self._config.imperfections, name == "pickoff"
        return EnergyHead(
            self._beam,
            self._fired,
            self._draws.heads[name],
            noise=sizes.meter_noise,
            ratio=self._config.optics.pickoff_ratio if before else 1.0,
            drift=RandomWalk(self._setting.rng(f"{name}.drift"), sizes.pickoff_drift if before else 0.0),
            seed=self._setting.seed,
            name=name,
            passed=None if before else self._past_knives,
            lock=self._setting.lock,
            clock=self._setting.clock,
        )

    def _past_knives(self, times: Floats) -> Floats:
        """Return the share of each pulse that passes the knife edges at these times (s, sorted), shape (n,)."""
        return np.array([self._spot.passes(x, y) for x, y in self._stages.knives(times).T.tolist()])

    def _at_energy(self, joule: float) -> dict[str, Truth]:
        """Return what follows from the energy of a pulse in the whole focus, on a fresh, cold spot without scatter."""
        fluence = self._spot.fluence(np.array([joule]))
        return {
            "pulse_energy": joule,
            "fluence": float(fluence[0]),
            "excitations": float(self._film.excitations(fluence)[0]),
            "net_gain": float(self._film.net_gain(fluence)[0]),
        }


def _sensor(config: AseConfig) -> Sensor:
    camera = config.detectors.camera
    return Sensor(
        quantum_efficiency=1.0,
        dark=config.dark_current,
        dark_at=_SENSOR_AT,
        full_well=camera.full_well,
        read_noise=config.read_noise,
        gain=camera.gain,
        offset=camera.offset,
    )
