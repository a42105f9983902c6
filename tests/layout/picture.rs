//! The layers as text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::arrows::Arrow;
use crate::rooms::{self, Room};

/// A line for each layer, from the top down: its name, its purpose, and the layers that it imports.
pub(crate) fn draw(rooms: &[Room], arrows: &[Arrow]) -> String {
    let width = rooms.iter().map(|room| name(room).len()).max();
    let width = width.unwrap_or_default();
    let mut picture = String::new();
    for (level, room) in rooms.iter().enumerate() {
        let below: BTreeSet<_> = arrows
            .iter()
            .filter(|arrow| rooms::level(rooms, &arrow.from) == Some(level))
            .filter_map(|arrow| rooms::level(rooms, &arrow.to))
            .filter(|to| *to != level)
            .collect();
        let below: Vec<_> = below.into_iter().map(|to| name(&rooms[to])).collect();
        let _ = writeln!(picture, "{:width$}  {}", name(room), room.1);
        if !below.is_empty() {
            let _ = writeln!(picture, "{:width$}    -> {}", "", below.join(", "));
        }
    }
    picture
}

fn name(room: &Room) -> &'static str {
    room.0.trim_end_matches(".rs").trim_end_matches('/')
}

/// Replaces the picture between the marks of this name.
pub(crate) fn replace(text: &str, name: &str, picture: &str) -> String {
    let (start, end) = (format!("<!-- rooms: {name} -->\n"), "<!-- end of rooms -->");
    let from = text.find(&start).expect("the mark of the picture") + start.len();
    let to = from + text[from..].find(end).expect("the mark of its end");
    format!("{}```text\n{picture}```\n{}", &text[..from], &text[to..])
}
