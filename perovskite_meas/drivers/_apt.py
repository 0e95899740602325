"""Thorlabs' APT binary protocol: frames, and what its drivers share.

Source: Thorlabs, APT Controllers Host-Controller Communications Protocol, issue 15 (message numbers), and
thorlabs-apt-protocol 29 for the field layouts.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any

from pyvisa.constants import ControlFlow, Parity, SerialTermination, StopBits

from perovskite_meas.core.errors import HardwareFault

from ._instrument import WireInstrument
from ._visa import LINE_ERRORS, Line

HOST, UNIT = 0x01, 0x50
"""Addresses on the bus: the computer, and a controller with a USB socket of its own."""
CHANNEL = 1
APT_LINE = Line(
    settings={
        "baud_rate": 115200,
        "data_bits": 8,
        "parity": Parity.none,
        "stop_bits": StopBits.one,
        "flow_control": ControlFlow.rts_cts,
        "end_input": SerialTermination.none,
    },
    timeout=1.0,
    spacing=0.003,
    pulse_rts=True,
)
"""The virtual serial port of a controller: bytes without any terminator."""
_HEADER = 6
_DATA_FOLLOWS = 0x80
_LONGEST = 256
_FOREIGN = 16


class Message(IntEnum):
    """Numbers of the messages, named as the protocol names them (MGMSG_...)."""

    HW_STOP_UPDATEMSGS = 0x0012
    HW_REQ_INFO = 0x0005
    HW_GET_INFO = 0x0006
    HW_RESPONSE = 0x0080
    HW_RICHRESPONSE = 0x0081
    MOD_SET_CHANENABLESTATE = 0x0210
    PZ_SET_POSCONTROLMODE = 0x0640
    PZ_REQ_POSCONTROLMODE = 0x0641
    PZ_GET_POSCONTROLMODE = 0x0642
    PZ_SET_OUTPUTVOLTS = 0x0643
    PZ_REQ_OUTPUTVOLTS = 0x0644
    PZ_GET_OUTPUTVOLTS = 0x0645
    PZ_SET_INPUTVOLTSSRC = 0x0652
    PZ_REQ_INPUTVOLTSSRC = 0x0653
    PZ_GET_INPUTVOLTSSRC = 0x0654
    PZ_REQ_PZSTATUSUPDATE = 0x0660
    PZ_GET_PZSTATUSUPDATE = 0x0661
    PZ_SET_OUTPUTLUT = 0x0700
    PZ_SET_OUTPUTLUTPARAMS = 0x0703
    PZ_REQ_OUTPUTLUTPARAMS = 0x0704
    PZ_GET_OUTPUTLUTPARAMS = 0x0705
    PZ_START_LUTOUTPUT = 0x0706
    PZ_STOP_LUTOUTPUT = 0x0707
    PZ_SET_TPZ_IOSETTINGS = 0x07D4
    PZ_REQ_TPZ_IOSETTINGS = 0x07D5
    PZ_GET_TPZ_IOSETTINGS = 0x07D6


def frame(message: Message, *parameters: int, data: bytes = b"") -> bytes:
    """Return the bytes of a message: up to two parameters of one byte each, or data."""
    if data:
        return struct.pack("<HHBB", message, len(data), UNIT | _DATA_FOLLOWS, HOST) + data
    first, second = (*parameters, 0, 0)[:2]
    return struct.pack("<HBBBB", message, first, second, UNIT, HOST)


class AptInstrument(WireInstrument):
    """A controller that speaks APT on a line of its own."""

    def _order(self, message: Message, *parameters: int, data: bytes = b"") -> None:
        """Send a message that is not answered."""
        try:
            self._link.tell(frame(message, *parameters, data=data))
        except LINE_ERRORS as error:
            raise self._silent(_name(message), error) from error

    def _request(self, message: Message, want: Message, layout: str, channel: int = CHANNEL) -> tuple[Any, ...]:
        """Send a request and return the fields of the message `want`.

        Args:
            message: the request.
            want: number of the answer; others pass by.
            layout: of the fields behind the header, as `struct` writes it.
            channel: first parameter of the request; 0 for one about the unit.
        """
        asked = _name(message)
        with self._link.lock:
            try:
                head = self._link.ask(frame(message, channel), count=_HEADER)
                for _ in range(_FOREIGN):
                    found, data = self._body(asked, head)
                    if found == want:
                        if len(data) != struct.calcsize(layout):
                            raise self._garbage(asked, head + data, f"{struct.calcsize(layout)} bytes of data")
                        return struct.unpack(layout, data)
                    if found in (Message.HW_RESPONSE, Message.HW_RICHRESPONSE):
                        raise self._reported(asked, data)
                    head = self._link.more(count=_HEADER)
            except LINE_ERRORS as error:
                raise self._silent(asked, error) from error
        raise self._garbage(asked, head, f"{_name(want)} among {_FOREIGN} messages")

    def _body(self, asked: str, head: bytes) -> tuple[int, bytes]:
        """Return number and data of the message with this header; its two parameters where it has no data."""
        number, length, target, source = struct.unpack("<HHBB", head)
        if target & ~_DATA_FOLLOWS != HOST or source != UNIT or (length > _LONGEST and target & _DATA_FOLLOWS):
            raise self._garbage(asked, head, "the header of a message to the computer")
        if not target & _DATA_FOLLOWS:
            return number, head[2:4]
        return number, self._link.more(count=length)

    def _reported(self, asked: str, data: bytes) -> HardwareFault:
        code = f"code {struct.unpack_from('<H', data, 2)[0]}" if len(data) >= 4 else "no code"
        text = data[4:].split(b"\0")[0].decode("ascii", "replace").strip()
        self._link.dirty = True
        return self._fault(
            f"it reported an error ({code}{': ' + text if text else ''}) when asked {asked}",
            "correct the cause, or power-cycle it",
        )


def _name(message: Message) -> str:
    return f"MGMSG_{message.name} (0x{message:04X})"
