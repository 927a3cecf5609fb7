"""Gates and waivers, with real keys and the real ssh-keygen."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from migrate import gates, signatures, waivers
from migrate.errors import GateError, Refused, Waiting
from migrate.gates import Gate
from migrate.waivers import Waiver
from tests.support.tiny import OFFER, RESPONSIBLE, TENANT, Tiny, sign_plainly

GATE = Gate(name="confirm-offer", title="The customer confirms", document="offer.txt", signer="responsible")
VERA = "vera@vendor.example"


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    tiny = Tiny.make(tmp_path)
    tiny.case.write_document("offer.txt", OFFER)
    return tiny


@pytest.fixture
def key(tiny: Tiny) -> Path:
    return tiny.key("responsible", f'{RESPONSIBLE} namespaces="bascule"')


def refusal(tiny: Tiny, gate: Gate = GATE) -> str:
    with pytest.raises(GateError) as refused:
        gates.check(tiny.case, gate)
    return refused.value.what.removeprefix(f"gate {gate.name} stays shut: ")


def test_the_right_signature_opens_the_gate(tiny: Tiny, key: Path) -> None:
    """Signer, key and digest are journalled once, however often the gate is asked."""
    found = gates.sign(tiny.case, GATE, signer=RESPONSIBLE, key=key)
    for _ in range(2):
        assert gates.check(tiny.case, GATE)["signer"] == RESPONSIBLE
    signed = [record for record in tiny.case.journal if record.kind == "signed"]
    assert len(signed) == 1
    assert signed[0].data["fingerprint"] == found.fingerprint
    assert found.fingerprint.startswith("SHA256:")


def test_a_signature_made_without_bascule_counts(tiny: Tiny, key: Path) -> None:
    """Plain ssh-keygen -Y sign over the file is all that a customer needs."""
    sign_plainly(tiny.case.document("offer.txt"), key)
    assert gates.check(tiny.case, GATE)["signer"] == RESPONSIBLE
    assert tiny.kinds("signed") == ["signed confirm-offer"]


def test_an_unsigned_document_is_waited_for(tiny: Tiny, key: Path) -> None:
    """That is no failure: the person and the command are named."""
    with pytest.raises(Waiting, match=f"{RESPONSIBLE} has not signed"):
        gates.check(tiny.case, GATE)


def test_another_persons_signature_is_refused(tiny: Tiny, key: Path) -> None:
    """A key that allowed_signers lists for somebody else does not open this gate."""
    sign_plainly(tiny.case.document("offer.txt"), tiny.key("it", "it@alpenblick.example"))
    assert refusal(tiny) == f"offer.txt is signed by it@alpenblick.example, not by {RESPONSIBLE}"


def test_an_unknown_key_is_refused(tiny: Tiny, key: Path) -> None:
    """Nobody vouches for it."""
    sign_plainly(tiny.case.document("offer.txt"), tiny.key("stranger", ""))
    assert refusal(tiny) == "offer.txt is signed with a key that allowed_signers does not list"


def test_a_signature_for_another_purpose_is_refused(tiny: Tiny, key: Path) -> None:
    """The same person's signature of a git commit is none of an offer."""
    sign_plainly(tiny.case.document("offer.txt"), key, namespace="git")
    assert refusal(tiny) == (
        "offer.txt is signed in the namespace git, not bascule: that signature was made for something else"
    )


def test_a_document_changed_after_signing_is_an_unsigned_one(tiny: Tiny, key: Path) -> None:
    """One changed character shuts the gate."""
    sign_plainly(tiny.case.document("offer.txt"), key)
    tiny.case.document("offer.txt").write_bytes(OFFER.replace(b"100", b"900"))
    assert refusal(tiny) == "offer.txt was changed after it was signed (or its signature is damaged)"


def test_a_document_that_somebody_else_wrote_opens_no_gate(tiny: Tiny, key: Path) -> None:
    """The right person's signature under other words than were written is refused, by the command too."""
    document = tiny.case.document("offer.txt")
    document.write_bytes(b"One move, 1 franc\n")
    with pytest.raises(GateError, match=r"offer\.txt is not the one that was written on"):
        gates.sign(tiny.case, GATE, signer=RESPONSIBLE, key=key)
    assert not document.with_name("offer.txt.sig").exists()
    sign_plainly(document, key)
    assert "whoever signed it, signed something else" in refusal(tiny)


def test_an_expired_key_is_refused_but_harms_no_older_signature(tiny: Tiny) -> None:
    """ssh-keygen's own reason is told; what was signed while the key was valid still stands."""
    line = f'{RESPONSIBLE} namespaces="bascule",valid-before="20200101"'
    sign_plainly(tiny.case.document("offer.txt"), tiny.key("old", line))
    said = refusal(tiny)
    assert said.startswith(f"offer.txt is signed by {RESPONSIBLE}, but the key may not be used: ")
    assert "key has expired" in said
    then = datetime(2019, 6, 1, tzinfo=UTC)
    allowed = tiny.root / "stacks/allowed_signers"
    assert (
        signatures.verify(tiny.case.document("offer.txt"), allowed, RESPONSIBLE, at=then).signer
        == RESPONSIBLE
    )


