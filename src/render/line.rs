//! line: one value per line, a rule before every row; what `\x` switches on.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::cells::{printable, text_columns};
use super::{Options, RenderResult, Sink, not_begun};

pub(super) struct LineSink<W> {
    writer: W,
    options: Options,
    schema: Option<SchemaRef>,
    rows: usize,
}

impl<W: Write> LineSink<W> {
    pub(super) fn new(writer: W, options: Options) -> Self {
        Self { writer, options, schema: None, rows: 0 }
    }
}

impl<W: Write> Sink for LineSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        self.schema = Some(Arc::clone(schema));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        let schema = self.schema.as_ref().ok_or_else(not_begun)?;
        let names: Vec<String> =
            schema.fields().iter().map(|field| printable(field.name(), false)).collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let columns = text_columns(batch)?;
        let (dash, bar) = if self.options.unicode { ("─", "│") } else { ("-", "|") };
        let (dim, reset) = if self.options.color { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            self.rows += 1;
            let title = format!("{dash}[ row {} ]", self.rows);
            let rest = dash.repeat(40_usize.saturating_sub(title.width()));
            writeln!(self.writer, "{dim}{title}{rest}{reset}")?;
            for (name, column) in names.iter().zip(&columns) {
                let pad = " ".repeat(width - name.width());
                let shown = if column.write(row, &mut text)? {
                    let indent = format!("\n{} {bar} ", " ".repeat(width));
                    printable(&text, true).replace('\n', &indent)
                } else {
                    format!("{dim}NULL{reset}")
                };
                writeln!(self.writer, "{name}{pad} {bar} {shown}")?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> RenderResult {
        Ok(self.writer.flush()?)
    }
}
