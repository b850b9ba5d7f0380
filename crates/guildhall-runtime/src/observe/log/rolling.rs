//! A log file with rotation by size and age.

use std::fs::{File, OpenOptions, create_dir_all, remove_file, rename};
use std::io::{Result, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use guildhall_core::Env;

use super::config::LogConfig;

/// The present file, and when it is enough.
pub(super) struct Rolling {
    path: PathBuf,
    file: File,
    bytes: u64,
    begun: Duration,
    bytes_max: u64,
    age: Option<Duration>,
    files_max: u32,
    env: Env,
}

impl Rolling {
    /// Goes on with the file where it is.
    pub(super) fn open(config: &LogConfig, env: Env) -> std::result::Result<Self, String> {
        let path = PathBuf::from(&config.file);
        let wrong = |e| format!("log.file = \"{}\": {e}", config.file);
        if let Some(folder) = path.parent() {
            create_dir_all(folder).map_err(wrong)?;
        }
        let file = append(&path).map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        let created = metadata.created().ok();
        let begun = created.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(Self {
            path,
            file,
            bytes: metadata.len(),
            begun: begun.unwrap_or_else(|| env.wall()),
            bytes_max: config.file_bytes_max,
            age: (config.file_age_s > 0).then(|| Duration::from_secs(config.file_age_s)),
            files_max: config.files_max.max(1),
            env,
        })
    }

    pub(super) fn write(&mut self, line: &[u8]) -> Result<()> {
        let is_large = self.bytes + line.len() as u64 > self.bytes_max;
        let is_old = self.age.is_some_and(|age| self.env.wall() >= self.begun + age);
        if self.bytes > 0 && (is_large || is_old) {
            self.roll()?;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Puts the file aside and begins another one.
    fn roll(&mut self) -> Result<()> {
        let aside = |n: u32| PathBuf::from(format!("{}.{n}", self.path.display()));
        // Those that are not there yet fail, and nothing is lost by it.
        for n in (1..self.files_max.saturating_sub(1)).rev() {
            let _not_there = rename(aside(n), aside(n + 1));
        }
        match self.files_max {
            1 => remove_file(&self.path)?,
            _ => rename(&self.path, aside(1))?,
        }
        self.file = append(&self.path)?;
        (self.bytes, self.begun) = (0, self.env.wall());
        Ok(())
    }
}

fn append(path: &PathBuf) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use guildhall_core::env::{Conn, Listener, Net};
    use guildhall_core::{BoxFuture, Env};

    use super::{LogConfig, Rolling};

    /// What is in the files of `folder`, by name.
    fn files(folder: &std::path::Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect();
        files.sort();
        files
    }

    fn config(folder: &std::path::Path) -> LogConfig {
        let file = folder.join("app.log").to_str().unwrap().to_owned();
        LogConfig { file, file_bytes_max: 10, files_max: 3, ..LogConfig::default() }
    }

    #[test]
    fn a_large_file_is_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Rolling::open(&config(folder.path()), guildhall_core::Env::real()).unwrap();
        for n in 1..=7 {
            log.write(format!("line{n}\n").as_bytes()).unwrap();
        }
        drop(log);
        // One that begins again goes on with what is there.
        let mut log = Rolling::open(&config(folder.path()), guildhall_core::Env::real()).unwrap();
        log.write(b"8\n").unwrap();
        let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let all = [
            text("app.log", "line7\n8\n"),
            text("app.log.1", "line6\n"),
            text("app.log.2", "line5\n"),
        ];
        assert_eq!(files(folder.path()), all);
    }

    /// A log opens no connections.
    struct NoNet;

    impl Net for NoNet {
        fn connect<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Box<dyn Conn>>> {
            Box::pin(std::future::pending())
        }

        fn bind<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::io::Result<Box<dyn Listener>>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        // The files are as old as the machine says, so the app begins in its time.
        let env = Env::simulated(1, Arc::new(NoNet), Env::real().wall());
        let config = LogConfig { file_age_s: 3600, file_bytes_max: 1000, ..config(folder.path()) };
        let mut log = Rolling::open(&config, env).unwrap();
        log.write(b"first\n").unwrap();
        tokio::time::advance(Duration::from_secs(3000)).await;
        log.write(b"second\n").unwrap();
        tokio::time::advance(Duration::from_secs(700)).await;
        log.write(b"third\n").unwrap();
        let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let all = [text("app.log", "third\n"), text("app.log.1", "first\nsecond\n")];
        assert_eq!(files(folder.path()), all);
    }
}
