"""Checks the statements of a migration one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pglast import ast, parse_plpgsql, parse_sql
from pglast.enums import ObjectType, TransactionStmtKind
from pglast.visitors import Visitor

from app.runtime.migrate import Phase
from tests.support.migration_lint import tables
from tests.support.migration_lint.findings import (
    BATCHES,
    LATER,
    ROWS_AT_ONCE_MAX,
    Chain,
    Complaint,
    MigrationCheck,
)


def complaints(sql: str, phase: Phase, chain: Chain) -> list[Complaint]:
    """The complaints about a migration. `chain` collects what it proves, for the migrations that follow."""
    parsed = [it.stmt for it in parse_sql(sql)]
    migration = MigrationCheck(phase, chain, set(_made(parsed)), set(tables.constraints_added(parsed)))
    for statement in parsed:
        check_statement(migration, statement)
    if len([it for it in parsed if _is_commit(it)]) > 1 and any(not isinstance(it, ALONE) for it in parsed):
        migration.refuse(
            "alone",
            "statements outside a transaction are not undone if one fails, and the migration then runs again "
            "from the start: put this one into its own migration",
        )
    return migration.found


def check_statement(migration: MigrationCheck, statement: ast.Node) -> None:
    """Check one statement."""
    rule = RULES.get(type(statement))
    if rule is not None:
        rule(migration, statement)
    elif not isinstance(statement, HARMLESS):
        kind = type(statement).__name__
        migration.refuse(
            "unknown",
            f"{kind}: find out what it locks and for how long, and add it to tests/support/migration_lint",
        )


def _is_commit(statement: ast.Node) -> bool:
    return (
        isinstance(statement, ast.TransactionStmt) and statement.kind == TransactionStmtKind.TRANS_STMT_COMMIT
    )


def _made(parsed: list[ast.Node]) -> Iterator[tuple[ObjectType, str]]:
    for statement in parsed:
        match statement:
            case ast.CreateStmt(relation=relation):
                yield ObjectType.OBJECT_TABLE, relation.relname
            case ast.ViewStmt(view=view):
                yield ObjectType.OBJECT_VIEW, view.relname
            case ast.CreateTrigStmt():
                yield ObjectType.OBJECT_TRIGGER, statement.trigname
            case ast.CreateFunctionStmt():
                yield ObjectType.OBJECT_FUNCTION, statement.funcname[-1].sval
            case ast.IndexStmt():
                yield ObjectType.OBJECT_INDEX, statement.idxname


def _transaction(migration: MigrationCheck, statement: ast.TransactionStmt) -> None:
    migration.in_transaction = statement.kind == TransactionStmtKind.TRANS_STMT_BEGIN
    migration.locked.clear()
    if _is_commit(statement):
        migration.tables.clear()  # visible to others from now on


def _create_table(migration: MigrationCheck, statement: ast.CreateStmt) -> None:
    migration.tables.add(statement.relation.relname)


def _create_table_as(migration: MigrationCheck, statement: ast.CreateTableAsStmt) -> None:
    migration.tables.add(statement.into.rel.relname)


def _index(migration: MigrationCheck, statement: ast.IndexStmt) -> None:
    if migration.is_new(statement.relation):
        return
    name = statement.idxname
    if not statement.concurrent:
        migration.refuse(
            "index",
            f"{name}: nothing can be written to {statement.relation.relname} while this index is built; "
            "use CREATE INDEX CONCURRENTLY in `with op.get_context().autocommit_block():`",
        )
        return
    if migration.in_transaction:
        migration.refuse("index", f"{name}: CONCURRENTLY needs `with op.get_context().autocommit_block():`")
    if name not in migration.dropped_indexes or statement.if_not_exists:
        migration.refuse(
            "index",
            f"{name}: a failure leaves an invalid index behind; start with "
            f"`DROP INDEX CONCURRENTLY IF EXISTS {name}`, and do not use IF NOT EXISTS",
        )


def _drop(migration: MigrationCheck, statement: ast.DropStmt) -> None:
    for dropped in statement.objects:
        path = dropped.objname if isinstance(dropped, ast.ObjectWithArgs) else dropped
        name = (path[-1] if isinstance(path, tuple) else path.names[-1]).sval
        if statement.removeType == ObjectType.OBJECT_INDEX and statement.concurrent:
            migration.dropped_indexes.add(name)
        if (statement.removeType, name) not in migration.created_here and migration.phase == "before":
            what = statement.removeType.name.removeprefix("OBJECT_")
            migration.refuse("drop", f"{what} {name}: the previous release may still use it; {LATER}")


def _rename(migration: MigrationCheck, statement: ast.RenameStmt) -> None:
    if statement.relation is not None and migration.is_new(statement.relation):
        return
    unseen = (ObjectType.OBJECT_TABCONSTRAINT, ObjectType.OBJECT_INDEX)
    if migration.phase == "after" and statement.renameType in unseen:
        return
    migration.refuse(
        "rename",
        f"to {statement.newname}: neither name suits both releases; add the new one, have the program write "
        "both, fill it in batches, and drop the old one a release later",
    )


def _change_rows(migration: MigrationCheck, statement: ast.Node) -> None:
    found = _changes(statement)
    for change in found.changes:
        if not migration.is_new(change.relation) and not found.limited:
            what = f"{type(change).__name__.removesuffix('Stmt').upper()} {change.relation.relname}"
            migration.refuse("rows", f"{what} keeps every row locked until all are done; {BATCHES}")


@dataclass
class Changes:
    """The rows that a statement changes, including in its WITH clauses, and whether they are limited."""

    changes: list[ast.Node] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    @property
    def limited(self) -> bool:
        """Whether they are a batch of acceptable size."""
        return bool(self.limits) and max(self.limits) <= ROWS_AT_ONCE_MAX


def _changes(statement: ast.Node) -> Changes:
    found = Changes()

    class Nodes(Visitor):
        def visit_UpdateStmt(self, _: Any, node: ast.UpdateStmt) -> None:
            found.changes.append(node)

        def visit_DeleteStmt(self, _: Any, node: ast.DeleteStmt) -> None:
            found.changes.append(node)

        def visit_SelectStmt(self, _: Any, node: ast.SelectStmt) -> None:
            match node.limitCount:
                case ast.A_Const(val=ast.Integer(ival=rows)):
                    found.limits.append(rows)

    Nodes()(statement)
    return found


def _block(migration: MigrationCheck, statement: ast.DoStmt) -> None:
    """A DO block: its statements, and whether it commits between them."""
    body = next(it.arg.sval for it in statement.args if it.defname == "as")
    found: dict[str, list[Any]] = {"query": [], "PLpgSQL_stmt_commit": []}
    _collect(parse_plpgsql(f"DO $lint${body}$lint$"), found)
    changes = False
    for query in found["query"]:
        try:
            inside = [it.stmt for it in parse_sql(query)]
        except Exception:  # an expression, such as the condition of an IF
            continue
        changes |= any(_changes(it).changes for it in inside)
        for it in inside:
            check_statement(migration, it)
    if changes and (migration.in_transaction or not found["PLpgSQL_stmt_commit"]):
        migration.refuse("rows", f"a DO block keeps its changes locked until its end; {BATCHES}")


def _collect(tree: Any, found: dict[str, list[Any]]) -> None:
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if name in found:
            found[name].append(value)
        if isinstance(value, (dict, list)):
            _collect(value, found)


def _refuse_always(rule: str, advice: str) -> Callable[[MigrationCheck, Any], None]:
    return lambda migration, _: migration.refuse(rule, advice)


def _truncate(migration: MigrationCheck, statement: ast.TruncateStmt) -> None:
    if migration.phase == "before" and not all(migration.is_new(it) for it in statement.relations):
        migration.refuse("drop", f"TRUNCATE: the previous release may still need the rows; {LATER}")


def _vacuum(migration: MigrationCheck, statement: ast.VacuumStmt) -> None:
    if any(it.defname == "full" for it in statement.options or ()):
        migration.refuse("lock", "VACUUM FULL rewrites the table while nobody can use it")


def _reindex(migration: MigrationCheck, statement: ast.ReindexStmt) -> None:
    if not any(it.defname == "concurrently" for it in statement.params or ()):
        migration.refuse("index", "REINDEX: use REINDEX ... CONCURRENTLY")


def _refresh(migration: MigrationCheck, statement: ast.RefreshMatViewStmt) -> None:
    if not statement.concurrent:
        migration.refuse("lock", "REFRESH MATERIALIZED VIEW: use it with CONCURRENTLY")


def _set(migration: MigrationCheck, statement: ast.VariableSetStmt) -> None:
    if str(statement.name).endswith("_timeout"):
        migration.refuse("lock", f"{statement.name} is set by `fairgate migrate`, which tries again")


RULES: dict[type[ast.Node], Callable[[MigrationCheck, Any], None]] = {
    ast.AlterTableStmt: tables.alter,
    ast.TransactionStmt: _transaction,
    ast.CreateStmt: _create_table,
    ast.CreateTableAsStmt: _create_table_as,
    ast.IndexStmt: _index,
    ast.DropStmt: _drop,
    ast.RenameStmt: _rename,
    ast.SelectStmt: _change_rows,
    ast.InsertStmt: _change_rows,
    ast.UpdateStmt: _change_rows,
    ast.DeleteStmt: _change_rows,
    ast.DoStmt: _block,
    ast.TruncateStmt: _truncate,
    ast.VacuumStmt: _vacuum,
    ast.ReindexStmt: _reindex,
    ast.RefreshMatViewStmt: _refresh,
    ast.VariableSetStmt: _set,
    ast.LockStmt: _refuse_always("lock", "LOCK TABLE blocks everybody; lock the rows concerned"),
}
ALONE = (ast.TransactionStmt, ast.IndexStmt, ast.DropStmt, ast.ReindexStmt, ast.DoStmt)  # may run twice
HARMLESS = (
    ast.CommentStmt,
    ast.GrantStmt,
    ast.ViewStmt,
    ast.CreateFunctionStmt,
    ast.CreateTrigStmt,  # a brief lock, like ADD COLUMN
    ast.CreateSeqStmt,
    ast.CreateEnumStmt,
    ast.CreateStatsStmt,
)
