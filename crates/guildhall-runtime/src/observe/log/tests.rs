//! Lines of the log, as they are written.

use std::sync::Arc;

use guildhall_core::Env;
use guildhall_core::metrics::Counter;
use guildhall_wire::{Head, Session, Trace};
use serde_json::Value;

use super::line::Lines;
use super::rolling::Rolling;
use super::sink::Sink;
use super::{LogConfig, LogControl, logging};
use crate::observe::trace::context::{Context, Named, within};

/// Logs what `events` does, and returns the lines.
fn logged(level: &str, is_json: bool, events: impl FnOnce(&LogControl)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logs/app.log");
    let config = LogConfig { file: file.to_str().unwrap().into(), ..LogConfig::default() };
    let file = Rolling::open(&config, Env::real()).unwrap();
    let (dropped, path) = (Counter::default(), config.file);
    let sink = Arc::new(Sink::start(Some(file), 100, dropped.clone()).unwrap());
    let lines = Lines { is_json, sink: Arc::clone(&sink) };
    let (subscriber, filter) = logging(super::config::targets(level).unwrap(), lines);
    let control = LogControl { filter, dropped, sink };
    tracing::subscriber::with_default(subscriber, || events(&control));
    control.flush();
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

struct Actor;

impl Named for Actor {
    fn id(&self) -> &str {
        "role/1001"
    }
}

/// Inside a turn of an actor for a player, which is traced.
fn turn() -> Context {
    let trace = Trace { trace_id: vec![7; 16].into(), span_id: vec![1; 8].into(), flags: 1 };
    let session = Session { player: "ann".into(), ..Session::default() };
    let head = Head { trace: Some(trace), session: Some(session), ..Head::default() };
    Context::new(Some(Arc::new(head)), Some(Arc::new(Actor)))
}

#[test]
fn a_line_of_a_turn_says_whose_it_is_and_in_which_trace() {
    let events = |_: &LogControl| {
        within(&mut Some(turn()), || tracing::info!(gold = 5, item = "a sword", "bought"));
        tracing::info!("outside");
    };
    let trace = "07".repeat(16);
    let lines = logged("info", false, events);
    let (_time, line) = lines[0].split_once(' ').unwrap();
    let target = "guildhall_runtime::observe::log::tests";
    let wanted = format!(
        " INFO {target}: bought callee=role/1001 gold=5 item=\"a sword\" player=ann trace={trace}"
    );
    assert_eq!(line, wanted);
    assert!(lines[1].ends_with(": outside"), "{}", lines[1]);

    let lines = logged("info", true, events);
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["message"], "bought");
    assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &target.into()));
    let fields = serde_json::json!({
        "gold": 5, "item": "a sword", "callee": "role/1001", "player": "ann", "trace": trace,
    });
    assert_eq!(line["fields"], fields);
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
}

#[test]
fn nobody_writes_lines_of_their_own_by_what_they_say() {
    let name = "x\n2026-01-01T00:00:00Z ERROR all is lost";
    let lines = logged("info", false, |_| tracing::info!(name, "hello {name}"));
    assert_eq!(lines.len(), 1, "{lines:#?}");
}

#[test]
fn the_level_has_parts_and_changes_while_it_runs() {
    let level = |message: &str| {
        tracing::debug!(target: "gate", "debug of the gate {message}");
        tracing::debug!(target: "game", "debug of the game {message}");
    };
    let lines = logged("info,gate=debug", false, |control| {
        level("before");
        control.set_level("error,game=debug").unwrap();
        level("after");
        for wrong in ["inof", "info,game=", "info,game=loud", ""] {
            let why = control.set_level(wrong).unwrap_err();
            assert!(why.contains("log.level") && why.contains("info,"), "{why}");
        }
        level("after all");
    });
    let said: Vec<&str> =
        lines.iter().map(|line| line.split_once("debug of ").unwrap().1).collect();
    assert_eq!(said, ["the gate before", "the game after", "the game after all"]);
}

#[test]
fn lines_that_have_no_room_are_dropped_and_counted() {
    let dropped = Counter::default();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.log").to_str().unwrap().to_owned();
    let config = LogConfig { file: file.clone(), ..LogConfig::default() };
    let rolling = Rolling::open(&config, Env::real()).unwrap();
    let sink = Sink::start(Some(rolling), 1, dropped.clone()).unwrap();
    let sent = 20_000;
    (0..sent).for_each(|_| sink.put("line\n".into()));
    sink.flush();
    let written = std::fs::read_to_string(file).unwrap().lines().count() as u64;
    assert!(dropped.get() > 0, "nobody had to wait, and something was dropped");
    assert_eq!(written + dropped.get(), sent);
}
