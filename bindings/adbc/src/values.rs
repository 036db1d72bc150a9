//! Rows that the caller binds, as values for a statement's placeholders.

use adbc_core::error::Result;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::ArrowError;
use tenure::datafusion::common::ScalarValue;
use tenure::{Error, ErrorKind, Params};

use crate::error::{adbc, usage};

/// Rows, one at a time. The first column is `$1` and, if it has a name, `$name` as well.
pub(crate) struct Rows {
    reader: Box<dyn RecordBatchReader + Send>,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Rows {
    pub(crate) fn new(reader: Box<dyn RecordBatchReader + Send>) -> Self {
        Self { reader, batch: None, row: 0 }
    }

    /// Sees that there are as many columns as a statement has positions.
    pub(crate) fn check(&self, placeholders: &[String]) -> Result<()> {
        let positions: Vec<usize> = placeholders.iter().filter_map(|p| p.parse().ok()).collect();
        let given = self.reader.schema().fields().len();
        let wanted = positions.iter().max().copied().unwrap_or_default();
        if positions.len() == placeholders.len() && wanted != given {
            return Err(usage(format!(
                "the statement takes {wanted} parameters, and the bound rows have {given} columns"
            )));
        }
        Ok(())
    }

    /// The values of the next row.
    pub(crate) fn next_row(&mut self) -> Result<Option<Params>> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.row < batch.num_rows()) {
                let params = values(batch, self.row).map_err(adbc)?;
                self.row += 1;
                return Ok(Some(params));
            }
            self.row = 0;
            self.batch = match self.reader.next() {
                Some(batch) => Some(batch.map_err(unreadable)?),
                None => return Ok(None),
            };
        }
    }
}

fn values(batch: &RecordBatch, row: usize) -> tenure::Result<Params> {
    let schema = batch.schema();
    let mut params = Params::new();
    for (place, (field, column)) in (1..).zip(schema.fields().iter().zip(batch.columns())) {
        let value = ScalarValue::try_from_array(column, row)?;
        params.insert(place.to_string(), value.clone());
        // a column called "2" is no name: it would take another's place
        if field.name().parse::<usize>().is_err() {
            params.insert(field.name().clone(), value);
        }
    }
    Ok(params)
}

/// The caller's stream failed.
pub(crate) fn unreadable(e: ArrowError) -> adbc_core::error::Error {
    let message = format!("the bound rows cannot be read: {e}");
    adbc(Error::new(ErrorKind::Invalid, message))
}
