//! Which file imports which: by `use`, or by a path in the code.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::tree::{Module, ModulePath, Tree};

/// A file that imports another, and one of its imports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) import: String,
}

/// All arrows between different files, one for each pair.
pub(crate) fn of(tree: &Tree) -> Vec<Arrow> {
    let mut arrows: BTreeMap<(String, String), String> = BTreeMap::new();
    for (path, module) in &tree.modules {
        let mut found = Vec::new();
        for import in module.uses.iter().filter(|import| !import.is_reexport) {
            found.push((
                format!("use {}", import.path.join("::")),
                import.path.clone(),
            ));
        }
        for item in &module.items {
            for path in paths(item.to_token_stream()) {
                found.push((path.join("::"), path));
            }
        }
        for (import, target) in found {
            // A path to a module alone uses nothing; only an item of it counts.
            let Some(Found::Item(to)) = resolve(tree, path, &target, 0) else {
                continue;
            };
            if *to.file != module.file {
                arrows
                    .entry((module.file.clone(), to.file.clone()))
                    .or_insert(import);
            }
        }
    }
    arrows
        .into_iter()
        .map(|((from, to), import)| Arrow { from, to, import })
        .collect()
}

/// What a path refers to.
enum Found<'a> {
    Module(ModulePath),
    /// Defined in this module.
    Item(&'a Module),
}

/// `None` where the path leads out of the crate.
fn resolve<'a>(
    tree: &'a Tree,
    from: &ModulePath,
    path: &[String],
    depth: usize,
) -> Option<Found<'a>> {
    assert!(depth < 32, "{path:?} in {from:?} is a circle of re-exports");
    let mut here = from.clone();
    let mut segments = path.iter();
    if path.first().is_some_and(|first| first == "crate") {
        here.clear();
        segments.next();
    }
    while let Some(segment) = segments.next() {
        let module = tree.modules.get(&here)?;
        let mut child = here.clone();
        child.push(segment.clone());
        if segment == "super" {
            here.pop();
        } else if segment == "self" {
        } else if tree.modules.contains_key(&child)
            && !(segments.len() == 0 && is_item_of(module, segment))
        {
            here = child;
        } else if module.defined.contains(segment) {
            return Some(Found::Item(module));
        } else {
            let import = module.uses.iter().find(|import| import.name == *segment)?;
            // `use redis::…` beside a `mod redis` of another module leads out of the crate.
            if import.path.first() == Some(segment) && import.path.len() == 1 {
                return None;
            }
            match resolve(tree, &here, &import.path, depth + 1)? {
                Found::Module(path) => here = path,
                item @ Found::Item(_) => return Some(item),
            }
        }
    }
    Some(Found::Module(here))
}

/// Whether a module also has an item of the name of one of its modules, which a path that ends there
/// refers to.
fn is_item_of(module: &Module, name: &str) -> bool {
    let mut imports = module.uses.iter();
    imports.any(|import| import.name == name && import.path.len() > 1)
}

/// Every path of two segments or more, also within macros.
fn paths(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path, &mut paths);
                }
                path.push(ident.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                colons += 1;
                // A path that begins with `::`, or a single `:` before a type.
                if path.is_empty() || colons > 2 {
                    end(&mut path, &mut paths);
                }
            }
            other => {
                end(&mut path, &mut paths);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    paths.extend(self::paths(group.stream()));
                }
            }
        }
    }
    end(&mut path, &mut paths);
    paths
}

fn end(path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let path = std::mem::take(path);
    if path.len() > 1 {
        paths.push(path);
    }
}

/// The arrows of each import cycle: a set of files that import one another, also indirectly.
pub(crate) fn circles(arrows: &[Arrow]) -> Vec<Vec<Arrow>> {
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        reach.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    // A file is in a circle if it reaches itself.
    loop {
        let mut grown = false;
        for from in reach.keys().copied().collect::<Vec<_>>() {
            let further: BTreeSet<&str> = reach[from]
                .iter()
                .filter_map(|next| reach.get(next))
                .flatten()
                .copied()
                .collect();
            let known = reach.get_mut(from).expect("it is a key");
            let before = known.len();
            known.extend(further);
            grown |= known.len() > before;
        }
        if !grown {
            break;
        }
    }
    let reaches = |from: &str, to: &str| reach.get(from).is_some_and(|all| all.contains(to));
    let mut circles: BTreeMap<BTreeSet<&str>, Vec<Arrow>> = BTreeMap::new();
    for arrow in arrows
        .iter()
        .filter(|arrow| reaches(&arrow.to, &arrow.from))
    {
        let members = reach[&*arrow.from]
            .iter()
            .copied()
            .filter(|other| reaches(other, &arrow.from))
            .collect();
        circles.entry(members).or_default().push(arrow.clone());
    }
    circles.into_values().collect()
}
