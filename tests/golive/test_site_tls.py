"""Is the way in private, and does it lead to the site that it names?"""

import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from provisioning.site import SiteOutputs

LEAST_DAYS_LEFT = 30


def _address(site: SiteOutputs) -> str:
    """The name or address in the site's URL."""
    return urlsplit(site.url).hostname or ""


def _handshake(site: SiteOutputs, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    url = urlsplit(site.url)
    plain = socket.create_connection((_address(site), url.port or 443), timeout=10)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def test_chain_is_trusted(site: SiteOutputs) -> None:
    """The certificate was signed by the site's authority, and names the address that users are given."""
    with _handshake(site, ssl.create_default_context(cadata=site.ca), _address(site)):
        pass


def test_name_is_right(site: SiteOutputs) -> None:
    """The certificate names the site as agreed with the customer."""
    with _handshake(site, ssl.create_default_context(cadata=site.ca), site.site_name):
        pass


def test_certificate_lasts(site: SiteOutputs) -> None:
    """The certificate is valid for at least 30 days more."""
    with _handshake(site, ssl.create_default_context(cadata=site.ca), _address(site)) as connection:
        shown = connection.getpeercert() or {}
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    assert (ends_at - datetime.now(UTC)).days >= LEAST_DAYS_LEFT


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_current_version_is_spoken(site: SiteOutputs, version: str) -> None:
    """TLS 1.2 and 1.3 are spoken."""
    context = ssl.create_default_context(cadata=site.ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    with _handshake(site, context, _address(site)) as connection:
        assert connection.version() == version


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # spoken on purpose, to be refused
def test_old_version_is_refused(site: SiteOutputs, version: str) -> None:
    """TLS 1.0 and 1.1 are refused."""
    context = ssl.create_default_context(cadata=site.ca)
    # This machine's own policy forbids them as well: lowered, so that it is the site that refuses.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    with pytest.raises((ssl.SSLError, ConnectionError)) as refused:
        _handshake(site, context, _address(site)).close()
    assert "NO_CIPHERS_AVAILABLE" not in str(refused.value), "this machine could not even ask"
