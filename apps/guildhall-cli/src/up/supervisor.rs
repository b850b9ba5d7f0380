//! The supervisor: one task per instance, orders from people, and an end in the reverse of the order of the start.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use futures_util::future::join_all;
use guildhall_core::Env;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use crate::out::complain;
use crate::signals::EndSignals;
use crate::up::board::{Board, Name, State, View};
use crate::up::control::{Answer, Ask, Control, Row};
use crate::up::file::{COUNT_MAX, ClusterFile, NO_RESTART};
use crate::up::life::{Life, Order};
use crate::up::lines::Prefix;
use crate::up::rolling::{Rolling, Step};
use crate::up::watchdog::Watchdog;

/// Orders that wait for one instance.
const ORDERS_MAX: usize = 8;

/// A cluster that is up.
pub(crate) struct Supervisor {
    env: Env,
    file: ClusterFile,
    board: Board,
    watchdog: Arc<Watchdog>,
    instances: BTreeMap<Name, Instance>,
    /// The last one.
    rolling: Option<Rolling>,
    /// Of the longest name, as far as is known at the start.
    width: usize,
}

struct Instance {
    orders: Sender<Order>,
    task: JoinHandle<Option<()>>,
    /// It was told to end.
    ending: bool,
    /// Of an instance that starts when the one before it has ended: how to tell that one.
    before: Option<Sender<Order>>,
}

impl Supervisor {
    pub(crate) fn new(env: &Env, file: ClusterFile) -> Result<Self> {
        let name = |(app, spec): (&String, &super::file::AppSpec)| {
            Name { app: app.clone(), inst: spec.count }.to_string().len()
        };
        Ok(Self {
            env: env.clone(),
            board: Board::new(),
            watchdog: Arc::new(Watchdog::start(file.limits.drain_ms)?),
            instances: BTreeMap::new(),
            rolling: None,
            width: file.apps.iter().map(name).max().unwrap_or(0),
            file,
        })
    }

    /// Runs until a signal, or until all have ended that are not to start again.
    pub(crate) async fn run(mut self, control: Control) -> Result<ExitCode> {
        let apps: Vec<(String, u32)> =
            self.file.apps.iter().map(|(name, spec)| (name.clone(), spec.count)).collect();
        // Who waits for others must find them on the board.
        for (app, inst) in apps.iter().flat_map(|(app, n)| (1..=*n).map(move |inst| (app, inst))) {
            let view = View::new(State::Waiting, self.env.now());
            self.board.put(&Name { app: app.clone(), inst }, view);
        }
        for (app, count) in &apps {
            self.scale(app, *count)?;
        }
        let mut signals = EndSignals::listen()?;
        let all_clear = all_clear(self.env.clone(), self.board.clone());
        let all_clear = self.env.spawn("all-clear", all_clear);
        loop {
            tokio::select! {
                biased;
                () = signals.next() => break,
                () = self.all_over() => return Ok(self.how_it_ended()),
                (ask, reply) = control.next() => {
                    let answer = self.answer(ask);
                    reply.send(&answer.unwrap_or_else(|e| Answer::Wrong(format!("{e:#}")))).await;
                }
            }
        }
        drop(control);
        all_clear.abort();
        self.end(signals).await
    }

