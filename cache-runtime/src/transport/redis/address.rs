//! What is wrong with an address, in one sentence for each fault.
//!
//! No message quotes the address, because a part of a password may stand where another part is
//! expected. Only where a port or a database belongs behind the last `@` is known.

/// The schemes of addresses, with TLS or without.
const SCHEMES: [&str; 7] = [
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "redis+unix",
    "valkey+unix",
    "unix",
];

/// What a password or a user name may not contain, and what to write instead.
const RESERVED: [(char, &str); 3] = [('#', "%23"), ('?', "%3F"), ('/', "%2F")];

/// What is wrong with an address, and what to write instead. `None` if only the client can tell.
pub(super) fn fault(address: &str) -> Option<String> {
    let address = address.trim();
    if address.is_empty() {
        return Some("it is empty; expected `redis://host:port`".to_owned());
    }
    let (scheme, rest) = match address.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
        _ if address.to_ascii_lowercase().contains("sentinel") => return Some(sentinel()),
        _ => {
            return Some(
                "it begins with no scheme that is known; expected `redis://host:port`, \
                 `rediss://…` or `redis+unix:///path`"
                    .to_owned(),
            );
        }
    };
    if scheme.ends_with("unix") {
        let has_path = rest.trim_start_matches('/').len() < rest.len() && rest.len() > 1;
        let has_host = rest.starts_with("//") && !rest.starts_with("///");
        return (!has_path || has_host).then(|| {
            format!("a Unix socket needs an absolute path; expected `{scheme}:///path/to/socket`")
        });
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Some(format!("expected `{scheme}://host:port`"));
    };
    if matches!(scheme.as_str(), "rediss" | "valkeys") && !has_tls() {
        return Some(format!(
            "`{scheme}://` needs TLS, which this program is built without; enable the feature \
             `tls-rustls` or `tls-native-tls` of `cache-runtime`"
        ));
    }
    network(&scheme, rest)
}

/// A known scheme. Others are not shown: they may be a user name.
fn is_scheme(scheme: &str) -> bool {
    SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

fn has_tls() -> bool {
    cfg!(any(feature = "tls-rustls", feature = "tls-native-tls"))
}

fn sentinel() -> String {
    "a Sentinel is not asked for the primary; expected the address of the primary, or of a proxy \
     that leads to it, such as `redis://host:port`"
        .to_owned()
}

/// What is wrong behind the `//` of an address on the network.
fn network(scheme: &str, rest: &str) -> Option<String> {
    let server = match rest.rsplit_once('@') {
        None => rest,
        Some((login, server)) => {
            for (reserved, instead) in RESERVED {
                if login.contains(reserved) {
                    return Some(format!(
                        "the user name or the password contains `{reserved}`; percent-encode it, as \
                         `{instead}`"
                    ));
                }
            }
            server
        }
    };
    let end = server.find(['/', '?', '#']).unwrap_or(server.len());
    let (host, after) = server.split_at(end);
    if host.contains(',') {
        return Some("it names several servers; expected the one that is the primary".to_owned());
    }
    let port = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((_, port)) => port.strip_prefix(':').unwrap_or(port),
            None => {
                return Some(format!(
                    "a `]` is missing; expected `{scheme}://[::1]:6379`"
                ));
            }
        },
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Some(format!(
                    "there is more than one `:` in the place of the host and the port; expected a \
                     password as in `{scheme}://user:password@host`, and an IPv6 address as in \
                     `{scheme}://[::1]:6379`"
                ));
            }
            Some((_, port)) => port,
            None => "",
        },
    };
    if host.is_empty() || host.starts_with(':') {
        return Some(format!(
            "the host is missing; expected `{scheme}://user:password@host:port`"
        ));
    }
    if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Some("the port is not a number from 1 to 65535".to_owned());
    }
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let database = after[..end].trim_matches('/');
    (!database.is_empty() && database.parse::<i64>().is_err()).then(|| {
        "the database behind the host is not a number; leave it out, because channels belong to no \
         database"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_used_has_no_fault() {
        for address in [
            "redis://127.0.0.1",
            "redis://host:6379/3",
            "REDIS://user:p%23ss@host:6379?protocol=resp3",
            "redis://:p@ss:word@host/",
            "valkey://[::1]:6379",
            "redis://user@host",
            " redis://host\n",
            "redis+unix:///run/a@b.sock?pass=a#b",
            "unix:/run/redis.sock",
        ] {
            assert_eq!(fault(address), None, "{address}");
        }
    }

    #[test]
    fn each_fault_has_its_own_sentence() {
        let cases = [
            ("", "empty"),
            ("127.0.0.1:6379", "scheme"),
            ("http://host", "scheme"),
            ("redis-sentinel://host/primary", "Sentinel"),
            ("redis:host", "expected `redis://host:port`"),
            ("redis://", "host is missing"),
            ("redis://:secret@", "host is missing"),
            ("redis://:6379", "host is missing"),
            ("redis://a:secr#et@host", "`%23`"),
            ("redis://user:12345#abc@host", "`%23`"),
            ("redis://a:secr?et@host", "`%3F`"),
            ("redis://a:secr/et@host", "`%2F`"),
            ("redis://a:1,b:2", "several"),
            ("redis://::1:6379", "IPv6"),
            ("redis://user:secret:host", "user:password@host"),
            ("redis://[::1", "`]`"),
            ("redis://host:secret", "the port"),
            ("redis://host:65536", "the port"),
            ("redis://host:0", "the port"),
            ("redis://host/base", "the database"),
            ("redis+unix://run/redis.sock", "absolute path"),
            ("unix://", "absolute path"),
        ];
        for (address, expected) in cases {
            let fault = fault(address).unwrap_or_default();
            assert!(fault.contains(expected), "{address}: {fault}");
            assert!(
                !fault.contains("secr") && !fault.contains("12345"),
                "{fault}"
            );
        }
    }

    #[test]
    fn tls_without_its_feature_names_the_feature() {
        for address in ["rediss://host", "valkeys://host"] {
            let named = fault(address).is_some_and(|fault| fault.contains("`tls-rustls`"));
            assert_eq!(named, !has_tls(), "{address}");
        }
    }
}
