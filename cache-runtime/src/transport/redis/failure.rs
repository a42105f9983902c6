//! Explains failures: the cause, and what to allow or change.

use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::tls;
use crate::health::Cause;
use crate::settings::{
    AUDIT_KEY, BESIDE_PREFIX, CANARY_PREFIX, INSTANCES_KEY, PubSub, is_in_names,
};
use crate::sync::Mutex;
use crate::wire::{Prose, Quoted};

/// The channel or key that a command names, or the server if it names none.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Channel(&'a str),
    Key(&'a str),
    Server,
}

/// What is known of the server and the settings, for explanations.
#[derive(Clone)]
pub(super) struct Failures {
    /// The address, without credentials.
    pub(super) address: String,
    pub(super) login: Login,
    pub(super) namespace: Option<String>,
    /// In a cluster, which commands carry events; `None` outside.
    pub(super) cluster: Option<PubSub>,
    /// What such an address begins with if it is one with TLS.
    pub(super) tls_scheme: &'static str,
}

/// Who logs in, and where that was set.
#[derive(Clone)]
pub(super) struct Login {
    /// A function may name another one at any time.
    user: Arc<Mutex<Option<String>>>,
    has_password: bool,
    place: Place,
}

/// Where a user name and a password were set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Address,
    Function,
    Sentinels,
}

impl Login {
    pub(super) fn new(user: Option<&str>, has_password: bool, place: Place) -> Self {
        Self {
            user: Arc::new(Mutex::new(user.map(str::to_owned))),
            has_password,
            place,
        }
    }

    /// Takes note of the user that logs in.
    pub(super) fn is(&self, user: Option<String>) {
        *self.user.lock() = user;
    }
}

