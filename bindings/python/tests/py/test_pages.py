"""What the pages say runs: the Python of each page, in order, in one program."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(os.environ["TENURE_LAKE"]).parents[1]
PAGES = ["python", "polars-pandas", "jupyter", "adbc"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page, tmp_path):
    text = (ROOT / f"docs/connect/{page}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert blocks, "there is no Python on the page"
    program = "\n".join(blocks).replace('"out/', f'"{tmp_path}/')
    driver = os.environ.get("TENURE_ADBC_DRIVER", "")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"TENURE_ADBC_DRIVER": driver},
    )
    assert done.returncode == 0, done.stderr


def test_the_readmes_show_what_runs():
    for readme in ["README.md", "bindings/python/README.md"]:
        text = (ROOT / readme).read_text()
        for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
            done = subprocess.run(
                [sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
