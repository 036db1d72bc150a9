//! A session: functions, lakes, limits, and the one way a statement goes through them.

mod builder;
mod describe;
mod exchange_pool;
mod guard;
mod limits;
mod made;
mod named;
mod pool;
mod prepare;
mod session;
mod statement;

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::logical_expr::{
    LogicalPlan, ResetVariable, SetVariable, Statement as PlannedStatement,
};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};

pub use builder::TenureBuilder;
pub(crate) use describe::functions;
pub use describe::{FunctionInfo, FunctionKind, TableInfo, TableKind};
pub use prepare::Prepared;
pub use session::{Policy, SessionOptions};
pub(crate) use statement::{Statement, pinned, pinned_manifest};

use crate::catalog::OpenLake;
use crate::error::{Error, ErrorKind, Result};
use crate::model;
use crate::options::{Setting, TenureOptions};
use crate::params::Params;
use crate::plan;
use named::Named;

/// A session over one or more lakes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tenure::Error> {
/// use tenure::Tenure;
///
/// let tenure = Tenure::builder().as_of("2018-01-01").build().await?;
/// let rows = tenure.sql("SELECT stage_label('at_risk') AS stage").await?;
/// assert_eq!(rows.count().await?, 1);
/// # Ok(())
/// # }
/// ```
pub struct Tenure {
    context: SessionContext,
    lakes: Vec<Arc<OpenLake>>,
    warnings: Vec<String>,
    read_only: bool,
    policy: Option<Policy>,
    /// statements that `PREPARE` made
    named: Named,
    /// what `RESET` goes back to
    initial: Vec<Setting>,
    /// settings of a session that is about one of the lakes, in their order
    of_lakes: Vec<TenureOptions>,
    /// kept for its drop: temporary files go with the last session
    _spill: Arc<limits::SpillFolder>,
}

impl std::fmt::Debug for Tenure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lakes: Vec<&str> = self.lakes.iter().map(|l| l.name()).collect();
        f.debug_struct("Tenure")
            .field("lakes", &lakes)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

/// A statement under way: its batches, and its plan for progress and figures.
pub struct Answer {
    /// columns of every batch
    pub schema: SchemaRef,
    /// the batches; dropping it cancels the statement
    pub stream: SendableRecordBatchStream,
    /// the physical plan, whose metrics grow while the stream is read
    pub plan: Arc<dyn ExecutionPlan>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Tenure {
    /// Starts a session's description.
    pub fn builder() -> TenureBuilder {
        TenureBuilder::default()
    }

    /// Plans one statement. `SET`, `CREATE` and the like take effect at once and give no rows.
    ///
    /// # Errors
    /// What is wrong with the statement, with its place where that is known.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame> {
        self.sql_with(sql, &Params::default()).await
    }

