"""Does the application run that the manifest asks for, and is it well?"""

from migrate.web import ask
from provisioning.manifest import Manifest
from provisioning.site import SiteOutputs


def test_version_is_the_manifests(site: SiteOutputs, manifest: Manifest) -> None:
    """The application that answers is the one that the manifest and the stack name, in that version."""
    wanted = (manifest.application.name, manifest.application.version)
    assert (site.application_name, site.application_version) == wanted
    assert ask(site, "/version", verified=True).json()["version"] == manifest.application.version


def test_environment_is_named(site: SiteOutputs, environment: str) -> None:
    """The application knows which environment it is, and so says the stack."""
    assert site.environment == environment
    assert ask(site, "/version", verified=True).json()["environment"] == environment


def test_health(site: SiteOutputs) -> None:
    """The application says that it is well, its database and files included."""
    assert ask(site, "/healthz", verified=True).status == 200


def test_verification_needs_its_token(site: SiteOutputs) -> None:
    """The verification path answers nobody without the token."""
    answer = ask(site, site.verification_path.rstrip("/") + "/version")
    assert answer.status in (401, 403, 404, 503)
