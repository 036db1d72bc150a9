//! From what a user wants of a session to the session.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use super::named::Named;
use super::{Tenure, limits};
use crate::arithmetic::{self, CheckedArithmetic};
use crate::catalog::{self, OpenLake};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::{Lake, StoreOptions};
use crate::options::TenureOptions;
use crate::plan::Places;
use crate::plan::aggregate_once::AggregateOnce;
use crate::plan::coalesce::coalesce_udf;
use crate::plan::cooperative_joins::CooperativeJoins;
use crate::plan::date_plus_interval::DatePlusInterval;
use crate::plan::equal_windows::logical_rules;
use crate::plan::interval_order::IntervalOrder;
use crate::plan::interval_times::IntervalTimesNumber;
use crate::plan::merge_union::MergeUnion;
use crate::plan::planner;
use crate::plan::relations::TenureRelations;
use crate::plan::selected_subqueries::SelectedSubqueries;
use crate::plan::short_times::ShortTimes;
use crate::plan::sort_in_buckets::SortInBuckets;
use crate::plan::unnest_keys::{UnnestKeys, UnnestKeysInRelations};
use crate::plan::whole_files::WholeFiles;
use crate::plan::window_by_group::WindowByGroup;
use crate::plan::zoned_times::ZonedTimes;
use crate::udfs;

/// What a session shall be; [`TenureBuilder::build`] opens it.
#[derive(Debug, Clone, Default)]
pub struct TenureBuilder {
    lakes: Vec<(String, StoreOptions)>,
    as_of: Option<String>,
    timezone: Option<String>,
    memory_limit: Option<usize>,
    threads: Option<usize>,
    spill_dir: Option<PathBuf>,
    /// temporary files may be as large as the disk
    unlimited_spill: bool,
    read_only: bool,
}

impl TenureBuilder {
    /// Adds a lake: a folder, file, glob or URL.
    #[must_use]
    pub fn lake(self, location: impl Into<String>) -> Self {
        self.lake_with(location, StoreOptions::default())
    }

    /// Adds a lake with options for its store, such as credentials and endpoint.
    #[must_use]
    pub fn lake_with(mut self, location: impl Into<String>, options: StoreOptions) -> Self {
        self.lakes.push((location.into(), options));
        self
    }

    /// The point in time that answers are given for: a date or timestamp. Default: what the lake's
    /// `tenure.toml` says, otherwise now.
    #[must_use]
    pub fn as_of(mut self, as_of: impl Into<String>) -> Self {
        self.as_of = Some(as_of.into());
        self
    }

    /// The time zone in which days begin. Default: what the lake's `tenure.toml` says, otherwise
    /// UTC.
    #[must_use]
    pub fn timezone(mut self, timezone: impl Into<String>) -> Self {
        self.timezone = Some(timezone.into());
        self
    }

