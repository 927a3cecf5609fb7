"""
What all parts of a manifest are made of: names, texts, places and people that are safe wherever they go.

Promise: a value of these types was checked when it was made; none can escape a path, a shell or SQL.
"""

import re
from pathlib import PurePosixPath
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, EmailStr, Field

from provisioning.model import Model

_NAME_RULE = "2 to 30 characters: lowercase a-z, digits and single hyphens, a letter first, no hyphen last"


def _safe_name(name: str) -> str:
    """Refuse what could escape a path, a shell or SQL; ASCII only, so no look-alikes either."""
    if not 2 <= len(name) <= 30:
        raise ValueError(f"{len(name)} characters; the rule is {_NAME_RULE}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        odd = sorted({c for c in name if not re.fullmatch(r"[a-z0-9-]", c)})
        why = f"has {', '.join(ascii(c) for c in odd)}" if odd else "starts or ends wrongly"
        raise ValueError(f"{why}; the rule is {_NAME_RULE}")
    return name


def _safe_identifier(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        raise ValueError("not a plain SQL name: 1 to 63 of a-z, 0-9 and _, no digit first")
    return name


def _plain_text(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("holds control characters, or begins or ends with white space")
    return text


def _host_name(name: str) -> str:
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if len(name) > 253 or not re.fullmatch(rf"{label}(\.{label})+", name):
        raise ValueError("not a host name such as alpenblick.care.example (lowercase, ASCII)")
    return name


def _relative_path(path: str) -> str:
    """A path below a folder: it may not climb out of it, nor hold control characters."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError("must be a path below its folder: not absolute, no '..'")
    if not path.isprintable() or path.startswith("-"):
        raise ValueError("holds control characters, or starts with a hyphen")
    return path


def _archive_place(place: str) -> str:
    """A folder, absolute since commands run anywhere, or a bucket."""
    if not place.isprintable():
        raise ValueError("holds control characters")
    if re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", place):
        return place
    if "://" in place or not PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
        raise ValueError("must be an absolute folder, such as /media/disk, or s3://bucket/prefix")
    return place


def _age_recipient(text: str) -> str:
    from pyrage import RecipientError, x25519  # here, since few manifests name one

    try:
        x25519.Recipient.from_str(text)
    except RecipientError:
        hint = "; that is the secret half" if text.upper().startswith("AGE-SECRET-KEY") else ""
        raise ValueError(f"not a public age recipient, which begins with age1{hint}") from None
    return text


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"no time zone {name!r}; take one such as Europe/Zurich")
    return name


def refuse_twice(kind: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{kind}: {', '.join(twice)} stands twice; names tell the parts apart")


Name = Annotated[
    str, AfterValidator(_safe_name), Field(json_schema_extra={"pattern": r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"})
]
"""A name that is safe in a path, a shell and SQL."""
Identifier = Annotated[str, AfterValidator(_safe_identifier)]
Text = Annotated[str, AfterValidator(_plain_text), Field(min_length=1, max_length=100)]
"""One line that a person reads, in any script."""
HostName = Annotated[str, AfterValidator(_host_name)]
RelativePath = Annotated[str, AfterValidator(_relative_path)]
ArchivePlace = Annotated[str, AfterValidator(_archive_place)]
AgeRecipient = Annotated[str, AfterValidator(_age_recipient)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]


class Person(Model):
    """Somebody at the customer or the vendor. The e-mail address is also the name that signs."""

    name: Text
    email: EmailStr
    phone: str | None = Field(
        default=None, pattern=r"^\+[0-9 ]{6,20}$", description="Such as +41 31 555 01 02."
    )
