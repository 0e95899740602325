"""The magneto table: laser, one nanocrystal at 4 K in a coil, analyser, spectrograph with camera, SPAD."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..beam import Beam
from ..detector import Detector
from ..exposure import Exposure
from ..front import Front, Setting
from ..noise import RandomWalk
from ..ports import Gate, Later, Rotation
from ..scene import Truth
from ..session import draw_session
from ..timeline import History, Turn
from .camera import Camera, Ocean, Sight
from .ccd import Sensor
from .coil import Coil, Magnetism
from .cold import ColdFinger
from .config import MagnetoConfig
from .cosmics import Cosmics
from .dot import Dot
from .draws import draw
from .drive import Drive, Mechanics
from .focus import Focus
from .glow import Glow
from .grating import Grating
from .light import DetectedLight, SpadLight
from .line_noise import LineNoise
from .mount import Mount
from .slices import Surroundings
from .tagger import DecayTagger
from .thermostat import Cooling
from .truths import all_truths, beside_axis, light_truths

_RAMP = 0.3 / 60.0
"""T/s: `imperfections.eddy_warming` is that of steady ramping at this rate."""
_STEADY = 1.0
"""s for which the laser's noise is constant: exposures last for minutes here."""
_SENSOR_AT = -70.0
"""degC: `detectors.camera.dark_rate` is that of a sensor this cold."""


class Magneto(Front):
    """A Scene: a nanocrystal in a field, and what takes its spectra and its decays.

    Args:
        config: the world file.
        setting: where the table stands.
    """

    _config: MagnetoConfig

    def __init__(self, config: MagnetoConfig, setting: Setting) -> None:
        seed, lock, start = setting.seed, setting.lock, setting.clock.now()
        sizes, sample, optics = config.imperfections, config.sample, config.optics
        session, self._draws, diary = draw_session(config, seed), draw(config, seed), Later(start)
        beam = Beam(config, seed, start, frame=_STEADY)
        self._coil = Coil(start, _magnetism(config, self._draws.field_scale), diary, lock)
        cryostat = config.cryostat
        cooling = Cooling(
            base=cryostat.temperature,
            settling=cryostat.time_constant,
            gradient=cryostat.gradient,
            unrest=sizes.temperature_unrest,
        )
        self._cold = ColdFinger(start, cooling, seed, diary, lock, self._coil.warming, self._draws.thermometers)
        self._focus = Focus(start, optics.focus_range, optics.focus_sensitivity, diary, lock)
        beam.cut_at([self._focus])
        drift = RandomWalk(setting.rng("focus.drift"), sizes.focus_drift)
        self._mount = Mount(config, start, self._coil, self._cold, drift, self._draws.focus_offset)
        noise = LineNoise(seed, sizes.spectral_diffusion, sample.diffusion_time, sizes.blinking, start)
        self._dot = Dot(config, session, self._mount, self._focus, noise)
        exposure = Exposure(beam, self._dot, None)
        diary.diary = exposure
        super().__init__(config, setting, session, beam, exposure)
        self._glow = Glow(config)
        self._turns = History(start, Turn(start, 0.0, start, 0.0))
        self._lamp, self._reference = History(start, first=False), History(start, first=False)
        offset = self._draws.analyser_offset
        around = Surroundings(self._coil, self._cold, self._turns, optics.analyser_zero, offset)
        mechanics = Mechanics(sizes.drive_offset, sizes.turret_offset, sizes.drive_backlash)
        dial, off = config.spectrograph.start, self._draws.dial_offset
        self._drive = Drive(start, dial, mechanics, setting.rng("spectrograph"), exposure, lock, off)
        self._gratings = _gratings(config, self._draws.dispersion_scale)
        self._light = DetectedLight(config, exposure, around, self._glow, noise, self._lamp, self._reference)

    def truths(self) -> dict[str, Truth]:
        """Return every number and word that the table uses; what depends on light, field and time, as it is now."""
        now = self._setting.clock.now()
        power = self._beam.transmitted(self._beam.turns.at(now).optical_angle(now))
        here = np.array([now])
        centre = float(self._drive.centres(here)[0])
        x, y, z = (float(one) for one in 1e-3 * self._mount.places(here)[:, 0])
        return {
            **all_truths(self._config, self._session, self._draws, self._glow),
            **self.at_power(power),
            "dose": self._exposure.dose,
            "field": float(self._coil.fields(here)[0]),
            "trapped_flux": 1e3 * self._coil.trapped(now),
            "temperature": float(self._cold.samples(here)[0]),
            "dial_offset": centre - self._drive.nm(now),
            "dispersion": self._gratings[0].dispersion(centre),
            "emitter_x": x + 1e-3 * self._session.off_centre_x,
            "emitter_y": y + 1e-3 * self._session.off_centre_y,
            "emitter_z": z + self._config.optics.focus_position,
        }

    def at_power(self, power: float) -> dict[str, Truth]:
        """Return what depends on the light, for `power` (W at the sample plane), in focus, the scanner at zero."""
        axis = self._dot.excitations(np.array([power]))
        here = axis * beside_axis(self._session)
        background = self._config.background * self._config.sample.brightness * float(axis[0])
        return light_truths(float(here[0]), float(self._dot.counts(here)[0]), background)

    def describe(self) -> dict[str, str]:
        """Return nothing: what an experimenter knows of this table stands in the calibrations."""
        return {}

    def ports(self) -> dict[str, Any]:
        """Return what instruments can touch, by name; to be called once."""
        config, exposure, setting, lock = self._config, self._exposure, self._setting, self._setting.lock
        sizes, start, around = config.imperfections, self._beam.start, (setting.lock, setting.clock)
        sight = Sight(self._gratings, self._drive, self._draws.spectral_drift, start)
        pixels = config.detectors.camera.pixels
        cosmics = Cosmics(setting.seed, "camera", sizes.cosmic_rays, pixels)
        sensor, rng = _sensor(config), setting.rng("camera")
        return {
            **self._ports(),
            "focus": self._focus,
            "lamp": Gate(self._lamp, exposure, lock),
            "reference": Gate(self._reference, exposure, lock),
            "analyser": Rotation(self._turns, exposure, backlash=sizes.attenuator_backlash, lock=lock),
            "magnet": self._coil,
            "cryostat": self._cold,
            "spectrograph": self._drive,
            "camera": Camera(self._light, sight, sensor, cosmics, pixels, rng, *around),
            "ocean": Ocean(self._light, setting.rng("ocean"), *around),
            "apd": Detector(SpadLight(self._light), config, setting.rng("apd"), *around),
            "tagger": DecayTagger(self._light, config, self._session.pulse_duration, setting.rng("tagger"), *around),
        }


def _magnetism(config: MagnetoConfig, scale: float) -> Magnetism:
    sizes = config.imperfections
    return Magnetism(
        scale=scale,
        lag=sizes.magnet_lag,
        trapped=1e-3 * sizes.trapped_flux,
        eddy=sizes.eddy_warming / _RAMP**2,
    )


def _gratings(config: MagnetoConfig, scale: float) -> list[Grating]:
    part, camera = config.spectrograph, config.detectors.camera
    return [
        Grating(
            grooves=grooves,
            focal=part.focal_length,
            pitch=camera.pixel_size,
            pixels=camera.pixels,
            deviation=part.included_angle,
            scale=scale,
        )
        for grooves in (part.grooves, part.grooves_2, part.grooves_3)
    ]


def _sensor(config: MagnetoConfig) -> Sensor:
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
