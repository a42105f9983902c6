//! All faults of one server and its network at once: no read returns a value that is too old.
//!
//! A writer changes numbers and publishes the changes: of a key, of a prefix, and of everything.
//! Two processes read them through caches of every kind, one of them behind a proxy. Meanwhile the
//! server is killed, frozen and restarted, connections are cut, killed and black-holed, and the
//! processes are stopped. Afterwards every single read is audited.

use std::time::Duration;

use support::{Proxy, Server, role};

use crate::audit::Split;
use crate::faults::{self, Victims};
use crate::place::Place;
use crate::reader;
use crate::run::{Finding, Run, duration};

/// How long the faults go on.
const TIME: Duration = Duration::from_secs(12);

/// The number of reads between two pauses of a reader.
const READS: usize = 50;

/// The process that is not behind the proxy.
const DIRECT: &str = "direct";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_older_than_it_may_be() {
    if role().is_some() {
        return reader::play().await;
    }
    let mut run = Run::new("torture::no_read_is_older_than_it_may_be");
    let mut server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let (direct, proxied) = (Place::at(server.url()), Place::at(proxy.url()));
    let readers = [(DIRECT, &direct), ("proxied", &proxied)];
    run.start(&readers, &direct, READS).await;
    let mut victims = Victims {
        server: &mut server,
        proxy: &proxy,
        run: &mut run,
    };
    let faults = faults::run(&mut victims, duration(TIME)).await;
    let (counts, findings) = run.end(&faults).await;

    assert!(counts.publishes.iter().all(|publishes| *publishes > 0) && counts.failures > 0);
    for Finding {
        reader,
        kind,
        verdict,
    } in findings
    {
        let Split { hits, loads } = verdict.live;
        assert!(
            hits > 100 && hits > loads / 10,
            "{reader}, {kind:?} does not cache"
        );
        assert!(
            verdict.away.loads > 0,
            "{reader}, {kind:?}: the faults went unnoticed"
        );
        assert!(
            !kind.goes_on() || verdict.away.hits > 0,
            "{reader}, {kind:?} does not go on"
        );
        // Only a reader behind the proxy can miss what the writer publishes.
        assert!(
            reader == DIRECT || verdict.stale > 0,
            "{reader}, {kind:?}: nothing was missed"
        );
    }
}
