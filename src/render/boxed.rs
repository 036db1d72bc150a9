//! box: a table with a frame, names and types in its head.
//!
//! Column widths need every shown value, so rows are kept until the end: all of them for a pipe,
//! at most the head and the tail for a terminal, more of them for a pager. A value may hold several lines (a plan does); its
//! row is then that high.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::cells::{printable, text_columns};
use super::layout::{Layout, Wish, cut, fit, hidden_label};
use super::type_name::{is_number, may_be_cut, short_type_name};
use super::{Options, RenderResult, Sink, not_begun};

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

pub(super) struct BoxSink<W> {
    writer: W,
    options: Options,
    schema: Option<SchemaRef>,
    head: Vec<RecordBatch>,
    head_rows: usize,
    tail: VecDeque<RecordBatch>,
    tail_rows: usize,
    rows: usize,
}

/// The pieces of a frame.
struct Frame {
    vertical: &'static str,
    horizontal: &'static str,
    top: [&'static str; 3],
    middle: [&'static str; 3],
    bottom: [&'static str; 3],
    dot: &'static str,
    ellipsis: &'static str,
}

const UNICODE: Frame = Frame {
    vertical: "│",
    horizontal: "─",
    top: ["┌", "┬", "┐"],
    middle: ["├", "┼", "┤"],
    bottom: ["└", "┴", "┘"],
    dot: "·",
    ellipsis: "…",
};

const ASCII: Frame = Frame {
    vertical: "|",
    horizontal: "-",
    top: ["+", "+", "+"],
    middle: ["+", "+", "+"],
    bottom: ["+", "+", "+"],
    dot: ".",
    ellipsis: "...",
};

#[derive(Clone, Copy, PartialEq)]
enum Look {
    Plain,
    Dim,
    Bold,
}

/// One value, in lines.
struct Cell {
    lines: Vec<String>,
    look: Look,
}

impl Cell {
    fn new(text: &str, look: Look) -> Self {
        Self { lines: printable(text, true).lines().map(str::to_string).collect(), look }
    }

    fn width(&self) -> usize {
        self.lines.iter().map(|line| line.width()).max().unwrap_or(0)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Align {
    Left,
    Right,
    Center,
}

struct Column {
    name: Cell,
    kind: Cell,
    number: bool,
    cut: bool,
    cells: Vec<Cell>,
}

impl Column {
    fn width(&self) -> usize {
        let head = self.name.width().max(self.kind.width());
        self.cells.iter().map(Cell::width).max().unwrap_or(0).max(head)
    }
}

impl<W: Write> BoxSink<W> {
    pub(super) fn new(writer: W, options: Options) -> Self {
        Self {
            writer,
            options,
            schema: None,
            head: Vec::new(),
            head_rows: 0,
            tail: VecDeque::new(),
            tail_rows: 0,
            rows: 0,
        }
    }

    /// Rows that may be shown.
    fn limit(&self) -> Option<usize> {
        self.options.max_rows.map(|max| max.max(self.options.scrolled_rows.unwrap_or(0)))
    }

    /// Rows shown at the head and at the tail when not all are shown.
    fn halves(&self) -> Option<(usize, usize)> {
        self.limit().map(|max| (max.div_ceil(2), max / 2))
    }

    /// Drops from the front of the tail what will not be shown.
    fn trim_tail(&mut self, keep: usize) {
        while let Some(first) = self.tail.front_mut() {
            let excess = self.tail_rows.saturating_sub(keep);
            if excess == 0 {
                break;
            }
            if first.num_rows() <= excess {
                self.tail_rows -= first.num_rows();
                self.tail.pop_front();
            } else {
                *first = first.slice(excess, first.num_rows() - excess);
                self.tail_rows -= excess;
            }
        }
    }

    /// The rows to show, and after how many of them the gap stands.
    fn shown(&mut self) -> (Vec<RecordBatch>, Option<usize>) {
        let mut batches = std::mem::take(&mut self.head);
        let Some((head, tail)) =
            self.halves().filter(|_| self.limit().is_some_and(|max| self.rows > max))
        else {
            return (batches, None);
        };
        // what the head kept beyond its half may belong to the tail
        let mut spare = Vec::new();
        let mut room = head;
        let mut kept = Vec::new();
        for batch in batches.drain(..) {
            let take = batch.num_rows().min(room);
            if take > 0 {
                kept.push(batch.slice(0, take));
            }
            if take < batch.num_rows() {
                spare.push(batch.slice(take, batch.num_rows() - take));
            }
            room -= take;
        }
        for batch in spare.into_iter().rev() {
            self.tail_rows += batch.num_rows();
            self.tail.push_front(batch);
        }
        self.trim_tail(tail);
        kept.extend(self.tail.drain(..));
        (kept, Some(head))
    }

    fn columns(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> RenderResult<Vec<Column>> {
        let kind = |data_type| match self.options.untyped {
            true => String::new(),
            false => short_type_name(data_type),
        };
        let mut columns: Vec<Column> = schema
            .fields()
            .iter()
            .map(|field| Column {
                name: Cell::new(field.name(), Look::Bold),
                kind: Cell::new(&kind(field.data_type()), Look::Dim),
                number: is_number(field.data_type()),
                cut: may_be_cut(field.data_type()),
                cells: Vec::new(),
            })
            .collect();
        let mut text = String::new();
        for batch in batches {
            for (column, values) in columns.iter_mut().zip(text_columns(batch)?) {
                for row in 0..batch.num_rows() {
                    column.cells.push(if values.write(row, &mut text)? {
                        Cell::new(&text, Look::Plain)
                    } else {
                        Cell::new("NULL", Look::Dim)
                    });
                }
            }
        }
        Ok(columns)
    }
}

impl<W: Write> Sink for BoxSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        self.schema = Some(Arc::clone(schema));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        self.rows += batch.num_rows();
        let room = self.limit().map_or(usize::MAX, |max| max - self.head_rows);
        let head = batch.num_rows().min(room);
        if head > 0 {
            self.head.push(batch.slice(0, head));
            self.head_rows += head;
        }
        if head < batch.num_rows() {
            self.tail.push_back(batch.slice(head, batch.num_rows() - head));
            self.tail_rows += batch.num_rows() - head;
            let keep = self.halves().map_or(0, |(_, tail)| tail);
            self.trim_tail(keep);
        }
        Ok(())
    }

    fn end(&mut self) -> RenderResult {
        let schema = self.schema.take().ok_or_else(not_begun)?;
        let (batches, gap) = self.shown();
        let columns = self.columns(&schema, &batches)?;
        let wishes: Vec<Wish> =
            columns.iter().map(|c| Wish { width: c.width(), text: c.cut }).collect();
        let mut layout = fit(&wishes, self.options.width);
        let leaves_out =
            layout.hidden > 0 || self.options.max_rows.is_some_and(|max| self.rows > max);
        if leaves_out && self.options.scrolled_rows.is_some() {
            layout = fit(&wishes, None);
        }
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let table = Table { columns, layout, rows, gap, options: &self.options };
        self.writer.write_all(table.draw().as_bytes())?;
        Ok(self.writer.flush()?)
    }
}

/// Everything that is known when the frame is drawn.
struct Table<'a> {
    columns: Vec<Column>,
    layout: Layout,
    rows: usize,
    gap: Option<usize>,
    options: &'a Options,
}

/// A cell of one printed row: its lines, width, alignment and look.
type Slot<'a> = (&'a [String], usize, Align, Look);

impl Table<'_> {
    fn frame(&self) -> &'static Frame {
        if self.options.unicode { &UNICODE } else { &ASCII }
    }

