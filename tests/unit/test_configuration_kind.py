"""What a site was configured from, as a resource: seen on the host, never written there."""

import json
from pathlib import Path

import pytest

from provisioning.configuration_mark import CONFIGURATION_MARK
from provisioning.errors import SiteError
from provisioning.local.kinds.configuration import ConfigurationInputs, ConfigurationKind

SIGNED, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def inputs(tmp_path: Path) -> ConfigurationInputs:
    return ConfigurationInputs(host=str(tmp_path), sha256=SIGNED)


def loaded(host: str, sha256: str) -> None:
    mark = Path(host) / CONFIGURATION_MARK
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(json.dumps({"sha256": sha256}))


def test_loaded_workbook_is_what_is_seen(inputs: ConfigurationInputs) -> None:
    """What stands on the host is told as it is, whatever the program declares."""
    kind = ConfigurationKind()
    assert kind.read(inputs, {}) == {"sha256": ""}
    loaded(inputs.host, SIGNED)
    assert kind.create(inputs) == ("configuration", {})
    assert kind.read(inputs, {}) == {"sha256": SIGNED}
    loaded(inputs.host, OTHER)
    assert kind.read(inputs, {}) == {"sha256": OTHER}


@pytest.mark.parametrize("state", ["nothing", "another", "broken"])
def test_update_never_glosses_over_another_file(inputs: ConfigurationInputs, state: str) -> None:
    """A site that is configured from another file, or from none, is refused; the mark stays as it was."""
    mark = Path(inputs.host) / CONFIGURATION_MARK
    if state != "nothing":
        loaded(inputs.host, OTHER)
    if state == "broken":
        mark.write_text("no JSON")
    before = mark.read_bytes() if mark.exists() else None
    with pytest.raises(SiteError, match="not from the workbook aaaaaaaaaaaa that the stack names"):
        ConfigurationKind().update(inputs, {})
    assert (mark.read_bytes() if mark.exists() else None) == before


def test_host_that_is_gone_has_no_configuration(tmp_path: Path) -> None:
    """Where there is no host, there is nothing to be seen."""
    gone = ConfigurationInputs(host=str(tmp_path / "gone"), sha256=SIGNED)
    assert ConfigurationKind().read(gone, {}) is None
