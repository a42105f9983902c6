//! Suggestions for misspelled names: "did you mean …?"

/// The candidate nearest to `typed`, if the two differ by at most a third of the candidate's
/// letters, or by one letter.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of edits that turn `a` into `b`, ignoring case. An edit adds, removes or replaces a
/// letter, or swaps two neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().map(|char| char.to_ascii_lowercase()).collect();
    let b: Vec<char> = b.chars().map(|char| char.to_ascii_lowercase()).collect();
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replace.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best.min(table[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_only() {
        let keys = ["rename", "rename_all", "rename_all_fields", "tag"];
        assert_eq!(nearest("renam", keys), Some("rename"));
        assert_eq!(nearest("renameAll", keys), Some("rename_all"));
        assert_eq!(nearest("tga", keys), Some("tag"));
        assert_eq!(nearest("colour", keys), None);
    }
}
