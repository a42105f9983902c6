//! The address of a cluster: several nodes to begin with, and the credentials for all.

use crate::health::Cause;

/// The schemes, and those of the nodes.
const SCHEMES: [(&str, &str); 4] = [
    ("redis-cluster://", "redis://"),
    ("rediss-cluster://", "rediss://"),
    ("valkey-cluster://", "valkey://"),
    ("valkeys-cluster://", "valkeys://"),
];

/// The addresses of the nodes that `scheme://user:password@host:port,host:port` names; `None` if it is
/// not the address of a cluster. Each is still to be checked.
pub(crate) fn addresses(url: &str) -> Result<Option<Vec<String>>, Cause> {
    let url = url.trim();
    let of_cluster = SCHEMES.iter().find_map(|(scheme, node)| {
        let start = url.get(..scheme.len())?;
        let rest = || (&url[scheme.len()..], *node);
        start.eq_ignore_ascii_case(scheme).then(rest)
    });
    let Some((rest, scheme)) = of_cluster else {
        return Ok(None);
    };
    let (login, hosts) = match rest.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), rest),
    };
    let end = hosts.find(['/', '?', '#']).unwrap_or(hosts.len());
    let (hosts, after) = hosts.split_at(end);
    if !matches!(after, "" | "/" | "/0") {
        let what = "address: a cluster has database 0 only; expected nothing behind the hosts";
        return Err(Cause::Settings(what.into()));
    }
    let address = |host: &str| format!("{scheme}{login}{}", host.trim());
    Ok(Some(hosts.split(',').map(address).collect()))
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn each_node_is_an_address_with_the_credentials() {
        let of = |url| addresses(url).unwrap().unwrap();
        assert_eq!(of("redis-cluster://a"), ["redis://a"]);
        assert_eq!(
            of("redis-cluster://me:p%40ss@a:1,[::1]:2/"),
            ["redis://me:p%40ss@a:1", "redis://me:p%40ss@[::1]:2"]
        );
        assert_eq!(of("REDISS-cluster://a,b"), ["rediss://a", "rediss://b"]);
        assert_eq!(addresses("redis://a"), Ok(None));
        assert!(addresses("redis-cluster://a,b/3").is_err());
    }
}
