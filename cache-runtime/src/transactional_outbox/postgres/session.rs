//! One connection to PostgreSQL, and what it is notified of.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, poll_fn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, Connection, Error, Notification};
use tokio_util::task::AbortOnDropHandle;

use crate::io_thread;

/// Opens connections as the user's function does.
pub(super) struct Connect(Box<dyn Fn() -> BoxFuture<'static, Result<Parts, Error>> + Send + Sync>);

type Parts = (Client, BoxStream<'static, Result<AsyncMessage, Error>>);

impl Connect {
    pub(super) fn new<F, S, T>(connect: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(Client, Connection<S, T>), Error>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self(Box::new(move || {
            let connecting = connect();
            Box::pin(async move {
                let (client, mut connection) = connecting.await?;
                let messages = poll_fn(move |cx| connection.poll_message(cx)).boxed();
                Ok((client, messages))
            })
        }))
    }
}

/// A connection, which ends when this is dropped.
pub(super) struct Session {
    pub(super) client: Client,
    _connection: Option<AbortOnDropHandle<()>>,
}

impl Session {
    /// Connects and listens to channels. `notify` is called with each notification, and with `None`
    /// when the connection has ended. It must not block.
    pub(super) async fn open(
        connect: &Connect,
        channels: impl Iterator<Item = &str>,
        notify: impl Fn(Option<Notification>) + Send + 'static,
    ) -> Result<Self, Error> {
        let (client, mut messages) = (connect.0)().await?;
        let connection = async move {
            // After an error there are no more messages. Whoever uses the client gets the error.
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message {
                    notify(Some(notification));
                }
            }
            notify(None);
        };
        let runtime = io_thread::here();
        let session = Self {
            client,
            _connection: runtime.map(|it| AbortOnDropHandle::new(it.spawn(connection))),
        };
        for channel in channels {
            let listen = format!("LISTEN \"{}\"", channel.replace('"', "\"\""));
            session.client.batch_execute(&listen).await?;
        }
        Ok(session)
    }
}
