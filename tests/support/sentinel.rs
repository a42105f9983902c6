//! A primary, two replicas and three Sentinels, owned by one test.

use std::ffi::OsString;
use std::fs;

use crate::port::Port;
use crate::process::{Process, server_binary};
use crate::server::Folder;
use crate::{Admin, Server, ServerBuilder, eventually};

/// The name by which the Sentinels know the primary.
const NAME: &str = "main";

/// The user as which the Sentinels log in at the servers.
const WATCHER: &str = "watcher";

/// How the Sentinels watch the servers.
const SETTINGS: [(&str, &str); 4] = [
    ("down-after-milliseconds", "600"),
    ("failover-timeout", "4000"),
    ("auth-user", WATCHER),
    ("auth-pass", "secret"),
];

const WATCH: [&str; 8] = [
    "ACL", "SETUSER", WATCHER, "on", ">secret", "~*", "&*", "+@all",
];

/// Three servers and the Sentinels that choose the primary among them. All end when it is dropped.
#[derive(Debug)]
pub struct SentinelSet {
    /// The first is the primary at the start.
    pub servers: Vec<Server>,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    // Dropped in this order.
    _process: Process,
    _folder: Folder,
    port: Port,
}

impl SentinelSet {
    /// Starts all, and waits until each Sentinel knows the replicas and the other Sentinels.
    ///
    /// # Panics
    ///
    /// With the log of what does not start.
    pub async fn start() -> Self {
        // A replica is not to wait for others that begin at the same time.
        let builder = Server::builder().option("repl-diskless-sync-delay", "0");
        let primary = builder.clone().start().await;
        let (first, second) = tokio::join!(
            replica(builder.clone(), &primary),
            replica(builder, &primary)
        );
        let servers = vec![primary, first, second];
        for server in &servers {
            server.admin().await.run::<()>(&WATCH).await;
        }
        let port = servers[0].port();
        let (a, b, c) = tokio::join!(sentinel(port), sentinel(port), sentinel(port));
        let set = Self {
            servers,
            sentinels: vec![a, b, c],
        };
        for i in 0..set.sentinels.len() {
            set.knows_all(i).await;
        }
        set
    }

    /// The address of the bus, `redis-sentinel://…`.
    #[must_use]
    pub fn url(&self) -> String {
        let each = self.sentinels.iter();
        let each = each.map(|sentinel| format!("127.0.0.1:{}", sentinel.port.number()));
        let hosts: Vec<_> = each.collect();
        format!("redis-sentinel://{}/{NAME}", hosts.join(","))
    }

