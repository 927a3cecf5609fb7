"""
The command line: what of ``pulumi`` the double was told of, and nothing else.

Promise: an unknown command, word or flag ends with status 2 before anything is touched.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine_double import VERSION, DoubleError, NotToldOfError
from engine_double.display import to_stderr
from engine_double.project import Project
from engine_double.state import Backend, Checkpoint
from engine_double.values import masked, without_secrets

if TYPE_CHECKING:
    from engine_double.update import Update


def main(argv: list[str]) -> int:
    """Run one command; return its exit status as the engine would."""
    try:
        options = _parser().parse_args(argv)
        if options.cwd:
            os.chdir(options.cwd)
        options.run(options)
    except NotToldOfError as refusal:
        to_stderr(f"error: {refusal}")
        return 2
    except DoubleError as error:
        to_stderr(f"error: {error}")
        return 255
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise NotToldOfError(f"`{self.prog} {' '.join(sys.argv[1:])}` ({message})")


def _parser() -> argparse.ArgumentParser:
    top = _Parser(prog="pulumi", allow_abbrev=False, add_help=False, parents=[_common(None)])
    commands = top.add_subparsers(dest="command", required=True, parser_class=_Parser)
    flag: dict[str, Any] = {"action": "store_true"}

    def command(
        of: "argparse._SubParsersAction[_Parser]",
        name: str,
        run: Callable[[argparse.Namespace], None],
        *aliases: str,
    ) -> _Parser:
        parser = of.add_parser(
            name, aliases=aliases, parents=[_common(argparse.SUPPRESS)], allow_abbrev=False, add_help=False
        )
        parser.set_defaults(run=run)
        return parser

    command(commands, "version", lambda _: print(f"v{VERSION}"))
    up = command(commands, "up", _up, "update")
    preview = command(commands, "preview", _preview)
    preview.add_argument("--expect-no-changes", **flag)
    refresh = command(commands, "refresh", _refresh)
    destroy = command(commands, "destroy", _destroy)
    for parser in (up, preview):
        parser.add_argument("--refresh", "-r", **flag)
    for parser in (up, preview, refresh, destroy):
        parser.add_argument("--diff", **flag)
    for parser in (up, destroy, refresh):
        parser.add_argument("--skip-preview", "-f", **flag)
    cancel = command(commands, "cancel", _cancel)
    for parser in (up, destroy, refresh, cancel):
        parser.add_argument("--yes", "-y", **flag)

    def group(name: str) -> "argparse._SubParsersAction[_Parser]":
        parser = commands.add_parser(
            name, parents=[_common(argparse.SUPPRESS)], allow_abbrev=False, add_help=False
        )
        return parser.add_subparsers(dest="what", required=True, parser_class=_Parser)

    stack = group("stack")
    select = command(stack, "select", _stack_select)
    select.add_argument("name", nargs="?")
    select.add_argument("--create", "-c", **flag)
    command(stack, "init", _stack_init).add_argument("name", nargs="?")
    command(stack, "ls", _stack_ls)
    remove = command(stack, "rm", _stack_rm)
    remove.add_argument("name", nargs="?")
    remove.add_argument("--yes", "-y", **flag)
    output = command(stack, "output", _stack_output)
    output.add_argument("property", nargs="?")
    output.add_argument("--json", "-j", **flag)
    output.add_argument("--show-secrets", **flag)

    config = group("config")
    setting = command(config, "set", _config_set)
    setting.add_argument("key")
    setting.add_argument("value", nargs="?")
    setting.add_argument("--secret", **flag)
    setting.add_argument("--plaintext", **flag)
    command(config, "get", _config_get).add_argument("key")
    command(config, "rm", _config_rm).add_argument("key")

    unprotect = command(group("state"), "unprotect", _state_unprotect)
    unprotect.add_argument("urn", nargs="?")
    unprotect.add_argument("--all", **flag)
    unprotect.add_argument("--yes", "-y", **flag)
    return top


def _common(default: str | None) -> _Parser:
    """Return the flags of every command; after a command, an absent one must not undo an earlier one."""
    common = _Parser(add_help=False, argument_default=default)
    common.add_argument("--stack", "-s")
    common.add_argument("--non-interactive", action="store_true")
    common.add_argument("--color", choices=["never", "always", "auto", "raw"])
    common.add_argument("--cwd", "-C")
    return common


# --- stacks --------------------------------------------------------------------------------------------


def _opened(options: argparse.Namespace) -> tuple[Project, Backend]:
    project = Project.find(Path.cwd())
    return project, Backend(project)


def _stack(options: argparse.Namespace, backend: Backend) -> str:
    """Return the stack that was named or selected; it exists."""
    name = options.stack or getattr(options, "name", None) or backend.selected()
    if not name:
        raise DoubleError(
            "no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one"
        )
    if not backend.exists(name):
        raise DoubleError(f"no stack named '{name}' found")
    return str(name)


def _named(options: argparse.Namespace) -> str:
    name = options.stack or options.name
    if not name:
        raise NotToldOfError("asking a person for a stack's name; give --stack")
    return str(name)


def _stack_select(options: argparse.Namespace) -> None:
    _, backend = _opened(options)
    name = _named(options)
    if not backend.exists(name):
        if not options.create:
            raise DoubleError(f"no stack named '{name}' found")
        backend.create(name)
        print(f"Created stack '{name}'")
    backend.select(name)


def _stack_init(options: argparse.Namespace) -> None:
    _, backend = _opened(options)
    name = _named(options)
    backend.create(name)
    backend.select(name)
    print(f"Created stack '{name}'")


def _stack_ls(options: argparse.Namespace) -> None:
    _, backend = _opened(options)
    print("NAME")
    for name in backend.names():
        print(f"{name}{'*' if name == backend.selected() else ''}")


def _stack_rm(options: argparse.Namespace) -> None:
    project, backend = _opened(options)
    name = _stack(options, backend)
    _need_yes(options)
    file = project.stack_file(name)
    if backend.load(name, file.crypter).resources:
        raise DoubleError(f"'{name}' still has resources; removal rejected. Run `pulumi destroy` first")
    backend.remove(name)
    file.path.unlink(missing_ok=True)
    print(f"Stack '{name}' has been removed!")


def _stack_output(options: argparse.Namespace) -> None:
    project, backend = _opened(options)
    name = _stack(options, backend)
    root = backend.load(name, project.stack_file(name).crypter).root()
    outputs = root.outputs if root else {}
    shown = without_secrets(outputs) if options.show_secrets else masked(outputs)
    if options.property:
        if options.property not in shown:
            raise DoubleError(f"current stack does not have output property '{options.property}'")
        value = shown[options.property]
        print(value if isinstance(value, str) and not options.json else json.dumps(value, indent=2))
    elif options.json:
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        print(f"Current stack outputs ({len(shown)}):")
        for key, value in shown.items():
            print(f"    {key}  {value if isinstance(value, str) else json.dumps(value)}")


# --- configuration -------------------------------------------------------------------------------------


def _config_set(options: argparse.Namespace) -> None:
    project, backend = _opened(options)
    value = options.value if options.value is not None else sys.stdin.read().rstrip("\n")
    project.stack_file(_stack(options, backend)).set(options.key, value, secret=options.secret)


def _config_get(options: argparse.Namespace) -> None:
    project, backend = _opened(options)
    stack = _stack(options, backend)
    file = project.stack_file(stack)
    value = file.config().get(file.key(options.key))
    if value is None:
        raise DoubleError(f"configuration key '{options.key}' not found for stack '{stack}'")
    print(value[0])


def _config_rm(options: argparse.Namespace) -> None:
    project, backend = _opened(options)
    project.stack_file(_stack(options, backend)).remove(options.key)


# --- updates -------------------------------------------------------------------------------------------


def _update(options: argparse.Namespace) -> "Update":
    from engine_double.update import Update  # loads the whole SDK, which the other commands do without

    project, backend = _opened(options)
    return Update(
        project,
        backend,
        _stack(options, backend),
        diff=options.diff,
        with_refresh=getattr(options, "refresh", False),
    )


def _need_yes(options: argparse.Namespace) -> None:
    if not (options.yes or getattr(options, "skip_preview", False)):
        raise DoubleError(
            "--yes or --skip-preview must be passed in to proceed when running in non-interactive mode"
        )


def _up(options: argparse.Namespace) -> None:
    _need_yes(options)
    _update(options).up(skip_preview=options.skip_preview)


def _preview(options: argparse.Namespace) -> None:
    _update(options).preview(expect_no_changes=options.expect_no_changes)


def _refresh(options: argparse.Namespace) -> None:
    _need_yes(options)
    _update(options).refresh()


def _destroy(options: argparse.Namespace) -> None:
    _need_yes(options)
    _update(options).destroy(skip_preview=options.skip_preview)


def _cancel(options: argparse.Namespace) -> None:
    _, backend = _opened(options)
    stack = _stack(options, backend)
    _need_yes(options)
    backend.unlock(stack)
    print(f"The currently running update for '{stack}' has been canceled!")


def _state_unprotect(options: argparse.Namespace) -> None:
    project, backend = _opened(options)
    stack = _stack(options, backend)
    _need_yes(options)
    if bool(options.urn) == options.all:
        raise NotToldOfError("`pulumi state unprotect` but with one URN or with --all")
    crypter = project.stack_file(stack).crypter
    with backend.locked(stack):
        checkpoint: Checkpoint = backend.load(stack, crypter)
        found = [r for r in checkpoint.resources if options.all or r.urn == options.urn]
        if not found:
            raise DoubleError(f"No such resource {options.urn!r} exists in the current state")
        for resource in found:
            resource.protect = False
        backend.save(stack, checkpoint, crypter)
    print("All resources successfully unprotected" if options.all else "Resource unprotected")
