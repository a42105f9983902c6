//! The search through all states of a world, the nearest first.

use std::collections::HashMap;
use std::fmt;

use super::bounds::Bounds;
use super::meeting;
use super::world::{Action, World};

/// What was explored.
#[derive(Debug)]
pub(super) struct Explored {
    name: &'static str,
    pub(super) states: usize,
    transitions: u64,
    depth: u32,
    extent: &'static str,
    /// States that came again by another way, and were compared.
    compared: u32,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} states, {} transitions, {} steps deep, {}; {} that came again compared",
            self.name, self.states, self.transitions, self.depth, self.extent, self.compared
        )
    }
}

/// One in so many states that come again is compared with the state that it is taken for: the same
/// must follow from both.
const COMPARED: u64 = 64;

/// Of the states of several instances, one in so many is compared with what each of them finds alone, on
/// every way to it.
const MET: u64 = 8;

/// How a state was reached first.
struct Reached {
    from: u32,
    action: Action,
    /// What follows from it, to compare it when it comes again.
    follows: Option<u64>,
}

struct Search<'a> {
    bounds: &'a Bounds,
    numbers: HashMap<u64, u32>,
    reached: Vec<Reached>,
    /// From each state, where it leads if nothing goes wrong.
    progress: Vec<(u32, u32)>,
    settled: Vec<bool>,
}

/// The digests of the states that follow from a state, added up.
fn follows_of(bounds: &Bounds, world: &World) -> u64 {
    let actions = world.actions(bounds).into_iter();
    let digests = actions.map(|action| world.after(bounds, action).digest(bounds));
    digests.fold(0, u64::wrapping_add)
}

/// Explores a world. `most` is the number of states after which the search gives up.
pub(super) fn explore(bounds: &Bounds, most: usize) -> Result<Explored, String> {
    let start = World::new(bounds);
    let mut search = Search {
        bounds,
        numbers: HashMap::new(),
        reached: Vec::new(),
        progress: Vec::new(),
        settled: Vec::new(),
    };
    search.enter(start.digest(bounds), &start, 0, Action::TimePasses);
    let mut frontier = vec![(0, start)];
    let mut explored = Explored {
        name: bounds.name,
        states: 1,
        transitions: 0,
        depth: 0,
        extent: match (bounds.steps, bounds.ticks) {
            (None, None) => "complete",
            (Some(_), _) => "complete up to there",
            (None, Some(_)) => "complete for its time",
        },
        compared: 0,
    };
    while !frontier.is_empty() && bounds.steps != Some(explored.depth) {
        let mut next = Vec::new();
        for (number, world) in frontier {
            let mut follows = 0u64;
            for action in world.actions(bounds) {
                let after = world.after(bounds, action);
                explored.transitions += 1;
                if let Some(violation) = after.violation() {
                    return Err(search.tell(number, action, violation));
                }
                let digest = after.digest(bounds);
                if digest.is_multiple_of(MET)
                    && let Err(rule) = meeting::check(bounds, &world, action, &after)
                {
                    return Err(search.tell(number, action, &rule));
                }
                follows = follows.wrapping_add(digest);
                let known = search.numbers.get(&digest).copied();
                if let Some(known) = known
                    && digest.is_multiple_of(COMPARED)
                    && let Some(expected) = search.reached[known as usize].follows
                {
                    explored.compared += 1;
                    if follows_of(bounds, &after) != expected {
                        let rule = format!("taken for state {known}, and goes on otherwise");
                        return Err(search.tell(number, action, &rule));
                    }
                }
                let to = known.unwrap_or_else(|| {
                    let to = search.enter(digest, &after, number, action);
                    next.push((to, after));
                    to
                });
                if action.is_progress() && to != number {
                    search.progress.push((number, to));
                }
            }
            search.reached[number as usize].follows = Some(follows);
        }
        explored.states = search.reached.len();
        if explored.states > most {
            explored.extent = "NOT complete";
            return Ok(explored);
        }
        explored.depth += u32::from(!next.is_empty());
        frontier = next;
    }
    // Of the last states that are within the bound, it is not known what leads on.
    let stuck = (!bounds.begins_live()).then(|| search.stuck()).flatten();
    if let Some(stuck) = stuck {
        let action = search.reached[stuck as usize].action;
        let from = search.reached[stuck as usize].from;
        return Err(search.tell(from, action, "nothing leads from here to a settled state"));
    }
    Ok(explored)
}

impl Search<'_> {
    fn enter(&mut self, digest: u64, world: &World, from: u32, action: Action) -> u32 {
        let number = u32::try_from(self.reached.len()).expect("fewer states");
        self.numbers.insert(digest, number);
        self.settled.push(world.is_settled());
        self.reached.push(Reached {
            from,
            action,
            follows: None,
        });
        number
    }

    /// A state from which no progress leads to a settled one.
    fn stuck(&mut self) -> Option<u32> {
        self.progress.sort_unstable_by_key(|(_, to)| *to);
        let settled = &mut self.settled;
        let mut open: Vec<u32> = (0..)
            .zip(&*settled)
            .filter_map(|(n, s)| s.then_some(n))
            .collect();
        while let Some(to) = open.pop() {
            let first = self.progress.partition_point(|(_, other)| *other < to);
            let into = self.progress[first..].iter();
            for (from, _) in into.take_while(|(_, other)| *other == to) {
                if !std::mem::replace(&mut settled[*from as usize], true) {
                    open.push(*from);
                }
            }
        }
        (0..).zip(&*settled).find_map(|(n, s)| (!s).then_some(n))
    }

    /// The way to a violation, with everything that happens.
    fn tell(&self, last: u32, action: Action, violation: &str) -> String {
        let mut way = vec![action];
        let mut at = last;
        while at != 0 {
            let reached = &self.reached[at as usize];
            way.push(reached.action);
            at = reached.from;
        }
        let mut world = World::new(self.bounds);
        world.log = Some(Vec::new());
        for action in way.iter().rev() {
            world.apply(self.bounds, *action);
        }
        format!(
            "{} states, {} steps: {violation}\n{}",
            self.reached.len(),
            way.len(),
            world.log.unwrap_or_default().join("\n")
        )
    }
}
