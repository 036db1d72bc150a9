//! What completion knows: a snapshot of the session's names, taken after every statement.

use tenure::render::type_name;
use tenure::{FunctionInfo, TableInfo, TableKind};

/// A relation and its columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relation {
    pub(crate) lake: String,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// name and SQL type
    pub(crate) columns: Vec<(String, String)>,
}

/// A function.
#[derive(Debug, Clone, Default)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) signature: String,
    pub(crate) kind: &'static str,
    pub(crate) tenure: bool,
}

/// Every name that can be completed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    pub(crate) relations: Vec<Relation>,
    pub(crate) functions: Vec<Function>,
    /// name and title
    pub(crate) queries: Vec<(String, String)>,
    pub(crate) settings: Vec<String>,
    pub(crate) parameters: Vec<String>,
    /// schema that needs no qualification
    pub(crate) default_lake: String,
}

impl Relation {
    pub(crate) fn new(info: &TableInfo) -> Self {
        Self {
            lake: info.catalog.clone(),
            schema: info.schema.clone(),
            name: info.name.clone(),
            kind: if info.kind == TableKind::View { "view" } else { "table" },
            columns: info
                .columns
                .iter()
                .map(|(name, data_type)| (name.clone(), type_name(data_type)))
                .collect(),
        }
    }
}

impl Function {
    pub(crate) fn new(info: &FunctionInfo) -> Self {
        Self {
            name: info.name.clone(),
            signature: info.signature.split_whitespace().collect::<Vec<_>>().join(" "),
            kind: info.kind.name(),
            tenure: info.tenure,
        }
    }
}
