"""The notebook among the examples, cell by cell, and what its reader sees."""

import os
import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = pathlib.Path(os.environ["TENURE_LAKE"]).parents[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_cell_runs(monkeypatch, tmp_path):
    # JupySQL tells its maker what is run, unless it is told not to
    monkeypatch.setenv("PLOOMBER_STATS_ENABLED", "false")
    # histories and settings of whoever runs this are their own
    monkeypatch.setenv("HOME", str(tmp_path))
    notebook = nbformat.read(ROOT / "examples/python/retail.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "kept without outputs"
    NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    def html(cell):
        shown = [o["data"].get("text/html", "") for o in cell.outputs if "data" in o]
        return "".join(shown)

    # a question of the library: its rows and its chart
    assert "<table" in html(code[1]) and "<pre" in html(code[1]) and "loyal" in html(code[1])
    assert "at_risk" in html(code[2])
    # SQL in a cell of its own
    assert "revenue" in html(code[-1])
