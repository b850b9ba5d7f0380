//! What a process has over time, and by how much that grows.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a process has at one time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Bytes of that for pages of its file: bounded by a setting (`cache_mb`), and filled as far as the file is large.
    pub(crate) cache: u64,
    /// Its file.
    pub(crate) file: File,
    pub(crate) descriptors: u64,
    pub(crate) tasks: u64,
    /// Actors in memory: what lives there.
    pub(crate) actors: u64,
}

/// Bytes of a file; 0 where a process has none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct File {
    pub(crate) size: u64,
    /// Of pages that hold something.
    pub(crate) used: u64,
}

impl File {
    /// A smaller file is never compacted (`compact_mb`), and above that one of which less than half is used: as far as the size
    /// is more than this, nothing explains it.
    const COMPACT: u64 = 8 << 20;

    fn unexplained(self) -> u64 {
        self.size.saturating_sub(Self::COMPACT.max(2 * self.used))
    }
}

impl Sample {
    /// Looks at a process, and asks it at its admin address for what nobody sees from outside.
    pub(crate) async fn take(id: u64, admin: &str, file: File) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("its memory")?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        let memory = memory.context("no VmRSS")? << 10;
        let open = std::fs::read_dir(format!("/proc/{id}/fd")).context("its descriptors")?;
        let descriptors = open.count() as u64;
        let metrics = metrics(admin).await?;
        let tasks = number(&metrics, "guildhall_tasks");
        let actors = number(&metrics, "guildhall_actors");
        let cache = number(&metrics, "guildhall_hub_cache_bytes");
        Ok(Self { memory, cache, file, descriptors, tasks, actors })
    }
}

/// The page of metrics.
async fn metrics(admin: &str) -> Result<String> {
    let mut stream = TcpStream::connect(admin).await.with_context(|| format!("ask {admin}"))?;
    let ask = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum of a metric over its labels.
fn number(metrics: &str, name: &str) -> u64 {
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    let values = metrics.lines().filter(of).filter_map(|line| line.rsplit_once(' '));
    values.filter_map(|(_, value)| value.trim().parse::<u64>().ok()).sum()
}

/// Samples in the order of their times.
#[derive(Debug, Default)]
pub(crate) struct Series(Vec<(Duration, Sample)>);

impl Series {
    pub(crate) fn add(&mut self, at: Duration, sample: Sample) {
        self.0.push((at, sample));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How it has grown.
    pub(crate) fn growth(&self) -> Growth {
        let of = |what: fn(&Sample) -> u64| Slope::of(self.0.iter().map(|(at, s)| (*at, what(s))));
        Growth {
            memory: of(|sample| sample.memory),
            cache: of(|sample| sample.cache),
            file: of(|sample| sample.file.size),
            used: of(|sample| sample.file.used),
            file_unexplained: of(|sample| sample.file.unexplained()),
            descriptors: of(|sample| sample.descriptors),
            tasks: of(|sample| sample.tasks),
            actors: of(|sample| sample.actors),
        }
    }
}

/// A line through samples, by least squares.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slope {
    /// What the line says for the first sample, and for the last.
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) minutes: f64,
}

impl Slope {
    fn of(samples: impl Iterator<Item = (Duration, u64)>) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a slope is no exact number")]
        let samples: Vec<(f64, f64)> =
            samples.map(|(at, value)| (at.as_secs_f64() / 60.0, value as f64)).collect();
        let (Some(begin), Some(end)) = (samples.first(), samples.last()) else {
            return Self::default();
        };
        #[allow(clippy::cast_precision_loss, reason = "there are few samples")]
        let count = samples.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
        let (at, value) = (mean(|s| s.0), mean(|s| s.1));
        let (mut with, mut square) = (0.0, 0.0);
        for (x, y) in &samples {
            with += (x - at) * (y - value);
            square += (x - at) * (x - at);
        }
        let rise = if square > 0.0 { with / square } else { 0.0 };
        let line = |x: f64| value + rise * (x - at);
        Self { first: line(begin.0), last: line(end.0), minutes: end.0 - begin.0 }
    }

    fn grown(self) -> f64 {
        self.last - self.first
    }

    fn per_minute(self) -> f64 {
        if self.minutes > 0.0 { self.grown() / self.minutes } else { 0.0 }
    }
}

/// How a process has grown after the warm-up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    memory: Slope,
    cache: Slope,
    file: Slope,
    used: Slope,
    file_unexplained: Slope,
    descriptors: Slope,
    tasks: Slope,
    actors: Slope,
}

const MIB: f64 = 1_048_576.0;

impl Growth {
    /// Looks that are enough for a line.
    pub(crate) const LEAST: usize = 12;

    /// What one more actor in memory may cost.
    const ACTOR: f64 = 32.0 * 1024.0;

