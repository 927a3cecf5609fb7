"""
The steps of a deployment: same, create, update, replace, read, refresh and delete of one resource.

Promise: the provider is asked in the engine's order (Check, Diff, then one change), a protected
resource is never deleted, and whatever a failed step left behind is kept in the state.
"""

from dataclasses import dataclass, field, replace

from engine_double.deployment import Deployment
from engine_double.display import Change
from engine_double.plugin import Difference, InitError, Provider, ProviderError
from engine_double.state import Resource
from engine_double.values import Properties, at, differing, put, secret


class StepFailedError(Exception):
    """A step failed; its error has been recorded."""


@dataclass
class Goal:
    """A resource as the program registers it."""

    resource: Resource
    """With the program's inputs; no id or outputs yet."""
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    delete_before_replace: bool | None = None
    create_seconds: float = 0
    update_seconds: float = 0
    delete_seconds: float = 0


def register(deployment: Deployment, goal: Goal) -> Resource:
    """
    Bring one custom resource to what the program says.

    Raises:
        StepFailedError: The provider refused, or the resource may not be replaced.
    """
    wanted = goal.resource
    old = deployment.old.get(wanted.urn)
    try:
        wanted.provider, provider = deployment.provider(wanted.provider, wanted.type)
        if old:
            for path in goal.ignore_changes:
                put(wanted.inputs, path, at(old.inputs, path))
        inputs, failures = provider.check(wanted.urn, old.inputs if old else {}, wanted.inputs)
        if failures:
            faults = "\n".join(f"{wanted.type} resource '{wanted.name}' has a problem: {f}" for f in failures)
            raise ProviderError(faults)
        wanted.inputs = inputs
        if old is None:
            made = _create(deployment, provider, goal, "create", [])
        else:
            difference = _difference(provider, old, inputs, goal.ignore_changes)
            made = _change(deployment, provider, goal, old, difference)
    except ProviderError as error:
        deployment.fail(str(error), wanted.urn)
        raise StepFailedError from error
    deployment.keep(made)
    return made


def refresh(deployment: Deployment, resource: Resource) -> None:
    """Look at one resource's real state and take it into the old state."""
    if not resource.custom or resource.type.startswith("pulumi:providers:"):
        return
    urn = resource.urn
    try:
        provider = deployment.running(deployment.old[resource.provider.rpartition("::")[0]])
        real = provider.read(urn, resource.id, resource.inputs, resource.outputs)
        if real is None:
            deployment.drifted += 1
            deployment.display.row("delete", resource, note=" (refresh: it is gone)")
            deployment.drop(resource)
            return
        found = replace(resource, inputs=real[0], outputs=_with_secrets(resource, real[1]), initErrors=[])
        difference = _difference(provider, found, resource.inputs, [])
    except ProviderError as error:
        deployment.fail(str(error), urn)
        return
    if difference.changes:
        deployment.drifted += 1
        back = {"+": "-", "-": "+", "~": "~"}
        changes = [
            (back[symbol], path, old, new)
            for symbol, path, new, old in _changes(found, resource.inputs, difference)
        ]
        deployment.display.row("refresh", resource, changes)
    deployment.old[urn] = found
    deployment.save()


def protected(resources: list[Resource]) -> list[str]:
    """Return what to tell about those of `resources` that may not be deleted."""
    return [
        f'resource "{r.urn}" cannot be deleted\nbecause it is protected. To unprotect the resource,'
        " either remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`,"
        " or use the command:\n"
        f"`pulumi state unprotect '{r.urn}'`"
        for r in resources
        if r.protect
    ]


def delete(deployment: Deployment, resource: Resource, gone: set[str], seconds: float = 0) -> None:
    """
    Delete one resource; `gone` are the URNs that are deleted with it.

    Raises:
        StepFailedError: The provider refused.
    """
    shown = not resource.type.startswith("pulumi:providers:")
    if shown and not resource.delete:
        deployment.counts["delete"] += 1
    if shown:
        deployment.display.row("delete", resource, note=" (replaced)" if resource.delete else "")
    if deployment.dry_run:
        return
    left = resource.retainOnDelete or resource.external or resource.deletedWith in gone
    if resource.custom and shown and not left:
        try:
            provider = deployment.running(_provider_resource(deployment, resource))
            with deployment.operation("deleting", resource):
                provider.delete(resource.urn, resource.id, resource.inputs, resource.outputs, seconds)
        except ProviderError as error:
            deployment.fail(f"deleting {resource.urn}: {error}", resource.urn)
            raise StepFailedError from error
    deployment.drop(resource)


