//! Table functions of Tenure in `FROM`, and what DataFusion parses there and then ignores.
//!
//! A [`RelationPlanner`] sees every item of a `FROM` clause first. Table functions become ordinary
//! plan nodes, so that every rule of the optimizer applies to them; `TABLESAMPLE` and time travel,
//! which would be dropped without a word and answered wrongly, are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{
    DFSchema, DFSchemaRef, DataFusionError, Result, ScalarValue, plan_datafusion_err, plan_err,
};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::sqlparser::ast::{
    DataType as SqlType, Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, Query, TableFactor,
    TimezoneInfo, TypedString, Value, visit_expressions,
};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

use super::constants::Worth;
use super::query::{self, Holes};
use super::table::FUNCTIONS;
use super::{match_recognize, named_args, unnest_keys};
use crate::engine::FunctionInfo;
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::options::TenureOptions;

/// A table function: what it is called, what it takes, how it is planned.
pub(crate) struct TableFunction {
    pub name: &'static str,
    /// names of the arguments after the relation
    pub parameters: &'static [&'static str],
    pub plan: fn(Call<'_>) -> Result<LogicalPlan>,
    pub documentation: fn() -> FunctionInfo,
}

/// Whether `name` is a table function of Tenure.
pub(crate) fn is_known(name: &str) -> bool {
    function(name).is_some()
}

fn function(name: &str) -> Option<&'static TableFunction> {
    FUNCTIONS.iter().find(|f| f.name.eq_ignore_ascii_case(name))
}

/// The planner of `FROM` items.
#[derive(Debug)]
pub(crate) struct TenureRelations;

