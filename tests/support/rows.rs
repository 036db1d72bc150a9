//! Answers as lines of text: one line a row, values joined by ` | `, NULL as `NULL`, timestamps in
//! ISO form, floats in as few digits as give them back, nested values as Arrow shows them.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use tenure::{Error, Tenure};

pub(crate) const SEPARATOR: &str = " | ";

/// The whole answer to one statement.
pub(crate) async fn answer(
    tenure: &Tenure,
    sql: &str,
) -> Result<(SchemaRef, Vec<Vec<String>>), Error> {
    let answer = tenure.run(sql).await?;
    let batches: Vec<RecordBatch> = answer.stream.try_collect().await?;
    let mut out = vec![];
    for batch in &batches {
        out.extend(rows(batch)?);
    }
    Ok((answer.schema, out))
}

/// The lines of the answer to one statement.
pub(crate) async fn lines(tenure: &Tenure, sql: &str) -> Result<Vec<String>, Error> {
    Ok(answer(tenure, sql).await?.1.into_iter().map(|row| row.join(SEPARATOR)).collect())
}

/// The rows of a batch, their values as text.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<Vec<String>>, Error> {
    let options = FormatOptions::default().with_null("NULL").with_display_error(false);
    let columns = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()?;
    (0..batch.num_rows())
        .map(|i| columns.iter().map(|c| Ok(c.value(i).try_to_string()?)).collect())
        .collect()
}

/// What went wrong as one line: message and hint.
pub(crate) fn told(e: &Error) -> String {
    e.hint().map_or_else(|| e.to_string(), |hint| format!("{e} (hint: {hint})"))
}

/// The lakes that ship.
pub(crate) fn shipped(lake: &str) -> String {
    format!("{}/data/{lake}", env!("CARGO_MANIFEST_DIR"))
}
