//! What a session has, for people and completion: tables, columns, functions.

use datafusion::arrow::datatypes::DataType;
use datafusion::datasource::TableType;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Documentation;

use super::Tenure;
use crate::error::{Error, Result};
use crate::plan::table;

/// Kinds of relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// canonical view or a user's own
    View,
    /// files of a lake, or a table made in the session
    Table,
}

/// A relation of the session.
#[derive(Debug, Clone, PartialEq)]
pub struct TableInfo {
    /// catalog: the lake
    pub catalog: String,
    /// schema: `main`, `raw` or `tenure`
    pub schema: String,
    /// name
    pub name: String,
    /// view or table
    pub kind: TableKind,
    /// columns in order
    pub columns: Vec<(String, DataType)>,
}

/// Kinds of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// one value per row
    Scalar,
    /// one value per group
    Aggregate,
    /// one value per row over a window
    Window,
    /// rows, in FROM
    Table,
}

impl FunctionKind {
    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Aggregate => "aggregate",
            Self::Window => "window",
            Self::Table => "table",
        }
    }
}

/// A function of the session.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionInfo {
    /// SQL name
    pub name: String,
    /// kind
    pub kind: FunctionKind,
    /// section of the documentation
    pub family: String,
    /// how it is called
    pub signature: String,
    /// what it does, with NULLs, ties, time zone, empty input and memory
    pub description: String,
    /// arguments and what they mean
    pub arguments: Vec<(String, String)>,
    /// an example that the tests run
    pub example: Option<String>,
    /// whether it is Tenure's own
    pub tenure: bool,
}

/// Every function of a session, by name.
pub(crate) fn functions(state: &SessionState) -> Vec<FunctionInfo> {
    let own: Vec<String> = crate::udfs::all_scalar_functions()
        .iter()
        .map(|f| f.name().to_string())
        .chain(crate::udfs::all_aggregate_functions().iter().map(|f| f.name().to_string()))
        .chain(crate::udfs::all_window_functions().iter().map(|f| f.name().to_string()))
        .collect();
    let info = |name: &str, kind, documentation: Option<&Documentation>| FunctionInfo {
        name: name.to_string(),
        kind,
        family: documentation.map(|d| d.doc_section.label.to_string()).unwrap_or_default(),
        signature: documentation.map_or_else(|| format!("{name}(…)"), |d| d.syntax_example.clone()),
        description: documentation.map(|d| d.description.clone()).unwrap_or_default(),
        arguments: documentation.and_then(|d| d.arguments.clone()).unwrap_or_default(),
        example: documentation.and_then(|d| d.sql_example.clone()).map(|e| unfenced(&e)),
        tenure: own.iter().any(|o| o == name),
    };
    let mut out: Vec<FunctionInfo> = vec![];
    for (name, f) in state.scalar_functions() {
        if name == f.name() {
            out.push(info(name, FunctionKind::Scalar, f.documentation()));
        }
    }
    for (name, f) in state.aggregate_functions() {
        if name == f.name() {
            out.push(info(name, FunctionKind::Aggregate, f.documentation()));
        }
    }
    for (name, f) in state.window_functions() {
        if name == f.name() {
            out.push(info(name, FunctionKind::Window, f.documentation()));
        }
    }
    out.extend(table::FUNCTIONS.iter().map(|f| (f.documentation)()));
    out.sort_by(|a, b| a.name.cmp(&b.name).then(a.kind.name().cmp(b.kind.name())));
    out
}

impl Tenure {
    /// Every function, by name.
    pub fn functions(&self) -> Vec<FunctionInfo> {
        functions(&self.context().state())
    }

    /// Every relation with its columns. One that cannot be read now is left out.
    ///
    /// # Errors
    /// None yet; listing may come to need the store.
    pub async fn tables(&self) -> Result<Vec<TableInfo>> {
        let mut out = vec![];
        for catalog_name in self.context().catalog_names() {
            let Some(catalog) = self.context().catalog(&catalog_name) else { continue };
            for schema_name in catalog.schema_names() {
                if schema_name == "information_schema" {
                    continue;
                }
                let Some(schema) = catalog.schema(&schema_name) else { continue };
                for name in schema.table_names() {
                    // a view that cannot be planned, or files that cannot be read, hide nothing else
                    let table = match schema.table(&name).await {
                        Ok(Some(table)) => table,
                        Ok(None) => continue,
                        Err(e) => {
                            tracing::warn!(table = %name, error = %Error::from(e), "left out of the list");
                            continue;
                        }
                    };
                    let kind = match table.table_type() {
                        TableType::View => TableKind::View,
                        _ => TableKind::Table,
                    };
                    let columns = table
                        .schema()
                        .fields()
                        .iter()
                        .map(|f| (f.name().clone(), f.data_type().clone()))
                        .collect();
                    out.push(TableInfo {
                        catalog: catalog_name.clone(),
                        schema: schema_name.clone(),
                        name,
                        kind,
                        columns,
                    });
                }
            }
        }
        Ok(out)
    }
}

/// The SQL of an example, without the fence around it.
fn unfenced(example: &str) -> String {
    let text = example.trim();
    let text = text.strip_prefix("```sql").or_else(|| text.strip_prefix("```")).unwrap_or(text);
    text.strip_suffix("```").unwrap_or(text).trim().to_string()
}
