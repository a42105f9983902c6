//! Events and services within functions and modules, private and public.

use ::cache_runtime::service::{Invalidator, Service};
use ::cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
use ::std::iter::{IntoIterator as _, Iterator as _};
use ::std::{assert, assert_eq};

const PRIVATE: &::std::primitive::str = "hygiene:private";

#[derive(InvalidationEvent)]
enum Private {
    User { id: ::std::string::String },
    All,
}

#[cache_invalidation(channel = PRIVATE, event = Private)]
struct PrivateService;

/// Public items of private modules, and the other way round.
pub mod outer {
    pub(super) mod inner {
        /// Only the module above sees it.
        #[derive(Debug, ::cache_runtime::InvalidationEvent)]
        pub(in super::super) enum Restricted {
            One { many: ::std::vec::Vec<super::Key> },
            All,
        }
    }

    /// A newtype of the user's.
    #[derive(Debug, ::serde::Serialize, ::serde::Deserialize)]
    pub(super) struct Key(pub(super) ::std::string::String);

    #[::cache_runtime::cache_invalidation(channel = "hygiene:restricted", event = inner::Restricted)]
    pub(super) struct Restricted {
        pub(super) shard: ::std::primitive::u8,
    }
}

/// Used, but deprecated.
#[derive(Debug, InvalidationEvent)]
#[deprecated]
pub enum Old {
    /// .
    #[deprecated(note = "gone")]
    Gone {
        /// .
        #[deprecated]
        id: ::std::primitive::u8,
    },
    /// .
    All,
}

/// A bound, although the struct is not generic.
#[cache_invalidation(channel = "hygiene:bound", event = Private)]
struct Bound
where
    for<'a> &'a ::std::primitive::u8: ::std::marker::Copy,
    Self: ::std::marker::Send,
{
    shard: ::std::primitive::u8,
}

#[::core::prelude::v1::test]
fn private_items() {
    crate::run(async {
        let service = PrivateService::new(&Bus::in_process());
        let _ = service.invalidate_user("u").await.unwrap();
        let _ = service.publish(&Private::All).await.unwrap();
        assert_eq!(PrivateService::CHANNEL, "hygiene:private");

        let service = outer::Restricted::new(&Bus::in_process(), 3);
        let key = outer::Key(::std::string::String::new());
        let _ = service.invalidate_one(::std::vec![key]).await.unwrap();
        assert_eq!(service.shard, 3);

        let service = Bound::new(&Bus::in_process(), 4);
        let _ = service.invalidate_all().await.unwrap();
        assert_eq!(service.shard, 4);
    });
}

#[::core::prelude::v1::test]
fn items_of_a_function() {
    crate::run(async {
        #[derive(InvalidationEvent)]
        enum Local {
            Numbers {
                a: ::std::primitive::u64,
                b: ::std::primitive::bool,
            },
            All,
        }

        #[cache_invalidation(channel = "hygiene:local")]
        #[derive(Debug, Clone)]
        struct LocalService {
            events: Invalidator<Local>,
        }

        let service = LocalService::new(&Bus::in_process());
        let _ = service.invalidate_numbers(1, true).await.unwrap();
        let _ = ::std::clone::Clone::clone(&service)
            .invalidate_all()
            .await
            .unwrap();
        assert_eq!(service.events.schema().name(), "Local");
        let here = ::cache_runtime::service::channels()
            .into_iter()
            .find(|registration| registration.channel() == "hygiene:local")
            .unwrap();
        assert!(here.file().ends_with("places.rs"));
        assert!(here.service().ends_with("places::LocalService"));
    });
}
