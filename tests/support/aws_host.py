"""
What a host on AWS is made of, laid down in a folder of a test's own.

Promise: the files are those that a site's hosts get, with settings as a site has them; nothing is written
outside the folder.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

from provisioning.aws.artifacts import ALSO_ON_HOSTS, HOST_FILES, pack
from provisioning.aws.host_settings import GIVEN, TOLD, host_settings, made_secrets
from provisioning.manifest import Manifest
from provisioning.site import SiteArgs
from tests.support.local_sites import manifest

SECRETS = (*made_secrets(Manifest.model_validate(manifest("alpha"))), *GIVEN)
SECRET_VALUES = {name: f"{name.replace('_', '')}x0123456789abcdefgh" for name in SECRETS}

_AWS = '''\
#!{python}
"""`aws` with one listener rule and one parameter in a file; other words are refused."""
import json, sys
from pathlib import Path

there = Path("{there}")
kept = json.loads(there.read_text())
words = sys.argv[1:]
kept["asked"].append(words)
if words[:1] == ["elbv2"] and words[1:5] == ["--region", "eu-central-2", "--output", "json"]:
    verb, given = words[5], dict(zip(words[6::2], words[7::2]))
    if verb == "describe-rules" and given == {{"--rule-arns": "the-door-rule"}}:
        print(json.dumps({{"Rules": [{{"Actions": kept["actions"]}}]}}))
    elif verb == "modify-rule" and given.pop("--rule-arn") == "the-door-rule":
        kept["actions"] = json.loads(given["--actions"])
    else:
        sys.exit("AccessDenied: " + " ".join(words))
elif words[:4] == ["--region", "eu-central-2", "ssm", "get-parameter"]:
    print(kept["parameter"])
elif words[:4] == ["--region", "eu-central-2", "ssm", "put-parameter"]:
    kept["parameter"] = words[words.index("--value") + 1]
else:
    sys.exit("AccessDenied: " + " ".join(words))
there.write_text(json.dumps(kept))
'''


_ABSOLUTE = (
    *("/srv/site", "/etc/nginx/", "/run/site/", "/run/nginx"),
    *("/var/log/site", "/var/cache/nginx-site"),
)
"""Paths of a host that its files name."""


def settle() -> Any:
    """The program that makes a machine a host, as a module."""
    loader = SourceFileLoader("settle", str(HOST_FILES / "settle"))
    spec = spec_from_loader("settle", loader)
    assert spec is not None
    made = module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(made)
    finally:
        sys.dont_write_bytecode = writes
    return made


LANGUAGE = "fr"
"""What this host's door speaks."""


def settings(**changed: str) -> dict[str, str]:
    """A site's settings."""
    args = SiteArgs(
        manifest=Manifest.model_validate({**manifest("alpha"), "language": LANGUAGE}), environment="prod"
    )
    told = {name: f"the-{name.replace('_', '-')}" for name in TOLD}
    made = host_settings(args, region="eu-central-2", database_ca="PEM", told={**told, **changed})
    return {**made, **{key: value for key, value in changed.items() if key in made}}


@dataclass
class LaidDown:
    """The files of a host below `root`, and an `aws` in ``root/bin``."""

    root: Path
    settings: dict[str, str]

    @property
    def home(self) -> Path:
        return self.root / "srv" / "site"

    @property
    def kept(self) -> dict[str, Any]:
        """What the doubled AWS holds."""
        kept: dict[str, Any] = json.loads((self.root / "aws.json").read_text())
        return kept

    def keep(self, **changed: Any) -> None:
        (self.root / "aws.json").write_text(json.dumps({**self.kept, **changed}))


def laid_down(root: Path, *, secrets: dict[str, str] | None = None, **changed: str) -> LaidDown:
    """Lay down what ``settle`` would, with every absolute path of a host led below `root`."""
    places = {name: str(root / name) for name in ("backups", "inbox")}
    given = settings(**places, **changed, settings_file=str(root / "settings.json"))
    (root / "settings.json").write_text(json.dumps(given))
    for place in places.values():
        Path(place).mkdir()
    program = settle()
    # By the way that they come to a host: packed, and unpacked by a command that keeps no modes.
    packed = pack(HOST_FILES, "host-files", root / "packed", also=ALSO_ON_HOSTS)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", packed.path, root / "packed" / "host"], check=True)
    for tree, mode in (("public", 0o644), ("private", 0o600)):
        for path in program.lay_down(
            root / "packed" / "host" / tree, root, {**given, **SECRET_VALUES, **(secrets or {})}, mode
        ):
            text = path.read_text()
            for absolute in _ABSOLUTE:
                text = text.replace(absolute, f"{root}{absolute}")
            path.write_text(text)
    command = root / "bin" / "aws"
    command.parent.mkdir()
    command.write_text(_AWS.format(python=sys.executable, there=root / "aws.json"))
    command.chmod(0o755)
    actions = [{"Type": "forward", "TargetGroupArn": "the-target-group"}]
    (root / "aws.json").write_text(json.dumps({"actions": actions, "parameter": "none", "asked": []}))
    return LaidDown(root, given)
