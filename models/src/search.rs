//! Looks at all states of a scenario: stateright for what must always hold, and a search of our own for what must stay in reach.
//!
//! `eventually` of stateright overlooks runs that go round in circles. So this asks: can the good end be reached from every state
//! without a further fault?

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

/// Not of stateright: whether the good end can be reached from every state without a further fault.
pub const STUCK: &str = "the good end stays in reach";
/// What is to be reached is named so.
pub const REACHED: &str = "reached: ";

/// A scenario of a model.
pub trait Checked:
    Model<
        State: Clone + Eq + Hash + std::fmt::Debug + Send + Sync,
        Action: Clone + PartialEq + std::fmt::Debug + Send + Sync,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The name of the property that the good end is reached.
    const GOOD: &'static str;

    /// Properties of which a counterexample is to be found; none: all hold.
    fn finds(&self) -> &'static [&'static str];
    /// What must happen somewhere, lest the scenario shows nothing.
    fn reaches(&self) -> &'static [&'static str];
    /// Whether the good end is looked for from every state.
    fn is_live(&self) -> bool;
    /// Whether a step makes things worse: the good end must be in reach without it.
    fn is_fault(step: &Self::Action) -> bool;
    fn is_good(&self, state: &Self::State) -> bool;
}

/// More states than any scenario has.
const STATES_MAX: usize = 1_500_000;

/// What a search has found.
pub struct Found<Step> {
    pub states: usize,
    pub seconds: f64,
    /// Whether all states were looked at.
    pub complete: bool,
    /// The steps to each discovery, by property.
    pub traces: BTreeMap<&'static str, Vec<Step>>,
}

impl<Step> Found<Step> {
    /// A clock is searched within a moment, and has no traces to show.
    pub fn of_clock(states: usize, complete: bool) -> Self {
        Self { states, seconds: 0.0, complete, traces: BTreeMap::new() }
    }

    /// What is not as the scenario says.
    pub fn surprises<M: Checked<Action = Step>>(&self, scenario: &M) -> Vec<String> {
        let has = |name: &str| self.traces.contains_key(name);
        let missing = |names: &[&'static str]| -> Vec<String> {
            names
                .iter()
                .filter(|name| !has(name))
                .map(|name| format!("not found: {name}"))
                .collect()
        };
        if !scenario.finds().is_empty() {
            return missing(scenario.finds());
        }
        let broken = self.traces.keys().filter(|name| !name.starts_with(REACHED));
        let mut wrong: Vec<String> = broken.map(|name| format!("does not hold: {name}")).collect();
        wrong.extend(missing(scenario.reaches()));
        wrong.extend(missing(&[M::GOOD]));
        if !self.complete {
            wrong.push(format!("more than {STATES_MAX} states"));
        }
        wrong
    }
}

/// Runs a scenario on this many threads.
pub fn run<M: Checked>(scenario: &M, threads: usize) -> Found<M::Action> {
    let start = now();
    let always: Vec<&'static str> =
        scenario.finds().iter().copied().filter(|name| *name != STUCK).collect();
    let mut found = Found { states: 0, seconds: 0.0, complete: true, traces: BTreeMap::new() };
    if scenario.finds().is_empty() || !always.is_empty() {
        let until = if always.is_empty() {
            HasDiscoveries::AnyFailures
        } else {
            HasDiscoveries::AllOf(always.into_iter().collect())
        };
        let checker = scenario.clone().checker().threads(threads).finish_when(until);
        let checker = checker.target_state_count(STATES_MAX).spawn_bfs().join();
        found.states = checker.unique_state_count();
        found.complete = checker.is_done() && found.states < STATES_MAX;
        let traces = checker.discoveries().into_iter();
        found.traces.extend(traces.map(|(name, path)| (name, path.into_actions())));
    }
    if scenario.is_live() && scenario.finds().is_empty() || scenario.finds().contains(&STUCK) {
        let graph = Graph::of(scenario);
        found.states = found.states.max(graph.good.len());
        found.complete &= graph.complete;
        if let Some(trace) = graph.stuck(scenario) {
            found.traces.insert(STUCK, trace);
        }
    }
    found.seconds = start.elapsed().as_secs_f64();
    found
}

