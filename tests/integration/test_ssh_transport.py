"""The end of one channel while it is sent on, against a real sshd."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import paramiko
import pytest

from migrate.connections import connect
from migrate.remote import run, transport_of
from tests.support.private_hosts import PrivateHost, private_host

ROUNDS = 1500
"""Without the order kept, one in a few hundred of them broke the connection."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateHost]:
    with private_host("ends", tmp_path_factory.mktemp("servers")) as host:
        yield host


@pytest.fixture
def hangs_up() -> Iterator[int]:
    """Port of a server that ends each connection as soon as it hears something."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                heard, _ = listener.accept()
                heard.recv(1)
                heard.close()

    server = threading.Thread(target=serve)
    server.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    server.join()


def test_channels_that_end_while_they_are_sent_on_break_nothing_else(
    host: PrivateHost, hangs_up: int
) -> None:
    """A session that is killed while it sends costs no other session of the same connection."""
    with connect(host.ssh_config, host.alias) as ssh:
        transport = transport_of(ssh)
        for _ in range(ROUNDS):
            channel = transport.open_channel("direct-tcpip", ("127.0.0.1", hangs_up), ("127.0.0.1", 1))
            sender = threading.Thread(target=_send_on, args=(channel,))
            sender.start()
            while channel.recv(1):
                pass
            channel.close()
            sender.join()
        assert transport_of(ssh) is transport
        assert run(ssh, "echo there").text == "there"


def _send_on(channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError, EOFError):
        while True:
            channel.sendall(b"x")
