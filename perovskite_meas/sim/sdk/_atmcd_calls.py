"""How C functions are called through ctypes: arguments in, return codes and values behind pointers out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

SUCCESS, ERROR_ACK, NO_NEW_DATA = 20002, 20013, 20024
TEMPERATURE_OFF, TEMPERATURE_NOT_STABILIZED, TEMPERATURE_STABILIZED, TEMPERATURE_NOT_REACHED = range(20034, 20038)
P1INVALID, P2INVALID, P3INVALID, P4INVALID = range(20066, 20070)
ACQUIRING, IDLE = 20072, 20073
NOT_INITIALIZED, USBERROR = 20075, 20089
ERROR_NOCAMERA, NOT_SUPPORTED, NOT_AVAILABLE = 20990, 20991, 20992

FUNCTIONS: dict[str, Callable[..., int]] = {}
"""Name of a C function -> what it does, given the library and the arguments."""


def c_function(*, ready: bool = True, idle: bool = False) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a function under its own name.

    Args:
        ready: it is refused before the camera is initialised, or without its cable.
        idle: it is refused while the camera exposes.
    """

    def register(function: Callable[..., int]) -> Callable[..., int]:
        def guarded(library: Any, *arguments: Any) -> int:
            camera = library.camera
            if ready or idle:
                trouble = NOT_INITIALIZED if camera is None else camera.trouble()
                if trouble != SUCCESS:
                    return int(trouble)
            if idle and camera.acquiring:
                return ACQUIRING
            return function(library, *arguments)

        FUNCTIONS[function.__name__] = guarded
        return function

    return register


class Function:
    """One function of the library, as ctypes gives it to Python.

    Attributes:
        argtypes: as with ctypes, checked if it is set.
        restype: not used; the functions return an unsigned int.
    """

    def __init__(self, name: str, call: Callable[..., int]) -> None:
        self.__name__ = name
        self.argtypes: Any = None
        self.restype: Any = ctypes.c_uint
        self._call = call

    def __call__(self, *arguments: Any) -> int:
        """Call it and return its code.

        Raises:
            ctypes.ArgumentError: an argument that ctypes would not convert.
        """
        for place, (argument, kind) in enumerate(zip(arguments, self.argtypes or (), strict=False), 1):
            try:
                kind.from_param(argument)
            except (TypeError, ctypes.ArgumentError) as error:
                raise ctypes.ArgumentError(f"argument {place}: {error}") from error
        return self._call(*(_received(place, argument) for place, argument in enumerate(arguments, 1)))


def store(target: Any, kind: Any, value: float | bytes) -> None:
    """Write a value of a C type behind a pointer, whatever Python believes to be there.

    Raises:
        ctypes.ArgumentError: too little room: the real library would write over what comes after it.
    """
    made = kind(value)
    if isinstance(target, int | str | bytes | None) or ctypes.sizeof(target) < ctypes.sizeof(made):
        raise ctypes.ArgumentError(f"a pointer to {kind.__name__} is needed, not {type(target).__name__}")
    ctypes.memmove(ctypes.addressof(target), ctypes.addressof(made), ctypes.sizeof(made))


def store_pixels(target: Any, counts: Any, kind: Any = np.int32) -> None:
    """Write counts of `kind` (32-bit if not told) into an array of C or numpy."""
    counts = np.ascontiguousarray(counts, kind)
    if isinstance(target, np.ndarray):
        target[: counts.size] = counts
    else:
        ctypes.memmove(ctypes.addressof(target), counts.ctypes.data, counts.nbytes)


def _received(place: int, argument: Any) -> Any:
    """Return what the C function gets of an argument."""
    if type(argument).__name__ == "CArgObject":  # of byref
        return argument._obj  # noqa: SLF001 - ctypes has no public name for it
    if isinstance(argument, ctypes._SimpleCData):  # noqa: SLF001
        return argument.value
    if isinstance(argument, ctypes._Pointer):  # noqa: SLF001
        return argument.contents
    if isinstance(argument, float):
        raise ctypes.ArgumentError(f"argument {place}: TypeError: Don't know how to convert parameter {place}")
    return argument
