//! `pg_size_pretty(bytes)`: a size in words.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{ScalarFunctionArgs, Volatility};

use super::functions::OfSession;

/// Registers the function.
pub(super) fn register(context: &SessionContext) {
    const NAME: &str = "pg_size_pretty";
    let function = |args: &ScalarFunctionArgs| -> Result<ArrayRef> {
        let [bytes] = args.args.as_slice() else { return exec_err!("{NAME} takes a number") };
        let bytes = cast(&bytes.to_array(args.number_rows)?, &DataType::Int64)?;
        let sizes = bytes.as_primitive::<Int64Type>().iter();
        Ok(Arc::new(sizes.map(|size| size.map(pretty)).collect::<StringArray>()))
    };
    let udf = OfSession::function(NAME, Volatility::Immutable, DataType::Utf8, function);
    context.register_udf(udf);
}

/// The largest unit of which there are at least ten, rounded.
fn pretty(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut size = i128::from(bytes);
    // after the bytes, twice the number of units: the last bit rounds
    let mut doubled = false;
    for (at, unit) in UNITS.iter().enumerate() {
        let limit = if doubled { 20 * 1024 - 1 } else { 10 * 1024 };
        if size.abs() < limit || at + 1 == UNITS.len() {
            let shown = if doubled { (size + if size < 0 { -1 } else { 1 }) / 2 } else { size };
            return format!("{shown} {unit}");
        }
        size /= if doubled { 1024 } else { 512 };
        doubled = true;
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_postgresql() {
        // as PostgreSQL 15.18 answers
        for (bytes, size) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (10_752, "11 kB"),
            (20_000, "20 kB"),
            (10_485_247, "10239 kB"),
            (10_485_760, "10 MB"),
            (15_728_640, "15 MB"),
            (-10_239, "-10239 bytes"),
            (-10_240, "-10 kB"),
            (-10_752, "-11 kB"),
            (i64::MAX, "8192 PB"),
            (1_073_741_824, "1024 MB"),
            (12_345_678_901, "11 GB"),
        ] {
            assert_eq!(pretty(bytes), size);
        }
    }
}
