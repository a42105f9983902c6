//! Plots as SVG files, which are readable on a light and on a dark background.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Lines with the same axes: the name of each, with its unit, and its points.
#[derive(Debug)]
pub(crate) struct Panel(pub(crate) Vec<(&'static str, Vec<(f64, f64)>)>);

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
/// Around the axes of a panel.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 42.0;
const INK: &str = "#7d8590";
const COLOURS: [&str; 3] = ["#3f83f8", "#e06c2b", "#2f9e5b"];

/// An axis whose marks are powers of ten, or multiples of a round number.
#[derive(Debug)]
struct Axis {
    logarithmic: bool,
    marks: Vec<f64>,
}

impl Axis {
    /// Logarithmic if the values differ by more than a factor of 50.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let max = values.clone().fold(0.0, f64::max).max(1e-9);
        let min = values.filter(|value| *value > 0.0).fold(max, f64::min);
        if max > 50.0 * min {
            let mut marks = vec![10_f64.powf(min.log10().floor())];
            while marks[marks.len() - 1] < max * 0.999 {
                marks.push(marks[marks.len() - 1] * 10.0);
            }
            return Self {
                logarithmic: true,
                marks,
            };
        }
        let power = 10_f64.powf(max.log10().floor());
        let steps = [0.2, 0.5, 1.0, 2.0].map(|part| part * power);
        let step = steps.into_iter().find(|step| max <= 6.0 * step);
        let step = step.unwrap_or(steps[3]);
        let mut marks = vec![0.0];
        while marks[marks.len() - 1] < max * 0.999 {
            marks.push(marks[marks.len() - 1] + step);
        }
        Self {
            logarithmic: false,
            marks,
        }
    }

    /// Where a value is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let (first, last) = (self.marks[0], self.marks[self.marks.len() - 1]);
        if self.logarithmic {
            let value = value.max(first);
            (value / first).log10() / (last / first).log10()
        } else {
            value / last
        }
    }
}

/// Draws panels beside each other, into `docs/scale/<name>.svg`.
pub(crate) fn draw(name: &str, x: &str, panels: &[Panel]) {
    let width = WIDTH * f64::from(u32::try_from(panels.len()).expect("few"));
    let mut svg = String::new();
    let mut line = |text: &str| svg.extend([text, "\n"]);
    line(&format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" font-family="sans-serif" font-size="11" fill="{INK}">"#
    ));
    line(&format!("<title>{name}</title>"));
    let mut left = 0.0;
    for panel in panels {
        line(&format!(r#"<g transform="translate({left} 0)">"#));
        line(&group(panel, x));
        line("</g>");
        left += WIDTH;
    }
    line("</svg>");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scale");
    fs::create_dir_all(&folder).expect("the project's folder can be written to");
    let file = folder.join(name).with_extension("svg");
    fs::write(file, svg).expect("the project's folder can be written to");
}

fn group(panel: &Panel, x: &str) -> String {
    let points = || panel.0.iter().flat_map(|(_, points)| points);
    let across = Axis::of(points().map(|(x, _)| *x));
    let up = Axis::of(points().map(|(_, y)| *y));
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let at_x = |value| LEFT + across.at(value) * (right - LEFT);
    let at_y = |value| bottom - up.at(value) * (bottom - TOP);
    let mut svg = String::new();
    let mut text = |x: f64, y: f64, anchor: &str, fill: &str, text: &str| {
        let text = text.replace('`', "").replace('&', "&amp;");
        let place = format!(r#"x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="{fill}""#);
        writeln!(svg, "<text {place}>{text}</text>").expect("a string takes all");
    };
    for ((name, _), (colour, y)) in panel.0.iter().zip(COLOURS.iter().zip([14.0, 28.0, 42.0])) {
        text(LEFT, y, "start", colour, name);
    }
    let middle = f64::midpoint(LEFT, right);
    text(middle, HEIGHT - 8.0, "middle", INK, x);
    for mark in &across.marks {
        text(at_x(*mark), bottom + 15.0, "middle", INK, &short(*mark));
    }
    for mark in &up.marks {
        text(LEFT - 6.0, at_y(*mark) + 4.0, "end", INK, &short(*mark));
    }
    let mut path = |stroke: &str, width: f64, points: &[(f64, f64)]| {
        let points: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        let line = format!(r#"fill="none" stroke="{stroke}" stroke-width="{width}""#);
        writeln!(svg, r#"<polyline {line} points="{points}"/>"#).expect("a string takes all");
    };
    for mark in &up.marks {
        path(INK, 0.3, &[(LEFT, at_y(*mark)), (right, at_y(*mark))]);
    }
    path(INK, 1.0, &[(LEFT, TOP), (LEFT, bottom), (right, bottom)]);
    for ((_, points), colour) in panel.0.iter().zip(COLOURS) {
        let points: Vec<_> = points.iter().map(|(x, y)| (at_x(*x), at_y(*y))).collect();
        path(colour, 1.8, &points);
        for (x, y) in points {
            path(colour, 5.0, &[(x - 2.5, y), (x + 2.5, y)]);
        }
    }
    svg
}

/// 0.1, 20, 10k, 5M.
fn short(mark: f64) -> String {
    let (number, unit) = match mark {
        mark if mark >= 999_999.0 => (mark / 1e6, "M"),
        mark if mark >= 9_999.0 => (mark / 1e3, "k"),
        mark => (mark, ""),
    };
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}
