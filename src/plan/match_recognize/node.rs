//! `MATCH_RECOGNIZE` as a node of a logical plan.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, Result, internal_err, plan_err};
use datafusion::logical_expr::logical_plan::InvariantLevel;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore,
};

use super::marker::Told;
use super::program::{Pattern, Program};
use super::variables::Variables;

/// Which rows a match gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rows {
    One,
    All {
        /// an empty match gives the row at which it is
        empty: bool,
        /// rows of no match too
        unmatched: bool,
    },
}

/// Where the search goes on after a match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Skip {
    PastLast,
    ToNext,
    /// to the first or last row that was taken as one of the variables
    To {
        variables: Vec<usize>,
        name: String,
        first: bool,
    },
}

/// What is searched for, and what is shown of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Search {
    pub variables: Variables,
    pub pattern: Pattern,
    pub rows: Rows,
    pub skip: Skip,
}

impl Search {
    /// The program of the pattern.
    pub(crate) fn program(&self) -> Result<Program> {
        match Program::of(&self.pattern) {
            Ok(program) => Ok(program),
            Err(super::program::TooLong) => internal_err!("the pattern was checked before"),
        }
    }
}

/// The node. Its expressions are over the columns of `input`, which have no qualifiers; what speaks
/// of other rows in them is a [`Told`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MatchRecognize {
    pub input: LogicalPlan,
    pub search: Arc<Search>,
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<SortExpr>,
    pub measures: Vec<(String, Expr)>,
    /// variables with their conditions
    pub conditions: Vec<(usize, Expr)>,
    pub outputs: Vec<Output>,
    schema: DFSchemaRef,
}

/// A column of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Output {
    /// an expression of PARTITION BY
    Key(usize),
    /// a column of the input
    Column(String),
    Measure(usize),
}

impl MatchRecognize {
    /// The node, its columns in the order of the standard: with one row for a match the keys and the
    /// measures; with all rows the keys, what they are in order of, the measures, the other columns.
    pub(crate) fn try_new(
        input: LogicalPlan,
        search: Arc<Search>,
        partition_by: Vec<Expr>,
        order_by: Vec<SortExpr>,
        measures: Vec<(String, Expr)>,
        conditions: Vec<(usize, Expr)>,
    ) -> Result<Self> {
        let schema = input.schema();
        let keys = (0..partition_by.len()).map(Output::Key);
        let all_measures = (0..measures.len()).map(Output::Measure);
        let outputs: Vec<Output> = match search.rows {
            Rows::One => keys.chain(all_measures).collect(),
            Rows::All { .. } => {
                let mut seen: Vec<&str> = vec![];
                let mut first_time = |e: &Expr| match e {
                    Expr::Column(column) => {
                        let name = schema
                            .fields()
                            .iter()
                            .map(|f| f.name().as_str())
                            .find(|n| *n == column.name)?;
                        (!seen.contains(&name)).then(|| {
                            seen.push(name);
                            Output::Column(name.to_string())
                        })
                    }
                    _ => None,
                };
                partition_by.iter().for_each(|e| {
                    first_time(e);
                });
                let order: Vec<Output> =
                    order_by.iter().filter_map(|key| first_time(&key.expr)).collect();
                let rest = schema.fields().iter().map(|f| f.name().as_str());
                let rest: Vec<Output> = rest
                    .filter(|name| !seen.contains(name))
                    .map(|name| Output::Column(name.to_string()))
                    .collect();
                keys.chain(order).chain(all_measures).chain(rest).collect()
            }
        };
        Self::with_outputs(input, search, partition_by, order_by, measures, conditions, outputs)
    }

    fn with_outputs(
        input: LogicalPlan,
        search: Arc<Search>,
        partition_by: Vec<Expr>,
        order_by: Vec<SortExpr>,
        measures: Vec<(String, Expr)>,
        conditions: Vec<(usize, Expr)>,
        outputs: Vec<Output>,
    ) -> Result<Self> {
        let schema = input.schema();
        let fields = outputs
            .iter()
            .map(|output| -> Result<FieldRef> {
                Ok(match output {
                    Output::Key(number) => match partition_by.get(*number) {
                        Some(e) => {
                            let field = e.to_field(schema)?.1;
                            let name = key_name(e);
                            field.as_ref().clone().with_name(name).into()
                        }
                        None => return internal_err!("no key {number}"),
                    },
                    Output::Column(name) => Arc::clone(schema.field_with_unqualified_name(name)?),
                    Output::Measure(number) => match measures.get(*number) {
                        Some((name, e)) => {
                            let field = e.to_field(schema)?.1;
                            field.as_ref().clone().with_name(name).with_nullable(true).into()
                        }
                        None => return internal_err!("no measure {number}"),
                    },
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let fields = fields.into_iter().map(|f| (None, f)).collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, Default::default())?);
        Ok(Self { input, search, partition_by, order_by, measures, conditions, outputs, schema })
    }
}

impl MatchRecognize {
    /// The columns of the answer.
    pub(crate) fn schema_ref(&self) -> &DFSchemaRef {
        &self.schema
    }
}

fn key_name(e: &Expr) -> String {
    match e {
        Expr::Column(column) => column.name.clone(),
        other => other.schema_name().to_string(),
    }
}

/// An expression as it is shown: what speaks of rows as it is written.
fn shown(e: &Expr) -> String {
    let named = e.clone().transform_down(|e| {
        Ok(match Told::of(&e) {
            Some((told, inner)) => {
                Transformed::yes(Expr::Column(Column::new_unqualified(told.shown(inner))))
            }
            None => Transformed::no(e),
        })
    });
    match named.data() {
        Ok(named) => named.human_display().to_string(),
        Err(_) => e.to_string(),
    }
}

impl PartialOrd for MatchRecognize {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input).filter(|o| o.is_ne() || self == other)
    }
}