impl RelationPlanner for TenureRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        match relation {
            TableFactor::Table { sample: Some(_), .. }
            | TableFactor::Derived { sample: Some(_), .. } => Err(refused(
                "TABLESAMPLE is not supported",
                "filter on a hash of the customer instead: WHERE substr(md5(CAST(customer_id AS VARCHAR)), 1, 1) = '0' keeps one customer in sixteen, with all of their events",
            )),
            TableFactor::Table { version: Some(_), .. } => Err(refused(
                "FOR SYSTEM_TIME AS OF and AT are not supported",
                "to see customers as of a day, SET tenure.as_of = '2017-06-30'; events after it do not exist then",
            )),
            TableFactor::Table { name, alias, args: Some(args), .. }
                if name.0.len() == 1 && is_known(&name.to_string()) =>
            {
                let Some(found) = function(&name.to_string()) else {
                    return plan_err!("there is no table function {name}");
                };
                let plan = unnest_keys::without_keys((found.plan)(Call::read(
                    found, args.args, context,
                )?)?)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            matched @ TableFactor::MatchRecognize { .. } => {
                Ok(RelationPlanning::Planned(Box::new(match_recognize::plan(matched, context)?)))
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

fn refused(message: &str, hint: &str) -> DataFusionError {
    Error::new(ErrorKind::NotSupported, message).with_hint(hint).into()
}

/// One call of a table function, its relation planned.
pub(crate) struct Call<'a> {
    pub function: &'static str,
    pub input: LogicalPlan,
    relation: Box<Query>,
    named: BTreeMap<&'static str, SqlExpr>,
    context: &'a mut dyn RelationPlannerContext,
}

impl<'a> Call<'a> {
    fn read(
        function: &'static TableFunction,
        args: Vec<FunctionArg>,
        context: &'a mut dyn RelationPlannerContext,
    ) -> Result<Self> {
        let usage = || {
            let options: Vec<String> =
                function.parameters.iter().map(|p| format!("{p} => …")).collect();
            format!("it is called FROM {}(relation, {})", function.name, options.join(", "))
        };
        let mut input = None;
        let mut named = BTreeMap::new();
        for (i, arg) in args.into_iter().enumerate() {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Subquery(query)))
                | FunctionArg::Named {
                    arg: FunctionArgExpr::Expr(SqlExpr::Subquery(query)), ..
                } if i == 0 => {
                    let plan = context.plan(TableFactor::Derived {
                        lateral: false,
                        subquery: query.clone(),
                        alias: None,
                        sample: None,
                    })?;
                    input = Some((plan, query));
                }
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(e), .. } if i > 0 => {
                    let known =
                        function.parameters.iter().find(|p| p.eq_ignore_ascii_case(&name.value));
                    let Some(known) = known else {
                        return Err(unknown(function, &name).into());
                    };
                    if named.insert(*known, e).is_some() {
                        return plan_err!("{}: argument {known} is given twice", function.name);
                    }
                }
                other if i == 0 => {
                    return plan_err!(
                        "{}: the first argument must be a relation: a table, a view, a CTE, TABLE name or (SELECT …), not {other}; {}",
                        function.name,
                        usage()
                    );
                }
                other => {
                    return plan_err!(
                        "{}: arguments after the relation have names, and {other} has none; {}",
                        function.name,
                        usage()
                    );
                }
            }
        }
        let Some((input, relation)) = input else {
            return plan_err!("{} needs a relation; {}", function.name, usage());
        };
        Ok(Self { function: function.name, input, relation, named, context })
    }

    /// The schema of the relation.
    pub(crate) fn schema(&self) -> DFSchemaRef {
        Arc::clone(self.input.schema())
    }

    /// The expression of an argument over the relation; without it, the column `default`, if the
    /// relation has it.
    pub(crate) fn column(&mut self, name: &'static str, default: &str) -> Result<Option<Expr>> {
        let schema = self.schema();
        match self.named.remove(name) {
            Some(SqlExpr::Value(v)) if v.value == Value::Null => Ok(None),
            Some(e) => self.context.sql_to_expr(e, &schema).map(Some),
            None if schema.has_column_with_unqualified_name(default) => self
                .context
                .sql_to_expr(SqlExpr::Identifier(Ident::with_quote('"', default)), &schema)
                .map(Some),
            None => Ok(None),
        }
    }

    /// [`Self::column`] where there must be one.
    pub(crate) fn required(&mut self, name: &'static str, default: &str) -> Result<Expr> {
        match self.column(name, default)? {
            Some(e) => Ok(e),
            None => Err(self.no_column(name, default)),
        }
    }

    /// Whether an argument is given and not NULL.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.named
            .get(name)
            .is_some_and(|e| !matches!(e, SqlExpr::Value(v) if v.value == Value::Null))
    }

    /// Whether two arguments say the same, or neither is given.
    pub(crate) fn same(&self, one: &str, other: &str) -> bool {
        let of = |name| self.has(name).then(|| self.named.get(name));
        of(one) == of(other)
    }

    /// What an argument says, as it was written.
    pub(crate) fn written(&mut self, name: &'static str) -> Option<SqlExpr> {
        self.named
            .remove(name)
            .filter(|e| !matches!(e, SqlExpr::Value(v) if v.value == Value::Null))
    }

    /// [`Self::written`], or the column `default`; a time with a zone is taken to the wall clock.
    pub(crate) fn written_or_column(
        &mut self,
        name: &'static str,
        default: &str,
    ) -> Result<SqlExpr> {
        if let Some(e) = self.written(name) {
            return Ok(self.on_wall_clock(e));
        }
        if self.schema().has_column_with_unqualified_name(default) {
            return Ok(self.on_wall_clock(SqlExpr::Identifier(Ident::with_quote('"', default))));
        }
        Err(self.no_column(name, default))
    }

    /// A time with a zone as the clock of `tenure.timezone` showed it: that is what periods and
    /// `as_of` are of. What is wrong with the expression is told where it stands in the query.
    fn on_wall_clock(&mut self, e: SqlExpr) -> SqlExpr {
        let schema = self.schema();
        let planned = self.context.sql_to_expr(e.clone(), &schema);
        match planned.and_then(|planned| planned.get_type(&schema)) {
            Ok(DataType::Timestamp(_, Some(_))) => query::call("local_time", [e]),
            _ => e,
        }
    }

    /// The type in which money is summed: a DECIMAL keeps its digits, all else is DOUBLE.
    pub(crate) fn sum_type(&mut self, money: Option<&SqlExpr>) -> String {
        let schema = self.schema();
        let ty = money
            .and_then(|e| self.context.sql_to_expr(e.clone(), &schema).ok())
            .and_then(|e| e.get_type(&schema).ok());
        match ty {
            Some(
                DataType::Decimal32(_, scale)
                | DataType::Decimal64(_, scale)
                | DataType::Decimal128(_, scale)
                | DataType::Decimal256(_, scale),
            ) if scale >= 0 => format!("DECIMAL(38, {scale})"),
            _ => "DOUBLE".to_string(),
        }
    }

    /// What an argument says, NULL too; without it the column `default` if there is one, else NULL.
    pub(crate) fn written_or_column_or_null(
        &mut self,
        name: &'static str,
        default: &str,
    ) -> SqlExpr {
        match self.named.remove(name) {
            Some(e) => e,
            None => self.written_or_column(name, default).unwrap_or_else(|_| query::null()),
        }
    }

    /// [`Self::written`], where there is no default.
    pub(crate) fn must(&mut self, name: &'static str, such_as: &str) -> Result<SqlExpr> {
        match self.written(name) {
            Some(e) => Ok(e),
            None => plan_err!("{} needs {name} => …, such as {such_as}", self.function),
        }
    }

    /// One of several words.
    pub(crate) fn word(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<&'static str> {
        let first = words.first().copied().unwrap_or_default();
        let Some(e) = self.written(name) else { return Ok(first) };
        match said(&e).and_then(|text| words.iter().find(|w| w.eq_ignore_ascii_case(text))) {
            Some(word) => Ok(word),
            None => Err(self.no_word(name, words, &e)),
        }
    }

    /// What is said of an argument that is none of several words.
    fn no_word(&self, name: &str, words: &[&'static str], e: &SqlExpr) -> DataFusionError {
        let message = format!(
            "{}: {name} must be one of {}, got {e}",
            self.function,
            words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(", ")
        );
        let error = Error::new(ErrorKind::Invalid, message);
        match said(e).and_then(|text| did_you_mean(text, words.iter().copied())) {
            Some(hint) => error.with_hint(hint).into(),
            None => error.into(),
        }
    }

    /// A period of the calendar, by its word or its length: fills `$unit` with the word and `$one`
    /// with the length.
    pub(crate) fn period(
        &mut self,
        name: &'static str,
        default: &'static str,
        holes: &mut Holes,
    ) -> Result<Period> {
        let period = self.period_word(name, default)?;
        holes.insert("unit", query::text(period.word));
        holes.insert("one", query::interval(period.length));
        Ok(period)
    }

    /// [`Self::period`] that fills nothing.
    pub(crate) fn period_word(
        &mut self,
        name: &'static str,
        default: &'static str,
    ) -> Result<Period> {
        let mut words: Vec<&'static str> = vec![default];
        words.extend(PERIODS.iter().map(|p| p.word).filter(|word| *word != default));
        let word = match self.written(name) {
            None => default,
            Some(e) => {
                let word = said(&e).and_then(|t| words.iter().find(|w| w.eq_ignore_ascii_case(t)));
                match word.copied().or_else(|| self.period_of(&e)) {
                    Some(word) => word,
                    None => return Err(self.no_word(name, &words, &e)),
                }
            }
        };
        match PERIODS.iter().find(|p| p.word == word) {
            Some(period) => Ok(*period),
            None => plan_err!("{}: {word} is no period", self.function),
        }
    }

    /// A whole number from `least` on.
    pub(crate) fn int(&mut self, name: &'static str, default: i64, least: i64) -> Result<i64> {
        let Some(e) = self.written(name) else { return Ok(default) };
        match int_of(&e).filter(|n| *n >= least) {
            Some(n) => Ok(n),
            None => plan_err!(
                "{}: {name} must be a whole number from {least} on, got {e}",
                self.function
            ),
        }
    }

    /// A list of whole numbers that rise, from 0 on.
    pub(crate) fn rising(&mut self, name: &'static str) -> Result<Option<Vec<i64>>> {
        let Some(e) = self.written(name) else { return Ok(None) };
        let numbers: Option<Vec<i64>> = match &e {
            SqlExpr::Array(list) => list.elem.iter().map(int_of).collect(),
            _ => None,
        };
        match numbers {
            Some(n) if n.len() > 1 && n.is_sorted_by(|a, b| a < b) && n.first() >= Some(&0) => {
                Ok(Some(n))
            }
            _ => plan_err!(
                "{}: {name} must be a list of two or more whole numbers that rise, such as [0, 1, 3, 7], got {e}",
                self.function
            ),
        }
    }

    /// The point in time after which nothing exists: the argument `as_of`, or `tenure.as_of`.
    pub(crate) fn as_of(&mut self) -> Result<SqlExpr> {
        self.moment_or_as_of("as_of")
    }

    /// The same by another name.
    pub(crate) fn moment_or_as_of(&mut self, name: &'static str) -> Result<SqlExpr> {
        if let Some(e) = self.written(name) {
            self.check_constant(name, &e)?;
            return Ok(self.on_wall_clock(e));
        }
        let options = self.context.context_provider().options();
        // the statement has written its own point in time there
        let as_of = TenureOptions::of(options).as_of;
        Ok(SqlExpr::TypedString(TypedString {
            data_type: SqlType::Timestamp(Some(6), TimezoneInfo::None),
            value: Value::SingleQuotedString(as_of).with_empty_span(),
            uses_odbc_syntax: false,
        }))
    }

    /// Refuses an expression that looks at the rows.
    fn check_constant(&mut self, name: &str, e: &SqlExpr) -> Result<()> {
        let schema = self.schema();
        let Ok(planned) = self.context.sql_to_expr(e.clone(), &schema) else { return Ok(()) };
        match planned.column_refs().into_iter().next() {
            Some(column) => plan_err!(
                "{}: {name} must be a constant, and it looks at the column {}",
                self.function,
                column.name
            ),
            None => Ok(()),
        }
    }

    /// A point in time that must be given.
    pub(crate) fn moment(&mut self, name: &'static str, such_as: &str) -> Result<SqlExpr> {
        let e = self.must(name, such_as)?;
        Ok(self.on_wall_clock(e))
    }

    /// Whether it is known already that one point in time comes before another; `None`: not known.
    pub(crate) fn is_before(&mut self, first: &SqlExpr, second: &SqlExpr) -> Option<bool> {
        let schema: DFSchemaRef = Arc::new(DFSchema::empty());
        let mut moment = |e: &SqlExpr| {
            let e = self.context.sql_to_expr(e.clone(), &schema).ok()?;
            Some(cast(e, DataType::Timestamp(TimeUnit::Microsecond, None)))
        };
        let question = moment(first)?.lt(moment(second)?);
        let context = SimplifyContext::builder().with_schema(schema).build();
        match ExprSimplifier::new(context).simplify(question).ok()? {
            Expr::Literal(ScalarValue::Boolean(answer), _) => answer,
            _ => None,
        }
    }

    /// What an argument is worth, before any row is read.
    pub(crate) fn worth(&mut self, e: &SqlExpr) -> Worth {
        let later = visit_expressions(e, |e| match e {
            SqlExpr::Value(v) if matches!(v.value, Value::Placeholder(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        if later.is_break() {
            return Worth::Later;
        }
        let schema: DFSchemaRef = Arc::new(DFSchema::empty());
        let Ok(planned) = self.context.sql_to_expr(e.clone(), &schema) else { return Worth::Rows };
        let context = SimplifyContext::builder().with_schema(Arc::clone(&schema)).build();
        let simplifier = ExprSimplifier::new(context);
        let worth = simplifier.coerce(planned, &schema).and_then(|e| simplifier.simplify(e));
        match worth {
            Ok(Expr::Literal(value, _)) => Worth::Constant(value),
            _ => Worth::Rows,
        }
    }

    /// A length of time in whole days: an INTERVAL, or a text such as '7 days'.
    pub(crate) fn days(&mut self, name: &'static str, default: i64) -> Result<i64> {
        let Some(e) = self.written(name) else { return Ok(default) };
        let planned = self.context.sql_to_expr(e.clone(), &DFSchema::empty())?;
        let interval = match planned {
            Expr::Literal(v, _) => {
                v.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano)).unwrap_or(v)
            }
            _ => ScalarValue::Null,
        };
        match interval {
            ScalarValue::IntervalMonthDayNano(Some(v))
                if v.months == 0 && v.days > 0 && v.nanoseconds == 0 =>
            {
                Ok(i64::from(v.days))
            }
            _ => plan_err!(
                "{}: {name} must be a constant INTERVAL of whole days such as INTERVAL '7 days', got {e}",
                self.function
            ),
        }
    }

    /// One word or a list of them, of those that are known.
    pub(crate) fn words(
        &mut self,
        name: &'static str,
        words: &[&'static str],
        default: &'static str,
    ) -> Result<Vec<&'static str>> {
        let Some(e) = self.written(name) else { return Ok(vec![default]) };
        let given = match &e {
            SqlExpr::Array(list) => list.elem.iter().collect(),
            one => vec![one],
        };
        let known = |e: &SqlExpr| match e {
            SqlExpr::Value(v) => match &v.value {
                Value::SingleQuotedString(text) => {
                    words.iter().copied().find(|w| w.eq_ignore_ascii_case(text))
                }
                _ => None,
            },
            _ => None,
        };
        let found: Option<Vec<&'static str>> = given.into_iter().map(known).collect();
        let distinct = |list: &Vec<&str>| list.iter().collect::<BTreeSet<_>>().len() == list.len();
        match found.filter(|list| !list.is_empty() && distinct(list)) {
            Some(list) => Ok(list),
            None => plan_err!(
                "{}: {name} must be one of {}, or a list of some of them, got {e}",
                self.function,
                words.iter().map(|w| format!("'{w}'")).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// Plans `sql` over the relation; see [`query`](super::query).
    pub(crate) fn query(self, sql: &str, holes: &Holes) -> Result<LogicalPlan> {
        let level = query::Level::enter();
        self.context.plan(query::over(self.relation, sql, holes, &level)?)
    }

    fn no_column(&self, name: &str, default: &str) -> DataFusionError {
        let fields = self.schema();
        let names: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
        plan_datafusion_err!(
            "{}: the relation has no column {default}; say which with {name} => …; its columns are {}",
            self.function,
            names.join(", ")
        )
    }

    /// The expression of an option, or NULL, which every function takes as its default.
    pub(crate) fn option(&mut self, name: &'static str) -> Result<Expr> {
        let schema = self.schema();
        match self.named.remove(name) {
            Some(e) => self.context.sql_to_expr(e, &schema),
            None => Ok(Expr::Literal(ScalarValue::Null, None)),
        }
    }

    /// An aggregate function of the session.
    pub(crate) fn aggregate(&self, name: &str, args: Vec<Expr>) -> Result<Expr> {
        match self.context.context_provider().get_aggregate_meta(name) {
            Some(f) => Ok(f.call(args)),
            None => plan_err!("{}: the aggregate function {name} is not registered", self.function),
        }
    }
}

/// A period of the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period {
    pub word: &'static str,
    length: &'static str,
    /// the longer the greater
    pub rank: u8,
}

/// All of them.
const PERIODS: [Period; 8] = [
    Period { word: "hour", length: "1 hour", rank: 0 },
    Period { word: "day", length: "1 day", rank: 1 },
    Period { word: "week", length: "7 days", rank: 2 },
    Period { word: "month", length: "1 month", rank: 3 },
    Period { word: "quarter", length: "3 months", rank: 4 },
    Period { word: "year", length: "1 year", rank: 5 },
    Period { word: "fiscal_quarter", length: "3 months", rank: 4 },
    Period { word: "fiscal_year", length: "1 year", rank: 5 },
];

/// The text that an argument says.
fn said(e: &SqlExpr) -> Option<&str> {
    match e {
        SqlExpr::Value(v) => match &v.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn int_of(e: &SqlExpr) -> Option<i64> {
    match e {
        SqlExpr::Value(v) => match &v.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        SqlExpr::Nested(e) => int_of(e),
        _ => None,
    }
}

fn unknown(function: &TableFunction, name: &Ident) -> Error {
    Error::new(ErrorKind::Invalid, format!("{} has no argument {:?}", function.name, name.value))
        .with_hint(
            did_you_mean(&name.value, function.parameters.iter().copied())
                .unwrap_or_else(|| format!("its arguments are {}", function.parameters.join(", "))),
        )
        .with_place(named_args::place(name))
}
