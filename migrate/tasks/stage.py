"""
Commands that carry a tenant's data where no network path leads: keys, out, in, and what is where.

Promise: out only reads legacy, but for its dump that goes when the archive is finished; in touches neither
the site's database nor its files: a run does that, in mode ``staged``.
"""

from pathlib import Path

from fabric import Connection, task
from rich.filesize import decimal

from migrate import lock
from migrate.archive import area, keys, stage
from migrate.archive.store import archives, open_store
from migrate.connections import Hosts
from migrate.errors import Refused, TransferError
from migrate.progress import screen
from migrate.tasks.edge import for_a_person, open_case
from provisioning.manifest import Environment


@task(
    name="stage-key",
    help={"tenant": "Whose archives.", "anew": "Also when there are keys: archives made so far are lost."},
)
def stage_key(_c: Connection, tenant: str, anew: bool = False) -> None:
    """Make the identity that reads a tenant's archives, and the ticket that makes them."""
    with for_a_person():
        case = open_case(tenant)
        ticket = keys.make(case.workspace, tenant, anew=anew)
    print(f"{ticket.with_name('identity')} stays here; without it no archive can be read")
    print(f"{ticket} goes where the archive is made, apart from the disk")
    print(f"Next: fab stage-out --tenant {tenant} --to FOLDER --ticket {ticket.name}, there")


@task(
    name="stage-out",
    help={
        "tenant": "Whose legacy system.",
        "to": "A folder, such as a disk's, or s3://bucket/prefix.",
        "ticket": "What stage-key made; by default the one of this workspace.",
        "since": "A finished archive: only what changed since is written.",
        "live": "Legacy keeps what changes from now on, so that it can flow once a path exists.",
        "chunk": "No chunk is larger; 256M by default.",
        "anew": "Begin another archive, whatever was begun.",
    },
)
def stage_out(
    _c: Connection,
    tenant: str,
    to: str,
    ticket: str = "",
    since: str = "",
    live: bool = False,
    chunk: str = "256M",
    anew: bool = False,
) -> None:
    """Write a tenant's databases and files as an encrypted archive; again goes on where it stopped."""
    with for_a_person():
        case, shown = open_case(tenant), screen()
        with Hosts(case.workspace, case.manifest) as hosts:
            try:
                made = stage.stage_out(
                    case,
                    hosts,
                    to,
                    shown,
                    ticket=Path(ticket) if ticket else None,
                    since=since,
                    live=live,
                    chunk_bytes=stage.bytes_of_text(chunk),
                    anew=anew,
                )
                kept = stage.kept_on_legacy(case, hosts, made)
            finally:
                shown.finish()
    size = sum(one.bytes for one in (*made.chunks, made.contents))
    print(f"{made.archive}: {len(made.chunks)} chunks, {decimal(size)}, read back and whole")
    for item in made.items:
        how = f"at {item.position}, {'frozen' if item.frozen else 'in use'}" if item.position else ""
        print(f"  {item.kind} {item.name}: {item.files} files, {decimal(item.bytes)} {how}".rstrip())
    for name, how in kept.items():
        print(f"{name}: legacy {how}; fab stage-release --tenant {tenant} ends that")
    print(f"Next: fab stage-in --tenant {tenant} --from {to}, where the site is reached")


@task(name="stage-release", help={"tenant": "Whose legacy system."})
def stage_release(_c: Connection, tenant: str) -> None:
    """Have legacy keep no changes any more for archives that no live move was begun with."""
    with for_a_person():
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            if names := stage.followed(case, hosts):
                raise Refused(
                    f"a move follows {', '.join(names)} from an archive, and could not go on without what"
                    " legacy keeps",
                    state="Nothing was changed.",
                    next_step=f"fab abandon --tenant {tenant} ends the move, and this with it",
                )
            left = stage.release(case, hosts)
    for name, lines in left.items():
        print(f"{name}: {'as it was found' if not lines else 'otherwise than it was found:'}")
        for line in lines:
            print(f"  {line}")
    if not left:
        print("nothing was kept for any archive")


@task(
    name="stage-in",
    help={
        "tenant": "Whose site.",
        "from": "The folder, or s3://bucket/prefix, that holds the archive.",
        "archive": "Which, when there are several.",
        "environment": "test or prod; prod by default.",
    },
)
def stage_in(_c: Connection, tenant: str, from_: str, archive: str = "", environment: str = "prod") -> None:
    """Check an archive and load it onto the site's host; again goes on where it stopped."""
    with for_a_person():
        case, shown = open_case(tenant), screen()
        with Hosts(case.workspace, case.manifest) as hosts:
            try:
                received = stage.stage_in(
                    case, hosts, from_, shown, environment=_environment(environment), archive=archive
                )
            finally:
                shown.finish()
        case.write_evidence("staged", received)
    for item in received.items:
        print(f"{item.kind} {item.name}: {item.files} files, {decimal(item.bytes)}, verified by digest")
        if item.unsettled:
            print(f"  {len(item.unsettled)} changed on legacy while they were read; they come with the next")
            for name in item.unsettled[:10]:
                print(f"    {name}")
    print(f"Next: fab run --tenant {tenant}")


@task(
    name="stage-status",
    help={"tenant": "Whose archives.", "at": "Also look at this folder or s3://bucket/prefix."},
)
def stage_status(_c: Connection, tenant: str, at: str = "") -> None:
    """Show which archives were made from this workspace, and what lies at a location; reads only."""
    with for_a_person():
        case = open_case(tenant)
        for desk in stage.desks(case):
            plan, written = desk.plan(), len(desk.written())
            under_way = f"{written} of {len(plan.chunks)} chunks" if plan else "dumping"
            how = "finished" if desk.is_finished else under_way
            base = f", since {desk.begun.base}" if desk.begun.base else ""
            print(f"{desk.archive}: {how}, at {desk.begun.location}{base}")
        if writing := lock.holder(keys.folder(case.workspace, tenant) / "archives"):
            print(f"being written by {writing}")
        for name in archives(at) if at else ():
            sizes = open_store(at, name).sizes()
            finished = "finished" if "manifest.sig" in sizes else "not finished"
            print(f"{at}: {name}, {finished}, {len(sizes)} objects, {decimal(sum(sizes.values()))}")


@task(
    name="stage-clear",
    help={"tenant": "Whose site.", "environment": "test or prod; prod by default."},
)
def stage_clear(_c: Connection, tenant: str, environment: str = "prod") -> None:
    """Remove what archives brought onto the site's host; its database and files stay."""
    with for_a_person():
        case = open_case(tenant)
        with Hosts(case.workspace, case.manifest) as hosts:
            area.clear(hosts.runner(_environment(environment)), tenant)
    print("removed")


def _environment(text: str) -> Environment:
    if text == "test":
        return "test"
    if text == "prod":
        return "prod"
    raise TransferError(f"there is no environment {text!r}", next_step="say test or prod")
