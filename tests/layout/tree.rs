//! The modules of a crate, read from its sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, Item, Meta, UseTree, Visibility};

/// A module path without `crate`: `["cache", "redis"]`.
pub(crate) type ModulePath = Vec<String>;

pub(crate) struct Tree {
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// One module. Several may be in one file.
pub(crate) struct Module {
    /// Relative to the source folder: `cache/mod.rs`.
    pub(crate) file: String,
    pub(crate) items: Vec<Item>,
    pub(crate) defined: Vec<String>,
    pub(crate) uses: Vec<Use>,
}

/// One name that a `use` brings in.
pub(crate) struct Use {
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
    /// A re-export does not count as an import.
    pub(crate) is_reexport: bool,
}

impl Tree {
    /// The crate whose `lib.rs` is in this folder.
    pub(crate) fn read(folder: &Path) -> Self {
        Self::build(&|file| fs::read_to_string(folder.join(file)).ok())
    }

    /// A crate given by its files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let find = |name: &str| files.iter().find(|(file, _)| *file == name);
        Self::build(&|file| find(file).map(|(_, source)| (*source).to_owned()))
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.modules.values().map(|module| module.file.as_str())
    }

    fn build(source: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut tree = Self {
            modules: BTreeMap::new(),
        };
        tree.add_file(Vec::new(), "lib.rs", source);
        tree
    }

    fn add_file(&mut self, path: ModulePath, file: &str, source: &dyn Fn(&str) -> Option<String>) {
        let text = source(file).unwrap_or_else(|| panic!("{file} is missing"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.add_module(path, file, parsed.items, source);
    }

    fn add_module(
        &mut self,
        path: ModulePath,
        file: &str,
        items: Vec<Item>,
        source: &dyn Fn(&str) -> Option<String>,
    ) {
        let mut module = Module {
            file: file.to_owned(),
            items: Vec::new(),
            defined: Vec::new(),
            uses: Vec::new(),
        };
        for item in items {
            if attributes(&item).iter().any(is_test) {
                continue;
            }
            match &item {
                Item::Mod(inner) => {
                    let mut path = path.clone();
                    path.push(inner.ident.to_string());
                    if let Some((_, items)) = &inner.content {
                        self.add_module(path, file, items.clone(), source);
                    } else {
                        let file = ["{}.rs", "{}/mod.rs"]
                            .map(|shape| shape.replace("{}", &path.join("/")))
                            .into_iter()
                            .find(|file| source(file).is_some())
                            .unwrap_or_else(|| panic!("no file for {path:?}"));
                        self.add_file(path, &file, source);
                    }
                    continue;
                }
                Item::Use(item) => {
                    let is_reexport = !matches!(item.vis, Visibility::Inherited);
                    flatten(&item.tree, &mut Vec::new(), &mut |name, path| {
                        module.uses.push(Use {
                            name,
                            path,
                            is_reexport,
                        });
                    });
                    continue;
                }
                other => module.defined.extend(name(other)),
            }
            module.items.push(item);
        }
        self.modules.insert(path, module);
    }
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut dyn FnMut(String, Vec<String>)) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, before, found);
            }
        }
        UseTree::Name(name) if name.ident == "self" => {
            let name = before.last().cloned().unwrap_or_default();
            found(name, before.clone());
        }
        UseTree::Name(name) => found(name.ident.to_string(), joined(before, &name.ident)),
        UseTree::Rename(rename) if rename.ident == "self" => {
            found(rename.rename.to_string(), before.clone());
        }
        UseTree::Rename(rename) => {
            found(rename.rename.to_string(), joined(before, &rename.ident));
        }
        UseTree::Glob(_) => found("*".to_owned(), before.clone()),
    }
}

fn joined(before: &[String], last: &syn::Ident) -> Vec<String> {
    let mut path = before.to_vec();
    path.push(last.to_string());
    path
}

fn is_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}
