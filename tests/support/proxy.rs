//! A TCP proxy that simulates a faulty network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

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

/// A TCP proxy between clients and a server. Dropping it closes all its connections.
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
    /// Bytes per second of all connections together, in each direction.
    rate: Option<u32>,
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
    /// Starts a proxy on a free port, to `port` of the loopback interface.
    ///
    /// # Panics
    ///
    /// If no port is free.
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

    /// The `redis://` address of the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Holds all bytes in this direction, on present and future connections, without closing any.
    ///
    /// The bytes arrive after [`heal`](Self::heal), as they do when TCP retransmits. Until then the
    /// buffers of the sender fill up.
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

    /// Delays each piece of data by this time.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// Lets so many bytes per second through in each direction, of all connections together.
    pub fn throttle(&self, rate: u32) {
        self.weather
            .send_modify(|weather| weather.rate = Some(rate));
    }

    /// Ends [`black_hole`](Self::black_hole), [`delay`](Self::delay) and
    /// [`throttle`](Self::throttle).
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            *weather = Weather {
                cuts: weather.cuts,
                ..Weather::default()
            };
        });
    }

    /// Closes every present connection, to the client and to the server.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }
}

/// When each direction of the line is free again.
#[derive(Debug, Default)]
struct Line {
    to_server: Mutex<Option<Instant>>,
    to_client: Mutex<Option<Instant>>,
}

impl Line {
    /// Waits until the line has carried so many bytes.
    async fn carry(&self, direction: Direction, bytes: usize, rate: u32) {
        let bytes = u32::try_from(bytes).expect("a buffer's length");
        let time = Duration::from_secs_f64(f64::from(bytes) / f64::from(rate));
        let free = match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient | Direction::Both => &self.to_client,
        };
        let done = {
            let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let done = free.map_or(now, |free| free.max(now)) + time;
            *free = Some(done);
            done
        };
        sleep_until(done).await;
    }
}

async fn accept(listener: TcpListener, port: u16, weather: watch::Sender<Weather>) {
    let mut connections = JoinSet::new();
    let line = Arc::new(Line::default());
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(connection(
            client,
            port,
            Arc::clone(&line),
            weather.subscribe(),
        ));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    client: TcpStream,
    port: u16,
    line: Arc<Line>,
    mut weather: watch::Receiver<Weather>,
) {
    let born = weather.borrow().cuts;
    let relay = {
        let weather = weather.clone();
        async move {
            // Without a server, the client's connection ends.
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
                return;
            };
            for stream in [&client, &server] {
                // Fails only on a connection that has ended, which the pumps notice.
                drop(stream.set_nodelay(true));
            }
            let (from_client, to_client) = split(client);
            let (from_server, to_server) = split(server);
            // When one end closes, both connections end.
            tokio::select! {
                () = pump(from_client, to_server, Direction::ToServer, &line, weather.clone()) => {}
                () = pump(from_server, to_client, Direction::ToClient, &line, weather) => {}
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
    line: &Line,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // A clone, because both branches need a mutable receiver.
        let mut forecast = weather.clone();
        let Ok(_) = weather.wait_for(|weather| !weather.blocks(direction)).await else {
            return;
        };
        let read = tokio::select! {
            biased;
            _ = forecast.wait_for(|weather| weather.blocks(direction)) => continue,
            read = from.read(&mut buffer) => read,
        };
        let Ok(length) = read else { return };
        let (delay, rate) = {
            let weather = weather.borrow();
            (weather.delay, weather.rate)
        };
        if let Some(rate) = rate {
            line.carry(direction, length, rate).await;
        }
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
