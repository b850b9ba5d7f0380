//! The auditor: checks that the sum of all balances and transfers in flight is what roles got at their creation.

#![allow(clippy::print_stdout, reason = "a command that reports")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use guildhall::{Config, Cx, StartError, Status};

use crate::proto::role::{RoleState, RoleStateEntity};
use crate::serve;

/// Rows of one question.
const PAGE: usize = 500;

/// What was found. Exact where nothing moves meanwhile; otherwise a transfer may be seen at one end only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Roles that there are.
    pub roles: usize,
    /// What they were given.
    pub granted: i64,
    /// What they have.
    pub balances: i64,
    /// What was sent and has not arrived: soon 0 when nobody sends anything. Never less, unless something has arrived twice.
    pub on_the_way: i64,
}

impl Audit {
    /// Money that came from nowhere, or is gone where it is negative.
    pub fn error(&self) -> i64 {
        self.balances + self.on_the_way.max(0) - self.granted
    }
}

/// Reads, adds up, and prints `roles= granted= balances= on_the_way= error=`. Needs an `app.id` that no other app has.
///
/// # Errors
/// The configuration makes no sense, or the store cannot be read.
pub fn run(config: Config) -> Result<ExitCode, StartError> {
    serve::share(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| StartError::system(format!("no runtime: {e}")))?;
    let app = serve::with_plugins(config).table::<RoleStateEntity>();
    let roles = runtime.block_on(async {
        let app = Box::pin(app.start()).await?;
        let roles = rows(&app.cx()).await;
        app.shutdown().await;
        roles.map_err(|status| StartError::game(format!("the roles cannot be read: {status}")))
    })?;
    let found = audit(&roles);
    let Audit { roles, granted, balances, on_the_way } = found;
    let error = found.error();
    println!(
        "roles={roles} granted={granted} balances={balances} on_the_way={on_the_way} error={error}"
    );
    Ok(if error == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the rows of all roles, as they were saved last. Any app that has the table, or whose actors own it, can do so.
///
/// # Errors
/// The store does not answer.
pub async fn rows(cx: &Cx) -> Result<BTreeMap<String, RoleState>, Status> {
    let (mut roles, mut after) = (BTreeMap::new(), None);
    loop {
        let page = cx.table::<RoleStateEntity>().query().limit(PAGE).after(after).page().await?;
        roles.extend(page.rows.iter().map(|row| (row.role_id.clone(), (**row).clone())));
        after = page.next;
        if after.is_none() {
            return Ok(roles);
        }
    }
}

/// Adds all up.
pub fn audit(roles: &BTreeMap<String, RoleState>) -> Audit {
    let mut audit = Audit { roles: roles.len(), ..Audit::default() };
    for purse in roles.values().filter_map(|role| role.purse.as_ref()) {
        audit.granted += purse.granted;
        audit.balances += purse.balance;
        audit.on_the_way += purse.sent - purse.got;
    }
    audit
}
