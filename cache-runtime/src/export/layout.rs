//! Lays code out as prettier does: on one line if that fits into 80 columns.

/// How long a line may be.
pub(super) const WIDTH: usize = 80;

/// A piece of code.
#[derive(Debug, Clone)]
pub(super) enum Code {
    Text(String),
    /// One after the other.
    Row(Vec<Code>),
    /// Brackets around items.
    Block {
        open: &'static str,
        items: Vec<Code>,
        /// What separates the items.
        separator: &'static str,
        /// Whether the separator follows the last item too, if each has a line.
        trailing: bool,
        close: &'static str,
        /// Whether there are spaces within the brackets.
        spaced: bool,
        /// Whether each item has a line in any case.
        open_up: bool,
    },
    /// `A | B`, or on a line each.
    Union(Vec<Code>),
    /// A comment above a piece of code, which keeps what contains it from fitting on a line.
    Commented(String, Box<Code>),
}

impl Code {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// `{ … }` with commas.
    pub(super) fn object(items: Vec<Self>, trailing: bool) -> Self {
        Self::Block {
            open: "{",
            items,
            separator: ",",
            trailing,
            close: "}",
            spaced: true,
            open_up: false,
        }
    }

    /// `{ …; … }`, a type of TypeScript.
    pub(super) fn members(items: Vec<Self>) -> Self {
        Self::Block {
            open: "{",
            items,
            separator: ";",
            trailing: true,
            close: "}",
            spaced: true,
            open_up: false,
        }
    }

    /// `[…]`
    pub(super) fn array(items: Vec<Self>, trailing: bool) -> Self {
        let is_large = |item: &Self| match item {
            Self::Block { items, .. } => items.len() > 1,
            _ => false,
        };
        let open_up = items.len() > 1 && items.iter().all(is_large);
        Self::Block {
            open: "[",
            items,
            separator: ",",
            trailing,
            close: "]",
            spaced: false,
            open_up,
        }
    }

    /// `name(…)`
    pub(super) fn call(name: &str, items: Vec<Self>) -> Self {
        // A last object or array hugs the parentheses, behind texts.
        if let Some((
            Self::Block {
                open: "[" | "{", ..
            },
            others,
        )) = items.split_last()
            && others.iter().all(|other| matches!(other, Self::Text(_)))
        {
            let last = items.len() - 1;
            let mut row = vec![Self::text(format!("{name}("))];
            for (index, item) in items.into_iter().enumerate() {
                row.push(item);
                row.push(Self::text(if index < last { ", " } else { ")" }));
            }
            return Self::Row(row);
        }
        Self::Row(vec![
            Self::text(name),
            Self::Block {
                open: "(",
                items,
                separator: ",",
                trailing: true,
                close: ")",
                spaced: false,
                open_up: false,
            },
        ])
    }

    /// `key: value`
    pub(super) fn entry(key: impl Into<String>, value: Self) -> Self {
        Self::Row(vec![Self::text(key.into() + ": "), value])
    }

    /// The code, of which the first line begins at a column and something of a length follows the
    /// last.
    pub(super) fn render(&self, indent: usize, column: usize, after: usize) -> String {
        if let Some(flat) = self.flat()
            && column + flat.chars().count() + after <= WIDTH
        {
            return flat;
        }
        let inner = indent + 2;
        let line = format!("\n{}", " ".repeat(inner));
        match self {
            Self::Text(text) => text.clone(),
            Self::Row(items) => {
                let mut out = String::new();
                for (index, item) in items.iter().enumerate() {
                    let end = out.rsplit('\n').next().unwrap_or_default();
                    let begun = end.chars().count() + if out.contains('\n') { 0 } else { column };
                    let rest = items[index + 1..].iter().map(|item| match item {
                        Self::Text(text) => text.len(),
                        _ => 1,
                    });
                    let code = item.render(indent, begun, after + rest.sum::<usize>());
                    if code.starts_with('\n') {
                        out.truncate(out.trim_end().len());
                    }
                    let is_broken = matches!(item, Self::Union(_)) && code.starts_with('\n');
                    out.push_str(&code);
                    // A parenthesis behind a union has its own line.
                    if is_broken && matches!(items.get(index + 1), Some(Self::Text(_))) {
                        out.push_str(&line[..line.len() - 2]);
                    }
                }
                out
            }
            Self::Block {
                open,
                items,
                separator,
                trailing,
                close,
                ..
            } => {
                if items.is_empty() {
                    return format!("{open}{close}");
                }
                let mut out = (*open).to_owned();
                for (index, item) in items.iter().enumerate() {
                    out.push_str(&line);
                    out.push_str(&item.render(inner, inner, 1));
                    if *trailing || index + 1 < items.len() {
                        out.push_str(separator);
                    }
                }
                format!("{out}\n{}{close}", " ".repeat(indent))
            }
            Self::Union(items) => {
                if let Some(flat) = self.flat()
                    && inner + flat.chars().count() + after <= WIDTH
                {
                    return line + &flat;
                }
                let mut out = String::new();
                for item in items {
                    out.push_str(&line);
                    let item = if let Self::Commented(comment, item) = item {
                        out.push_str(&commented(comment, inner));
                        item
                    } else {
                        item
                    };
                    out.push_str("| ");
                    out.push_str(&item.render(inner + 2, inner + 2, 1));
                }
                out
            }
            Self::Commented(comment, item) => {
                commented(comment, indent) + &item.render(indent, indent, after)
            }
        }
    }

    /// The code on one line, if it may be on one.
    fn flat(&self) -> Option<String> {
        match self {
            Self::Text(text) => (!text.contains('\n')).then(|| text.clone()),
            Self::Row(items) => items.iter().map(Self::flat).collect(),
            Self::Block { open_up: true, .. } | Self::Commented(..) => None,
            Self::Block {
                open,
                items,
                separator,
                close,
                spaced,
                ..
            } => {
                let flat: Option<Vec<_>> = items.iter().map(Self::flat).collect();
                let inner = flat?.join(&format!("{separator} "));
                let space = if *spaced && !items.is_empty() {
                    " "
                } else {
                    ""
                };
                Some(format!("{open}{space}{inner}{space}{close}"))
            }
            Self::Union(items) => {
                let flat: Option<Vec<_>> = items.iter().map(Self::flat).collect();
                Some(flat?.join(" | "))
            }
        }
    }
}

/// A doc comment and the line break after it.
pub(super) fn commented(text: &str, indent: usize) -> String {
    let space = " ".repeat(indent);
    // A doc comment of Rust may hold what ends a comment of TypeScript.
    let text = text.replace("*/", "*\\/");
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    if let [line] = *lines {
        return format!("/** {line} */\n{space}");
    }
    let lines = lines.iter();
    let lines: Vec<_> = lines
        .map(|line| format!("{space} * {line}").trim_end().to_owned())
        .collect();
    format!("/**\n{}\n{space} */\n{space}", lines.join("\n"))
}

/// A string of TypeScript, in the quotes that need fewer escapes.
pub(super) fn literal(text: &str) -> String {
    let quoted = super::json::quoted(text);
    if text.matches('"').count() <= text.matches('\'').count() {
        return quoted;
    }
    let inner = quoted[1..quoted.len() - 1].replace('\'', "\\'");
    format!("'{}'", inner.replace("\\\"", "\""))
}
