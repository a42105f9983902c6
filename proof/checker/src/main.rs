//! Checks the specification in every case of `cases.txt`: all invariants hold, and with a remedy
//! switched off, the named one fails. Prints a table.
//!
//! `checker [NAME=VALUE …]` replaces constants, such as `Lease=2`, and then checks only the cases
//! without sabotage.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;
use std::{env, fs, thread};

use tla_checker::checker::{CheckResult, check};
use tla_checker::load::prepare_from_path;

type Outcome = Result<String, Box<dyn Error + Send + Sync>>;

struct Case {
    /// The line in `cases.txt`.
    number: usize,
    world: String,
    /// `NAME=VALUE`, in place of what the world's file says.
    constants: Vec<String>,
    /// The remedy that is switched off, and the invariant that has to fail.
    sabotage: Option<(String, String)>,
}

impl Case {
    fn read((number, line): (usize, &str)) -> Option<Self> {
        let (case, invariant) = match line.split_once(" -> ") {
            Some((case, invariant)) => (case, Some(invariant.to_owned())),
            None => (line, None),
        };
        let mut words = case.split(' ');
        let world = words.next()?.to_owned();
        let (constants, remedy): (Vec<&str>, Vec<&str>) =
            words.partition(|word| word.contains('='));
        let sabotage = match invariant {
            Some(invariant) => Some((remedy.join(" "), invariant)),
            None if remedy.is_empty() => None,
            None => return None,
        };
        Some(Self {
            number,
            world,
            constants: constants.into_iter().map(str::to_owned).collect(),
            sabotage,
        })
    }

    fn config(
        &self,
        folder: &Path,
        constants: &[String],
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let config = fs::read_to_string(folder.join(format!("{}.cfg", self.world)))?;
        let mut lines: Vec<String> = config.lines().map(str::to_owned).collect();
        let off = self.sabotage.iter();
        let off = off.map(|(remedy, _)| format!("Off={{\"{remedy}\"}}"));
        let constants = self.constants.iter().chain(constants).cloned();
        for constant in off.chain(constants) {
            let (name, value) = constant.split_once('=').ok_or("NAME=VALUE is expected")?;
            let begin = format!("  {name} = ");
            let line = lines.iter_mut().find(|line| line.starts_with(&begin));
            *line.ok_or_else(|| format!("there is no constant {name}"))? = begin + value;
        }
        Ok(lines.join("\n"))
    }

    /// A row of the table.
    fn check(&self, folder: &Path, constants: &[String]) -> Outcome {
        let name = self.sabotage.as_ref().map_or("", |(remedy, _)| remedy);
        let file = format!("coherence-{}-{}.cfg", std::process::id(), self.number);
        let config = env::temp_dir().join(file);
        fs::write(&config, self.config(folder, constants)?)?;
        let prepared = prepare_from_path(&folder.join("Coherence.tla"), Some(&config), &[]);
        fs::remove_file(&config)?;
        let mut prepared = prepared.map_err(|error| error.to_string())?;
        prepared.checker_config.max_states = usize::MAX;
        prepared.checker_config.max_depth = usize::MAX;
        let begun = Instant::now();
        let result = check(&prepared.spec, &prepared.domains, &prepared.checker_config);
        let (found, stats) = match result {
            CheckResult::Ok(stats) => (None, stats),
            CheckResult::InvariantViolation(found, stats) => {
                let name = prepared.spec.invariant_names[found.violated_invariant].as_deref();
                (
                    Some((name.unwrap_or("?").to_owned(), found.trace.len())),
                    stats,
                )
            }
            _ => return Err("the checker has failed".into()),
        };
        let expected = self.sabotage.as_ref().map(|(_, invariant)| invariant);
        let is_expected = found.as_ref().map(|(invariant, _)| invariant) == expected;
        let (invariant, steps) = found
            .map_or(("all hold".into(), String::new()), |(name, steps)| {
                (format!("`{name}` fails"), (steps - 1).to_string())
            });
        let (states, seconds) = (stats.states_explored, begun.elapsed().as_secs_f64());
        let row = format!(
            "| {} {} | {name} | {invariant} | {states} | {steps} | {seconds:.1} |",
            self.world,
            self.constants.join(" ")
        );
        if is_expected {
            Ok(row)
        } else {
            Err(format!("{row} UNEXPECTED").into())
        }
    }
}

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let constants: Vec<String> = env::args().skip(1).collect();
    let cases = fs::read_to_string(folder.join("cases.txt")).unwrap_or_default();
    let lines = cases
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let Some(mut cases) = lines.map(Case::read).collect::<Option<Vec<_>>>() else {
        eprintln!("a line of cases.txt cannot be read");
        return ExitCode::FAILURE;
    };
    if !constants.is_empty() {
        cases.retain(|case| case.sabotage.is_none());
    }
    let count = cases.len();
    let cases = Mutex::new(cases.into_iter());
    let passed = Mutex::new(0);
    println!(
        "| world | switched off | invariants | states | steps | seconds |\n|---|---|---|---|---|---|"
    );
    let workers = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let next = || cases.lock().unwrap().next();
                while let Some(case) = next() {
                    match case.check(&folder, &constants) {
                        Ok(row) => {
                            println!("{row}");
                            *passed.lock().unwrap() += 1;
                        }
                        Err(error) => println!("{error}"),
                    }
                }
            });
        }
    });
    let passed = *passed.lock().unwrap();
    println!("\n{passed} of {count} cases are as expected");
    if count > 0 && passed == count {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
