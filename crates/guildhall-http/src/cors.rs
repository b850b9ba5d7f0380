//! CORS: the web sites whose pages may read answers, as browsers enforce it.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::{HeaderMap, Method};

/// Web sites whose pages may read the answers: all, or those in a list. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    all: bool,
    named: Vec<HeaderValue>,
}

impl Origins {
    /// Reads the value of the setting `key`: origins such as `https://game.example` or `http://localhost:5173`, or `*` for all.
    ///
    /// # Errors
    /// A value is not an origin. The text names the setting and the value.
    pub fn parse(key: &str, list: &[String]) -> Result<Self, String> {
        let mut origins = Self::default();
        for origin in list {
            if origin == "*" {
                origins.all = true;
                continue;
            }
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let fits = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
            match (host.is_some_and(fits), HeaderValue::from_str(origin)) {
                (true, Ok(value)) => origins.named.push(value),
                _ => {
                    let origin: String = origin.chars().take(64).collect();
                    return Err(format!(
                        "{key}: \"{origin}\" is no origin; write scheme://host or scheme://host:port, or * for all"
                    ));
                }
            }
        }
        Ok(origins)
    }

    /// Whether a request is a CORS preflight from an allowed page.
    pub(crate) fn is_preflight(&self, method: &Method, headers: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && self.allowed(headers).is_some()
    }

    /// Headers that allow the page to read the answer.
    pub(crate) fn answer(&self, request: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if !self.all && self.named.is_empty() {
            return;
        }
        // A cache must not give one site what was answered to another one.
        answer.insert(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = request {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }

    /// Additional headers of the answer to a preflight ([`is_preflight`](Self::is_preflight)).
    pub(crate) fn preflight(answer: &mut HeaderMap) {
        let value = HeaderValue::from_static;
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, value("GET, POST"));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, value("content-type"));
        answer.insert(ACCESS_CONTROL_MAX_AGE, value("600"));
    }

    /// The origin of a request, if its pages may read answers.
    pub(crate) fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        (self.all || self.named.contains(origin)).then(|| origin.clone())
    }
}
