//! The names that the key `method` of a variant may not have are those of the methods that every
//! service has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Expr, ImplItem, Item, ItemImpl, Signature, TraitItem, Type, Visibility};

fn sources(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of).join("src")
}

fn parse(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap();
    syn::parse_file(&text).unwrap().items
}

/// Appends the items of every file in `folder`, and in its subfolders, to `into`.
fn items(folder: &Path, into: &mut Vec<Item>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            items(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.extend(parse(&path));
        }
    }
}

/// The strings in the constant `TAKEN` of the derive.
fn taken() -> Vec<String> {
    let items = parse(&sources("cache-derive").join("valid/event.rs"));
    let taken = items.iter().find_map(|item| match item {
        Item::Const(constant) if constant.ident == "TAKEN" => Some(&*constant.expr),
        _ => None,
    });
    let Some(Expr::Reference(reference)) = taken else {
        panic!("`TAKEN` is no reference")
    };
    let Expr::Array(names) = &*reference.expr else {
        panic!("`TAKEN` is no list")
    };
    let names = names.elems.iter();
    names
        .map(|name| name.to_token_stream().to_string().replace('"', ""))
        .collect()
}

fn is_of_invalidator(block: &ItemImpl) -> bool {
    let Type::Path(ty) = &*block.self_ty else {
        return false;
    };
    let last = ty.path.segments.last();
    last.is_some_and(|segment| segment.ident == "Invalidator")
}

/// The name of the function, if it takes `self`.
fn method(signature: &Signature) -> Option<String> {
    let method = signature.receiver().is_some();
    method.then(|| signature.ident.to_string())
}

#[test]
fn taken_names_are_those_of_the_runtime() {
    let mut found = Vec::new();
    items(&sources("cache-runtime"), &mut found);
    let mut names = BTreeSet::new();
    let mut blocks = 0;
    for item in &found {
        match item {
            // Inherent methods that users can call, and those of traits in the prelude or in
            // `std::ops`.
            Item::Impl(block) if is_of_invalidator(block) => {
                let of = block.trait_.as_ref().map(|(path, _)| path);
                let of = of.map(|path| path.segments.last().unwrap().ident.to_string());
                if !matches!(of.as_deref(), None | Some("Clone" | "Deref")) {
                    continue;
                }
                blocks += 1;
                names.extend(block.items.iter().filter_map(|item| match item {
                    ImplItem::Fn(function) => {
                        let public = matches!(function.vis, Visibility::Public(_));
                        (public || of.is_some()).then(|| method(&function.sig))?
                    }
                    _ => None,
                }));
            }
            Item::Trait(item) if item.ident == "Service" => {
                blocks += 1;
                names.extend(item.items.iter().filter_map(|item| match item {
                    TraitItem::Fn(function) => method(&function.sig),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    assert!(
        blocks >= 4,
        "the runtime's `Invalidator` or `Service` was not found"
    );
    assert_eq!(taken(), Vec::from_iter(names));
}