    fn hidden(&self) -> Option<String> {
        (self.layout.hidden > 0).then(|| hidden_label(self.layout.hidden))
    }

    /// The shown columns in order, with `None` where columns are hidden.
    fn shown(&self) -> impl Iterator<Item = Option<(&Column, usize)>> {
        let find = |(index, width): &(usize, usize)| self.columns.get(*index).map(|c| (c, *width));
        let gap = (self.layout.hidden > 0).then_some(None);
        let left = self.layout.left.iter().filter_map(find).map(Some);
        let right = self.layout.right.iter().filter_map(find).map(Some);
        left.chain(gap).chain(right)
    }

    fn rule(&self, out: &mut String, ends: [&str; 3]) {
        let [first, between, last] = ends;
        let gap = self.hidden().map_or(0, |label| label.width());
        for (index, column) in self.shown().enumerate() {
            out.push_str(if index == 0 { first } else { between });
            let width = column.map_or(gap, |(_, width)| width);
            out.push_str(&self.frame().horizontal.repeat(width + 2));
        }
        out.push_str(last);
        out.push('\n');
    }

    fn row(&self, out: &mut String, slots: &[Slot<'_>]) {
        let frame = self.frame();
        let height = slots.iter().map(|(lines, ..)| lines.len()).max().unwrap_or(0).max(1);
        for number in 0..height {
            for (lines, width, align, look) in slots {
                out.push_str(frame.vertical);
                let line = lines.get(number).map_or("", String::as_str);
                let text = cut(line, *width, frame.ellipsis);
                let blank = width.saturating_sub(text.width());
                let before = match align {
                    Align::Left => 0,
                    Align::Right => blank,
                    Align::Center => blank / 2,
                };
                out.push_str(&" ".repeat(before + 1));
                let style = match look {
                    Look::Dim if self.options.color => DIM,
                    Look::Bold if self.options.color => BOLD,
                    _ => "",
                };
                out.push_str(style);
                out.push_str(&text);
                out.push_str(if style.is_empty() { "" } else { RESET });
                out.push_str(&" ".repeat(blank - before + 1));
            }
            out.push_str(frame.vertical);
            out.push('\n');
        }
    }

    /// The cells of one printed row; `gap` stands where columns are hidden.
    fn slots<'t>(
        &'t self,
        gap: &'t [String],
        pick: impl Fn(&'t Column) -> Option<&'t Cell>,
    ) -> Vec<Slot<'t>> {
        let gap_width = self.hidden().map_or(0, |label| label.width());
        self.shown()
            .map(|shown| match shown.and_then(|(c, width)| Some((c, width, pick(c)?))) {
                Some((column, width, cell)) => {
                    let align = if column.number { Align::Right } else { Align::Left };
                    (&cell.lines[..], width, align, cell.look)
                }
                None => {
                    let width = shown.map_or(gap_width, |(_, width)| width);
                    (gap, width, Align::Center, Look::Dim)
                }
            })
            .collect()
    }

    fn draw(&self) -> String {
        let frame = self.frame();
        let label: Vec<String> = self.hidden().into_iter().collect();
        let dots = [frame.dot.to_string()];
        let mut out = String::new();
        self.rule(&mut out, frame.top);
        self.row(&mut out, &self.slots(&label, |column| Some(&column.name)));
        if !self.options.untyped {
            self.row(&mut out, &self.slots(&[], |column| Some(&column.kind)));
        }
        self.rule(&mut out, frame.middle);
        for index in 0..self.rows {
            if self.gap == Some(index) {
                self.row(&mut out, &self.slots(&dots, |_| None));
            }
            self.row(&mut out, &self.slots(&dots, |column| column.cells.get(index)));
        }
        self.rule(&mut out, frame.bottom);
        out
    }
}
