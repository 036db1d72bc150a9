//! `SHOW tenure.x`: DataFusion lists an extension's settings without their prefix and so does not
//! find them by name.

use datafusion::execution::SessionState;
use datafusion::logical_expr::sqlparser::ast::Statement;
use datafusion::logical_expr::sqlparser::parser::Parser;

use super::dialect::TenureDialect;
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::options::settings;

/// Makes `SHOW tenure.as_of` and `SHOW tenure` queries over values.
pub(crate) fn rewrite(statement: &mut Statement, state: &SessionState) -> Result<()> {
    let Statement::ShowVariable { variable } = statement else { return Ok(()) };
    let wanted: Vec<String> = variable.iter().map(|i| i.value.to_lowercase()).collect();
    if wanted.first().is_none_or(|first| first != "tenure") {
        return Ok(());
    }
    let all = settings(state.config_options());
    let chosen: Vec<_> = match wanted.get(1) {
        None => all,
        Some(name) => {
            let found = all.iter().find(|s| s.name == *name).cloned();
            let Some(found) = found else {
                let e =
                    Error::new(ErrorKind::Invalid, format!("there is no setting tenure.{name}"));
                return Err(match did_you_mean(name, all.iter().map(|s| s.name.as_str())) {
                    Some(hint) => e.with_hint(hint),
                    None => e.with_hint("SHOW tenure lists them all"),
                });
            };
            vec![found]
        }
    };
    let quoted = |s: &str| format!("'{}'", s.replace('\'', "''"));
    let rows: Vec<String> = chosen
        .iter()
        .map(|s| format!("({}, {})", quoted(&format!("tenure.{}", s.name)), quoted(&s.value)))
        .collect();
    let sql = format!("SELECT * FROM (VALUES {}) AS settings(name, value)", rows.join(", "));
    if let Some(query) = Parser::parse_sql(&TenureDialect, &sql)
        .map_err(datafusion::common::DataFusionError::from)?
        .into_iter()
        .next()
    {
        *statement = query;
    }
    Ok(())
}
