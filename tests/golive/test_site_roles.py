"""
Does the site give each role its permissions on files, and no others?

Asked with a precondition that no file meets: whoever may is told so (412), and nothing is read or changed.
"""

from typing import get_args

from migrate.web import ask
from provisioning.manifest_access import Access, Permission, Role
from provisioning.site import SiteOutputs

METHODS: dict[Permission, str] = {"read": "GET", "write": "PUT", "other": "DELETE"}
NOT_THERE = '"not-there"'
MAY, MAY_NOT, NOBODY = 412, 403, 401


def _answers(site: SiteOutputs, access: Access, entitlements: tuple[str, ...] | None) -> dict[str, int]:
    """Return what each area answers to each permission that is asked for."""
    assert access.served is not None  # or no role is asked about
    headers = {"If-Match": NOT_THERE}
    if entitlements is not None:
        headers["X-Verification-Entitlements"] = ",".join(entitlements) or "none"
    return {
        f"{area}:{permission}": ask(
            site,
            f"{access.served.path}/{area}/.not-there",
            verified=True,
            method=METHODS[permission],
            headers=headers,
        ).status
        for area in access.areas
        for permission in get_args(Permission)
    }


def test_role_has_its_permissions_and_no_others(
    predefined_role: Role, access: Access, site: SiteOutputs
) -> None:
    """Reading, writing and the rest are given to the role where it has them, and refused elsewhere."""
    answers = _answers(site, access, predefined_role.entitlements)
    assert answers == {asked: MAY if asked in predefined_role.entitlements else MAY_NOT for asked in answers}


def test_whoever_is_nobody_has_none(predefined_role: Role, access: Access, site: SiteOutputs) -> None:
    """Without a session nobody is given anything that the role is."""
    answers = _answers(site, access, None)
    assert {asked: answers[asked] for asked in predefined_role.entitlements} == dict.fromkeys(
        predefined_role.entitlements, NOBODY
    )