    /// [`Self::sql`] with values for the statement's `$name`s.
    ///
    /// # Errors
    /// As [`Self::sql`], and a `$name` without value.
    pub async fn sql_with(&self, sql: &str, params: &Params) -> Result<DataFrame> {
        let statement = Statement::new(Utc::now());
        guard::planning(Arc::clone(&statement).scope(self.frame(sql, params, &statement)))
            .await
            .map_err(|e| self.explained(e, sql))
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// As [`Self::sql`]; what goes wrong while rows are made is an error of the stream.
    pub async fn run(&self, sql: &str) -> Result<Answer> {
        self.run_with(sql, &Params::default()).await
    }

    /// [`Self::run`] with values for the statement's `$name`s.
    ///
    /// # Errors
    /// As [`Self::sql_with`].
    pub async fn run_with(&self, sql: &str, params: &Params) -> Result<Answer> {
        let statement = Statement::new(Utc::now());
        let work = async {
            let frame = self.frame(sql, params, &statement).await?;
            let (state, plan) = frame.into_parts();
            let plan = state.create_physical_plan(&plan).await?;
            let stream = execute_stream(Arc::clone(&plan), state.task_ctx())?;
            let stream = guard::stream(stream, sql);
            Ok::<_, Error>(Answer { schema: stream.schema(), stream, plan })
        };
        guard::planning(Arc::clone(&statement).scope(work))
            .await
            .map_err(|e| self.explained(e, sql))
    }

    async fn frame(&self, sql: &str, params: &Params, statement: &Statement) -> Result<DataFrame> {
        let mut state = self.context.state();
        let parsed = plan::read(sql)?;
        if let Some(done) = Box::pin(self.keep(&parsed, &state, params)).await? {
            return Ok(done);
        }
        let (mut parsed, kept) = Box::pin(self.meant(parsed, &state, params)).await?;
        let here = |e: Error| if kept { e.without_place() } else { e };
        plan::rewrite(&mut parsed, &state, params).map_err(here)?;
        // after SHOW has read the settings as they were set
        statement.freeze(&mut state)?;
        let plan = Box::pin(state.statement_to_plan(parsed)).await;
        let plan = self.reset(plan.map_err(|e| here(e.into()))?);
        self.allow(&plan)?;
        Ok(match plan {
            LogicalPlan::Ddl(_) | LogicalPlan::Statement(_) => {
                self.context.execute_logical_plan(plan).await?
            }
            plan => DataFrame::new(state, plan),
        })
    }

    /// `RESET tenure.x` sets what the session began with: DataFusion resets its own settings only.
    fn reset(&self, plan: LogicalPlan) -> LogicalPlan {
        let LogicalPlan::Statement(PlannedStatement::ResetVariable(reset)) = plan else {
            return plan;
        };
        let variable = reset.variable;
        let name = variable.strip_prefix("tenure.");
        let before = self.initial.iter().find(|s| Some(s.name.as_str()) == name);
        LogicalPlan::Statement(match (name, before) {
            (None, _) => PlannedStatement::ResetVariable(ResetVariable { variable }),
            (Some(_), before) => PlannedStatement::SetVariable(SetVariable {
                variable,
                value: before.map_or_else(String::new, |s| s.value.clone()),
            }),
        })
    }

    /// Refuses what a read-only session must not do, and settings that mean nothing.
    fn allow(&self, plan: &LogicalPlan) -> Result<()> {
        if let Some(policy) = &self.policy {
            policy(plan)?;
        }
        if let LogicalPlan::Statement(PlannedStatement::SetVariable(set)) = plan
            && let Some(name) = set.variable.strip_prefix("tenure.")
        {
            check_setting(name, &set.value)?;
            let lakes = self.lake_names();
            let lake = set.value.trim();
            if name == "lake" && !lake.is_empty() && !lakes.iter().any(|open| open == lake) {
                let e = Error::new(ErrorKind::Invalid, format!("there is no lake {lake:?}"));
                return Err(e.with_hint(format!("the open lakes are {}", lakes.join(", "))));
            }
        }
        if self.read_only {
            let policy = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false);
            policy.verify_plan(plan).map_err(|e| {
                let what = e.strip_backtrace();
                let what = what.trim_start_matches("Error during planning: ").to_string();
                Error::new(ErrorKind::ReadOnly, format!("the session is read-only: {what}"))
            })?;
        }
        Ok(())
    }

    /// An error of a statement with the call it is about, and what to do about it.
    fn explained(&self, e: Error, sql: &str) -> Error {
        guard::with_place(
            match e.kind() {
                ErrorKind::UndefinedTable => self.with_nearest_table(e),
                ErrorKind::UndefinedColumn => about_inner_query(e, sql),
                ErrorKind::UndefinedFunction => self.with_functions(e),
                _ => e,
            },
            sql,
        )
    }

    /// How a function is called, or which one may have been meant.
    fn with_functions(&self, e: Error) -> Error {
        let text = e.to_string();
        let functions = self.functions();
        if let Some((name, _)) = text.split_once(" cannot be called with ") {
            return match functions.iter().find(|f| f.name.eq_ignore_ascii_case(name)) {
                Some(f) => e.with_hint(format!("it is called {}", f.signature)),
                None => e,
            };
        }
        let Some((what, wanted)) = text.split_once(" \"") else { return e };
        let wanted = wanted.trim_end_matches('"');
        let in_from = what.ends_with("table function");
        let here = |f: &&FunctionInfo| in_from == (f.kind == FunctionKind::Table);
        let instead = functions.iter().find(|f| f.name.eq_ignore_ascii_case(wanted));
        match instead.filter(|f| !here(f) || f.kind == FunctionKind::Window) {
            Some(f) => {
                let kind = f.kind.name();
                let message = format!(
                    "{} is {} {kind} function",
                    f.name,
                    if kind == "aggregate" { "an" } else { "a" }
                );
                let instead = Error::new(e.kind(), message)
                    .with_hint(format!("it is called {}", f.signature));
                match e.place() {
                    Some(place) => instead.with_place(place),
                    None => instead,
                }
            }
            None => {
                // DataFusion's own guess counts swapped letters twice
                let names = functions.iter().filter(here).map(|f| f.name.as_str());
                match crate::error::did_you_mean(wanted, names) {
                    Some(hint) => e.with_hint(hint),
                    None => e,
                }
            }
        }
    }