impl Failures {
    /// The same for one of several addresses.
    pub(super) fn at(&self, address: String) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    pub(super) fn cause(&self, error: &RedisError) -> Cause {
        let address = &self.address;
        if error.is_timeout() {
            return Cause::Timeout(address.as_str().into());
        }
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm) => Cause::Refused(self.permission(error)),
            ErrorKind::AuthenticationFailed => Cause::Credentials(self.login()),
            ErrorKind::RESP3NotSupported => Cause::Version(format!("{address}: {error}").into()),
            ErrorKind::Parse => {
                let scheme = self.tls_scheme;
                let what = format!("its answer is none of Redis; a port for TLS needs `{scheme}`");
                Cause::Version(format!("{address}: {what}").into())
            }
            _ => match error.code() {
                Some("WRONGPASS" | "NOAUTH") => Cause::Credentials(self.login()),
                Some(ANOTHER_SERVER) => Cause::AnotherServer,
                Some(NOT_PRIMARY) => Cause::NotPrimary(error.detail().unwrap_or_default().into()),
                Some("NOPROTO") => Cause::Version(address.as_str().into()),
                Some(NO_SHARDED_PUBSUB) => Cause::Version(
                    format!("{address} has no sharded pub/sub; expected `PubSub::Broadcast`")
                        .into(),
                ),
                Some(OTHER_MODE) => Cause::Settings(self.other_mode()),
                Some(code @ ("MOVED" | "ASK" | "TRYAGAIN")) if self.is_cluster() => {
                    let detail = error.detail().unwrap_or_default();
                    Cause::Moved(format!("{address}: {code} {detail}").into())
                }
                Some(code) => {
                    let detail = error.detail().unwrap_or_default();
                    if detail.starts_with("unknown command") && detail.contains("HELLO") {
                        return Cause::Version(address.as_str().into());
                    }
                    Cause::Server(format!("{address}: {code} {detail}").into())
                }
                None => Cause::Unreachable(match tls::explained(error) {
                    Some(meaning) => format!("{address}: {meaning} ({error})").into(),
                    None => format!("{address}: {error}").into(),
                }),
            },
        }
    }

    /// The server refuses every connection with this error, such as `ERR max number of clients
    /// reached`.
    pub(super) fn refused(&self, error: &str) -> Cause {
        Cause::Server(format!("{}: {}", self.address, Prose(error)).into())
    }

    pub(super) fn timeout(&self, what: &str, limit: Duration) -> Cause {
        Cause::Timeout(format!("{what} to {} took more than {limit:?}", self.address).into())
    }

    /// As [`cause`](Self::cause), for a command that names a channel or a key.
    pub(super) fn about(&self, error: &RedisError, about: About<'_>) -> Cause {
        let refused = error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm);
        match about {
            About::Channel(channel) if refused => {
                Cause::Refused(self.channel_permission(error, channel))
            }
            About::Key(key) if refused || in_script(error) => {
                Cause::Refused(self.key_permission(error, key))
            }
            _ => self.cause(error),
        }
    }

    fn user(&self) -> String {
        let user = self.login.user.lock().clone();
        user.unwrap_or_else(|| "default".to_owned())
    }

    fn login(&self) -> Arc<str> {
        let (user, address) = (self.user(), &self.address);
        if self.login.has_password {
            let by = match self.login.place {
                Place::Function => ", as the function given to `BusBuilder::credentials` says",
                Place::Address | Place::Sentinels => "",
            };
            return format!("user `{user}` at {address}{by}").into();
        }
        let expected = match self.login.place {
            Place::Address | Place::Function => {
                "the address has none; expected `redis://:password@host` or \
                 `redis://user:password@host`"
            }
            Place::Sentinels => {
                "none is set; expected `BusBuilder::sentinel_credentials`, because those of the \
                 address are for the servers"
            }
        };
        format!("{address} wants a password, and {expected}").into()
    }

    fn other_mode(&self) -> Arc<str> {
        let address = &self.address;
        if self.is_cluster() {
            format!("address: {address} is no node of a cluster; expected `redis://{address}`")
        } else {
            format!(
                "address: {address} is a node of a cluster; expected `redis-cluster://{address}`"
            )
        }
        .into()
    }

    /// Access rules for the commands of a bus.
    fn commands(&self) -> String {
        let pubsub = if self.is_sharded() {
            "+ssubscribe +sunsubscribe +spublish"
        } else {
            "+subscribe +unsubscribe +publish"
        };
        let common = format!("+hello +info +client|setname {pubsub}");
        if self.is_cluster() {
            let key = self.own_key("*");
            format!("{common} +cluster|slots +cluster|info +exists ~{key}")
        } else {
            common
        }
    }

    /// Whether the server is a node of a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// Whether events go over sharded pub/sub.
    pub(super) fn is_sharded(&self) -> bool {
        self.cluster == Some(PubSub::Sharded)
    }

    /// A key that only this library uses, with the namespace.
    pub(super) fn own_key(&self, key: &str) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}:{BESIDE_PREFIX}{key}"),
            None => format!("{BESIDE_PREFIX}{key}"),
        }
    }

    fn permission(&self, error: &RedisError) -> Arc<str> {
        let commands = match self.login.place {
            Place::Sentinels => SENTINEL_COMMANDS.to_owned(),
            Place::Address | Place::Function => self.commands(),
        };
        let detail = error.detail().unwrap_or("no permission");
        // Only an address with a database needs it.
        let select = if detail.contains("select") {
            " +select"
        } else {
            ""
        };
        format!(
            "{}: {detail}; allow it: ACL SETUSER {} {commands}{select}",
            self.address,
            self.user()
        )
        .into()
    }

    fn channel_permission(&self, error: &RedisError, channel: &str) -> Arc<str> {
        // Each instance has its own canary channel, so the pattern covers all of them.
        let own = channel.contains(CANARY_PREFIX);
        let pattern = match (&self.namespace, own) {
            (Some(namespace), true) => format!("{namespace}:{CANARY_PREFIX}*"),
            (None, true) => format!("{CANARY_PREFIX}*"),
            (_, false) => channel.to_owned(),
        };
        format!(
            "channel `{channel}`: {}; allow it: ACL SETUSER {} {} &{pattern}",
            error.detail().unwrap_or("no permission"),
            self.user(),
            self.commands()
        )
        .into()
    }

    fn key_permission(&self, error: &RedisError, key: &str) -> Arc<str> {
        let (commands, alone) = if key.ends_with(AUDIT_KEY) {
            (AUDIT_COMMANDS, true)
        } else if key.ends_with(INSTANCES_KEY) {
            (LIST_COMMANDS, true)
        } else {
            (KEY_COMMANDS, false)
        };
        // All keys of the namespace, or without one, all keys of the cache and what lives beside them.
        let keys = match &self.namespace {
            Some(namespace) => format!("{namespace}:*"),
            None if alone => key.to_owned(),
            None if key.starts_with(BESIDE_PREFIX) => format!("{BESIDE_PREFIX}*"),
            None => match key.split_once(':') {
                Some((cache, _)) if cache.chars().all(is_in_names) => {
                    format!("{cache}:* ~{BESIDE_PREFIX}*")
                }
                // A function names the keys.
                _ => format!("PATTERN ~{BESIDE_PREFIX}*, with the pattern of the cache's keys"),
            },
        };
        format!(
            "key {}: {}; allow it: ACL SETUSER {} {commands} ~{keys}",
            Quoted(key),
            error.detail().unwrap_or("no permission"),
            self.user()
        )
        .into()
    }
}

