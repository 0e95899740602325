"""PyVISA back end `<table>@twin`: the virtual laboratory behind the lab's own addresses."""

from perovskite_meas.sim.visa import TwinVisaLibrary

WRAPPER_CLASS = TwinVisaLibrary
