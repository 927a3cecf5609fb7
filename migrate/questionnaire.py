"""
The mapping meeting as a form: the vendor's questions, the customer's answers, and the manifest that they
fill.

    stacks/questions.yaml                  the vendor's, in every language
    stacks/<tenant>.questionnaire.yaml     the form, in the tenant's language, with its answers

Promise: an answer that the manifest does not take is refused with its line, and nothing is written then;
comments of the manifest stay. Answers that fill nothing are kept as evidence ``mapping`` beside the others.
"""

import io
import json
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from migrate.case import Case, write_whole
from migrate.documents import Voice
from migrate.errors import Refused, Waiting
from migrate.rates import Words
from provisioning.errors import ManifestError
from provisioning.manifest import Identifier
from provisioning.manifest_file import read_manifest
from provisioning.model import Model
from provisioning.model_file import load_model
from provisioning.workspace import Workspace

Answer = str | int | bool | list[str]


class Question(Model):
    """One question. `fills` is a place in the manifest, such as ``window.opens_at``."""

    id: Identifier
    ask: Words
    fills: str | None = Field(default=None, pattern=r"^[a-z_]+(\.[a-z_]+)*$")
    kind: Literal["text", "number", "choice", "yes_no", "list"] = "text"
    choices: tuple[str, ...] = ()
    required: bool = True

    @model_validator(mode="after")
    def _has_choices(self) -> Self:
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("choices belong to kind: choice, and only to it")
        return self

    def wrong(self, answer: object) -> str | None:
        """Say why an answer is none; None where it is one."""
        fits = {
            "text": isinstance(answer, str) and bool(answer.strip()),
            "number": isinstance(answer, int) and not isinstance(answer, bool),
            "choice": answer in self.choices,
            "yes_no": isinstance(answer, bool),
            "list": isinstance(answer, list) and all(isinstance(one, str) for one in answer),
        }
        if fits[self.kind]:
            return None
        wanted = {"choice": f"one of {', '.join(self.choices)}", "yes_no": "true or false"}.get(
            self.kind, f"a {self.kind}"
        )
        return f"{answer!r} is not {wanted}"


class Questions(Model):
    """``stacks/questions.yaml``."""

    questions: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_unique(self) -> Self:
        for what in ("id", "fills"):
            names = [value for one in self.questions if (value := getattr(one, what)) is not None]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{', '.join(twice)} stands twice")
        return self


class Mapping(Model):
    """Evidence ``mapping``: every answer, by question."""

    answers: dict[str, Answer]
    filled: dict[str, Answer]
    """What of the manifest they say, by its place."""


def load_questions(workspace: Workspace) -> Questions:
    """
    Raises:
        ManifestError: The vendor's questions are missing or have faults.
    """
    return load_model(
        workspace.stacks / "questions.yaml",
        Questions,
        next_step="copy examples/fjordvik/stacks/questions.yaml and make it yours",
    )


def form_file(case: Case) -> Path:
    return case.workspace.stacks / f"{case.manifest.tenant}.questionnaire.yaml"


def write_form(case: Case, questions: Questions) -> Path:
    """Write the form in the tenant's language, with what the manifest says already; one that exists stays."""
    path = form_file(case)
    if path.exists():
        return path
    voice, manifest = Voice.of(case.manifest), case.manifest.model_dump(mode="json")
    lines = [f"# {voice.say('questionnaire.head', customer=case.manifest.display_name)}"]
    for number, one in enumerate(questions.questions, 1):
        known = _at(manifest, one.fills) if one.fills else None
        lines += ["", f"# {number}. {voice.title(one.ask)}"]
        if one.choices:
            lines.append(f"#    {' | '.join(one.choices)}")
        # JSON is YAML, and stands in one line.
        lines.append(f"{one.id}: {'' if known is None else json.dumps(known, ensure_ascii=False)}".strip())
    write_whole(path, ("\n".join(lines) + "\n").encode())
    return path


def answered(case: Case, questions: Questions) -> Mapping:
    """
    Return the form's answers.

    Raises:
        Waiting: There is no form yet, or questions are open.
        ManifestError: An answer is none.
    """
    path, tenant = form_file(case), case.manifest.tenant
    if not path.exists():
        raise Waiting(
            "the mapping meeting was not held yet", next_step=f"fab questionnaire --tenant {tenant}"
        )
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"stacks/{path.name} is not YAML: {error}") from error
    known = {one.id for one in questions.questions}
    faults = [f"  {name}: no such question" for name in read if name not in known]
    given: dict[str, Answer] = {}
    still_open = []
    for one in questions.questions:
        answer = read.get(one.id)
        if answer is None or answer == "":
            still_open += [one.id] if one.required else []
        elif (wrong := one.wrong(answer)) is not None:
            faults.append(f"  {one.id}: {wrong}")
        else:
            given[one.id] = answer
    if faults:
        raise ManifestError(
            f"stacks/{path.name}: {len(faults)} to correct, nothing was touched\n" + "\n".join(faults),
            next_step=f"correct the form, then fab questionnaire --tenant {tenant}",
        )
    if still_open:
        raise Waiting(
            f"{len(still_open)} questions are open: {', '.join(still_open)}",
            next_step=f"answer them in stacks/{path.name}, then fab questionnaire --tenant {tenant}",
        )
    filled = {one.fills: given[one.id] for one in questions.questions if one.fills and one.id in given}
    return Mapping(answers=given, filled=filled)


def fill(case: Case, mapping: Mapping) -> list[str]:
    """
    Write the answers into the manifest, and return the places that changed.

    Raises:
        ManifestError: The manifest would not be sound with them; tells every fault, and stays as it was.
        Refused: A place is below something that is no group of keys.
    """
    path = case.workspace.stacks / f"{case.manifest.tenant}.yaml"
    rounds = YAML()
    rounds.preserve_quotes, rounds.width = True, 4096
    rounds.indent(mapping=2, sequence=4, offset=2)
    content = rounds.load(path.read_text(encoding="utf-8"))
    now = case.manifest.model_dump(mode="json")
    changed = [place for place, answer in mapping.filled.items() if _at(now, place) != answer]
    for place in changed:
        _set(content, place, mapping.filled[place])
    if not changed:
        return []
    text = io.StringIO()
    rounds.dump(content, text)
    manifest, faults = read_manifest(text.getvalue(), file_stem=case.manifest.tenant)
    if manifest is None:
        listed = "\n".join(f"  {fault.path}: {fault.says}" for fault in faults)
        raise ManifestError(
            f"the manifest would not be sound with these answers, so nothing was written\n{listed}",
            next_step=f"correct stacks/{form_file(case).name}, then the same command",
        )
    write_whole(path, text.getvalue().encode())
    return changed


def unfilled(case: Case, mapping: Mapping) -> list[str]:
    """Return the places at which the manifest says something else than the answers."""
    now = case.manifest.model_dump(mode="json")
    return [place for place, answer in mapping.filled.items() if _at(now, place) != answer]


def _at(content: Any, place: str) -> Any:
    for part in place.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content


def _set(content: Any, place: str, answer: Answer) -> None:
    *above, last = place.split(".")
    for part in above:
        if not isinstance(content, dict):
            raise Refused(f"{place}: {part} is no group of keys in the manifest")
        if content.get(part) is None:
            content[part] = CommentedMap()
        content = content[part]
    content[last] = answer
