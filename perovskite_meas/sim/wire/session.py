"""One open VISA session: its line, its attributes and how they steer reading."""

from __future__ import annotations

from typing import Any

from pyvisa import attributes, constants
from pyvisa.constants import ResourceAttribute, SerialTermination, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from .line import Line

_TIMEOUT = int(ResourceAttribute.timeout_value)
_TERMCHAR = int(ResourceAttribute.termchar)
_TERMCHAR_ON = int(ResourceAttribute.termchar_enabled)
_END_IN = int(ResourceAttribute.asrl_end_in)
_AVAILABLE = int(ResourceAttribute.asrl_avalaible_number)


class StaleSessionError(InvalidSession):
    """A session from before a reset: the laboratory that it belonged to is gone."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def __str__(self) -> str:
        return (
            f"{self.address}: this session was opened before the virtual laboratory was reset; "
            "open the instrument again"
        )

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return (StaleSessionError, (self.address,))


class Session:
    """A session on one line; `timeout` (s) and `stop` follow from the VISA attributes.

    Args:
        line: the line; several sessions may share it.
    """

    __slots__ = ("_attributes", "line", "stop", "timeout")

    def __init__(self, line: Line) -> None:
        self.line = line
        self.timeout = 2.0
        self.stop: int | None = None
        self._attributes: dict[int, Any] = dict(_facts(line))
        self._settle()

    def get(self, attribute: int) -> Any:
        """Return a VISA attribute: as set, or the default of the VISA specification.

        Raises:
            VisaIOError: VI_ERROR_NSUP_ATTR.
        """
        if attribute == _AVAILABLE:
            return self.line.waiting()
        try:
            return self._attributes[attribute]
        except KeyError:
            known = attributes.AttributesByID.get(attribute)
        if known is None or known.default is attributes.NotAvailable:
            raise VisaIOError(StatusCode.error_nonsupported_attribute)
        return known.default

    def set(self, attribute: int, state: Any) -> None:
        """Set a VISA attribute; those that steer reading act at once.

        Raises:
            VisaIOError: VI_ERROR_NSUP_ATTR or VI_ERROR_ATTR_READONLY.
        """
        known = attributes.AttributesByID.get(attribute)
        if known is None:
            raise VisaIOError(StatusCode.error_nonsupported_attribute)
        if not known.write:
            raise VisaIOError(StatusCode.error_attribute_read_only)
        self._attributes[attribute] = state
        self._settle()

    def _settle(self) -> None:
        milliseconds = self.get(_TIMEOUT)
        self.timeout = float("inf") if milliseconds == constants.VI_TMO_INFINITE else milliseconds / 1000
        enabled = bool(self.get(_TERMCHAR_ON))
        if self.line.name.interface_type == "ASRL":
            enabled = enabled or self.get(_END_IN) == SerialTermination.termination_char
        self.stop = int(self.get(_TERMCHAR)) if enabled else None


def _facts(line: Line) -> dict[int, Any]:
    """Return the attributes that follow from the address alone."""
    name = line.name
    facts: dict[ResourceAttribute, Any] = {
        ResourceAttribute.interface_type: name.interface_type_const,
        ResourceAttribute.resource_class: name.resource_class,
        ResourceAttribute.resource_name: line.address,
        ResourceAttribute.resource_manufacturer_name: "perovskite_meas virtual laboratory",
        ResourceAttribute.resource_lock_state: constants.AccessModes.no_lock,
    }
    board = getattr(name, "board", "0")
    facts[ResourceAttribute.interface_number] = int(board) if board.isdigit() else 0
    if name.interface_type == "GPIB":
        facts[ResourceAttribute.gpib_primary_address] = int(getattr(name, "primary_address", 0))
    if name.interface_type == "USB":
        facts[ResourceAttribute.manufacturer_id] = int(getattr(name, "manufacturer_id", "0"), 0)
        facts[ResourceAttribute.model_code] = int(getattr(name, "model_code", "0"), 0)
        facts[ResourceAttribute.usb_serial_number] = getattr(name, "serial_number", "")
    if name.resource_class == "SOCKET":
        facts[ResourceAttribute.tcpip_address] = getattr(name, "host_address", "")
        facts[ResourceAttribute.tcpip_port] = int(getattr(name, "port", 0))
    return {int(attribute): value for attribute, value in facts.items()}
