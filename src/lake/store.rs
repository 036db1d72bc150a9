//! Object stores: one for each place that a lake lives in, with its credentials.
//!
//! Settings come, later ones winning, from the AWS profile, the environment and the lake's own
//! options ([`StoreOptions`]; the keys are those of `object_store`: `access_key_id`, `endpoint`,
//! `region`, …, plus `profile` and `retry_seconds`). A throttled or restarting store is retried
//! for half a minute, one that cannot be reached for five seconds; then one clean error. Redirects
//! are not followed.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::{BackoffConfig, ObjectStore, RetryConfig};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::{ClientConfigKey, ClientOptions};
use url::Url;

use super::connect::Patient;
use super::location::{Kind, Location};
use super::{profile, redact};
use crate::error::{Error, ErrorKind, Result};

/// Options of one lake's store: credentials, endpoint, region. Values never appear in `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct StoreOptions {
    values: BTreeMap<String, String>,
}

impl StoreOptions {
    /// No options: everything from the environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one option, such as `("region", "eu-west-2")`.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(key.into().to_lowercase(), value.into());
        self
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Options for the store itself, without Tenure's own.
    fn for_store(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = ["profile", "retry_seconds"];
        let values = self.values.iter().filter(move |(k, _)| !own.contains(&k.as_str()));
        values.map(|(k, v)| (k.as_str(), v.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for StoreOptions {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        iter.into_iter().fold(Self::new(), |options, (k, v)| options.with(k, v))
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// An opened store, registered with the runtime under a name of its own.
pub(crate) struct Store {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) url: ObjectStoreUrl,
    pub(crate) kind: Kind,
    /// for messages; holds no credentials
    pub(crate) shown: String,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.shown).finish()
    }
}

/// Opens the store of `location` and registers it.
///
/// The same place with the same options has the same name, so a second opening replaces the first
/// by its equal and shares its cached footers.
pub(crate) fn open(
    location: &Location,
    options: &StoreOptions,
    env: &RuntimeEnv,
) -> Result<Arc<Store>> {
    let built = match location.kind {
        Kind::Local => local(location, options),
        Kind::S3 => s3(location, options),
        Kind::Gcs => gcs(location, options),
        Kind::Azure => azure(location, options),
        Kind::Http => http(location, options),
    };
    let inner = built?;
    let mut hasher = DefaultHasher::new();
    (&location.root, options).hash(&mut hasher);
    if location.kind != Kind::Local {
        // another endpoint in the environment is another place
        format!("{inner}").hash(&mut hasher);
        for name in ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"] {
            std::env::var_os(name).hash(&mut hasher);
        }
    }
    let url = ObjectStoreUrl::parse(format!("tenure-lake://{:016x}", hasher.finish()))?;
    env.register_object_store(url.as_ref(), Arc::clone(&inner));
    Ok(Arc::new(Store { inner, url, kind: location.kind, shown: location.shown_root.clone() }))
}

fn local(location: &Location, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
    if let Some((key, _)) = options.for_store().next() {
        return Err(unknown(location, key));
    }
    let store = LocalFileSystem::new_with_prefix(&location.root);
    Ok(Arc::new(store.map_err(|e| redact::store_error(&e, &location.shown, &location.shown))?))
}

fn s3(location: &Location, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::from_env();
    let from_env = |key: &str| std::env::var_os(key).is_some();
    let named = options.get("profile").map(str::to_owned);
    let own_keys = options.values.keys().any(|key| key.ends_with("access_key_id"));
    let anonymous = options.values.keys().any(|key| key.ends_with("skip_signature"));
    if !own_keys && !anonymous && (named.is_some() || !from_env("AWS_ACCESS_KEY_ID")) {
        let elsewhere =
            ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE"].iter().any(|k| from_env(k))
                || from_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
                || from_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let asked = named.or_else(|| std::env::var("AWS_PROFILE").ok());
        let name = asked.clone().or_else(|| (!elsewhere).then(|| "default".to_owned()));
        if let Some(name) = name {
            let profile = profile::load(&name, asked.is_some())?;
            let keys = [
                (AmazonS3ConfigKey::AccessKeyId, profile.access_key, true),
                (AmazonS3ConfigKey::SecretAccessKey, profile.secret_key, true),
                (AmazonS3ConfigKey::Token, profile.session_token, true),
                (AmazonS3ConfigKey::Region, profile.region, !from_env("AWS_REGION")),
                (AmazonS3ConfigKey::Endpoint, profile.endpoint, !from_env("AWS_ENDPOINT_URL")),
            ];
            for (key, value, wanted) in keys {
                if let (Some(value), true) = (value, wanted) {
                    builder = builder.with_config(key, value);
                }
            }
        }
    }
    for (key, value) in options.for_store() {
        let key = AmazonS3ConfigKey::from_str(key).map_err(|_| unknown(location, key))?;
        builder = builder.with_config(key, value);
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
        builder = builder.with_allow_http(true);
    }
    let bucket = location.root.trim_start_matches("s3://");
    let store = builder
        .with_bucket_name(bucket)
        .with_http_connector(Patient::default())
        .with_retry(retry(options)?)
        .build();
    Ok(Arc::new(store.map_err(|e| cannot_open(location, &e))?))
}

fn gcs(location: &Location, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::from_env();
    for (key, value) in options.for_store() {
        let key = GoogleConfigKey::from_str(key).map_err(|_| unknown(location, key))?;
        builder = builder.with_config(key, value);
    }
    let store = builder
        .with_url(&location.root)
        .with_http_connector(Patient::default())
        .with_retry(retry(options)?)
        .build();
    Ok(Arc::new(store.map_err(|e| cannot_open(location, &e))?))
}

fn azure(location: &Location, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = MicrosoftAzureBuilder::from_env();
    for (key, value) in options.for_store() {
        let key = AzureConfigKey::from_str(key).map_err(|_| unknown(location, key))?;
        builder = builder.with_config(key, value);
    }
    let store = builder
        .with_url(&location.root)
        .with_http_connector(Patient::default())
        .with_retry(retry(options)?)
        .build();
    Ok(Arc::new(store.map_err(|e| cannot_open(location, &e))?))
}

fn http(location: &Location, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>> {
    let plain = location.root.starts_with("http://");
    let mut client = ClientOptions::new().with_allow_http(plain);
    for (key, value) in options.for_store() {
        let key = ClientConfigKey::from_str(key).map_err(|_| unknown(location, key))?;
        client = client.with_config(key, value);
    }
    let failed = |e| cannot_open(location, &e);
    let mut url = Url::parse(&location.root).map_err(|e| {
        let why = format!("cannot use the location '{}': {e}", location.shown);
        Error::new(ErrorKind::Invalid, why)
    })?;
    let patient = Patient::for_url(&mut url).map_err(failed)?;
    let builder = HttpBuilder::new().with_url(url).with_client_options(client);
    let store = builder.with_http_connector(patient).with_retry(retry(options)?).build();
    Ok(Arc::new(store.map_err(|e| cannot_open(location, &e))?))
}

/// Half a minute of retries, at most four seconds apart; `object_store` gives up after ten, which
/// is two seconds of throttling.
fn retry(options: &StoreOptions) -> Result<RetryConfig> {
    let seconds = match options.get("retry_seconds") {
        None => 30,
        Some(text) => text.parse().map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                format!("retry_seconds is a whole number of seconds, not '{text}'"),
            )
        })?,
    };
    Ok(RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(4),
            base: 2.,
        },
        max_retries: 1000,
        retry_timeout: Duration::from_secs(seconds),
    })
}

fn unknown(location: &Location, key: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("'{key}' is not an option of {}", location.shown_root))
        .with_hint("options are named as in object_store: region, endpoint, access_key_id, …")
}

fn cannot_open(location: &Location, error: &object_store::Error) -> Error {
    redact::unusable(error, &location.shown_root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_never_show_their_values() {
        let options = StoreOptions::new().with("secret_access_key", "hush");
        assert_eq!(format!("{options:?}"), r#"{"secret_access_key"}"#);
    }

    #[test]
    fn an_unknown_option_is_named() {
        let location = super::super::location::parse("s3://shop/x", None).unwrap();
        let options = StoreOptions::new().with("regoin", "x").with("access_key_id", "k");
        let error = open(&location, &options, &RuntimeEnv::default()).unwrap_err();
        assert_eq!(error.to_string(), "'regoin' is not an option of s3://shop");
    }
}
