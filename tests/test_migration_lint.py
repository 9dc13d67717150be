"""No migration blocks writes for long, or removes what the previous release needs; see
docs/contributing/migration.md for what to do instead.
"""

from __future__ import annotations

import pytest

from app.runtime.migrate import Phase
from tests.support.migration_lint.findings import Chain
from tests.support.migration_lint.script import migrations
from tests.support.migration_lint.statements import complaints

# Those that predate this lint: nobody upgrades past them under traffic. The list must not grow.
AS_THEY_WERE = {
    "0006": {"index"},
    "0007": {"constraint"},
    "0012": {"index"},
    "0015": {"default", "index", "rows"},
    "0019": {"rows"},
    "0024": {"index"},
    "0025": {"constraint", "rows"},
    "0028": {"constraint", "index", "rows"},
    "0033": {"constraint"},
    "0038": {"constraint", "index"},
    "0047": {"index"},
    "0050": {"constraint"},
}


def test_no_migration_blocks_writes_or_breaks_the_release_before() -> None:
    chain, found, says = Chain(), {}, []
    for migration in migrations():
        told = complaints(migration.sql, migration.phase, chain)
        if told:
            found[migration.revision] = {complaint.rule for complaint in told}
        if migration.revision not in AS_THEY_WERE:
            says += [
                f"{migration.revision} ({migration.phase}): {complaint.rule}: {complaint.advice}"
                for complaint in told
            ]
    assert not says, "\n".join(["", *says])
    assert found == AS_THEY_WERE


NEW = "CREATE TABLE n (a int PRIMARY KEY, b text NOT NULL)"
OUT, IN = "COMMIT; {}; BEGIN", "BEGIN; {}; COMMIT"
LIMITED = "UPDATE t SET a = 1 WHERE k IN (SELECT k FROM t WHERE a IS NULL LIMIT 1000)"
KEYED = (
    "WITH batch AS (SELECT k FROM t WHERE k > last ORDER BY k LIMIT 1000), "
    "changed AS (UPDATE t SET a = 1 FROM batch WHERE t.k = batch.k) SELECT max(k) INTO last FROM batch"
)
LOOP = "DO $$ DECLARE last int := 0; BEGIN LOOP %s; EXIT WHEN NOT FOUND; %s END LOOP; END $$"
CHECK = "ALTER TABLE t ADD CONSTRAINT a_there CHECK (a IS NOT NULL) NOT VALID"
PROVED = "ALTER TABLE t VALIDATE CONSTRAINT a_there"
CONCURRENTLY = "CREATE INDEX CONCURRENTLY i ON t (a)"
CLEARED = f"DROP INDEX CONCURRENTLY IF EXISTS i; {CONCURRENTLY}"

