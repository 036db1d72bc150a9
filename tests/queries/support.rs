//! What the tests share: lakes opened, answers as text.

use std::path::Path;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use tenure::library::Query;
use tenure::{Params, Tenure};

/// A lake of data/.
pub(crate) async fn open(lake: &str) -> Tenure {
    let location = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(lake);
    let location = location.to_str().expect("a path in UTF-8");
    Tenure::builder().lake(location).build().await.expect("the lake opens")
}

/// The answer to a statement.
pub(crate) async fn answer(
    tenure: &Tenure,
    sql: &str,
    params: &Params,
) -> Result<Answered, String> {
    let told = |e: tenure::Error| match e.hint() {
        Some(hint) => format!("{e} ({hint})"),
        None => e.to_string(),
    };
    let answer = tenure.run_with(sql, params).await.map_err(told)?;
    let columns = answer.schema.fields().iter().map(|f| f.name().clone()).collect();
    let batches = answer.stream.try_collect::<Vec<_>>().await.map_err(|e| told(e.into()))?;
    Ok(Answered { columns, batches })
}

pub(crate) struct Answered {
    pub(crate) columns: Vec<String>,
    batches: Vec<RecordBatch>,
}

impl Answered {
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    pub(crate) fn text(&self) -> String {
        pretty_format_batches(&self.batches).expect("batches of one schema").to_string()
    }
}

/// Values for the parameters without default.
pub(crate) fn given(query: &Query) -> Vec<(String, String)> {
    let value = |name: &str| match name {
        "customer" => "1",
        // in the middle of both lakes' years
        "since" => "1997-07-01",
        other => panic!("{}: no value for the parameter {other}", query.name),
    };
    query
        .parameters
        .iter()
        .filter(|p| p.default.is_none())
        .map(|p| (p.name.clone(), value(&p.name).to_owned()))
        .collect()
}
