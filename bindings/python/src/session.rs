//! A session, as `tenure.Session` holds it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use adbc_driver_tenure::{READABLE, settled};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::input::AnyRecordBatch;
use tenure::chart::Request;
use tenure::datafusion::datasource::MemTable;
use tenure::{Error, ErrorKind, Params, TableKind, Tenure, library};

use crate::errors::raised;
use crate::options::Options;
use crate::rows::Rows;
use crate::value;
use crate::wait::wait;

/// A session over lakes.
#[pyclass(frozen, module = "tenure._tenure")]
pub(crate) struct Session {
    /// `None` once it is closed
    tenure: RwLock<Option<Arc<Tenure>>>,
}

impl Session {
    fn tenure(&self, py: Python<'_>) -> PyResult<Arc<Tenure>> {
        let tenure = self.tenure.read().unwrap_or_else(PoisonError::into_inner);
        tenure
            .as_ref()
            .map(Arc::clone)
            .ok_or_else(|| raised(py, &Error::new(ErrorKind::Usage, "the session is closed")))
    }

    fn answer(&self, py: Python<'_>, sql: &str, params: &Params) -> PyResult<Rows> {
        let tenure = self.tenure(py)?;
        let (sql, params) = (sql.to_owned(), params.clone());
        let work = async move { settled(tenure.run_with(&sql, &params).await?).await };
        let (answer, changed) = wait(py, work)?;
        Ok(Rows::new(answer, changed))
    }
}

#[pymethods]
impl Session {
    #[new]
    fn open(py: Python<'_>, options: Options) -> PyResult<Self> {
        let tenure = wait(py, async move {
            let tenure = options.builder().build().await?;
            tenure.sql(READABLE).await?;
            for (name, value) in &options.settings {
                let prefix = if name.contains('.') { "" } else { "tenure." };
                let value = value.replace('\'', "''");
                tenure.sql(&format!("SET {prefix}{name} = '{value}'")).await?;
            }
            Ok(tenure)
        })?;
        Ok(Self { tenure: RwLock::new(Some(Arc::new(tenure))) })
    }

