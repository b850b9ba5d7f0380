//! What the login server answers: JSON, and errors in the form that gates give them, too.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use guildhall::status::reason;
use guildhall::{Code, Status};
use serde_json::{Value, json};

/// An error as HTTP tells it.
#[derive(Debug)]
pub(super) struct Refusal {
    http: StatusCode,
    status: Status,
}

impl Refusal {
    /// One that HTTP has a code of its own for.
    pub(super) fn http(http: StatusCode, code: Code, reason: u32, message: String) -> Self {
        Self { http, status: Status::not_run(code, reason, message) }
    }
}

impl<S: Into<Status>> From<S> for Refusal {
    fn from(status: S) -> Self {
        let status = status.into();
        let http = match status.code() {
            Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::AlreadyExists => StatusCode::CONFLICT,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            _ => {
                // What it was is for us alone.
                tracing::error!(%status, "a login failed");
                let why = "internal error";
                let status = Status::new(Code::Internal, why);
                return Self { http: StatusCode::INTERNAL_SERVER_ERROR, status };
            }
        };
        Self { http, status }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = self.status.code().name();
        let (reason, message) = (self.status.reason(), self.status.message());
        let body = json!({ "code": code, "reason": reason, "message": message });
        let mut response = json_response(self.http, &body);
        if reason == reason::OVERLOADED {
            response.headers_mut().insert(RETRY_AFTER, 1.into());
        }
        response
    }
}

pub(super) fn json_response(http: StatusCode, body: &Value) -> Response {
    (http, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
