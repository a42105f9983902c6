//! Printing of figures.

use benches::Times;

/// Prints a ratio that should be at most `goal`.
pub(crate) fn at_most(name: &str, ratio: f64, goal: f64) {
    println!("ratio {name} = {ratio:.3} (goal <= {goal})");
}

/// Prints a ratio without a goal.
pub(crate) fn ratio(name: &str, ratio: f64) {
    println!("ratio {name} = {ratio:.3}");
}

/// Prints the time of each contender, and its ratio to the first one's.
pub(crate) fn table(title: &str, times: &Times) {
    println!("\n{title}");
    let first = times.names().next().expect("somebody has entered");
    for name in times.names() {
        let nanos = nanos(times.median(name));
        println!(
            "  {name:<28}{nanos:>10.1} ns{:>8.2} x",
            times.ratio(name, first)
        );
    }
}

pub(crate) fn nanos(seconds: f64) -> f64 {
    seconds * 1e9
}

/// 10k, 1M.
pub(crate) fn size(entries: usize) -> String {
    if entries < 1_000_000 {
        format!("{}k", entries / 1_000)
    } else {
        format!("{}M", entries / 1_000_000)
    }
}
