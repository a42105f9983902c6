use super::*;

fn fault(address: &str) -> Option<String> {
    Address::parse(address).err()
}

#[test]
fn what_can_be_used_has_no_fault() {
    for address in [
        "redis://127.0.0.1",
        "redis://host:6379/3",
        "redis://host?db=3",
        "redis://host/3?db=3",
        "REDIS://user:p%23ss@host:6379?protocol=resp3",
        "redis://:p@ss:word@host/",
        "redis://user:a,b@host",
        "valkey://[::1]:6379",
        "redis://user@host",
        " redis://host\n",
        "redis://a:1,b:2",
        "redis-sentinel://a,b:2/primary",
        "valkey-sentinel://user:secret@[::1]:26379/primary-1?db=2",
        "redis+unix:///run/a@b.sock?pass=a#b",
        "unix:/run/redis.sock?db=4",
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
        ("sentinel://host/primary", "`redis-sentinel://"),
        ("redis-sentinel://host", "SENTINEL MASTERS"),
        ("redis-sentinel://host?db=1", "SENTINEL MASTERS"),
        ("redis-sentinel://host/a/b", "`-`, `_`, `.`"),
        ("redis-sentinel://a:1,b:secret/primary", "the port"),
        ("redis-sentinel:host", "expected `redis-sentinel://host"),
        ("redis:host", "expected `redis://host:port`"),
        ("redis://", "host is missing"),
        ("redis://:secret@", "host is missing"),
        ("redis://:6379", "host is missing"),
        ("redis://a,,b", "host is missing"),
        ("redis://a:secr#et@host", "`%23`"),
        ("redis://user:12345#abc@host", "`%23`"),
        ("redis://a:secr?et@host", "`%3F`"),
        ("redis://a:secr/et@host", "`%2F`"),
        ("redis://u:secret@a:1,u:secret@b:2", "expected them once"),
        ("redis://::1:6379", "IPv6"),
        ("redis://user:secret:host", "user:password@host"),
        ("redis://[::1", "`]`"),
        ("redis://a,[::1", "`]`"),
        ("redis://host:secret", "the port"),
        ("redis://host:65536", "the port"),
        ("redis://host:0", "the port"),
        ("redis://host/base", "the database"),
        ("redis://host/-1", "the database"),
        ("redis://host?db=secret", "the database"),
        ("redis://host/1?db=2", "two databases"),
        ("redis://host?database=2", "expected `db`"),
        ("unix:/run/redis.sock?db=secret", "the database"),
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
    for address in ["rediss://host", "valkeys://host", "rediss-sentinel://a/b"] {
        let named = fault(address).is_some_and(|fault| fault.contains("`tls-rustls`"));
        assert_eq!(named, !has_tls(), "{address}");
    }
}

fn parsed(address: &str) -> (Vec<String>, Option<String>, i64) {
    let Ok(parsed) = Address::parse(address) else {
        panic!("{address} can be used");
    };
    let servers = parsed.servers.iter().map(describe).collect();
    (servers, parsed.service, parsed.database)
}

#[test]
fn servers_and_database_are_as_written() {
    let one = |server: &str, database| (vec![server.to_owned()], None, database);
    assert_eq!(parsed("redis://host"), one("host:6379", 0));
    assert_eq!(parsed("redis://host:1/3"), one("host:1", 3));
    assert_eq!(parsed("redis://[::1]:1?db=3"), one("[::1]:1", 3));
    assert_eq!(parsed("unix:///run/a.sock?db=3"), one("/run/a.sock", 3));
    let two = vec!["a:1".to_owned(), "b:6379".to_owned()];
    assert_eq!(parsed("redis://user:a,b@a:1,b/2"), (two, None, 2));
    let sentinels = vec!["a:26379".to_owned(), "[::1]:2".to_owned()];
    assert_eq!(
        parsed("redis-sentinel://user:secret@a,[::1]:2/primary?db=4"),
        (sentinels, Some("primary".to_owned()), 4)
    );
}

#[test]
fn credentials_are_decoded() {
    let Ok(parsed) = Address::parse("redis://ada:p%23@a:1,b:2") else {
        panic!("it can be used");
    };
    let Some(credentials) = parsed.credentials else {
        panic!("it has a password");
    };
    assert_eq!(credentials.user.as_deref(), Some("ada"));
    assert_eq!(credentials.password, "p#");
}
