"""The provider's glue: secrets stay secret, drift is named by property, unknown values pass through."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from provisioning.errors import SiteError
from provisioning.local.plugin.glue import Inputs, Kind, Provider, State
from provisioning.local.plugin.wire import UNKNOWN, decode, encode, has_unknown, secret_names

URN = "urn:pulumi:s::p::toy:index:Lamp$toy:index:Lamp::lamp"


class LampInputs(Inputs):
    place: str
    watts: int = 40
    labels: dict[str, str] | None = None
    pin: str = "0000"


class LampKind(Kind[LampInputs]):
    """A lamp that lives in a dictionary."""

    token = "toy:index:Lamp"
    secret = frozenset({"pin"})
    replaced_by = frozenset({"place"})
    renewed = frozenset({"serial"})

    def __init__(self) -> None:
        self.lamps: dict[str, State] = {}

    def facts(self, inputs: LampInputs) -> State:
        return {"lit": True}

    def create(self, inputs: LampInputs) -> tuple[str, State]:
        if inputs.place == "cellar":
            raise SiteError(
                "no socket in the cellar", state="Nothing was made.", next_step="take another place"
            )
        if inputs.place == "roof":
            raise ZeroDivisionError("unforeseen")
        self.lamps[inputs.place] = {"lit": True, "watts": inputs.watts}
        return inputs.place, {"serial": 1}

    def read(self, inputs: LampInputs, state: State) -> State | None:
        return self.lamps.get(inputs.place)

    def update(self, inputs: LampInputs, state: State) -> State:
        self.lamps[inputs.place] = {"lit": True, "watts": inputs.watts}
        return {"serial": state["serial"] + 1}

    def delete(self, inputs: LampInputs, state: State) -> str | None:
        self.lamps.pop(inputs.place)
        return None


@pytest.fixture
def lamp() -> LampKind:
    return LampKind()


@pytest.fixture
def provider(lamp: LampKind) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The glue behind real gRPC."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider("toy", "1", [lamp], None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(None).wait()


def checked(provider: Any, secret: tuple[str, ...] = (), **news: object) -> Any:
    return provider.Check(provider_pb2.CheckRequest(urn=URN, news=encode(news, secret)))


def test_check_adds_defaults_and_facts_and_hides_what_is_secret(provider: Any) -> None:
    """Check fills in defaults and facts; a property is secret by its kind, or because it arrived so."""
    response = checked(provider, ("labels",), place="hall", labels={"key": "k"})
    assert decode(response.inputs) == {
        "place": "hall",
        "watts": 40,
        "pin": "0000",
        "labels": {"key": "k"},
        "lit": True,
    }
    assert secret_names(response.inputs) == {"pin", "labels"}


def test_every_fault_is_told_with_its_property(provider: Any) -> None:
    """Wrong and unknown properties come back as failures, all at once, without the values."""
    response = checked(provider, wats=40, watts="bright-secret")
    assert sorted(failure.property for failure in response.failures) == ["place", "wats", "watts"]
    assert "bright-secret" not in str(response.failures)


def test_unknown_inputs_pass_a_preview(provider: Any) -> None:
    """What only the update will bring is no fault in a preview, and no fact is invented from it."""
    response = checked(provider, place=UNKNOWN)
    assert decode(response.inputs) == {"place": UNKNOWN}


def test_created_read_changed_and_gone(provider: Any, lamp: LampKind) -> None:
    """What read sees is compared with what was declared: no difference, a named one, or nothing left."""
    inputs = checked(provider, place="hall", watts=60).inputs
    made = provider.Create(provider_pb2.CreateRequest(urn=URN, properties=inputs))
    assert (made.id, decode(made.properties)["serial"]) == ("hall", 1)

    def refreshed() -> Any:
        request = provider_pb2.ReadRequest(id="hall", urn=URN, properties=made.properties, inputs=inputs)
        return provider.Read(request)

    def compared(olds: Any, news: Any) -> Any:
        return provider.Diff(
            provider_pb2.DiffRequest(id="hall", urn=URN, olds=olds, news=news, old_inputs=inputs)
        )

    same = refreshed()
    assert secret_names(same.properties) == {"pin"}
    assert compared(same.properties, inputs).changes == provider_pb2.DiffResponse.DIFF_NONE

    lamp.lamps["hall"] = {"lit": False, "watts": 60}
    drifted = refreshed()
    assert decode(drifted.inputs) == decode(inputs)
    difference = compared(drifted.properties, inputs)
    assert list(difference.diffs) == ["lit"]
    assert difference.detailedDiff["lit"].kind == provider_pb2.PropertyDiff.UPDATE
    assert not list(difference.replaces)

    moved = compared(same.properties, checked(provider, place="attic", watts=60).inputs)
    assert list(moved.replaces) == ["place"]
    assert moved.deleteBeforeReplace

    lamp.lamps.clear()
    assert refreshed().id == ""


def test_difference_in_a_mapping_is_named_by_its_key(provider: Any) -> None:
    """Of a mapping, only the keys that differ are named."""
    olds = encode({"place": "hall", "labels": {"a": "1", "b": "2", "c": "3"}})
    news = encode({"place": "hall", "labels": {"a": "1", "b": "x", "d": "4"}})
    response = provider.Diff(provider_pb2.DiffRequest(urn=URN, olds=olds, news=news))
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(d.kind) for path, d in response.detailedDiff.items()}
    assert kinds == {'labels["b"]': "UPDATE", 'labels["c"]': "DELETE", 'labels["d"]': "ADD"}


def test_property_no_longer_declared_is_a_difference(provider: Any) -> None:
    """Leaving a property out, which was declared before, is a change; an output never declared is none."""
    olds = encode({"place": "hall", "labels": {"a": "1"}, "serial": 7})
    response = provider.Diff(
        provider_pb2.DiffRequest(urn=URN, olds=olds, news=encode({"place": "hall"}), old_inputs=olds)
    )
    assert list(response.diffs) == ["labels", "serial"]
    response = provider.Diff(
        provider_pb2.DiffRequest(
            urn=URN, olds=olds, news=encode({"place": "hall"}), old_inputs=encode({"place": "hall"})
        )
    )
    assert not list(response.diffs)


def test_preview_touches_nothing_and_shows_what_will_be_renewed(provider: Any, lamp: LampKind) -> None:
    """Previews of create and update change nothing; renewed outputs are not known yet, others stay."""
    inputs = checked(provider, place="hall").inputs
    provider.Create(provider_pb2.CreateRequest(urn=URN, properties=inputs, preview=True))
    olds = encode({**decode(inputs), "serial": 1, "socket": "E27"})
    shown = provider.Update(
        provider_pb2.UpdateRequest(
            id="hall", urn=URN, olds=olds, news=inputs, old_inputs=inputs, preview=True
        )
    )
    assert lamp.lamps == {}
    assert decode(shown.properties) == {**decode(inputs), "serial": UNKNOWN, "socket": "E27"}


def test_error_reaches_the_engine_as_its_text(provider: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """An error of ours arrives word for word without a traceback; an unforeseen one by its name."""
    with pytest.raises(grpc.RpcError) as refused:
        provider.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"place": "cellar"})))
    assert refused.value.details() == "no socket in the cellar\nNothing was made.\nNext: take another place"
    assert capfd.readouterr().err == ""
    with pytest.raises(grpc.RpcError) as broken:
        provider.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"place": "roof"})))
    assert broken.value.details() == "ZeroDivisionError: unforeseen"
    assert "Traceback" in capfd.readouterr().err


def test_unknown_type_is_refused_by_name(provider: Any) -> None:
    """A type that this provider has not is told by its name."""
    with pytest.raises(grpc.RpcError) as refused:
        provider.Check(provider_pb2.CheckRequest(urn="urn:pulumi:s::p::toy:index:Moon::m"))
    assert refused.value.details() == "provider toy has no resource type toy:index:Moon"


_JSON = st.recursive(
    st.booleans() | st.integers(-(2**50), 2**50) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), _JSON), st.sets(st.text(min_size=1)))
def test_properties_survive_the_wire(properties: dict[str, object], names: set[str]) -> None:
    """Whatever a state holds comes back the same, and exactly the named properties are marked as secret."""
    struct = encode(properties, names)
    assert decode(struct) == properties
    assert secret_names(struct) == names & set(properties)
    assert not has_unknown(decode(struct))
