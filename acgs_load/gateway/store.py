"""The embedded store: SQLite in WAL mode with group commit; everything that survives a restart lives here.

``synchronous=NORMAL``: a commit is written to the log before it is acknowledged, so that it survives the death of
the process (``kill -9``) at any moment. Only the machine's own crash can lose the last commits, which reach the
disk at the next checkpoint.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from acgs_load.errors import UsageError
from acgs_load.gateway.answers import Refusal

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], Any]
Told = tuple["asyncio.Future[Any]", Any, Exception | None]
"""Who waits for a write, what it returned, or why it failed."""

LAYOUT = "1"
LOG_LIMIT_BYTES = 64 * 1024 * 1024
RETRY_S = 0.001
"""Wait before the next attempt while another process of the gateway holds the write lock."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tenants (
    tenant_id TEXT PRIMARY KEY, canary TEXT NOT NULL, created_at TEXT NOT NULL, config_version INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    tenant_id TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (tenant_id, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS config (
    tenant_id TEXT NOT NULL, setting TEXT NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, setting)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS policies (
    number INTEGER PRIMARY KEY AUTOINCREMENT, policy_id TEXT NOT NULL UNIQUE, tenant_id TEXT NOT NULL,
    version INTEGER NOT NULL, content BLOB NOT NULL, previous BLOB
);
CREATE INDEX IF NOT EXISTS policies_of_tenant ON policies (tenant_id, number);
CREATE TABLE IF NOT EXISTS entries (
    tenant_id TEXT NOT NULL, sequence INTEGER NOT NULL, event_id TEXT NOT NULL UNIQUE, entry BLOB NOT NULL,
    entry_hash TEXT NOT NULL, signature TEXT NOT NULL, PRIMARY KEY (tenant_id, sequence)
);
"""


class Store:
    """One process's connection. Reads are immediate; writes of the same moment share one commit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = _connect(path)
        self._waiting: list[tuple[Write, asyncio.Future[Any]]] = []

    def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query, None when there is none. Sees everything acknowledged, by any process."""
        found: tuple[Any, ...] | None = self.connection.execute(sql, values).fetchone()
        return found

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(sql, values).fetchall()

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """What ``change`` returns, once its commit is in the log.

        A Refusal that ``change`` raises before it writes comes out here and leaves the others of the group alone.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((change, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._commit_group, loop)
        return await future

    def meta(self, name: str) -> bytes:
        """A value that was fixed when the store was made: the secrets and the constitutional hash."""
        found = self.row("SELECT value FROM meta WHERE name = ?", name)
        if found is None:
            raise UsageError(f"{self.path} is no store of this gateway: it lacks {name}")
        return bytes(found[0])

    def fold_long_log(self) -> None:
        """Folds a log that has outgrown its limit at once; between two commits of this process it can start anew.

        Under steady writing the folding at the side never quite reaches the log's end.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Commits what waits and closes. The log is folded into the file when this was the last connection."""
        if self._waiting:
            self.connection.execute("PRAGMA busy_timeout = 2000")
            self._run_group()
        self.connection.close()

    def _commit_group(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._run_group():
            loop.call_later(RETRY_S, self._commit_group, loop)

    def _run_group(self) -> bool:
        """Runs what waits in one transaction; False while another process holds the write lock."""
        if not self._waiting:
            return True
        group = self._waiting
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            outcomes = self._changed(group)
            self.connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  whatever failed, every writer of the group is told, and nothing stays half done
            if not self.connection.in_transaction and _is_locked(error):
                return False
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            outcomes = [(future, None, error) for _, future in group]
        self._waiting = []
        _tell(outcomes)
        return True

    def _changed(self, group: list[tuple[Write, asyncio.Future[Any]]]) -> list[Told]:
        outcomes: list[Told] = []
        for change, future in group:
            try:
                outcomes.append((future, change(self.connection), None))
            except Refusal as refusal:
                outcomes.append((future, None, refusal))
        return outcomes


def _is_locked(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _tell(outcomes: list[Told]) -> None:
    for future, value, failure in outcomes:
        if future.done():  # its client has gone
            continue
        if failure is None:
            future.set_result(value)
        else:
            future.set_exception(failure)


def prepare(path: Path, constitutional_hash: str, signing_key: bytes) -> None:
    """Makes the store if it is not there yet, and checks that it belongs to this constitution.

    Raises UsageError when the file is no store, cannot be written, or was made under another hash.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds secrets
        connection = _connect(path, timeout_s=5.0)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript("BEGIN IMMEDIATE;" + _TABLES)
            fixed = {
                "layout": LAYOUT.encode(),
                "constitutional_hash": constitutional_hash.encode(),
                "jwt_secret": secrets.token_bytes(32),
                "signing_key": signing_key,
            }
            connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", fixed.items())
            connection.execute("COMMIT")
            made = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise UsageError(f"cannot use {path} as a store: {error}; name a file that can be written") from None
    if made["layout"] != LAYOUT.encode():
        raise UsageError(f"{path} was made by another version of the gateway; name another file")
    if made["constitutional_hash"] != constitutional_hash.encode():
        raise UsageError(
            f"{path} holds the chains of the constitution {made['constitutional_hash'].decode()}, "
            f"not of {constitutional_hash}; name another file or give that hash"
        )


def fold_log(path: Path) -> None:
    """Moves the log's pages into the file without waiting for anybody; called away from the event loop."""
    connection = _connect(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        connection.close()


def _connect(path: Path, timeout_s: float = 0.0) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # a thread does it, so that no request pays for it
    connection.execute("PRAGMA cache_size = -16384")
    return connection
