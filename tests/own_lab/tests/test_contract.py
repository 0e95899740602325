"""What every procedure, analysis and driver of ours must do."""

from own_lab.power_drift import power_drift
from own_lab.power_stability import PowerStability
from own_lab.scpi_meter import ScpiMeter

from perovskite_meas.testing import parametrize_with_checks

METER = {"address": "USB0::0x1313::0x8078::P0000001::INSTR", "visalib": "virtual_confocal@twin"}


@parametrize_with_checks([PowerStability, power_drift, (ScpiMeter, METER)])
def test_ours_keep_the_contract(check):
    check()
