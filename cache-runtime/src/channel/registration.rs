//! The channels of the program. Every annotated service registers its channel with `inventory`.

use std::any::TypeId;
use std::fmt;

use crate::event::InvalidationEvent;
use crate::settings::OnRejected;
use crate::wire::EventSchema;
#[cfg(feature = "export")]
use crate::wire::Rejection;

/// A channel as an annotated service declares it, with its event and its place in the source.
#[derive(Clone, Copy)]
pub struct DeclaredChannel {
    channel: &'static str,
    service: &'static str,
    event: fn() -> TypeId,
    schema: &'static EventSchema,
    file: &'static str,
    line: u32,
    column: u32,
    logging: Logging,
    on_rejected: Option<OnRejected>,
    #[cfg(feature = "export")]
    decode: fn(&[u8], usize) -> Result<(), Rejection>,
}

/// Which actions of a service are logged.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    pub subscription: bool,
    pub events: bool,
    pub publish: bool,
}

inventory::collect!(&'static DeclaredChannel);

impl DeclaredChannel {
    #[doc(hidden)]
    #[must_use]
    pub const fn new<E: InvalidationEvent>(
        channel: &'static str,
        service: &'static str,
        file: &'static str,
        line: u32,
        column: u32,
        logging: Logging,
    ) -> Self {
        Self {
            channel,
            service,
            event: TypeId::of::<E>,
            schema: E::SCHEMA,
            file,
            line,
            column,
            logging,
            on_rejected: None,
            #[cfg(feature = "export")]
            decode: |payload, limit| E::decode_within(payload, limit).map(drop),
        }
    }

    /// Declares what follows when a message of the channel is rejected.
    #[doc(hidden)]
    #[must_use]
    pub const fn on_rejected(mut self, policy: OnRejected) -> Self {
        self.on_rejected = Some(policy);
        self
    }

    /// The channel, without the namespace of a bus.
    #[must_use]
    pub const fn channel(&self) -> &'static str {
        self.channel
    }

    /// The service's path: `my_bot::services::ChannelActivationInvalidation`.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The shape of the service's events.
    #[must_use]
    pub const fn schema(&self) -> &'static EventSchema {
        self.schema
    }

    /// The source file, as the compiler names it.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// The line of the service, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The column of the service, from 1.
    #[must_use]
    pub const fn column(&self) -> u32 {
        self.column
    }

    /// The type of the service's events.
    #[cfg(feature = "export")]
    pub(crate) fn event(&self) -> TypeId {
        (self.event)()
    }

    /// Decodes a payload of at most so many bytes, and drops the event.
    #[cfg(feature = "export")]
    pub(crate) const fn decode(&self) -> fn(&[u8], usize) -> Result<(), Rejection> {
        self.decode
    }

    pub(crate) const fn logging(&self) -> Logging {
        self.logging
    }
}

impl fmt::Debug for DeclaredChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredChannel")
            .field("channel", &self.channel)
            .field("service", &self.service)
            .field("event", &self.schema.name())
            .field("at", &format_args!("{}:{}", self.file, self.line))
            .finish_non_exhaustive()
    }
}

/// As `service (event) at file:line:column`.
impl fmt::Display for DeclaredChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}) at {}:{}:{}",
            self.service,
            self.schema.name(),
            self.file,
            self.line,
            self.column
        )
    }
}

/// Every channel of the program, with one entry per service, ordered by channel and place.
///
/// # Examples
///
/// ```standalone_crate
/// use cache_runtime::{InvalidationEvent, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// enum UserEvent {
///     User { user_id: u64 },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:user-invalidation", event = UserEvent)]
/// struct UserInvalidation;
///
/// let channels = cache_runtime::service::channels();
/// assert_eq!(channels[0].channel(), "cache:user-invalidation");
/// assert_eq!(channels[0].schema().variants()[0].wire(), "user");
/// ```
#[must_use]
pub fn channels() -> Vec<&'static DeclaredChannel> {
    let mut all: Vec<_> = inventory::iter::<&'static DeclaredChannel>
        .into_iter()
        .copied()
        .collect();
    all.sort_by_key(|r| (r.channel, r.file, r.line, r.column));
    all
}

/// Two services that use one channel for different events.
pub(crate) fn conflict() -> Option<(&'static DeclaredChannel, &'static DeclaredChannel)> {
    channels()
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .find(|(a, b)| a.channel == b.channel && (a.event)() != (b.event)())
}

/// What the services of a channel declare to follow when a message is rejected, if any of them
/// does. It depends on no order, because services that are not built count too.
pub(crate) fn on_rejected(channel: &str) -> Option<OnRejected> {
    inventory::iter::<&'static DeclaredChannel>
        .into_iter()
        .filter(|declared| declared.channel == channel)
        .filter_map(|declared| declared.on_rejected)
        .reduce(OnRejected::safer)
}

/// Rejects invalid channel names at compile time.
///
/// A name must not be empty, nor contain a character that Redis reads as a pattern or that makes
/// logs and access rules ambiguous.
///
/// # Panics
///
/// At compile time, if the name is invalid.
#[doc(hidden)]
#[track_caller]
pub const fn check_channel(name: &str) {
    let bytes = name.as_bytes();
    assert!(
        !bytes.is_empty(),
        "`channel` must not be empty\nhelp: name it, e.g. `\"cache:users\"`"
    );
    let mut i = 0;
    while i < bytes.len() {
        let allowed =
            bytes[i].is_ascii_alphanumeric() || matches!(bytes[i], b':' | b'-' | b'_' | b'.');
        assert!(
            allowed,
            "channel name contains a character that is not allowed\nhelp: use letters, digits, `:`, `-`, `_`, `.`"
        );
        i += 1;
    }
}
