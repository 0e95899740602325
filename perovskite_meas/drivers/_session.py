"""Opening one VISA session as a driver wants it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pyvisa
from pyvisa.constants import LineState, ResourceAttribute, StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.resources import MessageBasedResource

from perovskite_meas.core.clock import Clock, WallClock

_NO_RTS = frozenset(
    {
        StatusCode.error_nonsupported_attribute,
        StatusCode.error_nonsupported_attribute_state,
        StatusCode.error_attribute_read_only,
    }
)
_RTS_PAUSE = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """How the bytes travel: settings of the session.

    Attributes:
        settings: PyVISA attributes such as `baud_rate`, set once when the session is opened.
        timeout: seconds to wait for a reply unless an exchange says otherwise.
        spacing: least time in s between two writes.
        pulse_rts: raise and drop the RTS line before the settings are made, where the session has that line.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 2.0
    spacing: float = 0.0
    pulse_rts: bool = False


def open_session(manager: pyvisa.ResourceManager, address: str, line: Line) -> MessageBasedResource:
    """Open the session at `address` with the settings of `line`; closed again if one of them is refused.

    Raises:
        VisaIOError: and others of `LINE_ERRORS`, where the address cannot be opened.
    """
    resource = cast(MessageBasedResource, manager.open_resource(address))
    try:
        resource.timeout = line.timeout * 1000
        if line.pulse_rts:
            _pulse_rts(resource)
        for name, value in line.settings.items():
            setattr(resource, name, value)
        return resource
    except BaseException:
        resource.close()
        raise


def clock_of(resource: MessageBasedResource) -> Clock:
    """Return the transport's own clock where it has one, else the clock on the wall."""
    clock = getattr(resource.visalib, "clock", None)
    if callable(getattr(clock, "now", None)) and callable(getattr(clock, "sleep", None)):
        return cast(Clock, clock)
    return WallClock()


def _pulse_rts(resource: MessageBasedResource) -> None:
    """Raise and drop RTS, which wakes controllers behind a USB bridge that was left in the middle of a message."""
    clock = clock_of(resource)
    try:
        for state in (LineState.asserted, LineState.unasserted):
            resource.set_visa_attribute(ResourceAttribute.asrl_rts_state, state)
            clock.sleep(_RTS_PAUSE)
    except VisaIOError as error:
        if error.error_code not in _NO_RTS:
            raise
        _log.info("this session has no RTS line of its own: %s", error)
