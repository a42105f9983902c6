//! Links between the files of documentation: each leads to a file that is there, and to a heading of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::repository;

/// Files of documentation, by their paths in the repository.
type Files = BTreeMap<PathBuf, Text>;

/// What of a file of Markdown concerns links.
struct Text {
    /// Without blocks of code, and without code that looks like a link.
    prose: String,
    /// What headings are linked by.
    anchors: BTreeSet<String>,
    /// Of links by reference: the labels, and where they lead.
    definitions: BTreeMap<String, String>,
}

impl Text {
    fn of(markdown: &str) -> Self {
        let (mut prose, mut anchors, mut definitions) =
            (String::new(), BTreeSet::new(), BTreeMap::new());
        let mut in_code = false;
        for line in markdown.lines() {
            let line = line.strip_prefix("//! ").unwrap_or(line);
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if in_code {
            } else if let Some((label, target)) = definition(line) {
                // The first counts.
                definitions.entry(label).or_insert(target);
            } else if let Some(title) = line.strip_prefix('#') {
                anchors.insert(anchor(title.trim_start_matches('#').trim()));
            } else {
                // Code may contain what looks like a link, and a link may consist of code.
                let parts = line.split('`').enumerate();
                let parts = parts.filter(|(n, part)| n % 2 == 0 || !part.contains("]("));
                let parts: Vec<_> = parts.map(|(_, part)| part).collect();
                prose.extend([&parts.join("`"), "\n"]);
            }
        }
        Self {
            prose,
            anchors,
            definitions,
        }
    }

    /// Where the links lead that give their target in place.
    fn inline(&self) -> impl Iterator<Item = &str> {
        let links = self.prose.split("](").skip(1);
        links.filter_map(|link| link.split(')').next())
    }
}

/// `[label]: target`
fn definition(line: &str) -> Option<(String, String)> {
    let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some((label.to_owned(), target.trim().to_owned()))
}

/// What a heading is linked by, on the hosting platform and in rustdoc's pages.
fn anchor(title: &str) -> String {
    let title = title.to_lowercase();
    let title = title.chars().filter_map(|char| match char {
        ' ' => Some('-'),
        '-' | '_' => Some(char),
        _ => char.is_alphanumeric().then_some(char),
    });
    title.collect()
}

/// Resolves `..` without asking the file system.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(component);
        }
    }
    normal
}

/// Every link that leads nowhere.
fn broken(files: &Files, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, text) in files {
        let of_definitions = text.definitions.values().map(String::as_str);
        for target in text.inline().chain(of_definitions) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                path.clone()
            } else if let Some(item) = file.strip_prefix("crate::") {
                // What an item is, rustdoc checks, but no anchor.
                match item.strip_prefix("guide") {
                    Some("") => PathBuf::from(GUIDES).join("mod.rs"),
                    Some(guide) => {
                        PathBuf::from(GUIDES).join(format!("{}.md", guide.trim_start_matches(':')))
                    }
                    None => continue,
                }
            } else if file.contains("::") || file.contains("//") {
                continue;
            } else {
                normal(&path.parent().expect("a file").join(file))
            };
            let is_there = exists(&file)
                && (anchor.is_empty()
                    || (files.get(&file)).is_some_and(|text| text.anchors.contains(anchor)));
            if !is_there {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    broken
}

const GUIDES: &str = "cache-runtime/src/guide";

/// What a guide may not do, because it is read in two places: as a file, and as a page of rustdoc, where
/// relative links lead nowhere. So they are by reference, and `links.md` defines the same labels.
fn faults_of_guides(files: &Files) -> Vec<String> {
    let links = &files[&Path::new(GUIDES).join("links.md")].definitions;
    let mut faults = Vec::new();
    for (path, text) in files {
        let name = path.file_name().expect("a file");
        if !path.starts_with(GUIDES) || name == "links.md" || name == "mod.rs" {
            continue;
        }
        let mut fault = |fault: String| faults.push(format!("{}: {fault}", path.display()));
        for target in text.inline().filter(|target| !target.starts_with('#')) {
            fault(format!("{target} is no link by reference"));
        }
        for label in text.definitions.keys() {
            if !links.contains_key(label) {
                fault(format!("[{label}] is not in links.md"));
            }
        }
        for label in links.keys() {
            let reference = format!("[{label}]");
            let mut uses = text.prose.split(&reference).skip(1);
            let is_used = uses.any(|behind| !behind.starts_with('('));
            if is_used != text.definitions.contains_key(label) {
                let how = if is_used { "not defined" } else { "not used" };
                fault(format!("[{label}] is {how}"));
            }
        }
    }
    faults
}

fn collect(folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(repository().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = folder.join(&name);
        if entry.file_type().unwrap().is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|end| end == "md")
            || path == Path::new(GUIDES).join("mod.rs")
        {
            let text = fs::read_to_string(entry.path()).unwrap();
            files.insert(path, Text::of(&text));
        }
    }
}

fn all() -> Files {
    let mut files = Files::new();
    collect(Path::new(""), &mut files);
    assert!(files.len() > 15, "{:?}", files.keys());
    files
}

#[test]
fn lead_to_files_and_headings_that_are_there() {
    let broken = broken(&all(), &|path| repository().join(path).exists());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn of_guides_lead_somewhere_in_both_places() {
    let faults = faults_of_guides(&all());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn house(files: &[(&str, &str)]) -> Files {
    let files = files.iter();
    files
        .map(|(path, text)| (PathBuf::from(path), Text::of(text)))
        .collect()
}

#[test]
fn that_lead_nowhere_are_told() {
    let files = house(&[
        (
            "README.md",
            "[a](docs/a.md#the-b-c) [b](docs/b.md) [c](#none) `[d](d.md)` [e](https://e)\n```\n[f](f)\n```",
        ),
        (
            "docs/a.md",
            "## The `b`, c?\n[up](../README.md#none)\n[g]: g.md",
        ),
    ]);
    assert_eq!(
        broken(&files, &|path| files.contains_key(path)),
        [
            "README.md: docs/b.md",
            "README.md: #none",
            "docs/a.md: ../README.md#none",
            "docs/a.md: g.md",
        ]
    );
}

#[test]
fn of_guides_that_rustdoc_does_not_resolve_are_told() {
    let files = house(&[
        (
            "cache-runtime/src/guide/links.md",
            "[a]: crate::guide::b#c\n[d]: crate::D",
        ),
        (
            "cache-runtime/src/guide/b.md",
            "# C\n[x](y.md) [here](#c) [a]\n[d]: ../d.rs\n[e]: e.md",
        ),
    ]);
    assert_eq!(
        faults_of_guides(&files),
        [
            "y.md is no link by reference",
            "[e] is not in links.md",
            "[a] is not defined",
            "[d] is not used",
        ]
        .map(|fault| format!("cache-runtime/src/guide/b.md: {fault}"))
    );
    let found = broken(&files, &|path| files.contains_key(path));
    let [first, ..] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(first, "cache-runtime/src/guide/b.md: y.md");
    assert!(
        !found.iter().any(|link| link.contains("crate")),
        "{found:?}"
    );
}