    /// Forgets the lakes and what was made; answers under way go on.
    fn close(&self) {
        drop(self.tenure.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    #[getter]
    fn closed(&self) -> bool {
        self.tenure.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Runs one statement.
    #[pyo3(signature = (sql, params=None))]
    fn sql(&self, py: Python<'_>, sql: &str, params: Option<&Bound<'_, PyAny>>) -> PyResult<Rows> {
        self.answer(py, sql, &value::params(params)?)
    }

    /// Names and types of a statement's parameters, without running it.
    fn parameters(&self, py: Python<'_>, sql: &str) -> PyResult<Vec<(String, Option<String>)>> {
        let tenure = self.tenure(py)?;
        let sql = sql.to_owned();
        let prepared = wait(py, async move { tenure.prepare(&sql, &Params::new()).await })?;
        let named = prepared.parameters.into_iter();
        Ok(named.map(|(name, ty)| (name, ty.map(|ty| ty.to_string()))).collect())
    }

    /// Runs a question of the query library; its answer, and how to draw it.
    fn run(
        &self,
        py: Python<'_>,
        name: &str,
        params: Vec<(String, String)>,
    ) -> PyResult<(Rows, Option<Hint>)> {
        let query = library::find(name).map_err(|e| raised(py, &e))?;
        let params = query.bind(&params).map_err(|e| raised(py, &e))?;
        Ok((self.answer(py, &query.sql, &params)?, query.chart.and_then(hint)))
    }

    /// Makes rows known as a table; a name that was given before takes the new ones.
    fn register(&self, py: Python<'_>, name: &str, data: AnyRecordBatch) -> PyResult<usize> {
        let tenure = self.tenure(py)?;
        let reader = data.into_reader()?;
        let schema = reader.schema();
        // a reader of Python takes the GIL when it needs it
        let batches = py.detach(|| reader.collect::<Result<Vec<_>, _>>());
        let batches = batches.map_err(|e| {
            let message = format!("the rows of {name} cannot be read: {e}");
            raised(py, &Error::new(ErrorKind::Invalid, message))
        })?;
        let rows = batches.iter().map(|batch| batch.num_rows()).sum();
        let registered =
            MemTable::try_new(schema, vec![batches]).map_err(Error::from).and_then(|table| {
                tenure.deregister_table(name)?;
                tenure.register_table(name, Arc::new(table))
            });
        registered.map_err(|e| raised(py, &e))?;
        Ok(rows)
    }

    /// Forgets a table that was registered or made; whether there was one.
    fn drop(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        self.tenure(py)?.deregister_table(name).map_err(|e| raised(py, &e))
    }

    /// Every relation: catalog, schema, name, kind, columns with their types.
    fn tables<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let tenure = self.tenure(py)?;
        let tables = wait(py, async move { tenure.tables().await })?;
        let dict = |table: tenure::TableInfo| {
            let dict = PyDict::new(py);
            dict.set_item("catalog", table.catalog)?;
            dict.set_item("schema", table.schema)?;
            dict.set_item("name", table.name)?;
            dict.set_item("kind", if table.kind == TableKind::View { "view" } else { "table" })?;
            let columns = table.columns.into_iter().map(|(name, ty)| (name, ty.to_string()));
            dict.set_item("columns", columns.collect::<Vec<_>>())?;
            Ok(dict)
        };
        tables.into_iter().map(dict).collect()
    }

    /// Every function: name, kind, family, signature, description, arguments, example.
    fn functions<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let dict = |function: tenure::FunctionInfo| {
            let dict = PyDict::new(py);
            dict.set_item("name", function.name)?;
            dict.set_item("kind", function.kind.name())?;
            dict.set_item("family", function.family)?;
            dict.set_item("signature", function.signature)?;
            dict.set_item("description", function.description)?;
            dict.set_item("arguments", function.arguments)?;
            dict.set_item("example", function.example)?;
            dict.set_item("tenure", function.tenure)?;
            Ok(dict)
        };
        self.tenure(py)?.functions().into_iter().map(dict).collect()
    }

    /// The catalog and the schema of names without either.
    fn home(&self, py: Python<'_>) -> PyResult<(String, String)> {
        let state = self.tenure(py)?.context().state();
        let catalog = &state.config_options().catalog;
        Ok((catalog.default_catalog.clone(), catalog.default_schema.clone()))
    }

    /// The lakes in words.
    fn describe(&self, py: Python<'_>) -> PyResult<String> {
        let tenure = self.tenure(py)?;
        wait(py, async move { tenure.describe().await })
    }

    /// Names of the open lakes.
    #[getter]
    fn lakes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.tenure(py)?.lake_names())
    }

    /// What was noticed while the lakes were opened.
    #[getter]
    fn warnings(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.tenure(py)?.warnings().to_vec())
    }
}

/// Kind and columns of a chart.
type Hint = HashMap<&'static str, Option<String>>;

fn hint(request: Request) -> Option<Hint> {
    let kind = request.kind?.name().to_string();
    let columns = request.columns;
    Some([("kind", Some(kind)), ("x", columns.x), ("y", columns.y), ("by", columns.by)].into())
}

/// The questions of the query library.
#[pyfunction]
pub(crate) fn queries(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let dict = |query: library::Query| {
        let dict = PyDict::new(py);
        let parameters =
            query.parameters.into_iter().map(|p| (p.name, p.ty.name(), p.default, p.description));
        dict.set_item("name", query.name)?;
        dict.set_item("title", query.title)?;
        dict.set_item("description", query.description)?;
        dict.set_item("parameters", parameters.collect::<Vec<_>>())?;
        dict.set_item("columns", query.columns)?;
        dict.set_item("sql", query.sql)?;
        Ok(dict)
    };
    let queries = library::queries().map_err(|e| raised(py, &e))?;
    queries.into_iter().map(dict).collect()
}
