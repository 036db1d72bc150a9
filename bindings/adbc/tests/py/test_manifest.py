"""The driver by its name, through a manifest."""

import os
import pathlib
import sys

from adbc_driver_manager import dbapi

from conftest import DRIVER, LAKE


def test_a_manifest_names_the_driver(tmp_path, monkeypatch):
    shipped = pathlib.Path(__file__).parents[2] / "tenure.toml"
    text = shipped.read_text()
    assert "libadbc_driver_tenure.so" in text
    folder = tmp_path / "adbc"
    folder.mkdir()
    manifest = text.replace("/usr/local/lib/libadbc_driver_tenure.so", DRIVER)
    assert DRIVER in manifest or not sys.platform.startswith("linux")
    (folder / "tenure.toml").write_text(manifest)
    monkeypatch.setenv("ADBC_DRIVER_PATH", str(folder))
    with dbapi.connect("tenure", db_kwargs={"uri": LAKE}, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM orders")
            assert cursor.fetchone()[0] > 0
    assert os.environ["ADBC_DRIVER_PATH"] == str(folder)
