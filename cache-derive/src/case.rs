//! The spelling of names on the wire, and the method name of a variant.

/// A way to spell a name. The rules and their results are those of serde's `rename_all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

/// Every rule, with the name that the user writes.
pub(crate) const RULES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    /// Spells a variant, which is written in `PascalCase`.
    pub(crate) fn of_variant(self, name: &str) -> String {
        match self {
            Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => lower_first(name),
            Self::Snake | Self::ScreamingSnake | Self::Kebab | Self::ScreamingKebab => {
                let mut snake = String::with_capacity(name.len() + 4);
                for (i, char) in name.char_indices() {
                    if i > 0 && char.is_uppercase() {
                        snake.push('_');
                    }
                    snake.push(char.to_ascii_lowercase());
                }
                self.of_field(&snake)
            }
        }
    }

    /// Spells a field, which is written in `snake_case`.
    pub(crate) fn of_field(self, name: &str) -> String {
        match self {
            Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => name.split('_').map(upper_first).collect(),
            Self::Camel => lower_first(&Self::Pascal.of_field(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn upper_first(name: &str) -> String {
    let mut rest = name.chars();
    rest.next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(rest)
        .collect()
}

fn lower_first(name: &str) -> String {
    let mut rest = name.chars();
    rest.next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(rest)
        .collect()
}

/// The variant in `snake_case`: `ApiKey`, `APIKey` and `api_key` all become `api_key`. An acronym
/// is one word here, but not on the wire.
pub(crate) fn method_name(variant: &str) -> String {
    let chars: Vec<char> = variant.chars().collect();
    let mut name = String::with_capacity(variant.len() + 4);
    for (i, char) in chars.iter().enumerate() {
        if char.is_uppercase() && i > 0 && chars[i - 1] != '_' {
            let after_word = !chars[i - 1].is_uppercase();
            let before_word = chars.get(i + 1).is_some_and(|next| next.is_lowercase());
            if after_word || before_word {
                name.push('_');
            }
        }
        name.extend(char.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_spell_like_serde() {
        let spelled = |variant: &str, field: &str| -> Vec<(String, String)> {
            RULES
                .iter()
                .map(|(_, case)| (case.of_variant(variant), case.of_field(field)))
                .collect()
        };
        let pairs: [(&str, &str); 8] = [
            ("verytasty", "very_tasty"),
            ("VERYTASTY", "VERY_TASTY"),
            ("VeryTasty", "VeryTasty"),
            ("veryTasty", "veryTasty"),
            ("very_tasty", "very_tasty"),
            ("VERY_TASTY", "VERY_TASTY"),
            ("very-tasty", "very-tasty"),
            ("VERY-TASTY", "VERY-TASTY"),
        ];
        let expected: Vec<_> = pairs
            .iter()
            .map(|(variant, field)| ((*variant).to_owned(), (*field).to_owned()))
            .collect();
        assert_eq!(spelled("VeryTasty", "very_tasty"), expected);
    }

    #[test]
    fn a_method_reads_acronyms_as_words() {
        for (variant, method) in [
            ("Channel", "channel"),
            ("UserChannel", "user_channel"),
            ("APIKey", "api_key"),
            ("UserID", "user_id"),
            ("V2Key", "v2_key"),
            ("user_key", "user_key"),
            ("User_Key", "user_key"),
            ("A", "a"),
        ] {
            assert_eq!(method_name(variant), method);
        }
    }
}
