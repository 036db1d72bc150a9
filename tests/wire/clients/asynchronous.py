"""asyncpg, which sends and reads binary only, by the types that it is told."""

import asyncio
from datetime import date, datetime, timedelta

import asyncpg
from connect import URL


async def main():
    c = await asyncpg.connect("postgresql://" + URL)
    some = "SELECT n FROM (VALUES (1), (2), (3)) AS t(n) ORDER BY n LIMIT $1 OFFSET $2"
    assert [row["n"] for row in await c.fetch(some, 2, 1)] == [2, 3]
    assert await c.fetchval("SELECT $1::int + 1", 4) == 5
    assert await c.fetchval("SELECT $1::bigint", 2**40) == 2**40
    assert await c.fetchval("SELECT $1::date", date(2018, 1, 2)) == date(2018, 1, 2)
    assert await c.fetchval("SELECT $1::bool", True) is True
    week = timedelta(days=7, hours=1)
    assert await c.fetchval("SELECT $1::interval", week) == week
    later = await c.fetchval("SELECT TIMESTAMP '2018-01-01 00:00:00' + $1::interval", week)
    assert later == datetime(2018, 1, 8, 1)
    # a list of which the server tells what it is made of
    assert await c.fetchval("SELECT 3 = ANY($1::bigint[])", [1, 3]) is True
    assert await c.fetchval("SELECT 'b' = ANY($1::text[])", ["a"]) is False
    assert await c.fetchval("SELECT [1, 2]") == [1, 2]
    assert await c.fetchval("SELECT ['a', NULL]") == ["a", None]
    assert await c.fetchval("SELECT [1.5, 2.5]") == [1.5, 2.5]
    statement = await c.prepare("SELECT count(*) FROM orders WHERE ts >= $1")
    assert await statement.fetchval(datetime(1970, 1, 1)) > 0
    try:
        await c.execute("DELETE FROM orders WHERE customer_id = $1", "1")
    except asyncpg.ReadOnlySQLTransactionError:
        pass
    else:
        raise AssertionError("it was deleted")
    await c.close()


asyncio.run(main())
