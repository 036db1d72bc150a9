//! `tenure.*`: what Tenure knows itself, as tables.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::catalog::SchemaProvider;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::{MemTable, TableProvider};

use super::{OpenLake, Session};
use crate::engine::functions;
use crate::model::views::no_models;
use crate::options::settings;
use crate::udfs::{self, rfm::SchemeRow};

const NAMES: [&str; 5] = ["event_types", "functions", "models", "rfm_scheme", "settings"];

#[derive(Debug)]
pub(super) struct SystemSchema {
    lakes: Vec<Arc<OpenLake>>,
    session: Session,
}

impl SystemSchema {
    pub(super) fn new(lakes: Vec<Arc<OpenLake>>, session: Session) -> Self {
        Self { lakes, session }
    }

    /// The models behind the `profiles` of every lake, fitted for this statement.
    async fn models(&self) -> Result<Arc<dyn TableProvider>> {
        let state = self.session.state()?;
        let mut sql = vec![];
        for lake in &self.lakes {
            sql.extend(lake.models_sql(&state)?);
        }
        let sql = if sql.is_empty() { no_models() } else { sql.join(" UNION ALL ") };
        Ok(self.session.view(&sql).await?)
    }

    fn rows(&self, name: &str) -> Result<Option<RecordBatch>> {
        Ok(Some(match name {
            "settings" => {
                let state = self.session.state()?;
                let all = settings(state.config_options());
                texts(
                    &["name", "value", "description"],
                    all.iter().map(|s| {
                        vec![format!("tenure.{}", s.name), s.value.clone(), s.description.clone()]
                    }),
                )?
            }
            "event_types" => texts(
                &["event_type", "class"],
                udfs::points::event_types().iter().map(|(n, c)| vec![n.to_string(), c.to_string()]),
            )?,
            "functions" => {
                let all = functions(&self.session.state()?);
                texts(
                    &["name", "kind", "family", "signature", "description", "example"],
                    all.into_iter().filter(|f| f.tenure).map(|f| {
                        let (kind, example) = (f.kind.name().to_string(), f.example);
                        let example = example.unwrap_or_default();
                        vec![f.name, kind, f.family, f.signature, f.description, example]
                    }),
                )?
            }
            "rfm_scheme" => rfm_scheme()?,
            _ => return Ok(None),
        }))
    }
}

/// The schemes of `rfm_segment`, one row per rectangle of scores.
fn rfm_scheme() -> Result<RecordBatch> {
    let rows = udfs::rfm::scheme_rows();
    let text = |f: fn(&SchemeRow) -> &str| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(f(r))).collect::<StringArray>())
    };
    let whole = |f: fn(&SchemeRow) -> i32| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(f(r))).collect::<Int32Array>())
    };
    let number = |f: fn(&SchemeRow) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(f(r))).collect::<Float64Array>())
    };
    let ordering: ArrayRef =
        Arc::new(rows.iter().map(|r| Some(r.ordering)).collect::<Int64Array>());
    Ok(RecordBatch::try_from_iter([
        ("scheme", text(|r| r.scheme)),
        ("ordering", ordering),
        ("segment", text(|r| r.segment.as_ref())),
        ("r_from", whole(|r| r.r.0)),
        ("r_to", whole(|r| r.r.1)),
        ("f_from", whole(|r| r.f.0)),
        ("f_to", whole(|r| r.f.1)),
        ("m_from", whole(|r| r.m.0)),
        ("m_to", whole(|r| r.m.1)),
        ("fm_from", number(|r| r.fm.0)),
        ("fm_to", number(|r| r.fm.1)),
        ("version", text(|r| r.version)),
    ])?)
}

fn texts(names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<RecordBatch> {
    let mut columns: Vec<Vec<String>> = vec![vec![]; names.len()];
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let arrays = columns.into_iter().map(|c| Arc::new(StringArray::from(c)) as ArrayRef);
    Ok(RecordBatch::try_from_iter(names.iter().copied().zip(arrays))?)
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        NAMES.iter().map(ToString::to_string).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if name == "models" {
            return self.models().await.map(Some);
        }
        let Some(batch) = self.rows(name)? else { return Ok(None) };
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }

    fn table_exist(&self, name: &str) -> bool {
        NAMES.contains(&name)
    }
}
