//! Snapshots of what the macros expand to. `UPDATE_EXPECT=1 cargo test -p cache-derive` rewrites
//! them.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::TokenStream;
use quote::quote;

use crate::derive;

#[track_caller]
fn check(tokens: TokenStream, expected: &ExpectFile) {
    let file: syn::File = syn::parse2(tokens).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn event() {
    let input = quote! {
        /// Which channels the bot is active in has changed.
        pub enum ChannelActivationEvent {
            /// One channel was switched on or off.
            Channel { channel_id: String },
            All,
        }
    };
    check(derive::event(input), &expect_file!["tests/expand/event.rs"]);
}

#[test]
fn event_with_every_key() {
    let input = quote! {
        #[invalidation(
            tag = "kind",
            rename_all = "kebab-case",
            rename_all_fields = "snake_case",
            crate = ::other::runtime
        )]
        #[deprecated]
        pub(crate) enum Settings {
            #[invalidation(rename = "say \"hi\"", method = "say_hi")]
            Greeting { r#type: u8, #[invalidation(rename = "listOf", non_empty)] list: Vec<Key> },
            Ids {
                #[invalidation(as_string)] id: u64,
                #[invalidation(as_string, non_empty)] more: Vec<u64>,
                #[invalidation(as_string)] other: Id,
            },
            #[deprecated(note = "use Greeting")]
            Old {},
            #[invalidation(all)]
            r#Every,
        }
    };
    check(
        derive::event(input),
        &expect_file!["tests/expand/event_with_every_key.rs"],
    );
}

#[test]
fn event_with_errors() {
    let input = quote! {
        enum Broken {
            #[invalidation(renam = "user")]
            User { id: Option<String> },
            Pair(u8, u8),
        }
    };
    check(
        derive::event(input),
        &expect_file!["tests/expand/event_with_errors.rs"],
    );
}

#[test]
fn service() {
    let args = quote!(channel = "cache:users", event = UserEvent);
    let item = quote! {
        /// Users have changed.
        #[derive(Clone, Debug)]
        pub struct UserInvalidation;
    };
    check(
        derive::service(&args, &item),
        &expect_file!["tests/expand/service.rs"],
    );
}

#[test]
fn service_with_fields() {
    let args = quote! {
        channel = channels::USERS,
        crate = ::other,
        constructor = "connect",
        on_rejected = "flush",
        log_publish = false,
    };
    let item = quote! {
        struct Users {
            shard: u16,
            #[cfg(unix)]
            path: String,
            events: Invalidator<UserEvent>,
        }
    };
    check(
        derive::service(&args, &item),
        &expect_file!["tests/expand/service_with_fields.rs"],
    );
}

#[test]
fn service_with_errors() {
    let args = quote!(chanel = "cache:users");
    let item = quote! {
        #[cache_invalidation(channel = "again")]
        pub struct Users;
    };
    check(
        derive::service(&args, &item),
        &expect_file!["tests/expand/service_with_errors.rs"],
    );
}
