"""Checks ALTER TABLE, clause by clause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pglast import ast
from pglast.enums import AlterTableType, ConstrType, NullTestType, ObjectType
from pglast.visitors import Visitor

from tests.support.migration_lint.findings import LATER, TEACH, MigrationCheck

# Evaluated once for all existing rows. For any other function the lint assumes a different value per row.
STEADY_FUNCTIONS = {"now", "transaction_timestamp", "to_timestamp", "jsonb_build_object", "jsonb_build_array"}
SERIAL = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}
VALIDATE = "add it NOT VALID, and VALIDATE CONSTRAINT in a separate migration"
IN_STEPS = (
    "add another column, have the program write both, fill it in batches, and drop this one a release later"
)


def alter(migration: MigrationCheck, statement: ast.AlterTableStmt) -> None:
    """Check each clause of an ALTER TABLE on a table that others use."""
    if statement.objtype != ObjectType.OBJECT_TABLE or migration.is_new(statement.relation):
        return
    table = statement.relation.relname
    for command in statement.cmds:
        if clause := CLAUSES.get(command.subtype):
            clause(migration, table, command)
        elif command.subtype not in SHORT:
            migration.refuse("unknown", f"{table}: {command.subtype.name.removeprefix('AT_')}: {TEACH}")
    migration.locked.add(table)


def constraints_added(parsed: list[ast.Node]) -> Iterator[tuple[str, str]]:
    """(table, constraint) for each one that a migration adds."""
    for statement in parsed:
        if isinstance(statement, ast.AlterTableStmt):
            for command in statement.cmds:
                if command.subtype == AlterTableType.AT_AddConstraint:
                    yield statement.relation.relname, command.def_.conname


def _add_column(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    column: ast.ColumnDef = command.def_
    name = f"{table}.{column.colname}"
    constraints = {it.contype: it for it in column.constraints or ()}
    default = constraints.get(ConstrType.CONSTR_DEFAULT)
    if _differs_by_row(default) or column.typeName.names[-1].sval in SERIAL:
        migration.refuse(
            "default",
            f"{name}: a default that differs from row to row rewrites the table; add the column "
            "without one, SET DEFAULT, and fill it in batches",
        )
    for kind in (ConstrType.CONSTR_GENERATED, ConstrType.CONSTR_IDENTITY):
        if kind in constraints:
            migration.refuse("default", f"{name}: this rewrites the table; fill a plain column in batches")
    if ConstrType.CONSTR_NOTNULL in constraints and default is None:
        migration.refuse(
            "not null", f"{name}: existing rows and the previous release have no value: give a DEFAULT"
        )
    if ConstrType.CONSTR_CHECK in constraints:
        migration.refuse("constraint", f"{name}: a CHECK on a new column reads the whole table; {VALIDATE}")
    if ConstrType.CONSTR_FOREIGN in constraints and default is not None:
        migration.refuse(
            "constraint", f"{name}: a foreign key with a default reads the whole table; {VALIDATE}"
        )
    for kind in (ConstrType.CONSTR_UNIQUE, ConstrType.CONSTR_PRIMARY):
        if kind in constraints:
            migration.refuse("index", f"{name}: {UNIQUE}")


UNIQUE = "create a unique index CONCURRENTLY, and add the constraint USING INDEX"


def _differs_by_row(default: ast.Constraint | None) -> bool:
    called = []

    class Functions(Visitor):
        def visit_FuncCall(self, _: Any, node: ast.FuncCall) -> None:
            called.append(node.funcname[-1].sval)

    if default is not None:
        Functions()(default)
    return bool(set(called) - STEADY_FUNCTIONS)


def _add_constraint(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    it: ast.Constraint = command.def_
    name = f"{table}: {it.conname}"
    if it.contype in (ConstrType.CONSTR_CHECK, ConstrType.CONSTR_FOREIGN, ConstrType.CONSTR_NOTNULL):
        if not it.skip_validation:
            migration.refuse(
                "constraint", f"{name}: the whole table is read while nobody can write; {VALIDATE}"
            )
        match it.raw_expr:
            case ast.NullTest(nulltesttype=NullTestType.IS_NOT_NULL, arg=ast.ColumnRef(fields=fields)):
                migration.chain.checks[table, it.conname] = fields[-1].sval
    elif not it.indexname:
        migration.refuse("index", f"{name}: {UNIQUE}")


def _validate(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    if table in migration.locked:
        migration.refuse(
            "constraint",
            f"{table}: {command.name}: it is validated under the lock of an earlier ALTER TABLE of the same "
            "transaction, so nobody can write meanwhile; put it into a separate migration",
        )
    if column := migration.chain.checks.get((table, command.name)):
        migration.chain.never_null.add((table, column))


def _set_not_null(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    name = f"{table}.{command.name}"
    if migration.phase == "before":
        migration.refuse("not null", f"{name}: the previous release may write null; {LATER}")
    if (table, command.name) not in migration.chain.never_null:
        migration.refuse(
            "not null",
            f"{name}: the whole table is read while nobody can use it, unless a CHECK ({command.name} IS NOT "
            f"NULL) proves it first: {VALIDATE}",
        )


def _drop(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    if migration.phase == "before":
        migration.refuse("drop", f"{table}.{command.name}: the previous release may still use it; {LATER}")


def _drop_constraint(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    if (table, command.name) not in migration.constraints:  # otherwise a replacement is added
        _drop(migration, table, command)
    migration.chain.checks.pop((table, command.name), None)


def _set_default(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    if command.def_ is None and migration.phase == "before":
        migration.refuse(
            "drop", f"{table}.{command.name}: the previous release may rely on its default; {LATER}"
        )


def _type(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    migration.refuse(
        "type", f"{table}.{command.name}: the table is rewritten while nobody can use it; {IN_STEPS}"
    )


def _rewrite(migration: MigrationCheck, table: str, command: ast.AlterTableCmd) -> None:
    what = command.subtype.name.removeprefix("AT_")
    migration.refuse("lock", f"{table}: {what}: the table is rewritten while nobody can use it")


Clause = Callable[[MigrationCheck, str, ast.AlterTableCmd], None]
CLAUSES: dict[AlterTableType, Clause] = {
    AlterTableType.AT_AddColumn: _add_column,
    AlterTableType.AT_AddConstraint: _add_constraint,
    AlterTableType.AT_ValidateConstraint: _validate,
    AlterTableType.AT_SetNotNull: _set_not_null,
    AlterTableType.AT_DropColumn: _drop,
    AlterTableType.AT_DropConstraint: _drop_constraint,
    AlterTableType.AT_ColumnDefault: _set_default,
    AlterTableType.AT_AlterColumnType: _type,
    AlterTableType.AT_SetLogged: _rewrite,
    AlterTableType.AT_SetUnLogged: _rewrite,
    AlterTableType.AT_SetAccessMethod: _rewrite,
    AlterTableType.AT_SetTableSpace: _rewrite,
}
SHORT = {  # a brief lock, whatever the size of the table
    AlterTableType.AT_DropNotNull,
    AlterTableType.AT_SetStatistics,
    AlterTableType.AT_SetOptions,
    AlterTableType.AT_SetStorage,
    AlterTableType.AT_SetCompression,
    AlterTableType.AT_SetRelOptions,
    AlterTableType.AT_ResetRelOptions,
    AlterTableType.AT_EnableTrig,
    AlterTableType.AT_DisableTrig,
    AlterTableType.AT_ReplicaIdentity,
}
