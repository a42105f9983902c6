//! The arguments of `#[cache_invalidation(..)]`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::{Attribute, Expr, ExprLit, ExprPath, Lit, Path, Type};

use super::keys::{Place, ServiceKey};
use super::{Entry, Name, parse, split};
use crate::ctxt::Ctxt;
use crate::suggest::nearest;
use crate::types;

/// How a service names its channel.
pub(crate) enum Channel {
    Literal(Name),
    /// A constant, which the compiler checks.
    Path(ExprPath),
}

/// What follows when a message is rejected.
#[derive(Clone, Copy)]
pub(crate) enum OnRejected {
    Flush,
    Ignore,
}

/// Every policy, with the name that the user writes.
const POLICIES: [(&str, OnRejected); 2] =
    [("flush", OnRejected::Flush), ("ignore", OnRejected::Ignore)];

/// The keys of a service.
pub(crate) struct ServiceAttrs {
    /// The key and its value; the value is absent if it is malformed.
    pub(crate) channel: Option<(Ident, Option<Channel>)>,
    /// The key and its value. For a malformed value, it is the type that was probably meant, for
    /// the stub, or absent.
    pub(crate) event: Option<(Ident, Option<Type>)>,
    pub(crate) krate: Option<Path>,
    pub(crate) constructor: Option<Ident>,
    pub(crate) on_rejected: Option<OnRejected>,
    pub(crate) log_subscription: bool,
    pub(crate) log_events: bool,
    pub(crate) log_publish: bool,
}

/// Whether this is `#[cache_invalidation]`, by any path.
pub(crate) fn is_ours(attr: &Attribute) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|segment| segment.ident == "cache_invalidation")
}

impl ServiceAttrs {
    pub(crate) fn parse(cx: &Ctxt, args: &TokenStream) -> Self {
        let mut this = Self {
            channel: None,
            event: None,
            krate: None,
            constructor: None,
            on_rejected: None,
            log_subscription: true,
            log_events: true,
            log_publish: true,
        };
        if args.is_empty() {
            let help =
                "write `#[cache_invalidation(channel = \"cache:users\", event = UserEvent)]`";
            cx.error_at_call_site("no channel given", help);
            return this;
        }
        let mut entries = Vec::new();
        parse(cx, args.clone(), &Place::SERVICE, &mut entries);
        for entry in entries {
            match entry.known.key {
                ServiceKey::Channel => {
                    let channel = channel(cx, &entry);
                    this.channel = Some((entry.key, channel));
                }
                ServiceKey::Event => {
                    let event = event(cx, &entry);
                    this.event = Some((entry.key, event));
                }
                ServiceKey::Crate => this.krate = entry.path(cx),
                ServiceKey::Constructor => this.constructor = entry.method(cx),
                ServiceKey::OnRejected => this.on_rejected = entry.one_of(cx, "policy", &POLICIES),
                ServiceKey::LogSubscription => {
                    this.log_subscription = entry.switch(cx).unwrap_or(true);
                }
                ServiceKey::LogEvents => this.log_events = entry.switch(cx).unwrap_or(true),
                ServiceKey::LogPublish => this.log_publish = entry.switch(cx).unwrap_or(true),
            }
        }
        if this.channel.is_none() && !meant_channel(args) {
            let help = "add `channel = \"cache:users\"`";
            cx.error(args, "missing `channel`", help);
        }
        this
    }
}

/// Whether an argument was probably meant as the channel. If so, that argument has been reported,
/// and a missing channel need not be.
fn meant_channel(args: &TokenStream) -> bool {
    split(args.clone())
        .iter()
        .any(|(tokens, _)| match tokens.first() {
            Some(TokenTree::Ident(key)) => {
                nearest(&key.to_string(), Place::SERVICE.names()) == Some("channel")
            }
            Some(TokenTree::Literal(_)) => true,
            _ => false,
        })
}

fn channel(cx: &Ctxt, entry: &Entry<ServiceKey>) -> Option<Channel> {
    let tokens = entry.tokens(cx)?;
    match syn::parse2(tokens.clone()) {
        Ok(Expr::Lit(ExprLit { lit, .. })) => {
            let name = entry.literal(cx, &lit)?;
            check_name(cx, &name).then_some(Channel::Literal(name))
        }
        Ok(Expr::Path(path)) => Some(Channel::Path(path)),
        _ => {
            let msg = "expected a string literal for `channel`, or the path of a constant";
            cx.error(tokens, msg, "write `channel = \"cache:users\"`");
            None
        }
    }
}

/// Checks the characters of a literal. The runtime's `check_channel` applies the same rule to
/// constants.
fn check_name(cx: &Ctxt, name: &Name) -> bool {
    let allowed = |char: &char| char.is_ascii_alphanumeric() || ":-_.".contains(*char);
    let Some(wrong) = name.text.chars().find(|char| !allowed(char)) else {
        return true;
    };
    let msg = match wrong {
        '*' | '?' | '[' | ']' => {
            format!("channel name contains `{wrong}`, which Redis reads as a pattern")
        }
        ' ' => "channel name contains a space, which logs and access rules cannot show".to_owned(),
        _ if wrong.is_control() || wrong.is_whitespace() => format!(
            "channel name contains `{}`, which logs and access rules cannot show",
            wrong.escape_default()
        ),
        _ => format!("channel name contains `{wrong}`"),
    };
    let help = "use letters, digits, `:`, `-`, `_`, `.`";
    cx.error(&name.at, msg, help);
    false
}

fn event(cx: &Ctxt, entry: &Entry<ServiceKey>) -> Option<Type> {
    let tokens = entry.tokens(cx)?;
    let mut ty = syn::parse2::<Type>(tokens.clone()).ok();
    while let Some(Type::Group(group)) = ty {
        ty = Some(*group.elem);
    }
    if let Some(Type::Path(_)) = ty {
        return ty;
    }
    let meant = match (syn::parse2(tokens.clone()), ty) {
        (Ok(Lit::Str(text)), _) => text.parse().ok().map(Type::Path),
        (_, Some(Type::Reference(reference))) => Some(*reference.elem),
        _ => None,
    };
    let example = meant
        .as_ref()
        .map_or("UserEvent".to_owned(), types::spelled);
    let help = format!("write `event = {example}`");
    cx.error(tokens, "expected an event type", help);
    meant
}