BAD: list[tuple[str, Phase, str]] = [
    ("index", "before", "CREATE INDEX i ON t (a)"),
    ("index", "before", "CREATE UNIQUE INDEX IF NOT EXISTS i ON public.t (a)"),
    ("index", "before", CLEARED),  # in a transaction
    ("index", "before", OUT.format(CONCURRENTLY)),  # a failed one leaves an invalid index behind
    ("index", "before", "ALTER TABLE t ADD UNIQUE (a)"),
    ("index", "before", "ALTER TABLE t ADD a int UNIQUE"),
    ("index", "before", "REINDEX TABLE t"),
    ("alone", "before", f"{NEW}; {OUT.format(CLEARED)}"),
    ("default", "before", "ALTER TABLE t ADD a uuid NOT NULL DEFAULT gen_random_uuid()"),
    ("default", "before", "ALTER TABLE t ADD a timestamptz DEFAULT clock_timestamp() + interval '1 day'"),
    ("default", "before", "ALTER TABLE t ADD a bigserial"),
    ("default", "before", "ALTER TABLE t ADD a int GENERATED ALWAYS AS (b + 1) STORED"),
    ("default", "before", "ALTER TABLE t ADD a int GENERATED ALWAYS AS IDENTITY"),
    ("not null", "before", "ALTER TABLE t ADD a int NOT NULL"),
    ("not null", "after", "ALTER TABLE t ALTER a SET NOT NULL"),
    ("not null", "after", f"{CHECK}; ALTER TABLE t ALTER a SET NOT NULL"),  # not validated
    ("not null", "before", f"{PROVED}; ALTER TABLE t ALTER a SET NOT NULL"),
    ("constraint", "before", "ALTER TABLE t ADD a int CHECK (a > 0)"),
    ("constraint", "before", "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u"),
    ("constraint", "before", "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)"),
    ("constraint", "before", f"{CHECK}; {PROVED}"),  # under its lock
    ("type", "before", "ALTER TABLE t ALTER a TYPE bigint"),
    ("type", "after", "ALTER TABLE t ALTER a TYPE bigint USING a::bigint"),
    ("drop", "before", "DROP TABLE t"),
    ("drop", "before", "DROP INDEX i"),
    ("drop", "before", "DROP FUNCTION f(int)"),
    ("drop", "before", "DROP TRIGGER g ON t"),
    ("drop", "before", "ALTER TABLE t DROP COLUMN a"),
    ("drop", "before", "ALTER TABLE t DROP CONSTRAINT c"),
    ("drop", "before", "ALTER TABLE t ALTER a DROP DEFAULT"),
    ("drop", "before", "TRUNCATE t"),
    ("rename", "before", "ALTER TABLE t RENAME a TO b"),
    ("rename", "after", "ALTER TABLE t RENAME TO u"),
    ("rows", "before", "UPDATE t SET a = 1"),
    ("rows", "before", "UPDATE t SET a = 1 WHERE a IS NULL"),
    ("rows", "after", "DELETE FROM t WHERE a IS NULL"),
    ("rows", "before", OUT.format(LOOP % ("UPDATE t SET a = 1 WHERE a IS NULL", "COMMIT;"))),
    ("rows", "before", OUT.format(LOOP % (LIMITED, ""))),
    ("rows", "before", LOOP % (LIMITED, "COMMIT;")),  # in a transaction
    ("rows", "before", "WITH done AS (UPDATE t SET a = 1 RETURNING k) SELECT count(*) FROM done"),
    ("rows", "before", OUT.format(LOOP % (KEYED, ""))),
    ("lock", "before", "LOCK TABLE t IN SHARE MODE"),
    ("lock", "before", "SET LOCAL lock_timeout = 0"),
    ("lock", "before", "VACUUM (FULL) t"),
    ("lock", "before", "REFRESH MATERIALIZED VIEW v"),
    ("lock", "after", "ALTER TABLE t SET UNLOGGED"),
    ("unknown", "before", "ALTER TABLE t ATTACH PARTITION u DEFAULT"),
    ("unknown", "before", "CLUSTER t USING i"),
]
GOOD: list[tuple[Phase, str]] = [
    ("before", f"{NEW}; CREATE INDEX i ON n (b); ALTER TABLE n ADD c int CHECK (c > 0); UPDATE n SET b = ''"),
    ("before", OUT.format(CLEARED)),
    ("before", OUT.format(LOOP % (LIMITED, "COMMIT;"))),
    ("before", OUT.format(LOOP % (KEYED, "COMMIT;"))),
    ("before", "ALTER TABLE t ADD a timestamptz NOT NULL DEFAULT now(), ADD b text[] NOT NULL DEFAULT '{}'"),
    ("before", "ALTER TABLE t ADD a text REFERENCES u"),
    ("before", "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i"),
    ("before", "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u NOT VALID"),
    ("before", "ALTER TABLE t DROP CONSTRAINT c; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID"),
    ("before", "DROP TRIGGER g ON t; CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()"),
    ("before", "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'UPDATE t SET a = 1 RETURNING 1'"),
    ("before", PROVED),
    ("after", "ALTER TABLE t DROP COLUMN a; DROP TABLE u; DROP FUNCTION f(int)"),
]


@pytest.mark.parametrize(("rule", "phase", "sql"), BAD, ids=[f"{rule}: {sql}"[:90] for rule, _, sql in BAD])
def test_what_is_bad_is_refused_by_its_rule_alone(rule: str, phase: Phase, sql: str) -> None:
    assert {it.rule for it in complaints(IN.format(sql), phase, Chain())} == {rule}


@pytest.mark.parametrize(("phase", "sql"), GOOD, ids=[sql[:90] for _, sql in GOOD])
def test_what_is_good_passes(phase: Phase, sql: str) -> None:
    assert complaints(IN.format(sql), phase, Chain()) == []


def test_a_check_validated_by_an_earlier_migration_lets_a_column_become_not_null() -> None:
    chain = Chain()
    for phase, sql in (("before", CHECK), ("after", PROVED), ("after", "ALTER TABLE t ALTER a SET NOT NULL")):
        assert complaints(IN.format(sql), phase, chain) == []  # type: ignore[arg-type]
