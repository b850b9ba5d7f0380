//! What an app warns of, as its log says it.

use std::io::{Result, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use guildhall::{App, Config, RunningApp};
use parking_lot::Mutex;

/// Lines of warnings and errors on this thread.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<u8>>>);

impl Write for Warnings {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Warnings {
    pub(crate) fn hear(&self) -> tracing::subscriber::DefaultGuard {
        let lines = self.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::WARN);
        tracing::subscriber::set_default(log.with_writer(move || lines.clone()).finish())
    }

    pub(crate) fn of(&self, what: &str) -> Vec<String> {
        let all = String::from_utf8(self.0.lock().clone()).unwrap();
        all.lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
    }
}

async fn found_by(discovery: &str) -> RunningApp {
    let config =
        Config::builder().set("app.id", "dev.w1.queue.1").set("link.listen", "127.0.0.1:0");
    let config = config.set("app.discovery", discovery).set("app.queue", "memory:");
    App::with(config.set("link.secret", "secret").build().unwrap()).start().await.unwrap()
}

#[tokio::test]
async fn a_backend_in_memory_beside_a_discovery_of_many_processes_is_a_warning_when_it_is_first_used()
 {
    let warnings = Warnings::default();
    let _heard = warnings.hear();
    let app = found_by("static:127.0.0.1:1").await;
    assert_eq!(warnings.of("app.queue"), Vec::<String>::new(), "who does not use it hears nothing");
    for _ in 0..2 {
        app.cx().queue().await.unwrap();
    }
    let said = warnings.of("app.queue");
    assert_eq!(said.len(), 1, "once: {said:?}");
    for part in [
        "WARN",
        "\"memory:\"",
        "this process alone",
        "static:127.0.0.1:1",
        "set app.cluster or app.queue",
    ] {
        assert!(said[0].contains(part), "{part}: {said:?}");
    }
    let alone = found_by("memory:").await;
    alone.cx().queue().await.unwrap();
    assert_eq!(warnings.of("app.queue").len(), 1, "an app that is alone has its queue in memory");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_waits_for_other_apps_at_the_start_is_no_warning_for_ten_seconds() {
    let warnings = Warnings::default();
    let _heard = warnings.hear();
    let (well, others) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let check = |is: &Arc<AtomicBool>| {
        let is = Arc::clone(is);
        move |_: &_| if is.load(Ordering::Relaxed) { Ok(()) } else { Err("nobody".to_owned()) }
    };
    let app = App::with(Config::builder().build().unwrap());
    let app = app.health("soon", check(&well)).health("never", check(&others));
    let app = app.start().await.unwrap();
    let look = async |seconds| {
        for _ in 0..seconds {
            let _not_ready = app.cx().problems();
            app.cx().env().sleep(Duration::from_secs(1)).await;
        }
        warnings.of("component unhealthy").len()
    };
    assert_eq!(app.cx().problems(), ["never: nobody", "soon: nobody"], "it is not ready");
    assert_eq!(look(5).await, 0, "it starts");
    well.store(true, Ordering::Relaxed);
    assert_eq!(look(6).await, 1, "for too long");
    assert_eq!(warnings.of("never").len(), 1);
    well.store(false, Ordering::Relaxed);
    assert_eq!(look(1).await, 2, "what was well is missed at once");
    assert_eq!(look(20).await, 2, "and not said again");
}
