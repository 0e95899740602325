"""Two mounts on one serial line, each with its own angle, as drivers see them."""

from pathlib import Path

import pyvisa

from perovskite_meas.drivers import ELL14


def test_two_mounts_on_one_line_turn_independently(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(
        "instruments:\n  ASRL3::INSTR:\n"
        "    - {device: ELL14, port: attenuator, bus_address: '0'}\n"
        "    - {device: ELL14, port: analyser, bus_address: 'A'}\n",
        encoding="utf-8",
    )
    library = pyvisa.ResourceManager("virtual_confocal@twin").visalib
    library.reset(world=world, seed=2, speed=0)
    plate = ELL14("plate", "ASRL3::INSTR", visalib="virtual_confocal@twin")
    analyser = ELL14("analyser", "ASRL3::INSTR", bus_address="A", visalib="virtual_confocal@twin")
    plate.home()
    analyser.home()
    plate.angle(10)
    analyser.angle(75)
    assert abs(plate.angle() - 10) < 0.1
    assert abs(analyser.angle() - 75) < 0.1
    plate.close()
    assert abs(analyser.angle() - 75) < 0.1, "the line stays open for the other one"
    analyser.close()
    library.reset()