impl UserDefinedLogicalNodeCore for MatchRecognize {
    fn name(&self) -> &'static str {
        "MatchRecognize"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn check_invariants(&self, _level: InvariantLevel) -> Result<()> {
        Ok(())
    }

    fn expressions(&self) -> Vec<Expr> {
        let order = self.order_by.iter().map(|key| &key.expr);
        let measures = self.measures.iter().map(|(_, e)| e);
        let conditions = self.conditions.iter().map(|(_, e)| e);
        self.partition_by.iter().chain(order).chain(measures).chain(conditions).cloned().collect()
    }

    /// A filter on a key takes whole partitions away, and may go below.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let keys: Vec<String> = self
            .partition_by
            .iter()
            .filter(|e| matches!(e, Expr::Column(_)))
            .map(key_name)
            .collect();
        self.schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .filter(|n| !keys.contains(n))
            .collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MatchRecognize: {}", self.summary())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        let mut next = || match exprs.next() {
            Some(e) => Ok(e),
            None => internal_err!("too few expressions for MATCH_RECOGNIZE"),
        };
        let partition_by = self.partition_by.iter().map(|_| next()).collect::<Result<_>>()?;
        let order_by = self
            .order_by
            .iter()
            .map(|key| Ok(SortExpr { expr: next()?, ..key.clone() }))
            .collect::<Result<_>>()?;
        let measures = self
            .measures
            .iter()
            .map(|(name, _)| Ok((name.clone(), next()?.unalias())))
            .collect::<Result<_>>()?;
        let conditions = self
            .conditions
            .iter()
            .map(|(variable, _)| Ok((*variable, next()?.unalias())))
            .collect::<Result<_>>()?;
        let Some(input) = inputs.into_iter().next() else {
            return plan_err!("MATCH_RECOGNIZE needs an input");
        };
        // columns that nobody reads are no longer there
        let there = |output: &&Output| match output {
            Output::Column(name) => input.schema().has_column_with_unqualified_name(name),
            Output::Key(_) | Output::Measure(_) => true,
        };
        let outputs = self.outputs.iter().filter(there).cloned().collect();
        let search = Arc::clone(&self.search);
        Self::with_outputs(input, search, partition_by, order_by, measures, conditions, outputs)
    }

    /// The columns that are read of the answer; what the expressions need is added to them.
    fn necessary_children_exprs(&self, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let needed = output.iter().filter_map(|number| match self.outputs.get(*number) {
            Some(Output::Column(name)) => schema.index_of_column_by_name(None, name),
            _ => None,
        });
        Some(vec![needed.collect()])
    }
}

impl MatchRecognize {
    /// What is searched for, in one line.
    pub(crate) fn summary(&self) -> String {
        let list = |items: Vec<String>| items.join(", ");
        let names = self.search.variables.all_shown();
        let mut out = format!(
            "partition_by=[{}], order_by=[{}], pattern=({})",
            list(self.partition_by.iter().map(shown).collect()),
            list(
                self.order_by
                    .iter()
                    .map(|key| {
                        format!("{}{}", shown(&key.expr), if key.asc { "" } else { " DESC" })
                    })
                    .collect()
            ),
            self.search.pattern.display(&names),
        );
        let conditions = self.conditions.iter();
        let conditions =
            conditions.map(|(v, e)| format!("{} AS {}", self.search.variables.shown(*v), shown(e)));
        out.push_str(&format!(", define=[{}]", list(conditions.collect())));
        let measures = self.measures.iter().map(|(name, e)| format!("{} AS {name}", shown(e)));
        out.push_str(&format!(", measures=[{}]", list(measures.collect())));
        out.push_str(match self.search.rows {
            Rows::One => ", one row per match",
            Rows::All { unmatched: true, .. } => ", all rows with unmatched",
            Rows::All { empty: false, .. } => ", all rows without empty matches",
            Rows::All { .. } => ", all rows per match",
        });
        match &self.search.skip {
            Skip::PastLast => out.push_str(", skip past last row"),
            Skip::ToNext => out.push_str(", skip to next row"),
            Skip::To { name, first, .. } => {
                let which = if *first { "first" } else { "last" };
                out.push_str(&format!(", skip to {which} {name}"));
            }
        }
        out
    }
}
