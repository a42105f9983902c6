//! A relay that understands RESP3. Unlike a plain TCP proxy, it keeps a connection open while
//! messages are lost, or while the server behind it is replaced.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const HELLO: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
/// Its answer shows that everything before it was answered.
const LAST: &[u8] = b"*2\r\n$4\r\nPING\r\n$16\r\nlast-before-move\r\n";
const LAST_ANSWER: &[u8] = b"$16\r\nlast-before-move\r\n";

/// A relay between clients and servers. Dropping it closes all its connections.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    /// The port that new connections reach.
    port: Mutex<u16>,
    /// The port that only the next connection reaches.
    next: Mutex<Option<u16>>,
    /// The moves so far: the end of the names of connections, and the port they move to.
    moves: watch::Sender<Vec<(&'static str, u16)>>,
    /// What a command contains before which its connection is moved, and the port it moves to.
    turn: Mutex<Option<(&'static str, u16)>>,
    /// How many connections were moved.
    moved: Mutex<usize>,
    /// How many canaries were sent.
    canaries: Mutex<usize>,
    loses_messages: Mutex<bool>,
    /// How many messages were lost.
    lost: Mutex<usize>,
    accepted: Mutex<usize>,
}

impl Relay {
    /// Starts a relay on a free port, to `port` of the loopback interface.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            port: Mutex::new(port),
            next: Mutex::default(),
            moves: watch::Sender::new(Vec::new()),
            turn: Mutex::default(),
            moved: Mutex::new(0),
            canaries: Mutex::new(0),
            loses_messages: Mutex::new(false),
            lost: Mutex::new(0),
            accepted: Mutex::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// The `redis://` address of the relay.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// New connections reach this port from now on.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    pub fn redirect(&self, port: u16) {
        *self.shared.port.lock().unwrap() = port;
    }

    /// Only the next new connection reaches this port.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    pub fn redirect_next(&self, port: u16) {
        *self.shared.next.lock().unwrap() = Some(port);
    }

    /// Moves the connections whose names end with `name` to the server at another port. The
    /// client's socket stays, and the new server knows of no subscription. Commands that were sent
    /// before are answered first, so that each answer belongs to its command.
    pub fn move_connections(&self, name: &'static str, port: u16) {
        self.shared
            .moves
            .send_modify(|moves| moves.push((name, port)));
    }

    /// As [`move_connections`](Self::move_connections), for the connection that sends the next command
    /// that contains `text`, between that command and the one before it.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    pub fn move_before(&self, text: &'static str, port: u16) {
        *self.shared.turn.lock().unwrap() = Some((text, port));
    }

    /// How many times a connection was moved so far.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    #[must_use]
    pub fn moved(&self) -> usize {
        *self.shared.moved.lock().unwrap()
    }

    /// How many canaries instances have published so far: one with each heartbeat.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    #[must_use]
    pub fn canaries(&self) -> usize {
        *self.shared.canaries.lock().unwrap()
    }

    /// Sets whether messages are lost. The connections stay open, and answers pass.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    pub fn lose_messages(&self, lose: bool) {
        *self.shared.loses_messages.lock().unwrap() = lose;
    }

    /// How many messages were lost so far.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    #[must_use]
    pub fn lost(&self) -> usize {
        *self.shared.lost.lock().unwrap()
    }

    /// How many connections were accepted so far.
    ///
    /// # Panics
    ///
    /// Never, as no holder of the lock panics.
    #[must_use]
    pub fn accepted(&self) -> usize {
        *self.shared.accepted.lock().unwrap()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        *shared.accepted.lock().unwrap() += 1;
        connections.spawn(connection(client, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// Relays one connection. Ends when the client or the server closes it.
async fn connection(client: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut moves = shared.moves.subscribe();
    let mut done = moves.borrow_and_update().len();
    let next = shared.next.lock().unwrap().take();
    let port = next.unwrap_or(*shared.port.lock().unwrap());
    client.set_nodelay(true).ok()?;
    let (mut from_client, mut to_client) = client.into_split();
    let mut server = Behind::connect(port).await?;
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut sent = Vec::new();
    let mut commands = Vec::new();
    loop {
        tokio::select! {
            read = from_client.read(&mut up) => {
                let bytes = &up[..some(read)?];
                // The name is among the first things that a client sends.
                if sent.len() < 4096 {
                    sent.extend_from_slice(bytes);
                }
                commands.extend_from_slice(bytes);
                // Only whole commands, because a move comes between two of them.
                let mut whole = 0;
                while let Some(length) = frame(&commands[whole..]) {
                    let command = &commands[whole..whole + length];
                    *shared.canaries.lock().unwrap() += usize::from(is_canary(command));
                    if let Some(to) = turns(command, &shared) {
                        server.to.write_all(&commands[..whole]).await.ok()?;
                        commands.drain(..whole);
                        whole = 0;
                        server.change(to, &mut to_client, &shared).await?;
                    }
                    whole += length;
                }
                server.to.write_all(&commands[..whole]).await.ok()?;
                commands.drain(..whole);
            }
            read = server.from.read(&mut down) => {
                server.answers.extend_from_slice(&down[..some(read)?]);
                pass_on(&mut server.answers, &mut to_client, &shared).await?;
            }
            changed = moves.changed() => {
                changed.ok()?;
                let all = moves.borrow_and_update().clone();
                for (name, to) in &all[done..] {
                    if *to != server.port && is_named(&sent, name) {
                        server.change(*to, &mut to_client, &shared).await?;
                    }
                }
                done = all.len();
            }
        }
    }
}

/// The server that a connection leads to.
struct Behind {
    port: u16,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    /// What was not passed on yet.
    answers: Vec<u8>,
}

impl Behind {
    async fn connect(port: u16) -> Option<Self> {
        let (from, to) = connect(port).await?.into_split();
        let answers = Vec::new();
        Some(Self {
            port,
            from,
            to,
            answers,
        })
    }

    /// Moves the connection to the server at another port, after everything was answered.
    async fn change(
        &mut self,
        port: u16,
        to_client: &mut OwnedWriteHalf,
        shared: &Shared,
    ) -> Option<()> {
        self.to.write_all(LAST).await.ok()?;
        while !pass_on(&mut self.answers, to_client, shared).await? {
            some(self.from.read_buf(&mut self.answers).await)?;
        }
        (self.from, self.to) = enter(port).await?.into_split();
        self.port = port;
        *shared.moved.lock().unwrap() += 1;
        Some(())
    }
}

/// The port that the connection moves to before this command.
fn turns(command: &[u8], shared: &Shared) -> Option<u16> {
    let is_turn = |turn: &mut (&str, u16)| {
        let text = turn.0.as_bytes();
        command.windows(text.len()).any(|window| window == text)
    };
    let turn = shared.turn.lock().unwrap().take_if(is_turn);
    turn.map(|(_, port)| port)
}

/// How much was read; `None` at the end.
fn some(read: io::Result<usize>) -> Option<usize> {
    read.ok().filter(|length| *length > 0)
}

async fn connect(port: u16) -> Option<TcpStream> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    server.set_nodelay(true).ok()?;
    Some(server)
}

/// A connection that is in the state in which a client expects it to be.
async fn enter(port: u16) -> Option<TcpStream> {
    let mut server = connect(port).await?;
    server.write_all(HELLO).await.ok()?;
    let mut answer = Vec::new();
    while frame(&answer).is_none() {
        some(server.read_buf(&mut answer).await)?;
    }
    Some(server)
}

fn is_named(sent: &[u8], end: &str) -> bool {
    let end = format!("{end}\r\n");
    sent.windows(end.len())
        .any(|window| window == end.as_bytes())
}

/// Whether an instance publishes a canary, which is a number. What it tells other instances in these
/// channels is none.
fn is_canary(command: &[u8]) -> bool {
    let lines = str::from_utf8(command).unwrap_or_default().split("\r\n");
    match lines.collect::<Vec<_>>()[..] {
        [_, _, "PUBLISH", _, channel, _, payload, ""] => {
            channel.starts_with("cache-runtime:canary:") && payload.parse::<u64>().is_ok()
        }
        _ => false,
    }
}

/// Passes on what is complete, except the messages that are to be lost; whether [`LAST`] was
/// answered.
async fn pass_on(
    pending: &mut Vec<u8>,
    to_client: &mut OwnedWriteHalf,
    shared: &Shared,
) -> Option<bool> {
    let (mut passed, mut last) = (0, false);
    while let Some(length) = frame(&pending[passed..]) {
        let bytes = &pending[passed..passed + length];
        passed += length;
        if bytes == LAST_ANSWER {
            last = true;
            continue;
        }
        if bytes.starts_with(b">3\r\n$7\r\nmessage\r\n") && *shared.loses_messages.lock().unwrap() {
            *shared.lost.lock().unwrap() += 1;
            continue;
        }
        to_client.write_all(bytes).await.ok()?;
    }
    pending.drain(..passed);
    Some(last)
}

/// The length of the value at the start, if it is complete.
fn frame(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    // In RESP2, a length of -1 stands for what is absent.
    if bytes[1] == b'-' {
        return Some(line);
    }
    let number = || {
        let text = std::str::from_utf8(&bytes[1..line - 2]).ok()?;
        text.parse::<usize>().ok()
    };
    let nested = |count: usize| {
        let mut length = line;
        for _ in 0..count {
            length += frame(&bytes[length..])?;
        }
        Some(length)
    };
    match bytes[0] {
        b'$' | b'=' | b'!' => {
            let length = line + number()? + 2;
            (bytes.len() >= length).then_some(length)
        }
        b'*' | b'~' | b'>' => nested(number()?),
        b'%' => nested(2 * number()?),
        _ => Some(line),
    }
}