    fn with_nearest_table(&self, e: Error) -> Error {
        if e.hint().is_some() {
            return e;
        }
        let text = e.to_string();
        let wanted = text.split('"').nth(1).unwrap_or_default().to_string();
        let names = self.relation_names();
        let bare = wanted.rsplit('.').next().unwrap_or(&wanted);
        let near = crate::error::did_you_mean(bare, names.iter().map(String::as_str));
        let is_view = model::views::NAMES.contains(&wanted.as_str());
        match near {
            _ if is_view && self.lakes.is_empty() => {
                e.with_hint("no lake is open: start with `tenure LAKE`, or open one in the program")
            }
            _ if is_view => e.with_hint(
                "the lake's model maps no events; `tenure init LAKE` writes one for editing",
            ),
            Some(hint) => e.with_hint(hint),
            None => e.with_hint(
                "\\dt or information_schema.tables lists the tables; a file is named in quotes: FROM 'folder/*.parquet'",
            ),
        }
    }

    fn relation_names(&self) -> Vec<String> {
        let mut names = vec![];
        for catalog in self.context.catalog_names() {
            let Some(catalog) = self.context.catalog(&catalog) else { continue };
            for schema in catalog.schema_names() {
                if let Some(schema) = catalog.schema(&schema) {
                    names.extend(schema.table_names());
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The DataFusion session underneath. Statements given to it directly have no dialect, no
    /// snapshot and no limits of Tenure's.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// What was noticed while the lakes were opened, such as files without content.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The open lakes.
    pub(crate) fn lakes(&self) -> &[Arc<OpenLake>] {
        &self.lakes
    }

    /// Names of the open lakes.
    pub fn lake_names(&self) -> Vec<String> {
        self.lakes.iter().map(|l| l.name().to_string()).collect()
    }

    /// The lakes in words: where they are, their tables, their models.
    ///
    /// # Errors
    /// A lake that cannot be listed.
    pub async fn describe(&self) -> Result<String> {
        use std::fmt::Write as _;
        let mut out = String::new();
        let state = self.context.state();
        for lake in &self.lakes {
            let _ = writeln!(out, "{} at {}", lake.name(), lake.lake().location());
            if let Some(clustered) = lake.clustered() {
                let (ranges, run) = (clustered.splits.len() + 1, clustered.run);
                let plural = if ranges == 1 { "" } else { "s" };
                let _ = writeln!(
                    out,
                    "  clustered in {ranges} range{plural} of customers (run {run} of `tenure cluster`)"
                );
            }
            for name in lake.tables() {
                let table = lake.table(&name, &state).await?;
                let rows = table.rows().map_or_else(String::new, |r| format!(", {r} rows"));
                let files = table.files();
                let plural = if files == 1 { "" } else { "s" };
                let kb = table.bytes().div_ceil(1024);
                let sorted = table.sorted_by().join(", ");
                let sorted = match sorted.as_str() {
                    "" => sorted,
                    by => format!(", sorted by {by}"),
                };
                let _ = writeln!(out, "  {name}: {files} file{plural}, {kb} kB{rows}{sorted}");
            }
            out.push_str(&model::show::describe(lake.model()));
            out.push_str(&self.events_in_words(lake).await?);
        }
        if self.lakes.is_empty() {
            out.push_str("no lake is open\n");
        }
        let options = TenureOptions::of(state.config_options());
        let as_of = if options.as_of.trim().is_empty() { "now" } else { options.as_of.trim() };
        let _ = writeln!(
            out,
            "as of {as_of}, time zone {}, horizon {}",
            options.timezone, options.horizon
        );
        Ok(out)
    }

    /// What happens in a lake and what is left out of it: names of events, those that no standard
    /// has marked, and rows without a customer. Reads the columns that say so.
    async fn events_in_words(&self, lake: &OpenLake) -> Result<String> {
        use std::fmt::Write as _;
        let mut out = String::new();
        if lake.views().is_empty() {
            return Ok(out);
        }
        let catalog = model::views::quote(lake.name());
        let names = format!(
            "SELECT event_type, count(*) AS n FROM {catalog}.main.events GROUP BY event_type ORDER BY n DESC, event_type LIMIT 40"
        );
        let standard = crate::udfs::points::event_types();
        let mut purchases = false;
        for (name, count) in self.counts(&names).await? {
            purchases |= name == "purchase";
            let known = standard.iter().any(|(n, _)| *n == name);
            let mark = if known { "" } else { " (no standard name: [events] can give it one)" };
            let _ = writeln!(out, "  {count} events {name}{mark}");
        }
        if !purchases {
            out.push_str("  no event is a purchase: orders, scores and stages are empty; name it under [events]\n");
        }
        for table in lake.model().event_tables() {
            let Some(customer) = table.role(model::Role::Customer) else { continue };
            let nobody = format!(
                "SELECT 'rows', count(*) FROM {catalog}.raw.{} WHERE ({customer}) IS NULL",
                model::views::quote(&table.name)
            );
            for (_, count) in self.counts(&nobody).await? {
                if count > 0 {
                    let _ = writeln!(
                        out,
                        "  {count} rows of {} have no customer and are left out",
                        table.name
                    );
                }
            }
        }
        Ok(out)
    }

    /// A query of names and counts.
    async fn counts(&self, sql: &str) -> Result<Vec<(String, i64)>> {
        let mut out = vec![];
        for batch in self.sql(sql).await?.collect().await? {
            let names = datafusion::arrow::compute::cast(batch.column(0), &DataType::Utf8)?;
            let counts = batch.column(1).as_primitive::<Int64Type>();
            for (name, count) in names.as_string::<i32>().iter().zip(counts.iter()) {
                out.push((name.unwrap_or("NULL").to_string(), count.unwrap_or(0)));
            }
        }
        Ok(out)
    }

    /// The text of a `tenure.toml` for the first lake: what its model is now.
    ///
    /// # Errors
    /// No lake is open.
    pub fn model_file(&self) -> Result<String> {
        match self.lakes.first() {
            Some(lake) => Ok(model::file::write(lake.model())),
            None => Err(Error::new(ErrorKind::Usage, "no lake is open")),
        }
    }

    /// Whether the first lake's model maps any events or attributes of customers.
    pub fn maps_anything(&self) -> bool {
        self.lakes.first().is_some_and(|lake| {
            let model = lake.model();
            model.maps_events() || model.attribute_tables().next().is_some()
        })
    }
}

fn check_setting(name: &str, value: &str) -> Result<()> {
    let mut options = TenureOptions::default();
    datafusion::common::config::ExtensionOptions::set(&mut options, name, value).map_err(|e| {
        let known: Vec<String> =
            crate::options::settings(&Default::default()).into_iter().map(|s| s.name).collect();
        let unknown = !known.iter().any(|k| k == name);
        let e = if unknown {
            Error::new(ErrorKind::Invalid, format!("there is no setting tenure.{name}"))
        } else {
            let e = Error::from(e).to_string();
            let what = e.trim_start_matches("External error: ");
            Error::new(ErrorKind::Invalid, format!("tenure.{name} cannot be {value:?}: {what}"))
        };
        match crate::error::did_you_mean(name, known.iter().map(String::as_str)) {
            Some(hint) if unknown => e.with_hint(hint),
            _ => e,
        }
    })?;
    options.check().map_err(|e: DataFusionError| Error::from(e))
}

/// DataFusion takes queries apart that refer to the rows around them. Where it cannot, it misses a column
/// of those that are inside: one that the statement does not name.
fn about_inner_query(e: Error, sql: &str) -> Error {
    let text = e.to_string();
    let named = text.rsplit([' ', '.']).next().unwrap_or_default().trim_matches('"');
    let inner = sql.to_lowercase().replace(char::is_whitespace, "").contains("(select");
    if sql.contains(named) || !inner || text.ends_with("in more than one table") {
        return e;
    }
    let message = "a query inside that refers to the rows around it like this is not supported";
    Error::new(ErrorKind::NotSupported, message).with_hint(
        "join the two instead, or compare for equality only and leave out ORDER BY and LIMIT inside",
    )
}
