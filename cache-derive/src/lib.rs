//! The macros of `cache-runtime`, which re-exports them: depend on that crate alone.

mod ast;
mod attr;
mod case;
mod ctxt;
mod derive;
mod expand;
mod fallback;
mod json;
mod suggest;
#[cfg(test)]
mod tests;
mod types;
mod valid;

use proc_macro::TokenStream;

/// Makes an enum an invalidation event: its wire format, its strict validator and the
/// `invalidate_…` methods that every service of the event offers.
///
/// ```
/// use cache_runtime::InvalidationEvent;
///
/// /// Which channels the bot is active in has changed.
/// #[derive(Debug, PartialEq, InvalidationEvent)]
/// pub enum ChannelActivationEvent {
///     Channel { channel_id: String },
///     All,
/// }
///
/// let event = ChannelActivationEvent::Channel { channel_id: "123".to_owned() };
/// let json = br#"{"type":"channel","channelId":"123"}"#;
/// assert_eq!(event.encode()?, json);
/// assert_eq!(ChannelActivationEvent::decode(json)?, event);
/// assert!(ChannelActivationEvent::decode(br#"{"type":"channel"}"#).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Variants
///
/// A variant has named fields or none. Exactly one variant, without fields, means "everything is
/// stale": the one named `All`, or the one marked `#[invalidation(all)]`. Handlers receive it when
/// events may have been lost, so an enum without it does not compile.
///
/// For each variant a service gets a method `invalidate_<variant>`, which takes the fields in
/// order, a `String` as `impl Into<String>`. The method returns a `Publishing`, which must be
/// awaited: `service.invalidate_channel("123").await?`. The methods need no import. In
/// documentation builds, a trait `<Enum>Methods` lists them on the page of every service in the
/// enum's crate. Do not use that name for another item.
///
/// # Fields
///
/// A field may have any type that implements serde's `Serialize` and `DeserializeOwned`: strings,
/// bools, integers, lists, newtypes, nested structs. Unknown keys of a nested struct are ignored,
/// as serde does. Types that serde reads through a buffer (untagged, internally tagged or flattened
/// ones) are only as strict as serde is. Fields of these types do not compile:
///
/// | Type | Why |
/// |---|---|
/// | `Option<T>`, also behind an alias | the keys of the variant would vary; split it into two |
/// | `&str`, `Cow<'a, str>` | received events own their data |
/// | `fn()`, `*const T`, `dyn Trait` | they cannot be sent |
///
/// # Keys
///
/// `#[invalidation(..)]` on the enum:
///
/// | Key | Meaning | Default |
/// |---|---|---|
/// | `tag = ".."` | the JSON key that identifies the variant | `"type"` |
/// | `rename_all = ".."` | how variants are spelled | `"camelCase"` |
/// | `rename_all_fields = ".."` | how fields are spelled | `"camelCase"` |
/// | `crate = ::path` | where `cache-runtime` is, if it was renamed | `::cache_runtime` |
///
/// The spellings are serde's: `lowercase`, `UPPERCASE`, `PascalCase`, `camelCase`, `snake_case`,
/// `SCREAMING_SNAKE_CASE`, `kebab-case`, `SCREAMING-KEBAB-CASE`.
///
/// On a variant:
///
/// | Key | Meaning | Default |
/// |---|---|---|
/// | `rename = ".."` | its name on the wire | by `rename_all` |
/// | `all` | the variant means "everything is stale" | the unit variant named `All` |
/// | `method = ".."` | the name of its method | `invalidate_<variant>` |
///
/// On a field:
///
/// | Key | Meaning | Default |
/// |---|---|---|
/// | `rename = ".."` | its key on the wire | by `rename_all_fields` |
/// | `non_empty` | `""`, `[]` and `{}` are rejected, when decoding and when encoding | allowed |
/// | `as_string` | an integer, or each of a `Vec`, is a string of digits on the wire | a number |
///
/// Use `as_string` for ids that may exceed 2^53 where a peer is written in JavaScript: it reads a
/// number beyond that as a neighbour, and evicts the wrong key without an error. On the wire it is
/// `"9007199254740993"`, and strict: no blanks, no `+`, no leading zero, `-` only before a negative
/// number, and nothing that does not fit the type.
///
/// ```
/// use cache_runtime::InvalidationEvent;
///
/// #[derive(InvalidationEvent)]
/// #[invalidation(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
/// pub enum SettingsEvent {
///     #[invalidation(rename = "CHANGED", method = "settings_changed")]
///     SettingsChanged {
///         #[invalidation(non_empty)]
///         keys: Vec<String>,
///         #[invalidation(rename = "by", as_string)]
///         changed_by: u64,
///     },
///     #[invalidation(all)]
///     Everything,
/// }
///
/// let event = SettingsEvent::SettingsChanged { keys: vec!["theme".to_owned()], changed_by: 7 };
/// assert_eq!(event.encode()?, br#"{"kind":"CHANGED","keys":["theme"],"by":"7"}"#);
/// assert_eq!(SettingsEvent::all().encode()?, br#"{"kind":"EVERYTHING"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[proc_macro_derive(InvalidationEvent, attributes(invalidation))]
pub fn derive_invalidation_event(input: TokenStream) -> TokenStream {
    derive::event(input.into()).into()
}

