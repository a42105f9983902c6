//! The layers as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::arrows::Arrow;
use crate::layers::{self, Layer};

/// A line for each layer, from the top down: its name, its purpose, and the layers that it imports.
pub(crate) fn draw(layers: &[Layer], arrows: &[Arrow]) -> String {
    let width = layers.iter().map(|layer| name(layer).len()).max();
    let width = width.unwrap_or_default();
    let mut picture = String::new();
    for (level, layer) in layers.iter().enumerate() {
        let below: BTreeSet<_> = arrows
            .iter()
            .filter(|arrow| layers::level(layers, &arrow.from) == Some(level))
            .filter_map(|arrow| layers::level(layers, &arrow.to))
            .filter(|to| *to != level)
            .collect();
        let below: Vec<_> = below.into_iter().map(|to| name(&layers[to])).collect();
        let _ = writeln!(picture, "{:width$}  {}", name(layer), layer.1);
        if !below.is_empty() {
            let _ = writeln!(picture, "{:width$}    -> {}", "", below.join(", "));
        }
    }
    picture
}

fn name(layer: &Layer) -> &'static str {
    layer.0.trim_end_matches(".rs").trim_end_matches('/')
}

/// Replaces the picture between the marks of this name.
pub(crate) fn replace(text: &str, name: &str, picture: &str) -> String {
    let (start, end) = (
        format!("<!-- layers: {name} -->\n"),
        "<!-- end of layers -->",
    );
    let from = text.find(&start).expect("the mark of the picture") + start.len();
    let to = from + text[from..].find(end).expect("the mark of its end");
    format!("{}```text\n{picture}```\n{}", &text[..from], &text[to..])
}
