"""
An SSH connection that a channel's end cannot break.

Promise: on one channel nothing is sent behind its end. paramiko sends from several threads and keeps no order
between them; data that come after their channel's end make OpenSSH's server break off the whole connection
("packet referred to nonexistent channel"), and with it every session and tunnel of a move. So one database
session that was ended while it was sending would cost all the others.
"""

import threading
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_CLOSE, cMSG_CHANNEL_EOF


class Transport(paramiko.Transport):
    """As paramiko's, for `SSHClient.connect(transport_factory=…)`."""

    def open_channel(self, *words: Any, **named: Any) -> paramiko.Channel:
        """As paramiko's; what the channel sends from then on goes through `_InOrder`."""
        channel = super().open_channel(*words, **named)
        channel.transport = _InOrder(self)  # type: ignore[assignment] # it has all that a transport has
        return channel


class _InOrder:
    """The transport as one channel sees it: it lets nothing pass behind the channel's end."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._ended_by = b""

    def _send_user_message(self, message: paramiko.Message) -> None:
        kind = message.asbytes()[:1]
        with self._lock:
            if self._ended_by == cMSG_CHANNEL_CLOSE or (self._ended_by and kind != cMSG_CHANNEL_CLOSE):
                return
            if kind in (cMSG_CHANNEL_EOF, cMSG_CHANNEL_CLOSE):
                self._ended_by = kind
            self._transport._send_user_message(message)  # type: ignore[attr-defined] # not in the stubs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
