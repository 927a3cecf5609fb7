"""
Putting customisations back on a site, and proving each by its acceptance test.

Promise: a repeat changes nothing more; what was decided to go is gone, to standard or altogether. Evidence
``put-back-<environment>`` and ``customisation-tests-<environment>``.
"""

import hashlib
from collections.abc import Iterable, Sequence
from shlex import quote

import psycopg
from pydantic import AwareDatetime

from migrate import remote
from migrate.case import Case
from migrate.connections import Hosts
from migrate.databases import Session
from migrate.product.customisations import Customisation, Customisations
from migrate.product.customisations import text as text_of
from migrate.product.decisions import Decision
from migrate.product.description import Product, ProductError
from migrate.product.installation import owner_of, site_of
from migrate.product.objects import IN_DATABASE, in_database, path_on_site
from provisioning.manifest import Environment
from provisioning.model import Model

_MADE_ANEW = ("trigger", "index", "grant")
"""Of which a definition does not take the place of the one that is there."""
Decided = tuple[Customisation, Decision, bytes | None]


class Put(Model):
    """One customisation on a site."""

    id: str
    decision: str
    by: str
    what: str
    """Such as ``put back``, ``taken out`` or ``as delivered``."""
    sha256: str


class PutBack(Model):
    attempt: str
    environment: str
    put: tuple[Put, ...]

    @property
    def digest(self) -> str:
        """Of everything that was put back, so that a test says of what it was one."""
        said = "\n".join(f"{one.id} {one.decision} {one.sha256}" for one in self.put)
        return hashlib.sha256(said.encode()).hexdigest()


class Trial(Model):
    """One acceptance test."""

    id: str
    passed: bool
    says: str


class CustomisationTests(Model):
    attempt: str
    environment: str
    of: str
    """`PutBack.digest` of what was tested."""
    tested_at: AwareDatetime
    tests: tuple[Trial, ...]

    @property
    def passed(self) -> bool:
        return all(one.passed for one in self.tests)


def set_aside(session: Session, product: Product, found: Customisations) -> list[str]:
    """
    Take the customer's own views and triggers out of a site's database, which would hold an upgrade up.

    Newest first, since later ones rest on earlier ones; all are in the case, and are put back afterwards.
    """
    own = {one.id for one in found.found if one.change == "added" and one.kind in ("view", "trigger")}
    gone = []
    for one in reversed(in_database(session, product)):
        if one.id in own:
            session.execute(f"DROP {one.kind.upper()} {one.name}".encode())
            gone.append(one.id)
    return gone


def put_back(
    hosts: Hosts, environment: Environment, product: Product, decided: Sequence[Decided]
) -> list[Put]:
    """
    Bring every customisation of a site to what was decided, those in the database in one transaction.

    Raises:
        ProductError: A definition is refused; nothing of the database's is changed then.
    """
    done = []
    opened = site_of(hosts, environment).opened(role=owner_of(hosts, environment))
    with opened as session, session.transaction():
        done += _in_database(session, product, [each for each in decided if each[0].kind in IN_DATABASE])
    for one, decision, text in decided:
        if one.kind not in IN_DATABASE:
            done.append(_file(hosts, environment, one, decision, text))
    return sorted(done, key=lambda put: put.id)


def _in_database(session: Session, product: Product, decided: Sequence[Decided]) -> list[Put]:
    """
    Define and drop, in as many rounds as it takes: some of them rest on others, which no name tells.

    Raises:
        ProductError: A round brought nothing on; says why the last of them could not be done.
    """
    done, pending = list[Put](), list(decided)
    while pending:
        present = {one.id: one.text for one in in_database(session, product)}
        left = list[Decided]()
        for each in pending:
            one, decision, text = each
            act = _table if one.kind == "table" else _define
            try:
                with session.transaction():
                    done.append(act(session, one, decision, text, present.get(one.id)))
            except ProductError as error:
                left.append(each)
                last = error
        if len(left) == len(pending):
            raise last
        pending = left
    return done


