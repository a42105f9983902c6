//! Conversions between numbers, which are far below 2⁵² here.

use std::time::Duration;

pub(crate) fn float(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let float = number as f64;
    float
}

pub(crate) fn size(number: u64) -> usize {
    usize::try_from(number).expect("it fits into memory")
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What a share of the times do not exceed, from 0 to 1, in milliseconds; 0 if there are none.
pub(crate) fn percentile(times: &mut [Duration], share: f64) -> f64 {
    if times.is_empty() {
        return 0.0;
    }
    times.sort_unstable();
    millis(benches::percentile(times, share))
}

/// With about three digits.
pub(crate) fn text(number: f64) -> String {
    match number.abs() {
        size if size < 100.0 && number.fract() == 0.0 => format!("{number}"),
        size if size >= 100.0 => thousands(number),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