    /// What grows by more than a tenth, and by more than what is noise, though no more actors live than before, and no more pages of the
    /// file are in memory.
    pub(crate) fn unexplained(&self) -> impl Iterator<Item = String> {
        let actors = self.actors.grown().max(0.0);
        let explained = actors * Self::ACTOR + self.cache.grown().max(0.0);
        let over = |what: &str, slope: Slope, noise: f64, explained: f64| {
            let max = slope.first.abs() / 10.0 + noise + explained;
            (slope.grown() > max).then(|| {
                format!(
                    "{what} from {:.0} to {:.0}, more than by {max:.0}",
                    slope.first, slope.last
                )
            })
        };
        [
            over("bytes of memory", self.memory, 2.0 * MIB, explained),
            over("bytes in use of its file", self.used, MIB / 2.0, 0.0),
            over("bytes of its file that are not in use", self.file_unexplained, MIB, 0.0),
            over("descriptors", self.descriptors, 8.0, 0.0),
            over("tasks", self.tasks, 32.0, actors * 2.0),
        ]
        .into_iter()
        .flatten()
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, cache, file, used, descriptors, tasks, actors, .. } = self;
        write!(
            f,
            "memory_mb={:.1} ({:+.2}/min) cache_mb={:.1} ({:+.2}/min) file_mb={:.1} ({:+.2}/min) used_mb={:.1} ({:+.2}/min) tasks={:.0} ({:+.1}/min) descriptors={:.0} ({:+.1}/min) actors={:.0} ({:+.1}/min)",
            memory.last / MIB,
            memory.per_minute() / MIB,
            cache.last / MIB,
            cache.per_minute() / MIB,
            file.last / MIB,
            file.per_minute() / MIB,
            used.last / MIB,
            used.per_minute() / MIB,
            tasks.last,
            tasks.per_minute(),
            descriptors.last,
            descriptors.per_minute(),
            actors.last,
            actors.per_minute(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples every 5 s, whose memory and tasks grow by this much each, from 100 MiB and 100.
    fn series(memory: u64, tasks: u64, actors: u64) -> Series {
        let mut series = Series::default();
        for n in 0..120 {
            let noise = (n * 7919) % 100_000;
            let sample = Sample {
                memory: (100 << 20) + n * memory + noise,
                tasks: 100 + n * tasks,
                actors: 1_000 + n * actors,
                descriptors: 40 + n % 3,
                file: File { size: 6 << 20, used: 4 << 20 },
                cache: 0,
            };
            series.add(Duration::from_secs(5 * n), sample);
        }
        series
    }

    fn grows(series: &Series) -> Vec<String> {
        series.growth().unexplained().collect()
    }

    #[test]
    fn what_stays_is_no_growth_and_what_grows_is() {
        assert_eq!(grows(&series(0, 0, 0)), [""; 0]);
        let leak = grows(&series(200_000, 0, 0));
        assert!(leak.len() == 1 && leak[0].starts_with("bytes of memory"), "{leak:?}");
        let leak = grows(&series(0, 1, 0));
        assert!(leak.len() == 1 && leak[0].starts_with("tasks"), "{leak:?}");
    }

    #[test]
    fn more_that_live_explain_more_memory() {
        assert_eq!(grows(&series(200_000, 1, 10)), [""; 0]);
    }

    #[test]
    fn more_pages_of_the_file_in_memory_explain_as_much_memory_and_no_more() {
        let with_cache = |memory: u64| {
            let mut series = series(memory, 0, 0);
            for (at, (_, sample)) in (0..).zip(&mut series.0) {
                sample.cache = at * 200_000;
            }
            grows(&series)
        };
        assert_eq!(with_cache(200_000), [""; 0]);
        assert_eq!(with_cache(400_000).len(), 1);
    }

    /// What is said to grow of a file whose size and used bytes grow by this much each.
    fn grows_of_file(size: u64, used: u64) -> Vec<String> {
        let mut series = series(0, 0, 0);
        for (at, (_, sample)) in (0..).zip(&mut series.0) {
            sample.file.size += at * size;
            sample.file.used += at * used;
        }
        grows(&series)
    }

    #[test]
    fn a_file_may_grow_to_twice_of_what_is_used_and_what_is_used_may_not_grow() {
        // To 8 MiB, with 4 in use.
        assert_eq!(grows_of_file(17_000, 0), [""; 0]);
        let free = grows_of_file(100_000, 0);
        assert!(free.len() == 1 && free[0].contains("not in use"), "{free:?}");
        let rows = grows_of_file(17_000, 17_000);
        assert!(rows.len() == 1 && rows[0].contains("bytes in use"), "{rows:?}");
    }

    #[test]
    fn a_slope_is_that_of_the_line_through_all_samples() {
        let growth = series(60_000, 0, 0).growth();
        let per_minute = growth.memory.per_minute();
        assert!((per_minute - 720_000.0).abs() < 20_000.0, "{per_minute}");
        assert!(growth.to_string().contains("descriptors=41"), "{growth}");
    }

    #[test]
    fn a_metric_is_the_sum_over_its_labels() {
        let page = "# TYPE guildhall_actors gauge\nguildhall_actors{actor=\"a\"} 3\nguildhall_actors{actor=\"b\"} 4\nguildhall_actors_woken_total 9\n";
        assert_eq!(number(page, "guildhall_actors"), 7);
        assert_eq!(number(page, "guildhall_tasks"), 0);
    }
}
