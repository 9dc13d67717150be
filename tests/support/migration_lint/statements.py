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
    judged = MigrationCheck(phase, chain, set(_made(parsed)), set(tables.constraints_added(parsed)))
    for statement in parsed:
        check_statement(judged, statement)
    if len([it for it in parsed if _is_commit(it)]) > 1 and any(not isinstance(it, ALONE) for it in parsed):
        judged.refuse(
            "alone",
            "statements outside a transaction are not undone if one fails, and the migration then runs again "
            "from the start: put this one into its own migration",
        )
    return judged.found


def check_statement(judged: MigrationCheck, statement: ast.Node) -> None:
    """Check one statement."""
    rule = RULES.get(type(statement))
    if rule is not None:
        rule(judged, statement)
    elif not isinstance(statement, HARMLESS):
        kind = type(statement).__name__
        judged.refuse(
            "unknown",
            f"{kind}: find out what it locks and for how long, and add it to tests/support/migration_lint",
        )


def _is_commit(statement: ast.Node) -> bool:
    return (
        isinstance(statement, ast.TransactionStmt) and statement.kind == TransactionStmtKind.TRANS_STMT_COMMIT
    )


def _made(parsed: list[ast.Node]) -> Iterator[tuple[ObjectType, str]]:
    for it in parsed:
        match it:
            case ast.CreateStmt(relation=relation):
                yield ObjectType.OBJECT_TABLE, relation.relname
            case ast.ViewStmt(view=view):
                yield ObjectType.OBJECT_VIEW, view.relname
            case ast.CreateTrigStmt():
                yield ObjectType.OBJECT_TRIGGER, it.trigname
            case ast.CreateFunctionStmt():
                yield ObjectType.OBJECT_FUNCTION, it.funcname[-1].sval
            case ast.IndexStmt():
                yield ObjectType.OBJECT_INDEX, it.idxname


def _transaction(judged: MigrationCheck, statement: ast.TransactionStmt) -> None:
    judged.in_transaction = statement.kind == TransactionStmtKind.TRANS_STMT_BEGIN
    judged.locked.clear()
    if _is_commit(statement):
        judged.tables.clear()  # visible to others from now on


def _create_table(judged: MigrationCheck, statement: ast.CreateStmt) -> None:
    judged.tables.add(statement.relation.relname)


def _create_table_as(judged: MigrationCheck, statement: ast.CreateTableAsStmt) -> None:
    judged.tables.add(statement.into.rel.relname)


def _index(judged: MigrationCheck, statement: ast.IndexStmt) -> None:
    if judged.is_new(statement.relation):
        return
    name = statement.idxname
    if not statement.concurrent:
        judged.refuse(
            "index",
            f"{name}: nothing can be written to {statement.relation.relname} while this index is built; "
            "use CREATE INDEX CONCURRENTLY in `with op.get_context().autocommit_block():`",
        )
        return
    if judged.in_transaction:
        judged.refuse("index", f"{name}: CONCURRENTLY needs `with op.get_context().autocommit_block():`")
    if name not in judged.dropped_indexes or statement.if_not_exists:
        judged.refuse(
            "index",
            f"{name}: a failure leaves an invalid index behind; start with "
            f"`DROP INDEX CONCURRENTLY IF EXISTS {name}`, and do not use IF NOT EXISTS",
        )


def _drop(judged: MigrationCheck, statement: ast.DropStmt) -> None:
    for it in statement.objects:
        path = it.objname if isinstance(it, ast.ObjectWithArgs) else it
        name = (path[-1] if isinstance(path, tuple) else path.names[-1]).sval
        if statement.removeType == ObjectType.OBJECT_INDEX and statement.concurrent:
            judged.dropped_indexes.add(name)
        if (statement.removeType, name) not in judged.made_here and judged.phase == "before":
            what = statement.removeType.name.removeprefix("OBJECT_")
            judged.refuse("drop", f"{what} {name}: the previous release may still use it; {LATER}")


def _rename(judged: MigrationCheck, statement: ast.RenameStmt) -> None:
    if statement.relation is not None and judged.is_new(statement.relation):
        return
    unseen = (ObjectType.OBJECT_TABCONSTRAINT, ObjectType.OBJECT_INDEX)
    if judged.phase == "after" and statement.renameType in unseen:
        return
    judged.refuse(
        "rename",
        f"to {statement.newname}: neither name suits both releases; add the new one, have the program write "
        "both, fill it in batches, and drop the old one a release later",
    )


def _change_rows(judged: MigrationCheck, statement: ast.Node) -> None:
    found = _changes(statement)
    for it in found.changes:
        if not judged.is_new(it.relation) and not found.limited:
            what = f"{type(it).__name__.removesuffix('Stmt').upper()} {it.relation.relname}"
            judged.refuse("rows", f"{what} keeps every row locked until all are done; {BATCHES}")


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


def _block(judged: MigrationCheck, statement: ast.DoStmt) -> None:
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
            check_statement(judged, it)
    if changes and (judged.in_transaction or not found["PLpgSQL_stmt_commit"]):
        judged.refuse("rows", f"a DO block keeps its changes locked until its end; {BATCHES}")


def _collect(tree: Any, found: dict[str, list[Any]]) -> None:
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if name in found:
            found[name].append(value)
        if isinstance(value, (dict, list)):
            _collect(value, found)


def _refuse_always(rule: str, says: str) -> Callable[[MigrationCheck, Any], None]:
    return lambda judged, _: judged.refuse(rule, says)


def _truncate(judged: MigrationCheck, statement: ast.TruncateStmt) -> None:
    if judged.phase == "before" and not all(judged.is_new(it) for it in statement.relations):
        judged.refuse("drop", f"TRUNCATE: the previous release may still need the rows; {LATER}")


def _vacuum(judged: MigrationCheck, statement: ast.VacuumStmt) -> None:
    if any(it.defname == "full" for it in statement.options or ()):
        judged.refuse("lock", "VACUUM FULL rewrites the table while nobody can use it")


def _reindex(judged: MigrationCheck, statement: ast.ReindexStmt) -> None:
    if not any(it.defname == "concurrently" for it in statement.params or ()):
        judged.refuse("index", "REINDEX: use REINDEX ... CONCURRENTLY")


def _refresh(judged: MigrationCheck, statement: ast.RefreshMatViewStmt) -> None:
    if not statement.concurrent:
        judged.refuse("lock", "REFRESH MATERIALIZED VIEW: use it with CONCURRENTLY")


def _set(judged: MigrationCheck, statement: ast.VariableSetStmt) -> None:
    if str(statement.name).endswith("_timeout"):
        judged.refuse("lock", f"{statement.name} is set by `fairgate migrate`, which tries again")


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
