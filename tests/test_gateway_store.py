"""The embedded store: groups of writes, refusals and failures inside them, locks, and the log's length."""

import asyncio
import sqlite3

import pytest

from acgs_load.errors import UsageError
from acgs_load.gateway import store as store_module
from acgs_load.gateway.answers import not_found
from acgs_load.gateway.store import Store, fold_log, prepare

HASH = "cdd01ef066bc6cf2"


@pytest.fixture
def path(tmp_path):
    prepare(tmp_path / "s.db", HASH, bytes(32))
    return tmp_path / "s.db"


@pytest.fixture
def store(path):
    opened = Store(path)
    yield opened
    opened.close()


def insert(name):
    """A write that returns its name."""

    def change(connection):
        connection.execute("INSERT INTO meta VALUES (?, 'x')", (name,))
        return name

    return change


def refuse(connection):
    """A write that is refused."""
    raise not_found("no")


def names(store):
    """What was written beyond what every store holds."""
    return {row[0] for row in store.rows("SELECT name FROM meta WHERE value = 'x'")}


def together(store, *changes):
    """Outcomes of writes of the same moment."""

    async def run():
        return await asyncio.gather(*(store.write(change) for change in changes), return_exceptions=True)

    return asyncio.run(run())


def test_writes_of_one_moment_share_one_commit(store):
    """Each gets its own result; the journal knows one transaction."""
    statements = []
    store.connection.set_trace_callback(statements.append)
    assert together(store, *(insert(f"n{number}") for number in range(10))) == [f"n{number}" for number in range(10)]
    store.connection.set_trace_callback(None)
    assert (statements.count("BEGIN IMMEDIATE"), statements.count("COMMIT")) == (1, 1)


def test_a_refusal_leaves_the_others_alone(store):
    """Only the one that was refused hears of it."""
    first, refused, last = together(store, insert("a"), refuse, insert("b"))
    assert (first, last, refused.status) == ("a", "b", 404)
    assert names(store) == {"a", "b"}


@pytest.mark.parametrize("failing", [insert("a"), insert("\ud800"), lambda connection: 1 / 0])
def test_a_failure_undoes_the_group_and_everybody_is_told(store, failing):
    """Nothing acknowledged is lost, nobody waits for ever, and the store goes on."""
    outcomes = together(store, insert("a"), failing, insert("b"))
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert names(store) == set()
    assert together(store, insert("a")) == ["a"]


def test_a_lock_is_waited_for_without_blocking(store, path):
    """While another process writes, this one goes on with other work."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def run():
        write = asyncio.create_task(store.write(insert("a")))
        for _ in range(5):
            await asyncio.sleep(0.005)
            assert not write.done()
        other.execute("COMMIT")
        return await write

    assert asyncio.run(run()) == "a"
    other.close()


def test_another_connection_sees_what_was_acknowledged(store, path):
    """At once, as another process of the gateway would."""
    second = Store(path)
    together(store, insert("a"))
    assert names(second) == {"a"}
    second.close()


def test_closing_commits_what_waits(path):
    """A write that was asked for is not dropped by the stop."""
    store = Store(path)

    async def run():
        store._waiting.append((insert("a"), asyncio.get_running_loop().create_future()))
        store.close()

    asyncio.run(run())
    again = Store(path)
    assert names(again) == {"a"}
    again.close()


def test_a_long_log_is_folded_and_starts_anew(store, path, monkeypatch):
    """The log does not grow for ever under steady writing."""
    monkeypatch.setattr(store_module, "LOG_LIMIT_BYTES", 1)
    log = path.with_name("s.db-wal")
    together(store, *(insert(f"{number}" * 50) for number in range(500)))
    long_bytes = log.stat().st_size
    for number in range(5):
        fold_log(path)
        store.fold_long_log()
        together(store, insert(f"later {number}"))
    assert log.stat().st_size == long_bytes


def test_preparing_twice_keeps_the_secrets(path):
    """A restart finds the keys it left."""
    first = Store(path)
    secret = first.meta("jwt_secret")
    prepare(path, HASH, bytes(32))
    assert first.meta("jwt_secret") == secret
    first.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_what_is_no_store_is_refused(tmp_path, content):
    """A file of another kind, a folder."""
    path = tmp_path / "x"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot use"):
        prepare(path, HASH, bytes(32))


def test_a_store_of_another_layout_is_refused(path):
    """A later version's file is not guessed at."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '2' WHERE name = 'layout'")
    with pytest.raises(UsageError, match="another version"):
        prepare(path, HASH, bytes(32))