#[allow(clippy::disallowed_methods, reason = "how long a search took; nothing here is simulated")]
fn now() -> Instant {
    Instant::now()
}

/// All states, and the steps between them that are no faults, backwards.
struct Graph {
    /// Of each state the one that it was found from, and by which of its steps.
    parents: Vec<(u32, u16)>,
    good: Vec<bool>,
    /// (to, from), sorted.
    edges: Vec<(u32, u32)>,
    complete: bool,
}

impl Graph {
    fn of<M: Checked>(scenario: &M) -> Self {
        let mut graph =
            Self { parents: Vec::new(), good: Vec::new(), edges: Vec::new(), complete: true };
        let mut known: HashMap<u64, u32, Hashed> = HashMap::default();
        let mut open: VecDeque<(u32, M::State)> = VecDeque::new();
        for w in scenario.init_states() {
            known.insert(fingerprint(&w), 0);
            graph.parents.push((0, 0));
            graph.good.push(scenario.is_good(&w));
            open.push_back((0, w));
        }
        let mut steps = Vec::new();
        while let Some((from, w)) = open.pop_front() {
            if graph.parents.len() > STATES_MAX {
                graph.complete = false;
                break;
            }
            steps.clear();
            scenario.actions(&w, &mut steps);
            for (at, step) in steps.drain(..).enumerate() {
                let fault = M::is_fault(&step);
                let Some(next) = scenario.next_state(&w, step) else { continue };
                let new = index(graph.parents.len());
                let to = *known.entry(fingerprint(&next)).or_insert(new);
                if to == new {
                    graph.parents.push((from, u16::try_from(at).unwrap_or(u16::MAX)));
                    graph.good.push(scenario.is_good(&next));
                    open.push_back((to, next));
                }
                if !fault {
                    graph.edges.push((to, from));
                }
            }
        }
        graph.edges.sort_unstable();
        graph
    }

    /// The steps to a state from which the good end is out of reach.
    fn stuck<M: Checked>(&self, scenario: &M) -> Option<Vec<M::Action>> {
        let mut reaches = self.good.clone();
        let good = self.good.iter().enumerate().filter(|(_, good)| **good);
        let mut open: Vec<u32> = good.map(|(at, _)| index(at)).collect();
        while let Some(to) = open.pop() {
            let first = self.edges.partition_point(|edge| edge.0 < to);
            for (_, from) in self.edges[first..].iter().take_while(|edge| edge.0 == to) {
                if !reaches[*from as usize] {
                    reaches[*from as usize] = true;
                    open.push(*from);
                }
            }
        }
        // What was not looked at says nothing.
        let stuck = reaches.iter().position(|reaches| !reaches).filter(|_| self.complete)?;
        Some(self.trace(scenario, stuck))
    }

    fn trace<M: Checked>(&self, scenario: &M, mut at: usize) -> Vec<M::Action> {
        let mut taken = Vec::new();
        while at != 0 {
            taken.push(self.parents[at].1);
            at = self.parents[at].0 as usize;
        }
        let mut w = scenario.init_states().remove(0);
        let mut trace = Vec::new();
        for nth in taken.into_iter().rev() {
            let mut steps = Vec::new();
            scenario.actions(&w, &mut steps);
            let step = steps.swap_remove(nth.into());
            if let Some(next) = scenario.next_state(&w, step.clone()) {
                w = next;
            }
            trace.push(step);
        }
        trace
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn fingerprint(w: &impl Hash) -> u64 {
    let mut hasher = Folded(0);
    w.hash(&mut hasher);
    hasher.finish()
}

/// Hashes the many small numbers of a world in a fifth of the time of the standard library's hasher.
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
        let [low, high] = [product & u128::from(u64::MAX), product >> 64];
        self.0 = u64::try_from(low ^ high).unwrap_or_default();
    }
}

/// Keys are hashes already.
#[derive(Clone, Copy, Default)]
struct Hashed(u64);

impl BuildHasher for Hashed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
