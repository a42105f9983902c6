//! Text that is written into HTML.

use std::fmt::{self, Display, Write};

/// The most characters of one text: the error of a loader may hold a whole answer.
const MOST: usize = 2000;

/// A piece of HTML. Everything but literals of this crate is escaped as it is written.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Writes markup. It takes literals only, so that nothing from elsewhere gets here.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Writes a text, as the content of an element or of a quoted attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        let mut escaped = Escaped {
            html: &mut self.0,
            left: MOST,
        };
        if write!(escaped, "{text}").is_err() {
            self.0.push('…');
        }
        self
    }

    /// An element with nothing but a text.
    pub(super) fn element(&mut self, tag: &'static str, text: impl Display) -> &mut Self {
        self.raw("<").raw(tag).raw(">").text(text);
        self.raw("</").raw(tag).raw(">")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

struct Escaped<'a> {
    html: &'a mut String,
    left: usize,
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match c {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '"' => self.html.push_str("&quot;"),
                '\'' => self.html.push_str("&#39;"),
                '\n' | '\t' => self.html.push(c),
                _ if c.is_control() || reorders(c) => self.html.extend(c.escape_unicode()),
                _ => self.html.push(c),
            }
        }
        Ok(())
    }
}

/// Whether it shows what is around it in another order, or nothing itself. A name may not look like
/// another one.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{Html, MOST};

    fn escaped(text: &str) -> String {
        let mut html = Html::default();
        html.text(text);
        html.into_string()
    }

    #[test]
    fn a_text_cannot_become_markup() {
        assert_eq!(
            escaped(r#"<a b="c" d='e'>&amp;"#),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;"
        );
        assert_eq!(
            escaped("a\0\r\u{1b}\u{202e}é\n"),
            "a\\u{0}\\u{d}\\u{1b}\\u{202e}é\n"
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = "é".repeat(MOST);
        assert_eq!(escaped(&text), text);
        assert_eq!(escaped(&format!("{text}<")), format!("{text}…"));
    }
}