def test_what_is_no_signature_is_refused(tiny: Tiny, key: Path) -> None:
    """A scan of a handwritten one, say."""
    signatures.signature_of(tiny.case.document("offer.txt")).write_text("Rösli Müller\n")
    assert refusal(tiny) == "offer.txt.sig is not an SSH signature"


def test_signing_for_somebody_else_is_refused(tiny: Tiny, key: Path) -> None:
    """Neither another name nor another key leaves a signature behind."""
    with pytest.raises(GateError, match=f"is signed by {RESPONSIBLE}, not by it@alpenblick"):
        gates.sign(tiny.case, GATE, signer="it@alpenblick.example", key=key)
    other = tiny.key("it", "it@alpenblick.example")
    with pytest.raises(GateError, match=r"signed by it@alpenblick.example, not by"):
        gates.sign(tiny.case, GATE, signer=RESPONSIBLE, key=other)
    assert not signatures.signature_of(tiny.case.document("offer.txt")).exists()


def waiver(reason: str = "Agreed with the customer", expires_at: datetime | None = None) -> Waiver:
    """What covers the clock; for an hour from now where nothing else is said."""
    return Waiver(
        tenant=TENANT,
        what="clock",
        by=VERA,
        reason=reason,
        given_at=datetime.now(UTC),
        expires_at=expires_at or datetime.now(UTC) + timedelta(hours=1),
    )


@pytest.fixture
def vendor_key(tiny: Tiny) -> Path:
    return tiny.key("vera", f'vendor,{VERA} namespaces="bascule"')


def test_a_waiver_is_signed_named_and_covers_one_thing(tiny: Tiny, vendor_key: Path) -> None:
    """It covers what it names and nothing else, and the journal tells by whom, why and until when."""
    given = waivers.give(tiny.case, waiver(), vendor_key)
    assert waivers.active(tiny.case, "clock") == given
    assert waivers.active(tiny.case, "services") is None
    record = tiny.case.journal.last("waived", "clock")
    assert record is not None
    assert record.data["reason"] == "Agreed with the customer"


def test_an_expired_waiver_covers_nothing(
    tiny: Tiny, vendor_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has expired is not written; one that expires ends by itself, and is still shown."""
    with pytest.raises(Refused, match="would have expired already"):
        waivers.give(tiny.case, waiver(expires_at=datetime.now(UTC)), vendor_key)
    waivers.give(tiny.case, waiver(), vendor_key)
    monkeypatch.setattr(Waiver, "expired", property(lambda _: True))
    assert waivers.active(tiny.case, "clock") is None
    assert [one.what for one in waivers.every(tiny.case)] == ["clock"]


def test_only_the_vendor_waives(tiny: Tiny, key: Path, vendor_key: Path) -> None:
    """Neither the customer nor a stranger's key; what was there before stays."""
    with pytest.raises(GateError, match="does not sign for the vendor"):
        waivers.give(tiny.case, waiver().model_copy(update={"by": RESPONSIBLE}), key)
    with pytest.raises(GateError, match=f"signed by {RESPONSIBLE}, not by {VERA}"):
        waivers.give(tiny.case, waiver(), key)
    assert waivers.active(tiny.case, "clock") is None
    assert list((tiny.case.folder / "waivers").iterdir()) == []


def test_a_changed_waiver_does_not_count(tiny: Tiny, vendor_key: Path) -> None:
    """A later expiry written into the file is found."""
    waivers.give(tiny.case, waiver(), vendor_key)
    path = tiny.case.folder / "waivers/clock.json"
    path.write_text(path.read_text().replace("Agreed", "AGREED"))
    with pytest.raises(GateError, match=r"the waiver clock does not count: clock.json was changed after"):
        waivers.active(tiny.case, "clock")


@pytest.mark.parametrize("what", ["../offer", "a/b", "", "-x", "x" * 200])
def test_a_waivers_id_cannot_leave_its_folder(tiny: Tiny, what: str) -> None:
    """The id becomes a file name."""
    with pytest.raises(Refused, match="is no id that can be waived"):
        waivers.active(tiny.case, what)


def test_a_gate_is_waived_only_where_the_playbook_allows(tiny: Tiny, key: Path, vendor_key: Path) -> None:
    """And then its result says so: it never counts as signed."""
    waivers.give(tiny.case, waiver().model_copy(update={"what": "confirm-offer"}), vendor_key)
    with pytest.raises(Waiting):
        gates.check(tiny.case, GATE)
    found = gates.check(tiny.case, GATE.model_copy(update={"waivable": True}))
    assert found["waived"] is True
    assert found["by"] == VERA
    assert tiny.kinds("signed") == []
