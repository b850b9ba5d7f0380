//! What an operator reads of an outage.

use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::broker::Broker as _;
use guildhall_core::discovery::Discovery as _;
use guildhall_core::leases::Leases as _;
use guildhall_core::queue::Queue as _;
use guildhall_nats::Seams;
use servers::{NATS, Server};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::ground::{TTL, holder, node, until_it_works};
use crate::server::{at, is_there};

/// Keeps the lines of this program from INFO on.
struct Lines;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_one_line_in_the_log_and_one_at_its_end_whatever_is_tried_meanwhile() {
    if !is_there(
        "log::an_outage_is_one_line_in_the_log_and_one_at_its_end_whatever_is_tried_meanwhile",
    ) {
        return;
    }
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing::subscriber::set_global_default(Lines).unwrap());
    let mut server = Server::new(&NATS);
    let address = server.address();
    let seams = at(&address, "g", "&deadline_ms=500").await;
    for outages in 1..3 {
        fails(&seams).await;
        assert!(seams.outage.is_there());
        server.start();
        until_it_works(async || seams.leases.open(&holder(outages), None, TTL).await).await;
        let lines = lines_of(&address);
        let count = |what| lines.iter().filter(|line| line.starts_with(what)).count();
        let expected = usize::try_from(outages).unwrap();
        assert_eq!((count("WARN"), count("INFO")), (expected, expected), "{lines:#?}");
        assert_eq!(lines.len(), 2 * expected, "{lines:#?}");
        server.kill();
    }
}

/// Tries everything for three seconds.
async fn fails(seams: &Seams) {
    let env = Env::real();
    let end = env.now() + Duration::from_secs(3);
    while env.now() < end {
        let failed = [
            seams.broker.publish("room", Bytes::new()).await.is_err(),
            seams.broker.subscribe("room", 1).await.is_err(),
            seams.queue.push("mail", Bytes::new()).await.is_err(),
            seams.queue.pop("mail", Duration::ZERO).await.is_err(),
            seams.leases.record("slots/role", 1).await.is_err(),
            seams.leases.watch("").await.is_err(),
            seams.discovery.register(&node(1, 1), TTL).await.is_err(),
            seams.discovery.watch().await.is_err(),
        ];
        assert_eq!(failed, [true; 8]);
        env.sleep(Duration::from_millis(50)).await;
    }
}

fn lines_of(address: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.contains(address)).cloned().collect()
}
