"""The bridge between the hosts' instruments: PyMeasure drivers in a QCoDeS station, and the reverse."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pyvisa
from qcodes.instrument import Instrument, InstrumentBase
from qcodes.parameters import ParameterBase

from perovskite_meas.core.errors import UsageError, did_you_mean

_NO_IDENTITY = (pyvisa.errors.Error, OSError, LookupError, NotImplementedError, AttributeError, ValueError)


class PyMeasureInstrument(Instrument):  # type: ignore[misc, unused-ignore]
    """Any PyMeasure driver as a QCoDeS instrument, for a station's YAML.

    ```yaml
    meter:
      type: perovskite_meas.hosts.PyMeasureInstrument
      address: USB0::0x1313::0x8072::P1234567::INSTR
      init:
        driver: pymeasure.instruments.thorlabs.ThorlabsPM100USB
        parameters: {power: W, wavelength: nm}
    ```

    Only the listed properties become parameters: a PyMeasure driver does not say which of its properties
    have side effects when read, nor their units. A snapshot never asks the instrument.

    Args:
        name: name in the station.
        driver: dotted path of the PyMeasure driver.
        adapter: VISA address or another thing that the driver takes as its adapter; `address` means the same.
        parameters: property -> unit, '' for none; 'ch_1.voltage' is a channel's property and becomes `ch_1_voltage`.
        visa_library: passed on to the driver where given; `visalib` means the same.
        driver_kwargs: passed on to the driver.

    Raises:
        UsageError: no such driver or property; says which is meant.
    """

    def __init__(
        self,
        name: str,
        driver: str,
        adapter: Any = None,
        parameters: Mapping[str, str] | None = None,
        *,
        address: Any = None,
        visa_library: str | None = None,
        visalib: str | None = None,
        **driver_kwargs: Any,
    ) -> None:
        super().__init__(name)
        made = _driver_class(driver)
        where = address if adapter is None else adapter
        if where is None:
            raise UsageError(f"{name}: state `address` (or `adapter`) of {driver}")
        library = visa_library or visalib
        if library is not None:
            driver_kwargs["visa_library"] = library
        self.driver: Any = made(where, **driver_kwargs)
        try:
            for path, unit in (parameters or {}).items():
                self._add(path, unit)
        except BaseException:
            self._close_adapter()
            raise

    def get_idn(self) -> dict[str, str | None]:
        """Return vendor, model, serial and firmware as the instrument says, or the driver's name."""
        try:
            words = [word.strip() for word in str(self.driver.id).split(",", 3)]
        except _NO_IDENTITY:
            words = []
        if len(words) < 2:
            return {"vendor": None, "model": type(self.driver).__name__, "serial": None, "firmware": None}
        return dict(zip(("vendor", "model", "serial", "firmware"), [*words, None, None], strict=False))

    def close(self) -> None:
        """Close the driver's connection; its state is left as it is."""
        self._close_adapter()
        super().close()

    def _close_adapter(self) -> None:
        adapter = getattr(getattr(self, "driver", None), "adapter", None)
        if adapter is not None:
            adapter.close()

    def _add(self, path: str, unit: str) -> None:
        *channels, name = path.split(".")
        owner = self.driver
        for channel in channels:
            owner = _member(self.name, owner, channel)
        found = getattr(type(owner), name, None)
        if not isinstance(found, property):
            _member(self.name, owner, name)
            if callable(found):
                raise UsageError(f"{self.name}: {path!r} is a method of {type(owner).__name__}; name properties only")
        self.add_parameter(
            path.replace(".", "_"),
            unit="" if unit in ("1", None) else unit,
            docstring=inspect.getdoc(found) if isinstance(found, property) else None,
            get_cmd=(lambda: getattr(owner, name)) if _has(found, "fget", "get_command") else False,
            set_cmd=(lambda value: setattr(owner, name, value)) if _has(found, "fset", "set_command") else False,
            snapshot_get=False,
        )


def _driver_class(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    try:
        found = import_module(module)
    except (ImportError, ValueError) as error:
        raise UsageError(f"driver {dotted!r} cannot be imported: {error}") from error
    if not hasattr(found, name):
        classes = [key for key, value in vars(found).items() if isinstance(value, type)]
        raise UsageError(f"{module} has no driver {name!r}; {did_you_mean(name, classes)}")
    return getattr(found, name)


def _member(instrument: str, owner: Any, name: str) -> Any:
    known = {*vars(owner), *dir(type(owner))}
    if name not in known:
        public = [key for key in known if not key.startswith("_") and not callable(getattr(type(owner), key, None))]
        raise UsageError(f"{instrument}: {type(owner).__name__} has no {name!r}; {did_you_mean(name, public)}")
    return getattr(owner, name)


def _has(found: Any, accessor: str, command: str) -> bool:
    """Say whether a property can be read (fget, get_command) or set (fset, set_command).

    PyMeasure gives a measurement an fset that always raises; its default command is None.
    """
    if not isinstance(found, property):
        return accessor == "fget"
    function = getattr(found, accessor)
    if function is None:
        return False
    declared = inspect.signature(function).parameters.get(command)
    return declared is None or declared.default is not None


class QCoDeSFace:
    """A QCoDeS instrument with PyMeasure's manners: attributes read and set the parameters."""

    def __init__(self, instrument: InstrumentBase) -> None:
        object.__setattr__(self, "instrument", instrument)

    def __getattr__(self, name: str) -> Any:
        instrument: Any = self.__dict__["instrument"]
        if name in instrument.parameters:
            return instrument.parameters[name].get()
        if name in instrument.submodules:
            member = instrument.submodules[name]
            return QCoDeSFace(member) if isinstance(member, InstrumentBase) else member
        if not name.startswith("_") and hasattr(instrument, name):
            return getattr(instrument, name)
        raise AttributeError(f"{instrument.name} has no {name!r}; {did_you_mean(name, self.__dir__())}")

    def __setattr__(self, name: str, value: Any) -> None:
        instrument: Any = self.__dict__["instrument"]
        parameter = instrument.parameters.get(name)
        if not isinstance(parameter, ParameterBase):
            raise AttributeError(
                f"{instrument.name} has no parameter {name!r}; {did_you_mean(name, instrument.parameters)}"
            )
        parameter.set(value)

    def __dir__(self) -> list[str]:
        instrument: Any = self.__dict__["instrument"]
        return sorted({*instrument.parameters, *instrument.submodules, *instrument.functions, "shutdown", "instrument"})

    def __repr__(self) -> str:
        return f"as_pymeasure({self.__dict__['instrument']!r})"

    def shutdown(self) -> None:
        """Do what the instrument itself calls shutdown, if anything; the station keeps it open."""
        own = getattr(self.__dict__["instrument"], "shutdown", None)
        if callable(own):
            own()


def as_pymeasure(instrument: InstrumentBase) -> QCoDeSFace:
    """Return a QCoDeS instrument as PyMeasure procedures use one.

    `as_pymeasure(sc10).state = "open"` sets the parameter, reading the attribute asks the instrument, and
    what is no parameter cannot be assigned.
    """
    return QCoDeSFace(instrument)
