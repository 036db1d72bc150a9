//! The HTTP client under the stores.
//!
//! It follows no redirects (a store must not send a reader, with its credentials, to another host),
//! gives up an answer that makes no progress for ten seconds (a slow one may take as long as it
//! needs), and ends retries of a host that cannot be reached after five seconds: a wrong endpoint
//! is seldom cured by waiting.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions, Result};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::Url;

const NO_PROGRESS: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);

/// Makes the client of a store.
#[derive(Debug, Default)]
pub(crate) struct Patient {
    /// what is sent with each request, marked as a secret
    authorization: Option<HeaderValue>,
}

impl Patient {
    /// A client that sends the name and the password of a URL as a header, as browsers do. They are
    /// taken out of the URL, which what is underneath tells its log.
    pub(crate) fn for_url(url: &mut Url) -> Result<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return Ok(Self::default());
        }
        let request = client(&ClientOptions::new().with_allow_http(true))
            .and_then(|client| client.get(url.clone()).build())
            .map_err(refused)?;
        // a URL that has a host takes both
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self { authorization: request.headers().get(AUTHORIZATION).cloned() })
    }
}

fn refused(error: reqwest::Error) -> object_store::Error {
    object_store::Error::Generic { store: "HTTP client", source: error.without_url().into() }
}

impl HttpConnector for Patient {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(Service {
            inner: HttpClient::new(client(options).map_err(refused)?),
            authorization: self.authorization.clone(),
            failing: Mutex::default(),
        }))
    }
}

fn client(options: &ClientOptions) -> reqwest::Result<reqwest::Client> {
    let on = |key| options.get_config_value(&key).is_some_and(|value| value == "true");
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("tenure/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .read_timeout(NO_PROGRESS)
        .connect_timeout(CONNECT)
        .https_only(!on(ClientConfigKey::AllowHttp))
        .danger_accept_invalid_certs(on(ClientConfigKey::AllowInvalidCertificates));
    if on(ClientConfigKey::Http1Only) {
        builder = builder.http1_only();
    }
    if let Some(url) = options.get_config_value(&ClientConfigKey::ProxyUrl) {
        let excludes = options.get_config_value(&ClientConfigKey::ProxyExcludes);
        let excludes = excludes.and_then(|hosts| reqwest::NoProxy::from_string(&hosts));
        builder = builder.proxy(reqwest::Proxy::all(url)?.no_proxy(excludes));
    }
    builder.build()
}

#[derive(Debug)]
struct Service {
    inner: HttpClient,
    authorization: Option<HeaderValue>,
    /// since when no connection has been made
    failing: Mutex<Option<Instant>>,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, mut request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let answer = self.inner.execute(request).await;
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Err(e) if e.kind() == HttpErrorKind::Connect => {
                let since = *failing.get_or_insert_with(Instant::now);
                match since.elapsed() < CONNECT {
                    true => Err(e),
                    // a kind that is not retried; the next request starts afresh
                    false => {
                        *failing = None;
                        Err(HttpError::new(HttpErrorKind::Unknown, e))
                    }
                }
            }
            other => {
                *failing = None;
                other
            }
        }
    }
}