def read(deployment: Deployment, resource: Resource) -> Resource:
    """Look at a resource that the program only refers to."""
    try:
        resource.provider, provider = deployment.provider(resource.provider, resource.type)
        real = provider.read(resource.urn, resource.id, {}, resource.inputs)
        if real is None:
            raise ProviderError(f"resource '{resource.id}' does not exist")
    except ProviderError as error:
        deployment.fail(str(error), resource.urn)
        raise StepFailedError from error
    resource.outputs = _with_secrets(resource, real[1])
    deployment.counts["read"] += 1
    deployment.keep(resource)
    return resource


def _change(
    deployment: Deployment, provider: Provider, goal: Goal, old: Resource, difference: Difference
) -> Resource:
    """Same, update or replace."""
    wanted = goal.resource
    roots = {path.split(".")[0].split("[")[0] for path in difference.kinds}
    if difference.changes and (set(goal.replace_on_changes) & (roots | set(difference.kinds) | {"*"})):
        difference.replace = True
    changes = _changes(old, wanted.inputs, difference)
    if difference.changes and difference.replace:
        if old.protect:
            what = protected([old])[0].replace("cannot be deleted", "cannot be replaced")
            raise ProviderError(what)
        first = goal.delete_before_replace
        if first or (first is None and difference.delete_before_replace):
            if not deployment.dry_run:
                delete(deployment, replace(old, delete=True), set(), goal.delete_seconds)
                deployment.drop(old)
            return _create(deployment, provider, goal, "replace", changes)
        made = _create(deployment, provider, goal, "replace", changes)
        deployment.discard(old)
        return made
    wanted.id = old.id
    if not difference.changes and not old.initErrors:
        deployment.counts["same"] += 1
        wanted.outputs = _with_secrets(wanted, old.outputs)
        return wanted
    deployment.counts["update"] += 1
    deployment.display.row("update", wanted, changes)
    try:
        with deployment.operation("updating", old):
            outputs = provider.update(
                wanted.urn, old.id, old.inputs, old.outputs, wanted.inputs,
                goal.update_seconds, preview=deployment.dry_run,
            )  # fmt: skip
    except InitError as error:
        deployment.keep(replace(wanted, outputs=error.outputs, initErrors=error.reasons))
        raise
    wanted.outputs = _with_secrets(wanted, outputs)
    return wanted


def _create(
    deployment: Deployment, provider: Provider, goal: Goal, op: str, changes: list[Change]
) -> Resource:
    wanted = goal.resource
    deployment.counts[op] += 1
    deployment.display.row(op, wanted, changes)
    try:
        with deployment.operation("creating", wanted):
            wanted.id, outputs = provider.create(
                wanted.urn, wanted.inputs, goal.create_seconds, preview=deployment.dry_run
            )
    except InitError as error:
        deployment.keep(replace(wanted, id=error.id, outputs=error.outputs, initErrors=error.reasons))
        raise
    wanted.outputs = _with_secrets(wanted, outputs)
    return wanted


def _difference(provider: Provider, old: Resource, inputs: Properties, ignore: list[str]) -> Difference:
    """Ask the provider, and compare inputs where it leaves that to the engine."""
    found = provider.diff(old.urn, old.id, old.inputs, old.outputs, inputs, ignore)
    if found is None:
        paths = differing(old.inputs, inputs)
        found = Difference(bool(paths))
    if found.changes and not found.kinds:
        found.kinds = dict.fromkeys(differing(old.inputs, inputs), "~")
        found.of_inputs = set(found.kinds)
    return found


def _changes(old: Resource, inputs: Properties, difference: Difference) -> list[Change]:
    return [
        (
            symbol,
            path,
            at(old.inputs if path in difference.of_inputs else old.outputs, path),
            at(inputs, path),
        )
        for symbol, path in ((kind, path) for path, kind in sorted(difference.kinds.items()))
    ]


def _with_secrets(resource: Resource, outputs: Properties) -> Properties:
    return {k: secret(v) if k in resource.additionalSecretOutputs else v for k, v in outputs.items()}


def _provider_resource(deployment: Deployment, resource: Resource) -> Resource:
    urn = resource.provider.rpartition("::")[0]
    return deployment.new.get(urn) or deployment.old[urn]