    /// Memory in bytes that statements may use before they write to temporary files or fail.
    /// Default: 60 % of the machine's.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Threads that a statement runs on. Default: as many as the machine has cores.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Folder under which temporary files are written.
    #[must_use]
    pub fn spill_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spill_dir = Some(folder.into());
        self
    }

    /// Lets temporary files be as large as the disk, for work that sorts a whole lake.
    pub(crate) fn unlimited_spill(mut self) -> Self {
        self.unlimited_spill = true;
        self
    }

    /// Refuses statements that write or define anything.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Opens the session and its lakes.
    ///
    /// # Errors
    /// A setting that means nothing, a lake that cannot be read, a model that does not fit.
    pub async fn build(self) -> Result<Tenure> {
        let memory = self.memory_limit.unwrap_or_else(limits::default_memory);
        let most = if self.unlimited_spill { u64::MAX } else { limits::SPILL_BYTES };
        let (env, spill) = limits::runtime(memory, self.spill_dir.as_deref(), most)?;
        let mut config = SessionConfig::new()
            .with_batch_size(limits::batch_size(memory))
            .with_sort_spill_reservation_bytes(limits::merge_bytes(memory))
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(false)
            .with_extension(Arc::new(Places::default()));
        if let Some(threads) = self.threads {
            config = config.with_target_partitions(threads.max(1));
        }
        let options = config.options_mut();
        options.sql_parser.collect_spans = true;
        // rows that are spread by customer are spread by customer and order: see `lake::clustered`
        options.optimizer.subset_repartition_threshold = 1;
        options.extensions.insert(TenureOptions::default());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&env))
            .with_default_features()
            .with_query_planner(Arc::new(planner::Planner))
            .with_type_planner(Arc::new(ZonedTimes::default()))
            .with_analyzer_rule(Arc::new(SelectedSubqueries))
            .with_analyzer_rule(Arc::new(UnnestKeys))
            .with_analyzer_rule(Arc::new(CheckedArithmetic))
            .with_analyzer_rule(Arc::new(IntervalOrder))
            .with_optimizer_rules(logical_rules())
            .with_physical_optimizer_rules(physical_rules())
            .build();
        let mut context = SessionContext::new_with_state(state);
        udfs::register_all(&mut context)?;
        context.register_udaf(arithmetic::sum_udaf().as_ref().clone());
        context.register_udf(coalesce_udf().as_ref().clone());
        context.register_expr_planner(Arc::new(IntervalTimesNumber))?;
        context.register_expr_planner(Arc::new(ShortTimes))?;
        context.register_expr_planner(Arc::new(DatePlusInterval))?;
        context.register_relation_planner(Arc::new(TenureRelations))?;
        context.register_relation_planner(Arc::new(UnnestKeysInRelations))?;

        let mut lakes: Vec<Arc<OpenLake>> = vec![];
        let mut warnings = vec![];
        for (location, options) in &self.lakes {
            // a location that cannot be meant is a wrong argument, not a wrong statement
            let lake = Lake::open(location, options, &env).await.map_err(|e| match e.kind() {
                ErrorKind::Invalid | ErrorKind::Unreadable | ErrorKind::UnreadableTime => {
                    e.with_kind(ErrorKind::Usage)
                }
                _ => e,
            })?;
            warnings.extend(lake.warnings().iter().cloned());
            let name = free_name(lake.name(), &lakes);
            lakes.push(Arc::new(OpenLake::open(lake, name, &context.state()).await?));
        }
        let settings = self.settings(&lakes, &mut warnings);
        let alone = lakes.iter().map(|lake| self.settings(std::slice::from_ref(lake), &mut vec![]));
        let of_lakes: Vec<TenureOptions> = alone.collect();
        for settings in of_lakes.iter().chain([&settings]) {
            settings.check().map_err(|e: DataFusionError| {
                Error::new(
                    ErrorKind::Usage,
                    e.strip_backtrace().trim_start_matches("Error during planning: ").to_string(),
                )
            })?;
        }
        {
            let state = context.state_ref();
            let mut state = state.write();
            let options = state.config_mut().options_mut();
            options.catalog.default_catalog = catalog::default_catalog(&lakes);
            options.catalog.default_schema = "main".to_string();
            options.extensions.insert(settings);
        }
        catalog::register(&context, &lakes, false)?;
        let initial = crate::options::settings(context.state().config_options());
        Ok(Tenure {
            context,
            lakes,
            warnings,
            read_only: self.read_only,
            policy: None,
            named: Named::default(),
            initial,
            of_lakes,
            _spill: Arc::new(spill),
        })
    }

    /// Settings of the user, then those that all lakes state alike, then the defaults.
    fn settings(&self, lakes: &[Arc<OpenLake>], warnings: &mut Vec<String>) -> TenureOptions {
        let mut settings = TenureOptions::default();
        type Stated = fn(&OpenLake) -> Option<&String>;
        let mut choose = |given: &Option<String>, stated: Stated, name: &str| {
            if given.is_some() {
                return given.clone();
            }
            let first = stated(lakes.first()?);
            if lakes.iter().all(|lake| stated(lake) == first) {
                return first.cloned();
            }
            // what one of them states would silently decide about the others
            let all = lakes.iter().map(|lake| {
                let value = stated(lake).map_or("none", String::as_str);
                format!("{}: {value}", lake.name())
            });
            warnings.push(format!(
                "the lakes state different values of {name} ({}); none is used: set tenure.{name}",
                all.collect::<Vec<_>>().join(", ")
            ));
            None
        };
        if let Some(as_of) = choose(&self.as_of, |l| l.model().as_of.as_ref(), "as_of") {
            settings.as_of = as_of;
        }
        if let Some(timezone) = choose(&self.timezone, |l| l.model().timezone.as_ref(), "timezone")
        {
            settings.timezone = timezone;
        }
        if let Some(policy) = choose(&None, |l| l.model().stage_policy.as_ref(), "stage_policy") {
            settings.stage_policy = policy;
        }
        settings
    }
}

/// DataFusion's rules and Tenure's own: what is known of orders before sorts are added, the others at
/// the end.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let sorts = rules.iter().position(|rule| rule.name() == EnsureRequirements::new().name());
    rules.insert(sorts.unwrap_or(0), Arc::new(MergeUnion));
    rules.push(Arc::new(AggregateOnce));
    rules.push(Arc::new(SortInBuckets));
    rules.push(Arc::new(WindowByGroup));
    rules.push(Arc::new(CooperativeJoins));
    rules.push(Arc::new(WholeFiles));
    rules
}

/// `shop`, or `shop_2` if there is one already.
fn free_name(name: &str, lakes: &[Arc<OpenLake>]) -> String {
    let taken = |n: &str| lakes.iter().any(|l| l.name() == n);
    if !taken(name) {
        return name.to_string();
    }
    (2..).map(|i| format!("{name}_{i}")).find(|n| !taken(n)).unwrap_or_else(|| name.to_string())
}
