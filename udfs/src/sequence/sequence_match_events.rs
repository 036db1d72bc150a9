//! `sequence_match_events(pattern, [mode,] ts, condition1, …)`: when one customer's rows match a
//! pattern.
//!
//! The times of the rows that stand for `(?N)`, of the match that ends first; of several the one that
//! begins last; of those the one whose second row is earliest, then the third, and so on. In the mode
//! `partial`, where there is no match: the same of the longest beginning of the pattern, up to one of
//! its `(?N)`, that has a match. Patterns, NULLs, ties and cost are those of
//! [`sequence_match`](super::sequence_match); no match gives an empty list.
//!
//! Source: ClickHouse's `sequenceMatchEvents`, which takes the match that begins first, and always
//! answers as in the mode `partial` (ClickHouse #72349).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Documentation, Signature};
use datafusion_macros::user_doc;

use super::arguments::{self, Search};
use crate::sequence_aggregate::{Answer, Batch, Sequence, Sequences};
use crate::sequence_function::{SequenceFunction, udaf};
use crate::times;

static UDAF: LazyLock<Arc<AggregateUDF>> = LazyLock::new(udaf::<SequenceMatchEvents>);

/// The aggregate `sequence_match_events`.
pub fn sequence_match_events_udaf() -> Arc<AggregateUDF> {
    Arc::clone(&UDAF)
}

#[user_doc(
    doc_section(label = "Sequences"),
    description = "When a customer's rows match a pattern: the times of the rows that stand for (?N), in their order. Of several matches it is the one that ends first; of those the one that begins last; of those the one whose second row is earliest, then the third, and so on. If there is none, the list is empty; with the mode 'partial' it then has the times of the longest beginning of the pattern that matches, up to one of its (?N), so that its length says how far the customer came. ClickHouse's sequenceMatchEvents takes the match that begins first instead, and always answers as with 'partial'. Patterns, NULLs and rows of one time as in sequence_match. Memory: 20 bytes a row that satisfies a condition.",
    syntax_example = "sequence_match_events(pattern, [mode,] ts, condition1 [, condition2, …])",
    sql_example = r#"```sql
SELECT sequence_match_events('(?1).*(?2)(?t<=PT1H)(?3)', ts, e = 'view', e = 'cart', e = 'buy') AS bought,
  sequence_match_events('(?1).*(?3).*(?2)', 'partial', ts, e = 'view', e = 'cart', e = 'buy') AS how_far
FROM (VALUES (TIMESTAMP '2018-01-01T09:00:00', 'view'), (TIMESTAMP '2018-01-01T09:30:00', 'view'),
  (TIMESTAMP '2018-01-01T10:00:00', 'cart'), (TIMESTAMP '2018-01-01T10:45:00', 'buy')) AS t(ts, e);
-- [2018-01-01T09:30:00, 2018-01-01T10:00:00, 2018-01-01T10:45:00] | [2018-01-01T09:30:00, 2018-01-01T10:45:00]
```"#,
    argument(name = "pattern", description = "constant text, such as '(?1).*(?2)'"),
    argument(
        name = "mode",
        description = "constant 'full' (default) or 'partial'; may be left out"
    ),
    argument(name = "ts", description = "time of the row"),
    argument(
        name = "condition1, …",
        description = "conditions, which the pattern names by their numbers"
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct SequenceMatchEvents;

impl SequenceFunction for SequenceMatchEvents {
    const NAME: &'static str = "sequence_match_events";
    const ALIASES: &'static [&'static str] = &["sequencematchevents", "sequenceMatchEvents"];
    type Sequence = Matches;

    fn signature() -> Signature {
        arguments::signature()
    }

    fn coerce(types: &[DataType]) -> Result<Vec<DataType>> {
        arguments::coerce(Self::NAME, types, true)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(times::list_type(types))
    }

    fn empty(ty: &DataType) -> Result<ScalarValue> {
        times::empty_list(ty)
    }

    fn sequence(args: &AccumulatorArgs) -> Result<Matches> {
        Ok(Matches {
            search: Search::read(Self::NAME, args)?,
            partial: arguments::partial(Self::NAME, args)?,
            answer: args.return_field.data_type().clone(),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug, Clone)]
struct Matches {
    search: Search,
    partial: bool,
    answer: DataType,
}

impl Sequence for Matches {
    type Payload = u64;
    // at most a time for each row
    const ANSWER: Answer = Answer { group: size_of::<i32>(), event: size_of::<i64>() };

    fn read(&self, args: &[ArrayRef], batch: &mut Batch<u64>) -> Result<()> {
        self.search.push(args, batch)
    }

    fn finish(&mut self, groups: Sequences<u64>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(groups.len());
        let (mut times, mut events) = (vec![], vec![]);
        groups.each(|rows, _| {
            self.search.scan.events(rows, self.partial, &mut events);
            lengths.push(events.len());
            times.extend_from_slice(&events);
            Ok(())
        })?;
        times::lists(times, lengths, &self.answer)
    }
}
