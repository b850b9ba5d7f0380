//! The handlers of `POST /register`, `POST /login` and `GET /keys`.

use std::time::Duration;

use guildhall::http::header::{ALLOW, HeaderValue};
use guildhall::http::{Answer, Method, Refused, Request, Service, StatusCode};
use guildhall::status::reason;
use guildhall::{Code, Cx, ErrorEnum as _, StartError, Status};
use serde::Deserialize;
use serde_json::json;

use super::answer::{Refusal, json_answer};
use super::config::LoginConfig;
use super::keys::Keys;
use super::passwords::Passwords;
use super::slots::Party;
use super::tokens::Tokens;
use super::tries::Tries;
use super::{accounts, rules};
use crate::proto::login::{AccountClient, AccountError, AccountState, FindReq, RegisterReq};
use crate::uid;

/// What requests need.
pub(super) struct Desk {
    cx: Cx,
    passwords: Passwords,
    tokens: Tokens,
    tries: Tries,
    limit: Duration,
    hold: Duration,
}

/// The body of both requests.
#[derive(Deserialize)]
struct Credentials {
    account: String,
    password: String,
}

impl Service for Desk {
    async fn serve(&self, request: Request) -> Answer {
        let answer = match (request.path.as_str(), &request.method) {
            ("/register", &Method::POST) => self.register(&request).await,
            ("/login", &Method::POST) => self.login(&request).await,
            ("/keys", &Method::GET | &Method::HEAD) => {
                let keys = self.tokens.public().to_owned();
                Ok(Answer::new(StatusCode::OK, "application/jwk-set+json", keys))
            }
            ("/register" | "/login" | "/keys", _) => {
                return self.no_such(StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented);
            }
            _ => return self.no_such(StatusCode::NOT_FOUND, Code::NotFound),
        };
        answer.unwrap_or_else(|refusal| refusal.answer(self.hold))
    }

    fn refuse(&self, why: Refused) -> Answer {
        let (code, reason, text) = match why {
            Refused::TooLarge => {
                let text = "the body is larger than login.body_max";
                (Code::ResourceExhausted, reason::TOO_LARGE, text)
            }
            Refused::Broken => {
                (Code::InvalidArgument, reason::BAD_REQUEST, "the body is not complete")
            }
            Refused::Late => {
                let text = "not done within login.request_ms";
                (Code::DeadlineExceeded, reason::EXPIRED, text)
            }
        };
        Refusal::http(why.code(), code, reason, text.to_owned()).answer(self.hold)
    }
}

impl Desk {
    pub(super) async fn open(cx: Cx, config: &LoginConfig) -> Result<Self, StartError> {
        let keys = Keys::open(cx.env(), &config.keys)
            .map_err(|why| StartError::setting("login.keys", why))?;
        Ok(Self {
            passwords: Passwords::new(cx.env(), config).await?,
            tokens: Tokens::new(keys, config),
            tries: Tries::new(cx.env(), config),
            limit: config.request(),
            hold: Duration::from_millis(config.refusal_ms),
            cx,
        })
    }

    async fn register(&self, request: &Request) -> Result<Answer, Refusal> {
        let Credentials { account, password } = credentials(&request.body)?;
        let network = request.network;
        self.tries.register(network)?;
        // Cheap, and true for ever: no hash for what will be refused.
        if self.find(&account).await?.is_some() {
            return Err(accounts::taken().into());
        }
        let slot = self.passwords.slot(Party::Network(network)).await?;
        let password_hash = self.passwords.hash(password, slot).await?;
        let player = uid::alloc(&self.cx.within(self.limit), "role").await?.to_string();
        let req = RegisterReq { account, password_hash, player };
        let made = AccountClient::new(&self.cx.within(self.limit)).register(req).await?;
        let made = made.account.unwrap_or_default();
        self.tries.knows(&made.account, network);
        self.welcome(StatusCode::CREATED, &made)
    }

    async fn login(&self, request: &Request) -> Result<Answer, Refusal> {
        let Credentials { account, password } = credentials(&request.body)?;
        let attempt = self.tries.begin(&account, request.network)?;
        let checked = async {
            let found = self.find(&account).await?;
            let hash = found.as_ref().map(|account| account.password_hash.clone());
            let slot = self.passwords.slot(attempt.party()).await?;
            attempt.confirm()?;
            let right = self.passwords.check(password, hash, slot).await?;
            Ok::<_, Refusal>(found.filter(|_| right))
        };
        match checked.await {
            Ok(Some(account)) => {
                attempt.right();
                self.welcome(StatusCode::OK, &account)
            }
            Ok(None) => {
                let error = AccountError::WrongPassword;
                let text = Status::from(error).message().to_owned();
                Err(Status::new(Code::Unauthenticated, text).with_reason(error.reason()).into())
            }
            Err(refusal) => {
                attempt.give_back();
                Err(refusal)
            }
        }
    }

    async fn find(&self, account: &str) -> Result<Option<AccountState>, Status> {
        let req = FindReq { account: account.to_owned() };
        match AccountClient::new(&self.cx.within(self.limit)).find(req).await {
            Ok(found) => Ok(found.account),
            Err(status) if status.reason() == reason::NO_SUCH_ENTITY => Ok(None),
            Err(status) => Err(status),
        }
    }

    fn welcome(&self, http: StatusCode, account: &AccountState) -> Result<Answer, Refusal> {
        let player = &account.player;
        let token = self.tokens.make(&account.account, player, self.cx.env().wall())?;
        Ok(json_answer(http, &json!({ "player": player, "token": token })))
    }

    fn no_such(&self, http: StatusCode, code: Code) -> Answer {
        let why = "there are POST /register, POST /login and GET /keys";
        let refusal = Refusal::http(http, code, reason::NO_SUCH_METHOD, why.to_owned());
        let answer = refusal.answer(self.hold);
        match http {
            StatusCode::METHOD_NOT_ALLOWED => {
                answer.with(ALLOW, HeaderValue::from_static("GET, POST"))
            }
            _ => answer,
        }
    }
}

fn credentials(body: &[u8]) -> Result<Credentials, Refusal> {
    let credentials: Credentials = serde_json::from_slice(body).map_err(|error| {
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
