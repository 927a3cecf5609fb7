"""The base copy cut into items: what pg_dump says is read exactly, and what is done is not done again."""

from migrate.transfer.postgresql_live.items import Plan
from migrate.transfer.postgresql_live.lanes import Lane, Relation
from migrate.transfer.postgresql_live.schema import Entry, after_foreign_keys, parsed

SCRIPT = """--
-- PostgreSQL database dump
--

SET default_tablespace = '';

--
-- TOC entry 3343 (class 2606 OID 16513)
-- Dependencies: 218
-- Name: kunde kunde_pkey; Type: CONSTRAINT; Schema: public; Owner: -
-- Data Pos: 0
--

ALTER TABLE ONLY public.kunde
    ADD CONSTRAINT kunde_pkey PRIMARY KEY (id);


--
-- TOC entry 3344 (class 1259 OID 16558)
-- Name: nach; name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX "nach; name" ON public.kunde USING btree (name);


--
-- TOC entry 3367 (class 2606 OID 16548)
-- Dependencies: 223 3343 224
-- Name: zettel zettel_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
-- Data Pos: 0
--

ALTER TABLE ONLY public.zettel
    ADD CONSTRAINT zettel_fkey FOREIGN KEY (kunde) REFERENCES public.kunde(id);


--
-- TOC entry 3523 (class 0 OID 0)
-- Dependencies: 3367
-- Name: CONSTRAINT zettel_fkey ON zettel; Type: COMMENT; Schema: public; Owner: -
-- Data Pos: 0
--

COMMENT ON CONSTRAINT zettel_fkey ON public.zettel IS 'a -- b';


-- Completed on 2026-11-22 05:32:49 UTC

--
-- PostgreSQL database dump complete
--

\\unrestrict x
"""
TABLES = {(2606, 16513): 100, (1259, 16558): 100}


def relation(oid: int, name: str, size: int, lane: Lane = "keyed", *, is_binary: bool = True) -> Relation:
    return Relation(oid, "public", name, lane, "", ("id", 'od"d'), size, False, is_binary, True, "d")


def plan(*entries: Entry, same_major: bool = True) -> Plan:
    tables = (
        relation(100, "kunde", 10),
        relation(101, "zettel", 90),
        relation(102, "roh", 5, is_binary=False),
        relation(103, "unlogged", 4, "in the freeze"),
    )
    return Plan(tables, entries, {16548: ["public.kunde", "public.zettel"]}, 0, "app_owner", same_major)


def test_entries_are_read_as_pg_dump_wrote_them() -> None:
    """Number, object, kind, needs and statement of each entry, and nothing of what stands between them."""
    found = parsed(SCRIPT, TABLES)

    assert [(entry.id, entry.table, entry.kind) for entry in found] == [
        (3343, 100, "CONSTRAINT"),
        (3344, 100, "INDEX"),
        (3367, 0, "FK CONSTRAINT"),
        (3523, 0, "COMMENT"),
    ]
    assert found[1].name == "nach; name"
    assert found[2].needs == (223, 3343, 224)
    assert found[3].statement == "COMMENT ON CONSTRAINT zettel_fkey ON public.zettel IS 'a -- b';"
    assert after_foreign_keys(found) == {3523}


def test_the_largest_table_is_begun_first_and_its_indexes_with_it() -> None:
    """Tables by size; a table's own indexes in its item, keys between tables after all rows."""
    work = plan(*parsed(SCRIPT, TABLES)).work({}, 1)

    first, second, *_ = work.files["tables"].split()
    assert 'COPY "public"."zettel" ("id", "od""d") TO STDOUT' in work.files[f"{first}.copy"]
    assert 'CREATE INDEX "nach; name"' in work.files[f"{second}.sql"]
    assert work.rows == 5  # large objects too
    (key,) = work.files["keys"].split()
    assert "LOCK TABLE public.kunde, public.zettel IN SHARE ROW EXCLUSIVE MODE" in work.files[f"{key}.sql"]
    assert work.files["definitions"] == ""
    assert work.files["last"] == "last-000000\n"


def test_rows_travel_in_binary_only_where_that_means_the_same() -> None:
    """A type whose binary form holds numbers of this server's objects makes its table travel as text."""
    by_table = {
        text.split("COPY ")[1].split(" (")[0]: "FORMAT binary" in text
        for name, text in plan().work({}, 1).files.items()
        if name.startswith("rows-") and name.endswith(".copy")
    }
    assert by_table['"public"."kunde"'] is True
    assert by_table['"public"."roh"'] is False


def test_what_is_done_is_not_done_again() -> None:
    """Rows that are there are not read again; their indexes are made, if only they are missing."""
    entries = parsed(SCRIPT, TABLES)
    made = plan(*entries)
    done = {f"rows of {one.oid}": 1 for one in made.copied} | {"large objects": 1}

    work = made.work(done, 2)

    assert work.rows == 0
    assert not [name for name in work.files if name.endswith(".copy")]
    assert any('CREATE INDEX "nach; name"' in text for text in work.files.values())
    done |= {f"indexes of {one.oid}": 1 for one in made.copied} | {entry.item: 1 for entry in entries}
    assert made.work(done, 2).is_empty


def test_each_stream_carries_the_tables_of_its_own_snapshot() -> None:
    """What came under the second snapshot is the second stream's, and what cannot flow is nobody's."""
    made = plan()
    done = {"rows of 100": 1, "rows of 101": 2, "rows of 103": 1}

    assert [one.name for one in made.flowing(done, 1)] == ["kunde"]
    assert [one.name for one in made.flowing(done, 2)] == ["zettel"]
    assert [one.name for one in made.remaining(done)] == ["roh"]
    assert made.snapshots(done) == {1, 2}
