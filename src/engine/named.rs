//! `PREPARE name AS …`, `EXECUTE name(…)`, `DEALLOCATE name`: statements that a session keeps.
//!
//! A statement is kept as it was parsed and planned anew each time that it runs: it then sees the
//! settings and the files of that moment, as the same statement would that is written out. The
//! values of `EXECUTE` are computed first and take the place of `$1`, `$2` as literals.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionState;
use datafusion::logical_expr::sqlparser::ast::{
    CastKind, DataType, Expr, Ident, Statement as SqlStatement,
};
use datafusion::logical_expr::{
    LogicalPlan, LogicalPlanBuilder, Prepare, Statement as PlannedStatement,
};
use datafusion::sql::parser::Statement as Parsed;

use super::Tenure;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::params::{self, Params};
use crate::plan;

/// The statements that a session keeps, by name.
#[derive(Debug, Default)]
pub(super) struct Named {
    statements: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    statement: SqlStatement,
    /// what the values are cast to, as far as that was said
    types: Vec<DataType>,
}

impl Named {
    fn with<T>(&self, of: impl FnOnce(&mut BTreeMap<String, Kept>) -> T) -> T {
        of(&mut self.statements.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn get(&self, name: &str) -> Result<Kept> {
        self.with(|all| all.get(name).cloned().ok_or_else(|| missing(name, all)))
    }
}

fn missing(name: &str, all: &BTreeMap<String, Kept>) -> Error {
    let message = format!("there is no prepared statement {name:?}");
    let e = Error::new(ErrorKind::Invalid, message);
    match did_you_mean(name, all.keys().map(String::as_str)) {
        Some(hint) => e.with_hint(hint),
        None => e.with_hint("PREPARE name AS SELECT … makes one"),
    }
}

/// An identifier without quotes means small letters.
fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

impl Tenure {
    /// Does what a statement says that is about a kept one; none for any other statement.
    pub(super) async fn keep(
        &self,
        parsed: &Parsed,
        state: &SessionState,
        params: &Params,
    ) -> Result<Option<DataFrame>> {
        let Parsed::Statement(statement) = parsed else { return Ok(None) };
        match statement.as_ref() {
            SqlStatement::Prepare { name, data_types, statement } => {
                let mut statement = statement.as_ref().clone();
                params.clone().positions_open().bind(&mut statement)?;
                let kept = Kept { statement, types: data_types.clone() };
                let name = folded(name);
                self.check(&name, &kept, state).await?;
                self.named.with(|all| match all.contains_key(&name) {
                    true => Err(Error::new(
                        ErrorKind::Invalid,
                        format!("there is a prepared statement {name:?} already"),
                    )
                    .with_hint(format!("DEALLOCATE {name} forgets it"))),
                    false => {
                        all.insert(name, kept);
                        Ok(())
                    }
                })?;
            }
            SqlStatement::Deallocate { name, .. } => {
                let everything =
                    name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all");
                let name = folded(name);
                self.named.with(|all| match all.remove(&name) {
                    _ if everything => {
                        all.clear();
                        Ok(())
                    }
                    Some(_) => Ok(()),
                    None => Err(missing(&name, all)),
                })?;
            }
            _ => return Ok(None),
        }
        let nothing = LogicalPlanBuilder::empty(false).build()?;
        Ok(Some(DataFrame::new(state.clone(), nothing)))
    }

    /// Refuses what could not be planned whatever the values, and what the session must not do.
    async fn check(&self, name: &str, kept: &Kept, state: &SessionState) -> Result<()> {
        let open = Params::default().open();
        let mut parsed = Parsed::Statement(Box::new(kept.statement.clone()));
        plan::rewrite(&mut parsed, state, &open)?;
        let input = match Box::pin(state.statement_to_plan(parsed)).await {
            Ok(plan) => plan,
            // a placeholder may stand where only a literal can be planned
            Err(_) if !params::names(&kept.statement).is_empty() => {
                LogicalPlanBuilder::empty(false).build()?
            }
            Err(e) => return Err(e.into()),
        };
        self.allow(&input)?;
        let prepare = Prepare { name: name.to_owned(), fields: vec![], input: input.into() };
        self.allow(&LogicalPlan::Statement(PlannedStatement::Prepare(prepare)))
    }

    /// The statement itself, or the one that it says to execute, with its values. Places in that one
    /// are not places in the statement.
    pub(super) async fn meant(
        &self,
        mut parsed: Parsed,
        state: &SessionState,
        params: &Params,
    ) -> Result<(Parsed, bool)> {
        let mut inner = &mut parsed;
        while let Parsed::Explain(explain) = inner {
            inner = explain.statement.as_mut();
        }
        let Parsed::Statement(statement) = inner else { return Ok((parsed, false)) };
        let SqlStatement::Execute { name: Some(name), parameters, .. } = statement.as_ref() else {
            return Ok((parsed, false));
        };
        let name = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
        let Kept { statement: mut kept, types } = self.named.get(&name)?;
        let places = params::names(&kept);
        let places = places.iter().filter_map(|name| name.parse::<usize>().ok());
        let wanted = places.max().unwrap_or(0).max(types.len());
        if parameters.len() != wanted {
            let plural = if wanted == 1 { "" } else { "s" };
            let message = format!(
                "the prepared statement {name:?} takes {wanted} value{plural}, got {}",
                parameters.len()
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let values = self.values(parameters, &types, state, params).await?;
        Params::positional(values).bind(&mut kept)?;
        **statement = kept;
        Ok((parsed, true))
    }

    /// The values of expressions, cast to `types`.
    async fn values(
        &self,
        expressions: &[Expr],
        types: &[DataType],
        state: &SessionState,
        params: &Params,
    ) -> Result<Vec<ScalarValue>> {
        if expressions.is_empty() {
            return Ok(vec![]);
        }
        let each = expressions.iter().enumerate().map(|(at, expr)| match types.get(at) {
            Some(data_type) => Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(expr.clone()),
                data_type: data_type.clone(),
                array: false,
                format: None,
            }
            .to_string(),
            None => expr.to_string(),
        });
        let sql = format!("SELECT {}", each.collect::<Vec<_>>().join(", "));
        let parsed = plan::parse(&sql, state, params).map_err(Error::without_place)?;
        let plan = state.statement_to_plan(parsed).await;
        let plan = plan.map_err(|e| Error::from(e).without_place())?;
        self.allow(&plan)?;
        let batches = DataFrame::new(state.clone(), plan).collect().await;
        let batches = batches.map_err(|e| Error::from(e).without_place())?;
        let row = batches.iter().find(|batch| batch.num_rows() > 0).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "EXECUTE needs values, not a question without rows")
        })?;
        row.columns().iter().map(|column| Ok(ScalarValue::try_from_array(column, 0)?)).collect()
    }
}
