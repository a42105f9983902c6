//! Passwords: wrong ones are reported, and none is ever shown.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use cache_runtime::Bus;
use cache_runtime::bus::Cause;
use support::{Server, within};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Metadata, Subscriber};

use crate::fixture::{Users, Watched, builder};

const SECRET: &str = "open-sesame";

#[tokio::test]
async fn a_wrong_password_is_reported_at_once() {
    let server = Server::builder().password("right").start().await;
    for url in [
        server.url_as("", SECRET),
        server.url(),
        server.url_as("nobody", SECRET),
    ] {
        let error = builder(&url).connect().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Credentials(_)), "{error:?}");
        let message = format!("{error:#}");
        assert!(message.contains("password"), "{message}");
        assert!(!message.contains(SECRET), "{message}");

        // The same for a bus that connects when it is used.
        let bus = builder(&url).connect_lazy().unwrap();
        let users = Users::new(&bus);
        let _guard = users.subscribe(|_| ());
        let error = within("an answer", users.ready()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Credentials(_)), "{error:?}");
        let error = users.invalidate_all().await.unwrap_err();
        assert!(
            matches!(error.cause(), Some(Cause::Credentials(_))),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_password_where_the_user_stands_is_not_taken_for_one() {
    let server = Server::builder().password(SECRET).start().await;
    let url = server
        .url()
        .replace("redis://", &format!("redis://{SECRET}@"));
    let error = builder(&url).connect().await.unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains("redis://:password@host"), "{message}");
    assert!(
        !format!("{message} {error:?}").contains(SECRET),
        "{message}"
    );
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let log = Log::default();
    let _log = tracing::subscriber::set_default(log.clone());
    let mut shown = Shown::default();

    let mut server = Server::builder().password(SECRET).start().await;
    let url = server.url_as("", SECRET);
    shown.add(builder(&url));
    let bus = builder(&url).connect().await.unwrap();
    let users = Users::new(&bus);
    shown.add(&bus);
    shown.add(&users);
    let watched = Watched::start(&users).await;
    watched.passes(&users, 1).await;
    server.admin().await.kill_clients("pubsub").await;
    watched.told().await;
    server.kill9();
    watched.down().await;
    let error = users.invalidate_user(2u64).await.unwrap_err();
    shown.add(&error);
    shown.add(format!("{error:#}"));
    shown.add(bus.health());
    bus.close().await;

    for unusable in [
        format!("redis://user:{SECRET}@"),
        format!("redis://user:{SECRET}@host:port"),
        format!("redis://user:{SECRET}@127.0.0.1:1/base"),
        format!("redis://user:{SECRET}@127.0.0.1:1"),
        format!("rediss://user:{SECRET}@127.0.0.1:1"),
        format!("reddis://user:{SECRET}@127.0.0.1:1"),
        format!("redis+unix:///nowhere/{}?pass={SECRET}", server.port()),
        SECRET.to_owned(),
    ] {
        shown.add(Bus::redis(&*unusable));
        let error = Bus::redis(unusable).connect().await.unwrap_err();
        shown.add(&error);
        shown.add(format!("{error:#}"));
    }

    let shown = shown.0 + &log.text();
    assert!(shown.contains("cache:users"), "nothing was logged: {shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

/// Everything that was printed.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn add(&mut self, value: impl Debug) {
        writeln!(self.0, "{value:?} {value:#?}").expect("strings take everything");
    }
}

/// Keeps everything that is logged on this thread.
#[derive(Default, Clone)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn text(&self) -> String {
        self.0
            .lock()
            .expect("nothing panics under the lock")
            .clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = self.0.lock().expect("nothing panics under the lock");
        writeln!(text, "{field}={value:?}").expect("strings take everything");
    }
}
