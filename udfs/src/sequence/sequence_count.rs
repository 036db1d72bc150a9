//! `sequence_count(pattern, ts, condition1, …)`: how often one customer's rows match a pattern.
//!
//! The greatest number of matches that do not overlap: each begins after the one before has ended.
//! Patterns, NULLs, ties and cost are those of [`sequence_match`](super::sequence_match); no rows
//! give 0.
//!
//! Source: ClickHouse's `sequenceCount`, which takes the match that begins first again and again.
//! Without `!=`, which ClickHouse does not have, that match also ends first, so the counts are the same
//! (but for `.*` right before a time guard, and at the end of a pattern, where ClickHouse can lose
//! the last match).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature};
use datafusion_macros::user_doc;

use super::arguments::{self, Search};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<SequenceCount>);

/// The aggregate `sequence_count`.
pub fn sequence_count_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Sequences"),
    description = "How often a customer's rows match a pattern: the greatest number of matches that do not overlap, each of which begins after the one before has ended. Patterns, NULLs and rows of one time as in sequence_match; no rows give 0. The answer is that of ClickHouse's sequenceCount but for .* right before a time guard (see sequence_match), .* at the end of a pattern, where ClickHouse can lose a match that ends with the last row, and !=, which it does not have. Memory: 20 bytes a row that satisfies a condition.",
    syntax_example = "sequence_count(pattern, ts, condition1 [, condition2, …])",
    sql_example = r#"```sql
SELECT sequence_count('(?1).*(?2)', ts, e = 'view', e = 'buy')
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view'), (TIMESTAMP '2018-01-01T09:05:00', 'view'),
  (TIMESTAMP '2018-01-01T09:07:00', 'buy'), (TIMESTAMP '2018-01-02T10:00:00', 'view'),
  (TIMESTAMP '2018-01-02T10:01:00', 'buy'), (TIMESTAMP '2018-01-02T10:02:00', 'buy')) AS t(ts, e);
-- 2
```"#,
    argument(name = "pattern", description = "constant text, such as '(?1).*(?2)'"),
    argument(name = "ts", description = "time of the row"),
    argument(
        name = "condition1, …",
        description = "conditions, which the pattern names by their numbers"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct SequenceCount;

impl SequenceFunction for SequenceCount {
    const NAME: &'static str = "sequence_count";
    const ALIASES: &'static [&'static str] = &["sequencecount", "sequenceCount"];
    type Sequence = Counts;

    fn signature() -> Signature {
        arguments::signature()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        arguments::coerce(Self::NAME, types, false)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn empty(_ty: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Counts> {
        Ok(Counts(Search::read(Self::NAME, args)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Counts(Search);

impl Sequence for Counts {
    type Payload = u64;
    const ANSWER: Answer = Answer { group: size_of::<i64>(), event: 0 };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        self.0.push(args, batch)
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let mut counts = Vec::with_capacity(groups.len());
        groups.each(|rows, _| {
            counts.push(self.0.scan.count(rows));
            Ok(())
        })?;
        Ok(Arc::new(Int64Array::from(counts)))
    }
}
