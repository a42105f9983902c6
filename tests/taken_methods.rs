//! The names that the key `method` of a variant may not have are those of the methods that every
//! service has.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use cache_runtime::__private::{EventMethods, Publisher};
use cache_runtime::event::{EncodeError, EventSchema, Rejection};
use cache_runtime::service::Invalidator;
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
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

/// The methods that traits of the prelude add to every type, or to every type that is `Clone`, and
/// that `Invalidator` does not write itself. Below, one test shows that these hide methods of an
/// event, and another that the rest of the prelude hides none.
const OF_THE_PRELUDE: [&str; 5] = ["clone_from", "clone_into", "into", "to_owned", "try_into"];

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
    names.extend(OF_THE_PRELUDE.map(str::to_owned));
    assert_eq!(taken(), Vec::from_iter(names));
}

struct Event;

/// The methods of an event that has every name which might be taken.
struct Methods;

/// What the methods return, and those of the prelude do not.
#[derive(Debug, PartialEq)]
struct Reached;

macro_rules! methods {
    ($($name:ident)*) => {
        #[allow(dead_code, clippy::should_implement_trait, clippy::unused_self, clippy::wrong_self_convention)]
        impl Methods {
            $(fn $name(&self) -> Reached {
                Reached
            })*
        }
    };
}

methods! {
    as_mut as_ref borrow clone_from clone_into cmp drop eq extend into into_future into_iter next
    partial_cmp to_owned to_string try_into
}

impl EventMethods<Event> for Methods {
    fn new(_: Publisher<Event>) -> Self {
        Self
    }
}

impl InvalidationEvent for Event {
    const SCHEMA: &'static EventSchema = &EventSchema::new("Event", "type", &[], 0);
    type Itself = Self;
    type Methods = Methods;

    fn decode_within(_: &[u8], _: usize) -> Result<Self, Rejection> {
        unreachable!()
    }

    fn encode_into(&self, _: &mut Vec<u8>) -> Result<(), EncodeError> {
        unreachable!()
    }

    fn all() -> Self {
        Self
    }

    fn variant(&self) -> usize {
        unreachable!()
    }
}

#[cache_invalidation(channel = "cache:taken-methods", event = Event)]
struct Service;

#[cache_invalidation(channel = "cache:taken-methods", event = Event)]
struct Holder {
    events: Invalidator<Event>,
}

/// Compiles because each call is of the method of the prelude.
#[test]
#[allow(clippy::implicit_clone, clippy::useless_conversion)]
fn methods_of_the_prelude_hide_those_of_an_event() {
    let bus = Bus::in_process();
    let service = Service::new(&bus);
    let mut copy: Invalidator<Event> = service.to_owned();
    service.clone_into(&mut copy);
    let mut events = Holder::new(&bus).events;
    events.clone_from(&copy);
    events.clone_into(&mut copy);
    let copy: Invalidator<Event> = copy.to_owned();
    let copy: Invalidator<Event> = copy.into();
    let copy: Result<Invalidator<Event>, Infallible> = copy.try_into();
    let service: Service = service.into();
    let service: Result<Service, Infallible> = service.try_into();
    assert!(copy.is_ok() && service.is_ok());
}

#[test]
fn other_methods_of_the_prelude_do_not() {
    let service = Service::new(&Bus::in_process());
    for reached in [
        service.as_mut(),
        service.as_ref(),
        service.cmp(),
        service.drop(),
        service.eq(),
        service.extend(),
        service.into_future(),
        service.into_iter(),
        service.next(),
        service.partial_cmp(),
        service.to_string(),
        // `Borrow` is not in the prelude.
        service.borrow(),
    ] {
        assert_eq!(reached, Reached);
    }
}
