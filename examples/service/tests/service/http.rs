//! A client for HTTP that is enough for the tests.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// A request whose body is not sent yet.
pub(crate) struct Request {
    pub(crate) stream: TcpStream,
}

impl Request {
    /// Returns when the request is being handled.
    pub(crate) async fn begin(url: &str, method: &str, path: &str, length: usize) -> Self {
        let mut this = Self::send(url, method, path, length, "expect: 100-continue\r\n").await;
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(this.stream.read_u8().await.expect("an answer"));
        }
        assert!(seen.starts_with(b"HTTP/1.1 100 "), "{seen:?}");
        this
    }

    async fn send(url: &str, method: &str, path: &str, length: usize, headers: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        Self { stream }
    }

    /// The answer, when the body was sent.
    pub(crate) async fn answer(mut self) -> Answer {
        let mut text = String::new();
        let read = self.stream.read_to_string(&mut text);
        read.await.expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).expect("a status");
        Answer {
            status: status.parse().expect("a status"),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

pub(crate) async fn request(url: &str, method: &str, path: &str, body: &str) -> Answer {
    let mut request = Request::send(url, method, path, body.len(), "").await;
    let sent = request.stream.write_all(body.as_bytes());
    sent.await.expect("it reads");
    request.answer().await
}
