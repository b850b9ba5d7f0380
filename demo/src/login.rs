//! Login over HTTP: `POST /register` and `POST /login` with `{"account","password"}` answer `{"player","token"}`.
//!
//! The token is what a client shows to the gate; passwords go no further than this. `GET /keys` answers the public keys that a
//! gate checks tokens with ([`PublicKeys`] gets them). Errors are `{"code","reason","message"}`, with reasons of `AccountError`.

mod accounts;
mod answer;
mod config;
mod keys;
mod mint;
mod passwords;
mod public_keys;
mod rules;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use guildhall::status::reason;
use guildhall::{BoxFuture, Code, Component, Config, Cx, ErrorEnum as _, StartError, Status};
use serde::Deserialize;
use serde_json::json;

pub use accounts::AccountActor;
pub use config::LoginConfig;
pub use mint::Mint;
pub use public_keys::PublicKeys;

use crate::proto::login::{AccountClient, AccountError, AccountState, FindReq, RegisterReq};
use crate::uid;
use crate::web::{Limits, Web};
use answer::{Refusal, json_response};
use keys::Keys;
use passwords::Passwords;
use tokens::Tokens;

/// The component that serves logins; clones are the same one. Needs `AccountActor` somewhere among the apps.
#[derive(Clone, Debug)]
pub struct Login(Arc<Web>);

/// What a request needs.
struct Desk {
    cx: Cx,
    passwords: Passwords,
    tokens: Tokens,
    limit: Duration,
}

impl Login {
    /// A server that is configured by `[login]` when the app starts.
    pub fn new() -> Self {
        Self(Arc::new(Web::new()))
    }

    /// Where it listens, once it does.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.0.addr()
    }
}

impl Default for Login {
    fn default() -> Self {
        Self::new()
    }
}

impl Component for Login {
    fn start<'a>(
        self: Arc<Self>,
        config: &'a Config,
        cx: Cx,
    ) -> BoxFuture<'a, Result<(), StartError>> {
        Box::pin(async move {
            let config: LoginConfig = config.section("login")?;
            let env = cx.env().clone();
            let keys = Keys::open(&env, &config.keys).map_err(StartError::new)?;
            let desk = Arc::new(Desk {
                passwords: Passwords::new(&env, &config).await?,
                tokens: Tokens::new(keys, &config),
                limit: config.request(),
                cx,
            });
            let limits = Limits {
                connections: config.connections_max,
                idle: Duration::from_millis(config.idle_ms),
            };
            let router = router(desk, config.body_max);
            self.0.serve(&env, "login.listen", &config.listen, limits, router).await
        })
    }

    fn drain(self: Arc<Self>, _cx: Cx) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.0.stop().await })
    }
}

fn router(desk: Arc<Desk>, body_max: usize) -> Router {
    let public = desk.tokens.public().to_owned();
    let no_such =
        |http, code, why: &str| Refusal::http(http, code, reason::NO_SUCH_METHOD, why.into());
    Router::new()
        .route("/register", post(register))
        .route("/login", post(login))
        .route(
            "/keys",
            get(|| std::future::ready(([(CONTENT_TYPE, "application/jwk-set+json")], public))),
        )
        .fallback(move || async move {
            let why = "there are POST /register, POST /login and GET /keys";
            no_such(StatusCode::NOT_FOUND, Code::NotFound, why)
        })
        .method_not_allowed_fallback(move || async move {
            no_such(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, "use POST; GET for /keys")
        })
        .layer(DefaultBodyLimit::max(body_max))
        .layer(from_fn_with_state(Arc::clone(&desk), in_time))
        .with_state(desk)
}

/// No request takes longer than `login.request_ms`, its slow sender included.
async fn in_time(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let env = desk.cx.env();
    let answer = env.until(env.now() + desk.limit, next.run(request)).await;
    answer.unwrap_or_else(|| {
        let why = format!("not done within {:?} (login.request_ms)", desk.limit);
        let late = Status::new(Code::DeadlineExceeded, why).with_reason(reason::EXPIRED);
        Refusal::from(late).into_response()
    })
}

async fn register(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Credentials { account, password } = credentials(body)?;
    // Cheap, and true for ever: no hash for what will be refused.
    if desk.find(&account).await?.is_some() {
        return Err(accounts::taken().into());
    }
    let password_hash = desk.passwords.hash(password).await?;
    let player = uid::alloc(&desk.cx.within(desk.limit), "role").await?.to_string();
    let req = RegisterReq { account, password_hash, player };
    let made = AccountClient::new(&desk.cx.within(desk.limit)).register(req).await?;
    desk.welcome(StatusCode::CREATED, &made.account.unwrap_or_default())
}

async fn login(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let Credentials { account, password } = credentials(body)?;
    let found = desk.find(&account).await?;
    let hash = found.as_ref().map(|account| account.password_hash.clone());
    let right = desk.passwords.check(password, hash).await?;
    match found.filter(|_| right) {
        Some(account) => desk.welcome(StatusCode::OK, &account),
        None => {
            let error = AccountError::WrongPassword;
            let text = Status::from(error).message().to_owned();
            Err(Status::new(Code::Unauthenticated, text).with_reason(error.reason()).into())
        }
    }
}

/// The body of both requests.
#[derive(Deserialize)]
struct Credentials {
    account: String,
    password: String,
}

fn credentials(body: Result<Bytes, BytesRejection>) -> Result<Credentials, Refusal> {
    let body = body.map_err(|error| {
        let (code, reason) = match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => (Code::ResourceExhausted, reason::TOO_LARGE),
            _ => (Code::InvalidArgument, reason::BAD_REQUEST),
        };
        Refusal::http(error.status(), code, reason, error.body_text())
    })?;
    let credentials: Credentials = serde_json::from_slice(&body).map_err(|error| {
        // Not the error's own text: it may show a part of the password.
        let (line, column) = (error.line(), error.column());
        let why = format!(
            r#"the body must be {{"account":"..","password":".."}}; it is not, at line {line}, column {column}"#
        );
        Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why)
    })?;
    rules::check_account(&credentials.account)?;
    rules::check_password(&credentials.password)?;
    Ok(credentials)
}

impl Desk {
    async fn find(&self, account: &str) -> Result<Option<AccountState>, Status> {
        let req = FindReq { account: account.to_owned() };
        match AccountClient::new(&self.cx.within(self.limit)).find(req).await {
            Ok(found) => Ok(found.account),
            Err(status) if status.reason() == reason::NO_SUCH_ENTITY => Ok(None),
            Err(status) => Err(status),
        }
    }

    fn welcome(&self, http: StatusCode, account: &AccountState) -> Result<Response, Refusal> {
        let player = &account.player;
        let token = self.tokens.make(&account.account, player, self.cx.env().wall())?;
        Ok(json_response(http, &json!({ "player": player, "token": token })))
    }
}
