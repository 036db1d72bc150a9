//! More sessions over the lakes of one: opening one lists nothing and reads nothing.

use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionContext;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;

use super::Tenure;
use super::limits;
use super::named::Named;
use super::pool::SharedPool;
use crate::catalog;
use crate::error::Result;

/// What a session must not do: called with every plan before anything of it takes effect.
pub type Policy = Arc<dyn Fn(&LogicalPlan) -> Result<()> + Send + Sync>;

/// What one session among several over the same lakes may do.
#[derive(Clone, Default)]
pub struct SessionOptions {
    /// Memory in bytes that the session may use of what all have together.
    pub memory_limit: Option<usize>,
    /// Refuses files and URLs in `FROM`, so that only the lakes' own tables can be read.
    pub lakes_only: bool,
    /// Refuses statements by what they plan to do.
    pub policy: Option<Policy>,
}

impl std::fmt::Debug for SessionOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionOptions")
            .field("memory_limit", &self.memory_limit)
            .field("lakes_only", &self.lakes_only)
            .finish_non_exhaustive()
    }
}

impl Tenure {
    /// Another session over the same lakes, with settings and definitions of its own. Memory, files
    /// and temporary files come out of what this session has, which must not change its settings
    /// meanwhile: the new one begins with them.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn session(&self, options: &SessionOptions) -> Result<Self> {
        let state = self.context.state();
        let shared = Arc::clone(state.runtime_env());
        let env = match options.memory_limit {
            None => shared,
            Some(bytes) => {
                let pool = SharedPool::new(limits::pool(bytes), Arc::clone(&shared.memory_pool));
                RuntimeEnvBuilder::from_runtime_env(&shared)
                    .with_memory_pool(Arc::new(pool))
                    .build_arc()?
            }
        };
        let mut config = state.config().clone();
        if let Some(bytes) = options.memory_limit {
            // little memory holds few rows at a time
            let rows = config.batch_size().min(limits::batch_size(bytes));
            config = config.with_batch_size(rows);
        }
        let state = SessionStateBuilder::new_from_existing(state)
            .with_config(config)
            .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
            .with_runtime_env(env)
            .build();
        let context = SessionContext::new_with_state(state);
        catalog::register(&context, &self.lakes, options.lakes_only)?;
        Ok(Self {
            context,
            lakes: self.lakes.clone(),
            warnings: vec![],
            read_only: self.read_only,
            policy: options.policy.clone(),
            named: Named::default(),
            initial: self.initial.clone(),
            of_lakes: self.of_lakes.clone(),
            _spill: Arc::clone(&self._spill),
        })
    }

    /// Takes the settings that a lake states, for a session that is about this one of several.
    #[cfg(feature = "pg")]
    pub(crate) fn be_about(&mut self, lake: &str) {
        let mut all = self.lakes.iter().zip(&self.of_lakes);
        let Some((_, settings)) = all.find(|(open, _)| open.name() == lake) else { return };
        let state = self.context.state_ref();
        let mut state = state.write();
        state.config_mut().options_mut().extensions.insert(settings.clone());
        self.initial = crate::options::settings(state.config_options());
    }
}
