//! The flags every program understands: `--config FILE` and `--set key=value`.

use super::{Config, ConfigBuilder, ConfigError};

/// The file that is read when no flag names one, if it is there.
const DEFAULT_FILE: &str = "guildhall.toml";

impl Config {
    /// Reads the file, the environment and the flags of this process, and returns the arguments that are the program's own.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_process_args() -> Result<(Self, Vec<String>), ConfigError> {
        Self::builder().process_args()
    }

    /// As [`ConfigBuilder::args`], over the environment and nothing else.
    ///
    /// # Errors
    /// A flag without its value, a file that cannot be read, or a key that is none.
    pub fn load(
        args: impl IntoIterator<Item = String>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<String>), ConfigError> {
        Self::builder().env(env).args(args)
    }
}

impl ConfigBuilder {
    /// Takes the environment and the flags of this process, as [`ConfigBuilder::args`] does.
    ///
    /// # Errors
    /// As [`ConfigBuilder::args`].
    pub fn process_args(self) -> Result<(Config, Vec<String>), ConfigError> {
        // What is not UTF-8 shows as such in the error of the section that gets it.
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        self.env(variables).args(std::env::args_os().skip(1).map(text))
    }

    /// Builds from flags `--config FILE` (`guildhall.toml` when absent and there is one) and `--set key=value`, any number of
    /// them, and returns the other arguments. Everything after `--` is the program's own.
    ///
    /// # Errors
    /// A flag without its value, a file that cannot be read, or a key that is none.
    pub fn args(
        mut self,
        args: impl IntoIterator<Item = String>,
    ) -> Result<(Config, Vec<String>), ConfigError> {
        let (mut file, mut rest) = (None, Vec::new());
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            match name {
                "--config" => file = Some(value_of("--config FILE", inline, &mut args)?),
                "--set" => self = self.flag(&value_of("--set key=value", inline, &mut args)?),
                "--" => {
                    rest.extend(args);
                    break;
                }
                _ => rest.push(arg),
            }
        }
        self = match file {
            Some(file) => self.file(file),
            None => self.optional_file(DEFAULT_FILE),
        };
        Ok((self.build()?, rest))
    }
}

fn value_of(
    usage: &str,
    inline: Option<String>,
    args: &mut impl Iterator<Item = String>,
) -> Result<String, ConfigError> {
    inline.or_else(|| args.next()).ok_or_else(|| ConfigError {
        key: usage.to_owned(),
        message: format!("a flag has no value; write `{usage}`"),
    })
}