/// The error of a connection that leads to another server than the one it was opened to, or than the
/// other connections do. Scripts answer with it too.
const ANOTHER_SERVER: &str = "ANOTHERSERVER";

pub(super) fn another_server() -> RedisError {
    redis::make_extension_error(ANOTHER_SERVER.to_owned(), None)
}

/// The error of a server that was a primary when its connection was opened, and is none any more.
const NOT_PRIMARY: &str = "NOTPRIMARY";

pub(super) fn not_primary(role: &str) -> RedisError {
    redis::make_extension_error(NOT_PRIMARY.to_owned(), Some(role.to_owned()))
}

/// The error of a server that is a node of a cluster although the address is none of a cluster, or the
/// other way round.
const OTHER_MODE: &str = "OTHERMODE";

pub(super) fn other_mode() -> RedisError {
    redis::make_extension_error(OTHER_MODE.to_owned(), None)
}

/// The error of a node that is too old for a cluster.
const NO_SHARDED_PUBSUB: &str = "NOSHARDEDPUBSUB";

pub(super) fn no_sharded_pubsub() -> RedisError {
    redis::make_extension_error(NO_SHARDED_PUBSUB.to_owned(), None)
}

/// Whether the answer comes from a server that cannot serve as the primary now. A node of a cluster
/// that does not have one slot may be the primary of others.
pub(super) fn is_wrong_server(error: &RedisError) -> bool {
    let codes = [
        "READONLY",
        "MASTERDOWN",
        "CLUSTERDOWN",
        "LOADING",
        "UNBLOCKED",
        ANOTHER_SERVER,
        NOT_PRIMARY,
    ];
    // The error of a script quotes the error of the command that failed in it.
    let script = || error.to_string().contains("-READONLY ");
    error.code().is_some_and(|code| codes.contains(&code)) || error.code().is_some() && script()
}

/// Whether a primary refuses writes because too few of its replicas are in reach.
pub(super) fn is_alone(error: &RedisError) -> bool {
    error.code() == Some("NOREPLICAS") || error.to_string().contains("-NOREPLICAS ")
}

/// Whether a script was refused a command, which is told as an error of the script.
fn in_script(error: &RedisError) -> bool {
    // The second text is that of Redis up to 7.0.
    let told = [
        "ACL failure in script",
        "The user executing the script can't",
    ];
    let error = error.to_string();
    told.iter().any(|told| error.contains(told))
}

/// Access rules on a Sentinel.
const SENTINEL_COMMANDS: &str = "+hello +sentinel +subscribe &+switch-master &+promoted-slave";

/// Access rules for the further commands of caches in Redis.
const KEY_COMMANDS: &str = "+get +getrange +set +del +pttl +scan +eval +evalsha";

/// Access rules for the list of instances.
const LIST_COMMANDS: &str = "+eval +time +zadd +zremrangebyscore +zrange +zrem +pexpire";

/// Access rules for the commands of an audit across instances.
const AUDIT_COMMANDS: &str = "+eval +evalsha +time +hset +hgetall +hdel +pexpire";
