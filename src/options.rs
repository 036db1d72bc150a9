//! The session settings `tenure.*`: defined beside the functions that read them, listed here.

use datafusion::common::config::{ConfigOptions, ExtensionOptions};

pub use tenure_udfs::settings::TenureOptions;

/// One setting as a user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// name without the prefix `tenure.`
    pub name: String,
    /// current value
    pub value: String,
    /// what it does
    pub description: String,
}

/// Every setting of Tenure with its current value.
pub fn settings(config: &ConfigOptions) -> Vec<Setting> {
    TenureOptions::of(config)
        .entries()
        .into_iter()
        .map(|e| Setting {
            name: e.key,
            value: e.value.unwrap_or_default(),
            description: e.description.to_string(),
        })
        .collect()
}
