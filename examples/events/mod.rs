//! The events of eleven services, as their TypeScript counterparts publish them.
//!
//! Included with `#[path]` by the example `services` and by the tests of the wire format, so that
//! what the example shows is what the tests check.
#![allow(
    unreachable_pub,
    reason = "included as a private module; events of a library are public"
)]

use cache_runtime::InvalidationEvent;
use serde::{Deserialize, Serialize};

/// A personality was changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum PersonalityEvent {
    Personality { personality_id: String },
    All,
}

/// A user's API keys were changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum ApiKeyEvent {
    User { discord_id: String },
    All,
}

/// A language model configuration was changed: a user's own, or one that is shared.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum LlmConfigEvent {
    User { discord_id: String },
    Config { config_id: String },
    All,
}

/// A voice configuration was changed: a user's own, or one that is shared.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum TtsConfigEvent {
    User { discord_id: String },
    Config { config_id: String },
    All,
}

/// A user's personas were changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum PersonaEvent {
    User { discord_id: String },
    All,
}

/// Which channels the bot is active in was changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum ChannelActivationEvent {
    Channel { channel_id: String },
    All,
}

/// A setting was changed on one of the levels that override one another.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum ConfigCascadeEvent {
    User { discord_id: String },
    Personality { personality_id: String },
    Channel { channel_id: String },
    Admin,
    All,
}

/// An entry was added to the denylist, or removed from it.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum DenylistEvent {
    Add { entry: DenylistEntry },
    Remove { entry: DenylistEntry },
    All,
}

/// Who is denied what, and where. Unknown keys are ignored, as in the other services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DenylistEntry {
    pub r#type: String,
    pub discord_id: String,
    pub scope: String,
    pub scope_id: String,
    pub mode: String,
}

/// A user's speech recognition was changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum SttResolverEvent {
    User { discord_id: String },
    All,
}

/// System settings were changed: these, or any of them.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum SystemSettingsEvent {
    Keys {
        #[invalidation(non_empty)]
        keys: Vec<String>,
    },
    All,
}

/// A user was changed.
#[derive(Debug, Clone, PartialEq, Eq, InvalidationEvent)]
pub enum UserEvent {
    User { discord_id: String },
    All,
}
