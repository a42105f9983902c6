//! A TCP proxy that plays a bad network.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Which way bytes flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Both.
    Both,
}

/// Stands between clients and a server, and ends with all its connections when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Weather {
    to_server_blocked: bool,
    to_client_blocked: bool,
    delay: Duration,
    /// Connections older than the last cut are closed.
    cuts: u64,
}

impl Weather {
    fn blocks(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToServer => self.to_server_blocked,
            Direction::ToClient => self.to_client_blocked,
            Direction::Both => self.to_server_blocked && self.to_client_blocked,
        }
    }
}

impl Proxy {
    /// A proxy on a free port to `port` of the loopback interface.
    ///
    /// # Panics
    ///
    /// If no port can be had.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let weather = watch::Sender::new(Weather::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, port, weather.clone()));
        Self {
            address,
            weather,
            _tasks: tasks,
        }
    }

    /// `redis://` address through the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Lets nothing through in this direction, for present and future connections, without closing
    /// any: bytes wait, and arrive late after [`heal`](Self::heal), as those do that TCP sends
    /// again. Whoever sends finds the buffers full in the end.
    pub fn black_hole(&self, direction: Direction) {
        self.weather.send_modify(|weather| {
            weather.to_server_blocked |= direction != Direction::ToClient;
            weather.to_client_blocked |= direction != Direction::ToServer;
        });
    }

    /// A [`black_hole`](Self::black_hole) until `meanwhile` is done.
    pub async fn black_hole_during(
        &self,
        direction: Direction,
        meanwhile: impl Future<Output = ()>,
    ) {
        self.black_hole(direction);
        meanwhile.await;
        self.heal();
    }

    /// Holds whatever passes for this long.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// Fair weather again.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            *weather = Weather {
                cuts: weather.cuts,
                ..Weather::default()
            };
        });
    }

    /// Closes every present connection, seen from both ends.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }
}

async fn accept(listener: TcpListener, port: u16, weather: watch::Sender<Weather>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connection(client, port, weather.subscribe()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, port: u16, mut weather: watch::Receiver<Weather>) {
    let born = weather.borrow().cuts;
    let relay = {
        let weather = weather.clone();
        async move {
            // Without a server the client's connection just ends.
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
                return;
            };
            for stream in [&client, &server] {
                // Fails only on a connection that has ended, which the pumps notice.
                drop(stream.set_nodelay(true));
            }
            let (from_client, to_client) = split(client);
            let (from_server, to_server) = split(server);
            // Either end that closes ends both: nobody is left to speak to.
            tokio::select! {
                () = pump(from_client, to_server, Direction::ToServer, weather.clone()) => {}
                () = pump(from_server, to_client, Direction::ToClient, weather) => {}
            }
        }
    };
    tokio::select! {
        () = relay => {}
        _ = weather.wait_for(|weather| weather.cuts != born) => {}
    }
}

async fn pump(
    mut from: ReadHalf<TcpStream>,
    mut to: WriteHalf<TcpStream>,
    direction: Direction,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // A clone sees the change too, and leaves `weather` free for the other branch.
        let mut forecast = weather.clone();
        let Ok(_) = weather.wait_for(|weather| !weather.blocks(direction)).await else {
            return;
        };
        let read = tokio::select! {
            biased;
            _ = forecast.wait_for(|weather| weather.blocks(direction)) => continue,
            read = from.read(&mut buffer) => read,
        };
        let (Ok(length), delay) = (read, weather.borrow().delay) else {
            return;
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
