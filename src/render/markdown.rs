//! markdown: a GitHub table; numbers to the right, `|` escaped, line breaks as `<br>`.

use std::io::Write;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::cells::{printable, text_columns};
use super::type_name::is_number;
use super::{RenderResult, Sink};

pub(super) struct MarkdownSink<W> {
    writer: W,
}

impl<W: Write> MarkdownSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer }
    }
}

/// Text that stays inside its cell.
fn escape(text: &str) -> String {
    printable(text, true).replace('\\', "\\\\").replace('|', "\\|").replace('\n', "<br>")
}

impl<W: Write> Sink for MarkdownSink<W> {
    fn begin(&mut self, schema: &SchemaRef) -> RenderResult {
        let names: Vec<_> = schema.fields().iter().map(|f| escape(f.name())).collect();
        let rules: Vec<_> = schema
            .fields()
            .iter()
            .map(|f| if is_number(f.data_type()) { "---:" } else { "---" })
            .collect();
        writeln!(self.writer, "| {} |", names.join(" | "))?;
        Ok(writeln!(self.writer, "| {} |", rules.join(" | "))?)
    }

    fn batch(&mut self, batch: &RecordBatch) -> RenderResult {
        let columns = text_columns(batch)?;
        let (mut line, mut text) = (String::new(), String::new());
        for row in 0..batch.num_rows() {
            line.clear();
            line.push('|');
            for column in &columns {
                line.push(' ');
                if column.write(row, &mut text)? {
                    line.push_str(&escape(&text));
                } else {
                    line.push_str("NULL");
                }
                line.push_str(" |");
            }
            line.push('\n');
            self.writer.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn end(&mut self) -> RenderResult {
        Ok(self.writer.flush()?)
    }
}
