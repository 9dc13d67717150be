"""The findings in one migration, and what the lint remembers of the migrations before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from pglast import ast
from pglast.enums import ObjectType

from app.runtime.migrate import Phase

ROWS_AT_ONCE_MAX = 10_000  # in one UPDATE or DELETE
BATCHES = (
    "change them in batches, by a DO block with COMMIT in `with op.get_context().autocommit_block():` "
    "(docs/contributing/migration.md has one)"
)
TEACH = "see what it locks, and for how long, and say so in tests/support/migration_lint"
LATER = "do it in a migration of phase `after` (`fairgate migrate new NAME --phase after`)"


class Complaint(NamedTuple):
    """A broken rule, and what to do instead."""

    rule: str
    advice: str


@dataclass
class Chain:
    """What the migrations so far have proved: columns that a validated CHECK keeps from being null."""

    checks: dict[tuple[str, str], str] = field(default_factory=dict)  # (table, constraint): column
    never_null: set[tuple[str, str]] = field(default_factory=set)  # (table, column)


@dataclass
class MigrationCheck:
    """One migration, as far as it has been read."""

    phase: Phase
    chain: Chain
    created_here: set[tuple[ObjectType, str]]  # anywhere in this migration
    constraints: set[tuple[str, str]]  # (table, constraint): as above
    tables: set[str] = field(default_factory=set)  # created so far: nobody else sees them yet
    locked: set[str] = field(default_factory=set)  # existing tables that this transaction has altered
    dropped_indexes: set[str] = field(default_factory=set)
    in_transaction: bool = True
    found: list[Complaint] = field(default_factory=list)

    def refuse(self, rule: str, advice: str) -> None:
        """Record a complaint."""
        self.found.append(Complaint(rule, advice))

    def is_new(self, relation: ast.RangeVar) -> bool:
        """Whether this migration has created the table."""
        return relation.relname in self.tables
