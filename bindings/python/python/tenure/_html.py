"""Answers in notebooks."""

from __future__ import annotations

import html

import pyarrow as pa

_STYLE = (
    "border-collapse:collapse;font-variant-numeric:tabular-nums",
    "text-align:right",
    "text-align:left",
)


def page(table: pa.Table, footer: str | None, chart: str | None) -> str:
    """Draw rows as a table: names, types, NULLs that look like none, numbers to the right."""
    cell, types = [], table.schema.types
    for name, kind in zip(table.schema.names, types):
        cell.append(
            f'<th style="{_side(kind)}">{html.escape(name)}<br>'
            f'<small style="font-weight:normal;opacity:.6">{html.escape(str(kind))}</small></th>'
        )
    head = f"<tr>{''.join(cell)}</tr>"
    body = []
    for row in zip(*(column.to_pylist() for column in table.columns)):
        values = (f'<td style="{_side(k)}">{_value(v)}</td>' for v, k in zip(row, types))
        body.append(f"<tr>{''.join(values)}</tr>")
    parts = [
        f'<table class="tenure" style="{_STYLE[0]}"><thead>{head}</thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    ]
    if footer is not None:
        parts.append(f"<small>{html.escape(footer)}</small>")
    if chart is not None:
        parts.append(f'<pre style="line-height:1.2">{html.escape(chart)}</pre>')
    return f"<div>{''.join(parts)}</div>"


def footer(table: pa.Table | None, shown: int) -> str:
    """Say how many rows are shown of how many."""
    if table is None:
        return f"the first {shown} rows; there are more"
    return f"the first {shown} of {table.num_rows:,} rows"


def _side(kind: pa.DataType) -> str:
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return _STYLE[1] if number else _STYLE[2]


def _value(value: object) -> str:
    if value is None:
        return '<span style="opacity:.5">NULL</span>'
    return html.escape(str(value))
