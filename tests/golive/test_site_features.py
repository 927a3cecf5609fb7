"""Does each service answer that is switched on for the tenant, and no other?"""

from migrate.web import ask
from provisioning.manifest_services import Service
from provisioning.site import SiteOutputs


def test_service_answers_where_it_is_on(service: Service, site: SiteOutputs) -> None:
    """A service that the site's program switches on answers, and one that it does not is not there."""
    wanted = 200 if service.name in site.services else 404
    assert ask(site, service.path, verified=True).status == wanted