def _define(
    session: Session, one: Customisation, decision: Decision, text: bytes | None, there: bytes | None
) -> Put:
    """
    Args:
        there: Its text on the site now; None where it is not there.
    """
    takes_out = one.change == "removed" if decision.decision == "keep" else decision.decision == "drop"
    if text is not None:
        # One that came with its table, such as an index, is not made anew while users wait.
        if text != there:
            if one.kind in _MADE_ANEW and there is not None:
                _execute(session, one, _drop(one))
            _execute(session, one, text)
        return _said(one, decision, _what(decision), text)
    if takes_out:
        if there is not None:
            _execute(session, one, _drop(one))
        return _said(one, decision, "taken out")
    return _said(one, decision, "as delivered")


def _execute(session: Session, one: Customisation, statement: bytes) -> None:
    try:
        session.execute(statement)
    except psycopg.Error as error:
        said = (error.diag.message_primary or str(error)).splitlines()[0]
        raise ProductError(
            f"{one.id} cannot be put back: {said}",
            state="Nothing of the customisations in that database was changed.",
            next_step="correct its text, and name it under text: in the form; then fab run",
        ) from error


def _table(
    session: Session, one: Customisation, decision: Decision, _: bytes | None, there: bytes | None
) -> Put:
    """A table came with its rows; one that is to go is dropped with nothing that still rests on it."""
    if decision.decision == "drop" and one.change == "added":
        if there is not None:
            _execute(session, one, _drop(one))
        return _said(one, decision, "taken out")
    if there is None and one.change != "removed":
        raise ProductError(f"{one.id} did not survive the upgrade, yet it is to be kept")
    return _said(one, decision, "carried with the data")


def _drop(one: Customisation) -> bytes:
    if one.kind == "grant":
        who, _, what = one.name.partition(" ON ")
        return f"REVOKE ALL ON {what} FROM {who}".encode()
    return f"DROP {one.kind.upper()} {one.name}".encode()


def _file(
    hosts: Hosts, environment: Environment, one: Customisation, decision: Decision, text: bytes | None
) -> Put:
    connection, path = hosts.target(environment), path_on_site(hosts, environment, one.name)
    if text is not None:
        remote.write_file(connection, path, text, mode="640")
        return _said(one, decision, _what(decision), text)
    if decision.decision == "drop" or one.change == "removed":
        remote.run(connection, f"rm -f {quote(path)}", raising=ProductError, doing=f"removing {path}")
        return _said(one, decision, "taken out")
    return _said(one, decision, "as delivered")


def _what(decision: Decision) -> str:
    return "as delivered" if decision.decision == "drop" else "put back"


def _said(one: Customisation, decision: Decision, what: str, text: bytes | None = None) -> Put:
    return Put(
        id=one.id,
        decision=str(decision.decision),
        by=str(decision.by),
        what=what,
        sha256=hashlib.sha256(text).hexdigest() if text is not None else "",
    )


def undo_files(hosts: Hosts, environment: Environment, case: Case, found: Customisations) -> None:
    """Bring the files of a site back to what the customer had."""
    connection = hosts.target(environment)
    for one in found.found:
        if one.kind in IN_DATABASE:
            continue
        path, mine = path_on_site(hosts, environment, one.name), text_of(case, one)
        if mine is not None:
            remote.write_file(connection, path, mine, mode="640")


def run_tests(hosts: Hosts, environment: Environment, decisions: Iterable[Decision]) -> list[Trial]:
    """Run every acceptance test on a site; a query runs as the schemas' owner, and nothing of it stays."""
    done = []
    with site_of(hosts, environment).opened(role=owner_of(hosts, environment)) as session:
        for decision in decisions:
            if decision.test is None:
                continue
            if decision.test.sql is not None:
                done.append(_asked(session, decision.id, decision.test.sql))
            else:
                ran = remote.attempt(hosts.target(environment), str(decision.test.command))
                said = ran.errors or ran.text or f"ended with {ran.status}"
                done.append(Trial(id=decision.id, passed=ran.status == 0, says=said[:300]))
    return done


def _asked(session: Session, ident: str, statement: str) -> Trial:
    try:
        with session.transaction(force_rollback=True):
            found = session.execute(statement.encode()).fetchall()
    except psycopg.Error as error:
        return Trial(id=ident, passed=False, says=(error.diag.message_primary or str(error)).splitlines()[0])
    says = ", ".join(str(value) for row in found[:3] for value in row)
    return Trial(id=ident, passed=found == [(True,)], says=says[:300] or "no row")
