//! `[otlp]`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use guildhall_core::StartError;
use guildhall_tls::Roots;
use serde::{Deserialize, Serialize};
use tonic::codegen::http::Uri;
use tonic::metadata::{Ascii, AsciiMetadataKey, MetadataMap, MetadataValue};
use tonic::transport::Endpoint;

/// `[otlp]`: where traces and metrics go.
#[derive(Clone, Serialize, Deserialize)]
pub struct OtlpConfig {
    /// The collector: `http://HOST:4317`, or `https://HOST:4317` with `ca`.
    pub endpoint: String,
    /// For `https`: PEM file with the certificates that the collector's stems from.
    pub ca: String,
    /// Sent with each request, as collectors of providers want them: `{ authorization = "Bearer .." }`.
    pub headers: BTreeMap<String, String>,
    /// Pause between two exports of metrics, in ms; 0: no metrics.
    pub metrics_ms: u64,
    /// Longest export of metrics, in ms. That of spans is `trace.export_ms`.
    pub deadline_ms: u64,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4317".to_owned(),
            ca: String::new(),
            headers: BTreeMap::new(),
            metrics_ms: 15_000,
            deadline_ms: 5_000,
        }
    }
}

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("endpoint", &self.endpoint)
            .field("ca", &self.ca)
            .field("headers", &self.headers.keys())
            .field("metrics_ms", &self.metrics_ms)
            .field("deadline_ms", &self.deadline_ms)
            .finish()
    }
}

impl OtlpConfig {
    /// The pause between two exports of metrics, if there are any.
    pub(crate) fn metrics_every(&self) -> Option<Duration> {
        // Less is a busy loop.
        (self.metrics_ms > 0).then(|| Duration::from_millis(self.metrics_ms.max(100)))
    }

    /// Where it is, and for TLS what its certificate stems from.
    pub(crate) fn endpoint(&self) -> Result<(Endpoint, Option<Roots>), StartError> {
        let wrong = || {
            let shown: String = self.endpoint.chars().take(80).collect();
            let why = format!(
                "otlp.endpoint is `{shown}`; write http://HOST:4317 or https://HOST:4317 (no path, no user)"
            );
            StartError::setting("otlp.endpoint", why)
        };
        let (scheme, rest) = self.endpoint.split_once("://").ok_or_else(wrong)?;
        if !["http", "https"].contains(&scheme) {
            return Err(wrong());
        }
        let host = rest.trim_end_matches('/');
        if host.is_empty() || host.contains(['/', '@', '?', '#']) {
            return Err(wrong());
        }
        let ca = Some(self.ca.as_str()).filter(|ca| !ca.is_empty());
        let roots = Roots::of_url("https", scheme == "https", ca);
        let roots = roots.map_err(|why| StartError::setting("otlp.ca", format!("otlp.{why}")))?;
        let origin: Uri = format!("{scheme}://{host}").parse().map_err(|_| wrong())?;
        // tonic has no TLS here, and refuses `https`: what it gets is encrypted already.
        let endpoint = Endpoint::from_shared(format!("http://{host}")).map_err(|_| wrong())?;
        Ok((endpoint.origin(origin), roots))
    }

    /// What goes with each request.
    pub(crate) fn metadata(&self) -> Result<MetadataMap, StartError> {
        let mut map = MetadataMap::new();
        for (name, value) in &self.headers {
            let wrong = |why: &str| {
                let shown: String = name.chars().take(80).collect();
                StartError::setting("otlp.headers", format!("otlp.headers: `{shown}` {why}"))
            };
            let key: AsciiMetadataKey =
                name.parse().map_err(|_| wrong("is not the name of a header, in small letters"))?;
            let value: MetadataValue<Ascii> = value
                .parse()
                .map_err(|_| wrong("has a value with characters that headers do not have"))?;
            map.insert(key, value);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::OtlpConfig;

    #[test]
    fn an_endpoint_that_is_no_address_is_refused() {
        let endpoint = |text: &str| {
            OtlpConfig { endpoint: text.to_owned(), ..OtlpConfig::default() }.endpoint()
        };
        assert!(endpoint("http://a:4317").is_ok() && endpoint("http://a:4317/").is_ok());
        for wrong in [
            "",
            "a:4317",
            "ftp://a:4317",
            "https://a:4317",
            "http://",
            "http://a b",
            "http://u:p@a",
            "http://a/v1/traces",
            "http://a?x",
        ] {
            assert!(endpoint(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_header_with_a_line_break_is_refused_and_no_value_is_shown() {
        for (name, value) in
            [("a\r\nb", "secret"), ("a", "secret\r\nb: c"), ("", "secret"), ("A b", "secret")]
        {
            let headers = [(name.to_owned(), value.to_owned())].into();
            let config = OtlpConfig { headers, ..OtlpConfig::default() };
            let error = config.metadata().unwrap_err().to_string();
            assert!(
                !error.contains("secret") && !format!("{config:?}").contains("secret"),
                "{error}"
            );
        }
    }
}