    /// When nothing runs any more that was not ended by a signal.
    fn how_it_ended(&self) -> ExitCode {
        let failed = |(_, view): &(Name, View)| view.state == State::Failed;
        if self.board.all().iter().any(failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Waits until nothing can happen any more by itself.
    async fn all_over(&mut self) {
        for instance in self.instances.values_mut().filter(|i| !i.task.is_finished()) {
            // A panic is told by the environment.
            let _ended = (&mut instance.task).await;
        }
    }

    fn answer(&mut self, ask: Ask) -> Result<Answer> {
        match ask {
            Ask::Status => {
                let rows = self.board.all().into_iter().map(|(name, view)| self.row(&name, view));
                Ok(Answer::Status(rows.collect()))
            }
            Ask::Kill { instance, hard } => {
                let found = self.instances.iter().find(|(name, _)| name.to_string() == instance);
                let Some((_, found)) = found else {
                    let names: Vec<String> =
                        self.instances.keys().map(ToString::to_string).collect();
                    let hint =
                        guildhall_core::config::hint(&instance, names.iter().map(String::as_str));
                    return Ok(Answer::Wrong(format!("there is no instance {instance}; {hint}")));
                };
                Ok(match found.orders.try_send(Order { end: false, hard }) {
                    Ok(()) if hard => Answer::Done(format!("{instance} is killed")),
                    Ok(()) => Answer::Done(format!("{instance} drains")),
                    Err(_) => Answer::Wrong(format!("{instance} does not run")),
                })
            }
            Ask::Scale { app, count } => self.scale(&app, count),
            Ask::Restart { only } => self.restart(only.as_deref()),
            Ask::Restarted { seen } => Ok(match &self.rolling {
                Some(rolling) => Answer::Restarted(rolling.progress(seen)),
                None => Answer::Wrong("there was no restart".to_owned()),
            }),
        }
    }

    /// Begins to restart all that take part, or those that `only` names, in the order of the start.
    fn restart(&mut self, only: Option<&str>) -> Result<Answer> {
        if self.rolling.as_ref().is_some_and(Rolling::goes_on) {
            return Ok(Answer::Wrong("a restart goes on; wait until it is over".to_owned()));
        }
        let is_named =
            |name: &Name| only.is_none_or(|only| name.app == only || name.to_string() == only);
        let (mut steps, mut left_out) = (Vec::new(), Vec::new());
        for app in self.file.order()? {
            let stays = self.file.stays(app);
            if let Some(why) = stays.filter(|why| only.is_none() || *why == NO_RESTART) {
                left_out.push(format!("leaves out {app}: {why}"));
                continue;
            }
            let instances = self.instances.iter().filter(|(it, _)| it.app == app && is_named(it));
            for (name, instance) in instances {
                let state = self.board.get(name).map(|view| view.state);
                if state != Some(State::Ready) {
                    let state = state.map_or("gone", State::name);
                    let why = format!(
                        "{name} is {state}: a restart begins when all are ready that it restarts; see `guildhall status`"
                    );
                    return Ok(Answer::Wrong(why));
                }
                let (orders, name) = (instance.orders.clone(), name.clone());
                let readyz = self.file.readyz(app, name.inst)?;
                steps.push(Step { name, orders, readyz });
            }
        }
        if steps.is_empty() {
            let names: Vec<String> = self.instances.keys().map(ToString::to_string).collect();
            let hint = |only| guildhall_core::config::hint(only, names.iter().map(String::as_str));
            let why = match only {
                Some(only) => format!("there is no instance {only}; {}", hint(only)),
                None => "there is nothing to restart".to_owned(),
            };
            return Ok(Answer::Wrong(why));
        }
        let (env, board, limits) = (&self.env, &self.board, &self.file.limits);
        self.rolling = Some(Rolling::begin(env, board, limits, left_out, steps));
        Ok(Answer::Done("restarts".to_owned()))
    }

    fn row(&self, name: &Name, view: View) -> Row {
        let time = self.env.now().saturating_duration_since(view.since);
        Row {
            instance: name.to_string(),
            state: view.state.name().to_owned(),
            pid: view.pid,
            for_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            restarts: view.restarts,
            note: view.note,
        }
    }

    /// Starts instances up to `count`, and ends those above it.
    fn scale(&mut self, app: &str, count: u32) -> Result<Answer> {
        let Some(spec) = self.file.apps.get(app).cloned() else {
            let hint = guildhall_core::config::hint(app, self.file.apps.keys().map(String::as_str));
            return Ok(Answer::Wrong(format!("there is no app {app}; {hint}")));
        };
        if count > COUNT_MAX {
            return Ok(Answer::Wrong(format!("{app}={count}: at most {COUNT_MAX} of one app")));
        }
        // Those that were scaled away, and have ended since.
        self.instances.retain(|name, instance| {
            !instance.task.is_finished() || self.board.get(name).is_some()
        });
        let nth = self.file.apps.keys().position(|name| name == app).unwrap_or(0);
        for inst in 1..=count {
            let name = Name { app: app.to_owned(), inst };
            let before = self.instances.remove(&name).filter(|it| !it.task.is_finished());
            if before.as_ref().is_some_and(|it| !it.ending) {
                self.instances.extend(before.map(|runs| (name, runs)));
                continue;
            }
            let (orders, received) = channel(ORDERS_MAX);
            let life = Life {
                env: self.env.clone(),
                start: self.file.start(app, inst)?,
                ready: spec.ready.clone(),
                restart: spec.restart,
                after: spec.after.clone(),
                limits: self.file.limits.clone(),
                board: self.board.clone(),
                prefix: Prefix::of(&name, nth, self.width),
                orders: received,
                watchdog: Arc::clone(&self.watchdog),
                name: name.clone(),
            };
            // One that was told to end still has its ports and files: the next one starts after it.
            let (task_before, before) = before.map(|it| (it.task, it.orders)).unzip();
            let task = self.env.spawn("instance", async move {
                if let Some(task) = task_before {
                    // A panic is told by the environment.
                    let _ended = task.await;
                }
                life.live().await;
            });
            self.instances.insert(name, Instance { orders, task, ending: false, before });
        }
        let above =
            self.instances.iter_mut().filter(|(name, _)| name.app == app && name.inst > count);
        for (name, instance) in above {
            instance.ending = true;
            if instance.orders.try_send(Order { end: true, hard: false }).is_err() {
                self.board.remove(name);
            }
        }
        Ok(Answer::Done(format!("{app} is scaled to {count}")))
    }

    /// Ends all apps, those last that others wait for. A second signal kills what is left.
    async fn end(mut self, mut signals: EndSignals) -> Result<ExitCode> {
        self.rolling = None;
        complain("guildhall: all apps drain; Ctrl-C again kills them");
        let order: Vec<String> = self.file.order()?.into_iter().rev().map(str::to_owned).collect();
        let mut killed = false;
        for app in order {
            let order = |hard| Order { end: true, hard };
            let mut tasks = Vec::new();
            let mut orders = Vec::new();
            for (_, instance) in self.instances.extract_if(.., |name, _| name.app == app) {
                if !instance.task.is_finished() {
                    // One that ends by itself now takes no order.
                    let _ended = instance.orders.try_send(order(killed));
                    orders.push(instance.orders);
                    orders.extend(instance.before);
                    tasks.push(instance.task);
                }
            }
            let mut all = std::pin::pin!(join_all(tasks));
            tokio::select! {
                biased;
                _ended = &mut all => continue,
                () = signals.next(), if !killed => killed = true,
            }
            for instance in &orders {
                let _ended = instance.try_send(order(true));
            }
            all.await;
        }
        Ok(if killed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Says when all instances have become ready, and again when they have after some were not.
async fn all_clear(env: Env, board: Board) {
    let mut begun = env.now();
    loop {
        let is_there = |view: &View| matches!(view.state, State::Ready | State::Ended);
        let all = |board: &BTreeMap<Name, View>| board.values().all(is_there);
        let ready =
            board.find(|board| (!board.is_empty() && all(board)).then_some(board.len())).await;
        let s = env.now().saturating_duration_since(begun).as_secs_f32();
        complain(&format!("guildhall: all is ready after {s:.1} s, instances: {ready}"));
        board.find(|board| (!all(board)).then_some(())).await;
        begun = env.now();
    }
}
