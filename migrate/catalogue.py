"""
The catalogue of playbooks: phases, steps and gates of each, and what every step does, undoes and needs.

Promise: drawn from the files and the registered steps alone; the same of both give the same text.
"""

from collections.abc import Iterable, Iterator, Mapping

from migrate.playbook import Entry, Phase, Playbook, When
from migrate.step import Step

_HEAD = """\
# Playbooks

One vendor's process is one file in `migrate/playbooks/`, or in a workspace's own `playbooks/`. This page is
made from the files: `fab playbook catalogue docs/playbooks.md` writes it, and a test holds it to them.

A playbook of one's own is made of the steps below, without Python: name the phases, put steps and gates in
them, and let `fab playbook lint FILE` tell every fault with its line: an unknown step, one without an undo
where one is promised, a gate behind the act that it guards, a phase that nothing leads to.
"""


def markdown(playbooks: Iterable[Playbook], steps: Mapping[str, Step]) -> str:
    """Return the page as Markdown, playbooks by name, then every step by name."""
    lines = [_HEAD]
    every = sorted(playbooks, key=lambda each: each.name)
    for playbook in every:
        lines += _playbook(playbook, steps)
    lines += ["## Every step", "", "| step | does | undoes | used by |", "| --- | --- | --- | --- |"]
    for name in sorted(steps):
        used = [p.name for p in every if any(e.step == name for phase in p.phases for e in phase.steps)]
        step = steps[name]
        lines.append(
            f"| `{name}` | {_cell(step.summary)} | {_undoes(step)} | {', '.join(used) or 'your own'} |"
        )
    return "\n".join(lines) + "\n"


def _playbook(playbook: Playbook, steps: Mapping[str, Step]) -> Iterator[str]:
    yield f"## {playbook.name}: {playbook.title}\n"
    if playbook.source:
        yield f"Source: {playbook.source}.\n"
    for phase in playbook.phases:
        yield f"### {phase.title} (`fab {phase.command}`)\n"
        yield f"{phase.summary}{_nature(playbook, phase)}\n"
        yield "| | step or gate | what happens | undone by | needs |"
        yield "| --- | --- | --- | --- | --- |"
        for number, entry in enumerate(phase.steps, 1):
            yield f"| {number} | {_named(entry)} | {_happens(entry, steps)} | {_undone(entry, steps)} |" + (
                f" {'; '.join(_needs(entry, steps))} |"
            )
        yield ""


def _nature(playbook: Playbook, phase: Phase) -> str:
    said = []
    if phase.protected:
        said.append("whatever fails before the point of no return is put back, last step first")
    if phase.on_request:
        said.append("begun by its own command only")
    if phase.needs:
        said.append(f"needs {phase.needs}")
    if reopened := playbook.reopened_by(phase):
        said.append(f"{', '.join(reopened)} begin anew afterwards")
    return f" *{'; '.join(said).capitalize()}.*" if said else ""


def _named(entry: Entry) -> str:
    if entry.gate:
        return f"**gate** `{entry.gate}`"
    params = ", ".join(f"{key}: {value}" for key, value in entry.params.items())
    return f"`{entry.step}`" + (f" ({_cell(params)})" if params else "")


def _happens(entry: Entry, steps: Mapping[str, Step]) -> str:
    if entry.gate:
        return f"{_cell(entry.title)}: signs `{entry.document}`"
    says = _cell(entry.title or steps[entry.step or ""].summary)
    return f"{says} **(point of no return)**" if entry.point_of_no_return else says


def _undone(entry: Entry, steps: Mapping[str, Step]) -> str:
    return "" if entry.gate else _undoes(steps[entry.step or ""])


def _undoes(step: Step) -> str:
    if step.undo is not None:
        return _cell(step.undo_summary)
    return "not undone" if step.changes else "nothing to undo"


def _needs(entry: Entry, steps: Mapping[str, Step]) -> Iterator[str]:
    if entry.gate:
        yield f"the signature of the {entry.signer}" + (", or a waiver" if entry.waivable else "")
    elif rests_on := steps[entry.step or ""].rests_on:
        yield f"`{rests_on}` signed, where there is a gate over it"
    if entry.when is not None:
        yield _condition(entry.when)


def _condition(when: When) -> str:
    said = []
    if when.module:
        said.append(f"the module {when.module}")
    if when.without_module:
        said.append(f"no module {when.without_module}")
    if when.fact:
        said.append(f"the fact {when.fact}")
    if when.deployment:
        said.append(f"a {when.deployment} environment")
    if when.pilot is not None:
        said.append("a pilot" if when.pilot else "no pilot")
    return f"only with {' and '.join(said)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