/// Makes a struct the service of one channel: with a constructor, publishing, subscribing, and an
/// entry in the list of the program's channels.
///
/// ```
/// use cache_runtime::service::PublishError;
/// use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// pub enum UserEvent {
///     User { user_id: u64 },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:user-invalidation", event = UserEvent)]
/// pub struct UserInvalidation;
///
/// async fn changed(bus: &Bus) -> Result<(), PublishError> {
///     let service = UserInvalidation::new(bus);
///     service.invalidate_user(123).await?;
///     service.publish(&UserEvent::All).await?;
///     Ok(())
/// }
/// ```
///
/// # Keys
///
/// | Key | Meaning | Default |
/// |---|---|---|
/// | `channel = ..` | the channel: a string literal, or the path of a `const &str` | required |
/// | `event = Type` | the enum of its events | the type in a field of type `Invalidator<Type>` |
/// | `crate = ::path` | where `cache-runtime` is, if it was renamed | `::cache_runtime` |
/// | `constructor = ".."` | the constructor's name, if the struct has its own `new` | `"new"` |
/// | `on_rejected = ".."` | what follows when a message of the channel is rejected: `"flush"` or `"ignore"` | the bus's `on_rejected` |
/// | `log_subscription = bool` | whether a subscription is logged | `true` |
/// | `log_events = bool` | whether received events are logged | `true` |
/// | `log_publish = bool` | whether published events are logged | `true` |
///
/// A channel name consists of ASCII letters, digits, `:`, `-`, `_` and `.`. Literals and constants
/// are checked at compile time.
///
/// `on_rejected` is the policy of the channel, so it holds for every service of the channel in the
/// program, also for one that does not have the key. If two services of a channel have different
/// policies, `"flush"` holds. The policies are those of the enum `OnRejected`.
///
/// # The struct
///
/// The struct has named fields or none, and gets one hidden field. The constructor takes the bus,
/// then the named fields in order. All fields must be `Send + Sync`. A field of type
/// `Invalidator<Event>` replaces the hidden one: it names the event, and the constructor sets it.
///
/// ```
/// use cache_runtime::service::Invalidator;
/// use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// pub enum PersonaEvent {
///     Persona { id: String },
///     All,
/// }
///
/// const CHANNEL: &str = "cache:persona";
///
/// #[cache_invalidation(channel = CHANNEL, log_events = false)]
/// #[derive(Debug, Clone)]
/// pub struct Personas {
///     shard: u16,
///     events: Invalidator<PersonaEvent>,
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let personas = Personas::new(&Bus::in_process(), 3);
/// assert_eq!(personas.shard, 3);
/// assert_eq!(personas.events.channel(), "cache:persona");
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// The struct implements `Service` and dereferences to `Invalidator<Event>`, which has `publish`,
/// `subscribe` and the other methods. `Invalidator<Event>` dereferences to the `invalidate_…`
/// methods.
///
/// Do not give the struct a method named `publish`, `subscribe` or `invalidate_…`, which would hide
/// the one that it dereferences to. `#[invalidation(method = "..")]` on a variant renames an
/// `invalidate_…` method, and `constructor` renames the constructor.
///
/// Write the attribute above `#[derive(..)]`: a derive above it does not see the hidden field.
#[proc_macro_attribute]
pub fn cache_invalidation(args: TokenStream, item: TokenStream) -> TokenStream {
    derive::service(&args.into(), &item.into()).into()
}