    /// The ports of the Sentinels.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let ports = self.sentinels.iter();
        ports.map(|sentinel| sentinel.port.number()).collect()
    }

    /// Makes the Sentinels reach the primary at another port, which leads to it. The replicas have to
    /// follow it there.
    ///
    /// # Panics
    ///
    /// If they do not find the replicas and each other.
    pub async fn monitor(&self, primary: u16) {
        for i in 0..self.sentinels.len() {
            let sentinel = self.sentinel(i).await;
            sentinel.run::<()>(&["SENTINEL", "REMOVE", NAME]).await;
            let port = primary.to_string();
            let monitor = ["SENTINEL", "MONITOR", NAME, "127.0.0.1", &port, "2"];
            sentinel.run::<()>(&monitor).await;
            for (name, value) in SETTINGS {
                let set = ["SENTINEL", "SET", NAME, name, value];
                sentinel.run::<()>(&set).await;
            }
        }
        for i in 0..self.sentinels.len() {
            self.knows_all(i).await;
        }
    }

    /// The test's own connection to a Sentinel.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub async fn sentinel(&self, i: usize) -> Admin {
        let url = format!("redis://127.0.0.1:{}", self.sentinels[i].port.number());
        let admin = Admin::connect(&url).await;
        admin.unwrap_or_else(|error| panic!("Sentinel {i}: {error}"))
    }

    /// Begins a fail-over without a failure.
    ///
    /// # Panics
    ///
    /// If the Sentinel refuses. It does so while it takes no replica for healthy.
    pub async fn fail_over(&self) {
        let sentinel = self.sentinel(0).await;
        let command = ["SENTINEL", "FAILOVER", NAME];
        let starts = async || sentinel.try_run::<()>(&command).await;
        let started = eventually("a planned fail-over", starts, Result::is_ok).await;
        started.expect("it has started");
    }

    /// Makes the first server answer no Sentinel any more, and obey none. It answers everyone else.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn cut_off(&self) {
        let admin = self.servers[0].admin().await;
        let command = ["ACL", "SETUSER", WATCHER, "-@all"];
        admin.run::<()>(&command).await;
    }

    /// Ends Sentinels, all but the first `left`.
    pub fn keep_sentinels(&mut self, left: usize) {
        self.sentinels.truncate(left);
    }

    /// Waits until every Sentinel names another primary than the first server; returns its number.
    ///
    /// # Panics
    ///
    /// If there is no fail-over.
    pub async fn failed_over(&self) -> usize {
        self.failed_over_from(0).await
    }

    /// Waits until every Sentinel names another primary than this server; returns its number.
    ///
    /// # Panics
    ///
    /// If there is no fail-over.
    pub async fn failed_over_from(&self, old: usize) -> usize {
        let named = async || self.named().await;
        let other = |named: &Option<usize>| named.is_some_and(|number| number != old);
        let named = eventually("another primary", named, other).await;
        named.expect("it is another")
    }

    /// Waits until all Sentinels name the same primary, which has both replicas; returns its number.
    ///
    /// # Panics
    ///
    /// If that does not happen.
    pub async fn is_whole(&self) -> usize {
        let whole = async || {
            let primary = self.named().await?;
            let admin = self.servers[primary].try_admin().await.ok()?;
            let info = ["INFO", "replication"];
            let info: String = admin.try_run(&info).await.ok()?;
            let online = info.matches("state=online").count();
            let others = self.servers.len() - 1;
            (info.contains("role:master") && online == others).then_some(primary)
        };
        let primary = eventually("a primary with its replicas", whole, Option::is_some).await;
        primary.expect("it is known")
    }

    /// The server that all Sentinels name.
    async fn named(&self) -> Option<usize> {
        let mut primary = None;
        for i in 0..self.sentinels.len() {
            let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
            let (_, port): (String, u16) = self.sentinel(i).await.run(&command).await;
            let named = self.servers.iter().position(|server| server.port() == port);
            if i > 0 && named != primary {
                return None;
            }
            primary = named;
        }
        primary
    }

    /// Makes a former primary a replica of the present one, as the Sentinels do ten seconds later. A
    /// server that was killed has to be started before.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub async fn rejoin(&self, server: usize) {
        let primary = self.failed_over_from(server).await;
        let port = self.servers[primary].port().to_string();
        let admin = self.servers[server].admin().await;
        admin.run::<()>(&WATCH).await;
        admin.run::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
    }

    async fn knows_all(&self, i: usize) {
        let sentinel = self.sentinel(i).await;
        let known = async || {
            let fields: Vec<(String, String)> = sentinel.run(&["SENTINEL", "MASTER", NAME]).await;
            let field = |name: &str| {
                let found = fields.iter().find(|(field, _)| field == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            (field("num-slaves"), field("num-other-sentinels"))
        };
        let all = ("2".to_owned(), "2".to_owned());
        eventually("all to be known", known, |known| *known == all).await;
    }
}

async fn replica(builder: ServerBuilder, primary: &Server) -> Server {
    let of = format!("127.0.0.1 {}", primary.port());
    let server = builder.option("replicaof", &of).start().await;
    let admin = server.admin().await;
    let link = async || admin.run::<String>(&["INFO", "replication"]).await;
    let up = |info: &String| info.contains("master_link_status:up");
    eventually("the replica to be in step", link, up).await;
    server
}

async fn sentinel(primary: u16) -> Sentinel {
    loop {
        let (port, folder) = (Port::reserve(), Folder::create());
        let path = folder.path.join("sentinel.conf");
        let number = port.number();
        let watch = SETTINGS.map(|(name, value)| format!("sentinel {name} {NAME} {value}\n"));
        let settings = format!(
            "port {number}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {primary} 2\n{}",
            folder.path.display(),
            watch.concat(),
        );
        fs::write(&path, settings).expect("the folder is writable");
        let arguments: [OsString; 2] = [path.into(), "--sentinel".into()];
        match Process::start(&server_binary(), &arguments).await {
            Ok(process) => {
                return Sentinel {
                    _process: process,
                    _folder: folder,
                    port,
                };
            }
            Err(log) if log.contains("Address already in use") => {}
            Err(log) => panic!("the Sentinel did not start:\n{log}"),
        }
    }
}
