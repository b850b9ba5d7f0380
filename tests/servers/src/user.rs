//! The user that a server runs as.

use std::ffi::OsStr;
use std::process::Command;

use crate::Recipe;

impl Recipe {
    /// A program that runs as the user of this server.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let is_root = || Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = Command::new("env");
        if let Some(user) = self.user
            && is_root()
        {
            command = Command::new("setpriv");
            command.arg(format!("--reuid={user}")).arg(format!("--regid={user}"));
            command.arg("--clear-groups");
        }
        command.arg(program).current_dir("/");
        command
    }
}
