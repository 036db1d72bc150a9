//! A lake and its model, open in a session.

use std::sync::Arc;

use datafusion::datasource::TableProvider;
use datafusion::execution::SessionState;

use crate::engine::{pinned, pinned_manifest};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::clustered::manifest::Manifest;
use crate::lake::{Lake, LakeTable};
use crate::model::check::Checked;
use crate::model::views::{self, Writer};
use crate::model::{self, Model};
use crate::options::TenureOptions;

/// A lake whose model fits it.
#[derive(Debug)]
pub(crate) struct OpenLake {
    lake: Lake,
    name: String,
    checked: Checked,
    /// what the lake consisted of when it was opened, if it is clustered
    clustered: Option<Manifest>,
}

impl OpenLake {
    /// Reads or infers the model of `lake` and checks it against the tables.
    pub(crate) async fn open(lake: Lake, name: String, state: &SessionState) -> Result<Self> {
        let mut open = Self { lake, name, checked: Checked::default(), clustered: None };
        let model = match open.lake.read_text("tenure.toml").await? {
            Some(text) => {
                let elsewhere = model::file::options(&text).into_iter().collect();
                open.lake = open.lake.with_options_elsewhere(elsewhere);
                open.clustered = Manifest::read(&text)?;
                model::file::parse(&text)?
            }
            None => {
                let mut tables = vec![];
                for name in open.lake.tables() {
                    let schema = open.lake.table(&name, state).await?.schema();
                    tables.push((name, schema.as_ref().clone()));
                }
                model::infer::infer(&tables)
            }
        };
        if model.tables.is_empty() && open.tables().is_empty() {
            // nothing here and nothing elsewhere: says what was listed
            open.lake.refresh().await?;
        }
        let mut schemas = vec![];
        for table in &model.tables {
            schemas.push(open.list(&model, &table.name, state).await?.schema());
        }
        open.checked = model::check::check(model, &schemas, state)?;
        Ok(open)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn lake(&self) -> &Lake {
        &self.lake
    }

    pub(crate) fn model(&self) -> &Model {
        &self.checked.model
    }

    /// Sees tables that came since the lake was opened.
    pub(crate) async fn look_again(&self) -> Result<()> {
        match self.lake.refresh().await {
            // its files are where tenure.toml says
            Err(e) if e.kind() == ErrorKind::NoFiles && !self.tables().is_empty() => Ok(()),
            looked => looked,
        }
    }

    /// What the lake consisted of when it was opened, if it is clustered.
    pub(crate) fn clustered(&self) -> Option<&Manifest> {
        self.clustered.as_ref()
    }

    /// What is known of the tables of the model.
    pub(crate) fn checked(&self) -> &Checked {
        &self.checked
    }

    /// Names of the raw tables: what is there, and what the model adds from elsewhere.
    pub(crate) fn tables(&self) -> Vec<String> {
        let mut names = self.lake.tables();
        let clustered = self.clustered.iter().flat_map(|manifest| &manifest.tables);
        let modelled = self.checked.model.tables.iter().map(|table| &table.name);
        for name in clustered.map(|table| &table.name).chain(modelled) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names.sort();
        names
    }

    /// A raw table as the current statement sees it.
    pub(crate) async fn table(&self, name: &str, state: &SessionState) -> Result<Arc<LakeTable>> {
        pinned(format!("{}/{name}", self.name), self.list(&self.checked.model, name, state)).await
    }

    async fn list(
        &self,
        model: &Model,
        name: &str,
        state: &SessionState,
    ) -> Result<Arc<LakeTable>> {
        if self.clustered.is_some() {
            let read = async {
                self.lake.manifest().await?.ok_or_else(|| {
                    let message = format!("the lake {} is not clustered any more", self.name);
                    Error::new(ErrorKind::Changed, message).with_hint("open it again")
                })
            };
            let manifest = pinned_manifest(&self.name, read).await?;
            if let Some(table) = manifest.table(name) {
                return self.lake.clustered(&manifest, table, state).await;
            }
        }
        let path = model.tables.iter().find(|t| t.name == name).and_then(|t| t.path.as_deref());
        match path {
            Some(path) => self.lake.table_at(path, state).await,
            None if self.lake.tables().iter().any(|t| t == name) => {
                self.lake.table(name, state).await
            }
            None => {
                let tables = self.lake.tables();
                let e = Error::new(
                    ErrorKind::Model,
                    format!("tenure.toml [tables.{name}]: the lake has no table {name:?}"),
                );
                Err(e.with_hint(
                    crate::error::did_you_mean(name, tables.iter().map(String::as_str))
                        .unwrap_or_else(|| {
                            format!(
                                "its tables are {}; or say where with path = …",
                                tables.join(", ")
                            )
                        }),
                ))
            }
        }
    }

    /// Names of the canonical views that the model makes possible.
    pub(crate) fn views(&self) -> &'static [&'static str] {
        if self.checked.model.maps_events() { &views::NAMES } else { &[] }
    }

    /// The SQL of a canonical view for the statement that is being planned.
    pub(crate) fn view_sql(&self, view: &str, state: &SessionState) -> Result<Option<String>> {
        if !self.views().contains(&view) {
            return Ok(None);
        }
        self.written(state, |writer| writer.sql(view))
    }

    /// The SQL of the models behind `profiles`, where the lake has it.
    pub(crate) fn models_sql(&self, state: &SessionState) -> Result<Option<String>> {
        if self.views().is_empty() {
            return Ok(None);
        }
        self.written(state, |writer| Some(writer.models()))
    }

    fn written<T>(&self, state: &SessionState, write: impl Fn(&Writer<'_>) -> T) -> Result<T> {
        let options = TenureOptions::of(state.config_options());
        let micros = options.as_of_micros(chrono::Utc::now())?;
        let as_of = chrono::DateTime::from_timestamp_micros(micros)
            .map(|t| t.naive_utc().format("'%Y-%m-%dT%H:%M:%S%.6f'").to_string());
        let Some(as_of) = as_of else {
            return Err(Error::new(ErrorKind::Invalid, "tenure.as_of is out of range"));
        };
        let writer = Writer {
            checked: &self.checked,
            lake: &self.name,
            as_of: format!("arrow_cast({as_of}, 'Timestamp(Microsecond, None)')"),
            timezone: options.timezone.trim(),
            horizon: options.horizon.trim(),
        };
        Ok(write(&writer))
    }
}
