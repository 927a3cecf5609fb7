"""
Accounts at a provider, over SCIM 2.0 (RFC 7643, RFC 7644).

A role is a group there; what the role may do are entitlements of each account, such as ``dossiers:read``.

Promise: the token stands in a file and is sent to that provider only. An account is looked for by its user
name before it is made, so that every act may be repeated. Nothing is ever deleted.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
from scim2_client import RequestNetworkException, SCIMClientException
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_models import (
    Email,
    Group,
    GroupMember,
    ListResponse,
    Name,
    SCIMException,
    ScimProvider,
    SearchRequest,
    User,
)
from scim2_models.resources.user import Entitlement

from migrate.accounts.sheet import Wanted
from migrate.case import Case
from migrate.databases import secret_line, text_of
from migrate.errors import ConnectionFailed, MigrationError, Refused
from provisioning.manifest_access import Access, Role
from provisioning.model import Model

_PAGE = 100
_User = User[Any]
R = TypeVar("R", _User, Group)


class Account(Model):
    """One account as the provider has it."""

    id: str
    user: str
    name: str
    email: str
    role: str
    """Empty where it is in none of the predefined ones."""
    active: bool
    may: tuple[str, ...]
    """Such as ``dossiers:read``."""


def access_of(case: Case) -> Access:
    """
    Return what the manifest says under ``access``.

    Raises:
        Refused: It says nothing.
    """
    if case.manifest.access is None:
        raise Refused(
            f"{case.manifest.tenant} has no roles under access",
            state="No account was made or changed.",
            next_step=f"write access: into stacks/{case.manifest.tenant}.yaml",
        )
    return case.manifest.access


class Provider:
    """Accounts and roles at one provider."""

    def __init__(self, client: SyncSCIMClient, access: Access) -> None:
        self._client, self._access = client, access

    def accounts(self) -> list[Account]:
        """Return all accounts, by user name."""
        with _telling():
            roles = self._roles_by_account()
            found = [self._account(user, roles) for user in self._every(_User)]
        return sorted(found, key=lambda one: one.user)

    def account(self, user: str) -> Account | None:
        """Return one account; None where there is none of that name."""
        with _telling():
            found = self._user(user)
            return None if found is None else self._account(found, self._roles_by_account())

    def put(self, wanted: Wanted, *, active: bool) -> bool:
        """Make or change an account so that it is as wanted; return whether anything changed."""
        role = self._role(wanted.role)
        with _telling():
            there = self._user(wanted.user)
            before = None if there is None else self._account(there, self._roles_by_account())
            if before is not None and _as_wanted(before, wanted, role, active):
                return False
            user = there or User(user_name=wanted.user)
            user.name, user.display_name = Name(formatted=wanted.name), wanted.name
            user.emails = [Email(value=wanted.email, primary=True)]
            user.active = active
            user.entitlements = [Entitlement(value=value) for value in role.entitlements]
            saved = self._client.create(user) if there is None else self._client.replace(user)
            if not isinstance(saved, User):
                raise MigrationError(f"the provider of accounts answered with no account for {wanted.user}")
            self._assign(str(saved.id), role)
        return True

    def disable(self, user: str) -> bool:
        """Disable an account, which stays; return whether anything changed."""
        with _telling():
            there = self._user(user)
            if there is None or not there.active:
                return False
            there.active = False
            self._client.replace(there)
        return True

    def _role(self, name: str) -> Role:
        role = self._access.role(name)
        if role is None:
            raise Refused(f"there is no role {name!a}", state="No account was made or changed.")
        return role

    def _user(self, user: str) -> _User | None:
        found, _ = self._page(_User, {"filter": f"userName eq {json.dumps(user)}"})
        return found[0] if found else None

    def _every(self, kind: type[R]) -> Iterator[R]:
        start = 1
        while True:
            found, total = self._page(kind, {"startIndex": start, "count": _PAGE})
            yield from found
            start += len(found)
            if not found or start > total:
                return

    def _page(self, kind: type[R], asked: dict[str, object]) -> tuple[list[R], int]:
        """Return what a search gives, and how much there is in all."""
        page = self._client.query(kind, query_parameters=SearchRequest.model_validate(asked))
        if not isinstance(page, ListResponse):
            raise MigrationError("the provider of accounts answered a search with no list")
        return list(page.resources or []), int(page.total_results or 0)

    def _groups(self) -> dict[str, Group]:
        return {str(group.display_name): group for group in self._every(Group)}

    def _roles_by_account(self) -> dict[str, str]:
        groups, found = self._groups(), {}
        for role in self._access.roles:
            for member in (groups[role.name].members or []) if role.name in groups else []:
                found[str(member.value)] = role.name
        return found

    def _assign(self, ident: str, role: Role) -> None:
        """Have an account in the group of its role, and in no other of the predefined ones."""
        groups = self._groups()
        for one in self._access.roles:
            group = groups.get(one.name)
            members = list(group.members or []) if group else []
            others = [member for member in members if member.value != ident]
            wanted = [*others, _member(ident)] if one.name == role.name else others
            if group is None and wanted:
                self._client.create(Group(display_name=one.name, members=wanted))
            elif group is not None and len(wanted) != len(members):
                group.members = wanted
                self._client.replace(group)

    def _account(self, user: _User, roles: dict[str, str]) -> Account:
        emails = user.emails or []
        return Account(
            id=str(user.id),
            user=str(user.user_name),
            name=str(user.display_name or ""),
            email=str(emails[0].value) if emails else "",
            role=roles.get(str(user.id), ""),
            active=bool(user.active),
            may=tuple(sorted(str(one.value) for one in user.entitlements or [])),
        )


def _member(ident: str) -> GroupMember:
    return GroupMember.model_validate({"value": ident})


@contextmanager
def opened(case: Case) -> Iterator[Provider]:
    """
    Reach the provider of a tenant's accounts until the end of the block.

    Raises:
        ConnectionFailed: It does not answer.
        MigrationError: It does not speak SCIM 2.0, or refuses the token.
    """
    access, root = access_of(case), case.workspace.root
    scim = access.scim
    context = ssl.create_default_context(cadata=text_of(root / scim.ca_file)) if scim.ca_file else True
    headers = {"Authorization": f"Bearer {secret_line(root / scim.token_file)}"}
    # No proxy of the operator's machine stands between, and no redirect leads the token elsewhere.
    with httpx2.Client(
        base_url=str(scim.url).rstrip("/"), headers=headers, verify=context, timeout=20, trust_env=False
    ) as client:
        speaker = SyncSCIMClient(client, provider=ScimProvider(models=[User, Group]))
        yield Provider(speaker, access)


def _as_wanted(account: Account, wanted: Wanted, role: Role, active: bool) -> bool:
    return (account.name, account.email, account.role, account.active, account.may) == (
        wanted.name,
        wanted.email,
        wanted.role,
        active,
        role.entitlements,
    )


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except RequestNetworkException as error:
        raise ConnectionFailed(
            f"the provider of accounts does not answer: {error}",
            next_step="see access.scim in the manifest; then the same command again",
        ) from error
    except (SCIMClientException, SCIMException) as error:
        raise MigrationError(
            f"the provider of accounts refused: {error}",
            state="Accounts that were made before stay; the same command goes on.",
            next_step="see access.scim.token_file, and what its holder may do there",
        ) from error
