"""What the driver says of itself and of the lake."""

import pyarrow
import pytest
from adbc_driver_manager import dbapi


def test_info(connection):
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Tenure"
    assert info["driver_name"] == "Tenure ADBC driver"
    assert info["driver_adbc_version"] == 1_001_000
    assert info["vendor_arrow_version"].startswith("v")
    assert info["driver_version"].count(".") == 2


def objects(connection, depth, **filters):
    return connection.adbc_get_objects(depth=depth, **filters).read_all().to_pylist()


def test_catalogs(connection):
    (found,) = objects(connection, "catalogs")
    assert found == {"catalog_name": "retail", "catalog_db_schemas": None}


def test_schemas(connection):
    (found,) = objects(connection, "db_schemas")
    names = [s["db_schema_name"] for s in found["catalog_db_schemas"]]
    assert sorted(names) == ["main", "raw", "tenure"]
    assert all(s["db_schema_tables"] is None for s in found["catalog_db_schemas"])


def tables(found, schema="main"):
    (catalog,) = found
    (schema,) = [s for s in catalog["catalog_db_schemas"] if s["db_schema_name"] == schema]
    return {t["table_name"]: t for t in schema["db_schema_tables"]}


def test_tables(connection):
    found = tables(objects(connection, "tables"))
    assert found["orders"]["table_type"] == "VIEW"
    assert found["orders"]["table_columns"] is None
    raw = tables(objects(connection, "tables"), "raw")
    assert {t["table_type"] for t in raw.values()} == {"BASE TABLE"}


def test_columns(connection):
    columns = tables(objects(connection, "all"))["orders"]["table_columns"]
    names = [c["column_name"] for c in columns]
    assert names == ["customer_id", "order_id", "ts", "amount", "items", "channel"]
    assert [c["ordinal_position"] for c in columns] == [1, 2, 3, 4, 5, 6]
    assert columns[3]["xdbc_type_name"] == "Float64"
    assert columns[3]["xdbc_is_nullable"] == "YES"


def test_filters(connection):
    found = objects(connection, "tables", table_name_filter="ord%")
    assert set(tables(found)) == {"orders"}
    found = objects(connection, "tables", table_types_filter=["BASE TABLE"], db_schema_filter="main")
    assert "orders" not in tables(found)
    found = objects(connection, "all", table_name_filter="orders", column_name_filter="am_unt")
    assert [c["column_name"] for c in tables(found)["orders"]["table_columns"]] == ["amount"]
    assert objects(connection, "all", catalog_filter="nothing") == []


def test_table_types(connection):
    assert connection.adbc_get_table_types() == ["BASE TABLE", "VIEW"]


def test_the_schema_of_a_table(connection):
    schema = connection.adbc_get_table_schema("orders")
    assert schema.field("amount").type == pyarrow.float64()
    again = connection.adbc_get_table_schema(
        "orders", catalog_filter="retail", db_schema_filter="main"
    )
    assert again == schema
    # as in an answer: in a form of text that every consumer works on
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM orders")
        assert cursor.fetch_record_batch().schema == schema
        assert cursor.adbc_execute_schema("SELECT * FROM orders") == schema
    assert schema.field("channel").type == pyarrow.large_string()
    with pytest.raises(dbapi.ProgrammingError) as e:
        connection.adbc_get_table_schema("odrers")
    assert e.value.sqlstate == "42P01"
    assert "did you mean orders" in str(e.value)


def test_where_the_session_is(connection):
    assert connection.adbc_current_catalog == "retail"
    assert connection.adbc_current_db_schema == "main"
    connection.adbc_current_db_schema = "raw"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM retail.main.orders")


def test_there_are_no_transactions(connection):
    with pytest.raises(dbapi.Error, match="no transactions"):
        connection.adbc_connection.commit()
    with pytest.warns(Warning, match="autocommit"):
        from conftest import DRIVER

        dbapi.connect(driver=DRIVER, entrypoint="AdbcDriverTenureInit").close()
