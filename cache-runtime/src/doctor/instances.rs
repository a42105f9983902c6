//! Who uses a server, and whether they agree.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diagnosis::{Found, Instance, Outcome};
use crate::audit::{Peer, schemas};
use crate::bus::Bus;

/// Who else is there.
pub(super) async fn instances(bus: &Bus) -> (Found, Vec<Instance>) {
    let listed = bus.shared().listed().await;
    let audited = bus.audited().await;
    let mut doubts = Vec::new();
    let mut instances = Vec::new();
    match listed {
        Ok(Some(list)) => {
            // Without this one, which ends with the diagnosis.
            let here = bus.shared().id();
            for listed in list.listed.into_iter().filter(|listed| listed.id != here) {
                let left = listed.until.saturating_sub(list.now);
                let mut instance = instance(&listed.name.escape_debug().to_string());
                instance.lease_left = (left > 0).then(|| Duration::from_millis(left));
                instances.push(instance);
            }
        }
        Ok(None) => doubts.push("the list cannot be read here".to_owned()),
        Err(cause) => doubts.push(format!("the list cannot be read: {cause}")),
    }
    match audited {
        Ok(peers) => add(&mut instances, peers),
        Err(cause) => doubts.push(format!("the records of audits cannot be read: {cause}")),
    }
    instances.sort_by(|a, b| a.name.cmp(&b.name));
    let found = if doubts.is_empty() {
        (Outcome::Passed, format!("{} known", instances.len()))
    } else {
        (Outcome::Doubtful, doubts.join("; "))
    };
    (found, instances)
}

/// Adds what is known from audits. Names need not differ: an audit is of a listed instance only if each has
/// the name for itself.
fn add(instances: &mut Vec<Instance>, peers: Vec<Peer>) {
    let mut names: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for instance in &*instances {
        names.entry(instance.name.clone()).or_default().0 += 1;
    }
    for peer in &peers {
        names.entry(peer.instance.clone()).or_default().1 += 1;
    }
    for peer in peers {
        let listed = instances
            .iter_mut()
            .find(|known| known.name == peer.instance);
        match listed {
            Some(known) if names[&peer.instance] == (1, 1) => tell(known, peer),
            _ => {
                let mut unlisted = instance(&peer.instance);
                tell(&mut unlisted, peer);
                instances.push(unlisted);
            }
        }
    }
}

fn instance(name: &str) -> Instance {
    Instance {
        name: name.to_owned(),
        lease_left: None,
        audited: None,
        version: None,
        caches: Vec::new(),
        schemas: BTreeMap::new(),
    }
}

fn tell(instance: &mut Instance, peer: Peer) {
    instance.audited = Some(peer.age);
    instance.version = peer.version;
    instance.caches = peer.caches;
    instance.schemas = peer.schemas;
}

/// The channels whose events differ among instances, or from those of this program.
pub(super) fn differing(instances: &[Instance]) -> Vec<(String, Found)> {
    let mut all: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    let here = schemas().iter().map(|schema| ("this program", schema));
    let there = instances.iter().flat_map(|instance| {
        let schemas = instance.schemas.iter();
        schemas.map(|schema| (&*instance.name, schema))
    });
    for (name, (channel, fingerprint)) in here.chain(there) {
        let fingerprints = all.entry(channel).or_default();
        fingerprints.entry(fingerprint).or_default().push(name);
    }
    let differing = all
        .into_iter()
        .filter(|(_, fingerprints)| fingerprints.len() > 1);
    let found = differing.map(|(channel, fingerprints)| {
        let each = fingerprints.iter();
        let each = each.map(|(fingerprint, names)| format!("{fingerprint} ({})", names.join(", ")));
        let text = format!(
            "instances have different events: {}. What one of them does not know, it rejects. That \
             ends with a deployment that is under way",
            each.collect::<Vec<_>>().join(", ")
        );
        (channel.to_owned(), (Outcome::Doubtful, text))
    });
    found.collect()
}
