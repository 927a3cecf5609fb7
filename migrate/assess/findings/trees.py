"""
Kinds of findings about legacy hosts, trees of files and interfaces.

Promise: each looks at the facts of one host, tree or interface.
"""

from migrate.assess.facts import Files, Host, InterfaceFacts
from migrate.assess.kinds import Kinds, Seen, listed

hosts = Kinds[Host]()
files = Kinds[Files]()
interfaces = Kinds[InterfaceFacts]()

SHORT_OF_DISK_BYTES = 1_000_000_000


@hosts.kind(
    "warning",
    meaning="interfaces buffer on this disk during the stop; a full one would lose messages",
    remedy="free at least 1 GB on it before the window",
)
def legacy_disk_low(host: Host) -> Seen:
    free = host.disk_free_bytes
    return f"{free / 1e6:.0f} MB free" if free < SHORT_OF_DISK_BYTES else None


@files.kind(
    "blocker",
    meaning="they would be missing on the site",
    remedy="give the login of the manifest the right to read them",
)
def files_unreadable(tree: Files) -> Seen:
    count = tree.unreadable_count
    return f"files or folders that the login may not read: {count}" if count else None


@files.kind(
    "warning",
    meaning="moved as they are; a browser or a Windows client may not open them",
    remedy="rename them on legacy, with the customer's consent",
)
def odd_file_names(tree: Files) -> Seen:
    if not tree.odd_name_count:
        return None
    return (
        f"names with control characters or bytes that are no UTF-8 ({tree.odd_name_count}): "
        f"{listed(tree.odd_names, 3)}"
    )


@files.kind(
    "warning",
    meaning="moved as they are; where somebody reads them by way of Windows or macOS, one hides the other",
    remedy="rename one of each on legacy, with the customer's consent",
)
def file_names_alike(tree: Files) -> Seen:
    if not tree.twin_count:
        return None
    return (
        f"names that differ in case or spelling of accents only ({tree.twin_count}): {listed(tree.twins, 3)}"
    )


@files.kind(
    "warning",
    meaning="moved as they are; encrypted folders, archives and Windows clients cut or refuse them",
    remedy="shorten them on legacy, with the customer's consent",
)
def file_names_long(tree: Files) -> Seen:
    return f"names beyond 143 bytes or paths beyond 1000: {tree.long_names}" if tree.long_names else None


@files.kind(
    "blocker",
    meaning="they cannot move, so the copy would stop at the first of them, after the freeze",
    remedy="remove them, or let the program that makes them put them elsewhere",
    waivable=False,
)
def files_special(tree: Files) -> Seen:
    return f"pipes, sockets or devices: {tree.special}" if tree.special else None


@files.kind(
    "info",
    meaning="links are moved as links",
    remedy="nothing to do, unless a link points outside its tree",
)
def files_not_regular(tree: Files) -> Seen:
    return f"symbolic links: {tree.others}" if tree.others else None


@files.kind(
    "info",
    meaning="every name becomes a file of its own on the site, so they take more room there",
    remedy="nothing to do, unless a program changes one to change all",
)
def files_hard_linked(tree: Files) -> Seen:
    return f"files with more than one name: {tree.hard_links}" if tree.hard_links else None


@files.kind(
    "warning",
    meaning="a program with rights of its own has no place among a tenant's files",
    remedy="ask what it does there; chmod u-s,g-s it",
)
def files_privileged(tree: Files) -> Seen:
    return f"files that run with their owner's rights: {tree.privileged}" if tree.privileged else None


@interfaces.kind(
    "blocker",
    meaning="it could not be held during the stop, so messages would be lost",
    remedy="start the connector, or correct interfaces/control in the manifest",
)
def interface_silent(interface: InterfaceFacts) -> Seen:
    return None if interface.answers else f"its control command does not answer: {interface.detail}"


@interfaces.kind(
    "warning",
    meaning="nobody receives its messages now, before any move began",
    remedy="ask who holds it; release it",
)
def interface_held(interface: InterfaceFacts) -> Seen:
    is_held = interface.answers and interface.detail.startswith("held")
    return f"held already: {interface.detail}" if is_held else None
