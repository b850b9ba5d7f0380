//! Answers of the login server: JSON, with errors in the format of gates.

use std::time::Duration;

use guildhall::http::header::RETRY_AFTER;
use guildhall::http::{Answer, StatusCode};
use guildhall::status::reason;
use guildhall::{Code, Reason, Status};
use serde_json::{Value, json};

use super::tries::Wait;

/// How much longer the answer is held back after too many tries than after a wrong one.
const LIMITED: u32 = 5;

/// An error as HTTP tells it.
#[derive(Debug)]
pub(super) struct Refusal {
    http: StatusCode,
    status: Status,
    /// When it may be tried again, in seconds.
    retry_s: Option<u64>,
}

impl Refusal {
    /// One that HTTP has a code of its own for.
    pub(super) fn http(http: StatusCode, code: Code, reason: Reason, message: String) -> Self {
        Self { http, status: Status::not_run(code, reason, message), retry_s: None }
    }

    /// The answer; held back for `hold` where that slows an attack down, and nobody who plays by the rules.
    pub(super) fn answer(&self, hold: Duration) -> Answer {
        let Self { http, status, retry_s } = self;
        let code = status.code().name();
        let (reason, message) = (status.reason(), status.message());
        let body = json!({ "code": code, "reason": reason.number(), "message": message });
        let mut answer = json_answer(*http, &body);
        if let Some(seconds) = retry_s {
            answer = answer.with(RETRY_AFTER, *seconds);
        }
        let is_theirs = http.is_client_error() && *http != StatusCode::CONFLICT;
        match reason {
            // An overload is said at once.
            reason::OVERLOADED => answer,
            // It would only be refused again.
            reason::LIMITED => answer.held(hold * LIMITED),
            _ if is_theirs => answer.held(hold),
            _ => answer,
        }
    }
}

impl From<Wait> for Refusal {
    fn from(Wait(wait): Wait) -> Self {
        let seconds = wait.as_secs() + 1;
        let why = format!("too many tries; the next one may be made in {seconds} s");
        let status = Status::not_run(Code::ResourceExhausted, reason::LIMITED, why);
        Self { http: StatusCode::TOO_MANY_REQUESTS, status, retry_s: Some(seconds) }
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
                tracing::error!(%status, "login failed with an internal error");
                let why = "internal error";
                let status = Status::new(Code::Internal, why);
                return Self { http: StatusCode::INTERNAL_SERVER_ERROR, status, retry_s: None };
            }
        };
        let retry_s = (status.reason() == reason::OVERLOADED).then_some(1);
        Self { http, status, retry_s }
    }
}

pub(super) fn json_answer(http: StatusCode, body: &Value) -> Answer {
    Answer::new(http, "application/json", body.to_string())
}
