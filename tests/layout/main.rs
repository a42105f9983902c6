//! The layers of both crates: each imports only from below, and no two files import each other.
//!
//! The picture in `ARCHITECTURE.md` is drawn from the imports: `UPDATE_EXPECT=1` updates it.

mod arrows;
mod defaults;
mod layers;
mod links;
mod picture;
mod tree;

use std::fs;
use std::path::Path;

use arrows::Arrow;
use layers::{DERIVE, Layer, RUNTIME};
use tree::Tree;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One line for each import from a layer above, and one for each import cycle.
fn faults(tree: &Tree, layers: &[Layer]) -> Vec<String> {
    let arrows = arrows::of(tree);
    let mut faults: Vec<_> = arrows
        .iter()
        .filter(|arrow| layers::level(layers, &arrow.from) > layers::level(layers, &arrow.to))
        .map(|arrow| {
            let Arrow { from, to, import } = arrow;
            format!("{from} imports {to}, which is in a layer above it: {import}")
        })
        .collect();
    faults.extend(arrows::circles(&arrows).iter().map(|circle| {
        let ties: Vec<_> = circle
            .iter()
            .map(|Arrow { from, to, import }| format!("  {from} -> {to}: {import}"))
            .collect();
        format!("files import each other:\n{}", ties.join("\n"))
    }));
    faults
}

#[track_caller]
fn check(source: &str, layers: &[Layer]) {
    let tree = Tree::read(&repository().join(source));
    let strangers: Vec<_> = tree
        .files()
        .filter(|file| layers::level(layers, file).is_none())
        .collect();
    assert!(
        strangers.is_empty(),
        "files in no layer: {strangers:?}; give each a layer in tests/layout/layers.rs"
    );
    let faults = faults(&tree, layers);
    assert!(faults.is_empty(), "in {source}:\n{}", faults.join("\n"));
}

#[test]
fn the_rooms_of_the_runtime_look_only_down() {
    check("cache-runtime/src", RUNTIME);
}

#[test]
fn the_rooms_of_the_derive_look_only_down() {
    check("cache-derive/src", DERIVE);
}

#[test]
fn the_picture_is_what_the_code_says() {
    let path = repository().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut current = text.clone();
    for (name, source, layers) in [
        ("runtime", "cache-runtime/src", RUNTIME),
        ("derive", "cache-derive/src", DERIVE),
    ] {
        let tree = Tree::read(&repository().join(source));
        let picture = picture::draw(layers, &arrows::of(&tree));
        current = picture::replace(&current, name, &picture);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &current).unwrap();
    } else {
        assert!(
            text == current,
            "ARCHITECTURE.md shows other layers than the code has: run the test with UPDATE_EXPECT=1"
        );
    }
}

const HOUSE: &[Layer] = &[
    Layer("lib.rs", "the face"),
    Layer("attic/", "upstairs"),
    Layer("cellar/", "downstairs"),
];

#[test]
fn an_import_that_runs_up_is_told_with_both_files() {
    let tree = Tree::of(&[
        ("lib.rs", "mod attic; mod cellar;"),
        ("attic/mod.rs", "mod lamp; pub(crate) use lamp::Lamp;"),
        ("attic/lamp.rs", "pub(crate) struct Lamp;"),
        (
            "cellar/mod.rs",
            "use crate::attic::Lamp; fn light(_: Lamp) {}",
        ),
    ]);
    assert_eq!(
        faults(&tree, HOUSE),
        [
            "cellar/mod.rs imports attic/lamp.rs, which is in a layer above it: use crate::attic::Lamp"
        ]
    );
}

#[test]
fn a_path_without_a_use_counts_too() {
    let tree = Tree::of(&[
        ("lib.rs", "mod attic; mod cellar;"),
        ("attic/mod.rs", "pub(crate) fn lamp() {}"),
        ("cellar/mod.rs", "fn light() { crate::attic::lamp() }"),
    ]);
    assert_eq!(
        faults(&tree, HOUSE),
        ["cellar/mod.rs imports attic/mod.rs, which is in a layer above it: crate::attic::lamp"]
    );
}

#[test]
fn files_that_import_each_other_are_told_with_what_ties_them() {
    let tree = Tree::of(&[
        ("lib.rs", "mod attic;"),
        ("attic/mod.rs", "mod bed; use bed::Bed; struct Attic(Bed);"),
        (
            "attic/bed.rs",
            "use super::Attic; pub(super) struct Bed(Attic);",
        ),
    ]);
    assert_eq!(
        faults(&tree, HOUSE),
        [
            "files import each other:\n  attic/bed.rs -> attic/mod.rs: use super::Attic\n  \
          attic/mod.rs -> attic/bed.rs: use bed::Bed"
        ]
    );
}

#[test]
fn downward_imports_re_exports_and_tests_are_no_faults() {
    let tree = Tree::of(&[
        ("lib.rs", "mod attic; mod cellar; pub use cellar::Wine;"),
        (
            "attic/mod.rs",
            "mod bed; pub(crate) use bed::Bed; pub(crate) const SIZE: u8 = 1;",
        ),
        (
            "attic/bed.rs",
            "use super::SIZE; use crate::cellar::Wine; pub(crate) struct Bed([Wine; SIZE as usize]);",
        ),
        (
            "cellar/mod.rs",
            "pub struct Wine; #[cfg(test)] mod tests { use crate::attic::Bed; }",
        ),
    ]);
    assert_eq!(faults(&tree, HOUSE), [""; 0]);
}
