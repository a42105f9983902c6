//! Credentials from a function, which change while the bus is in use.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_runtime::RedisCache;
use cache_runtime::bus::{BusBuilder, Cause, Credentials};
use support::{Admin, Server, eventually};

use crate::fixture::{Instance, Traffic, UserEvent, builder};

/// What the function answers.
#[derive(Clone, Default)]
struct Vault {
    known: Arc<Mutex<(String, String)>>,
    asked: Arc<Mutex<u64>>,
}

impl Vault {
    fn holds(&self, user: &str, password: &str) {
        *self.known.lock().unwrap() = (user.to_owned(), password.to_owned());
    }

    fn builder(&self, server: &Server) -> BusBuilder {
        let vault = self.clone();
        builder(&server.url()).credentials(move || {
            let vault = vault.clone();
            async move {
                *vault.asked.lock().unwrap() += 1;
                let (user, password) = vault.known.lock().unwrap().clone();
                Ok(Credentials::new(user, password).expires_in(Duration::from_millis(400)))
            }
        })
    }
}

async fn allow(admin: &Admin, user: &str, password: &str) {
    let password = format!(">{password}");
    let command = ["ACL", "SETUSER", user, "on", &password, "~*", "&*", "+@all"];
    admin.run::<()>(&command).await;
}

/// Waits until every connection is logged in as this user: for events and publishing of both instances,
/// and for values of one.
async fn all_are(admin: &Admin, user: &str) {
    let others = async || {
        let clients = admin.clients().await.into_iter();
        let ours = clients.filter(|client| client.get("name").contains(':'));
        let users = ours.map(|client| client.get("user").to_owned());
        users.collect::<Vec<_>>()
    };
    let same = |users: &Vec<String>| users.len() >= 5 && users.iter().all(|known| known == user);
    eventually("all to be logged in", others, same).await;
}

/// Deleting a user ends the connections that are logged in as this user.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_load_fails_no_publication_and_is_no_loss() {
    let server = Server::start().await;
    let (admin, vault) = (server.admin().await, Vault::default());
    allow(&admin, "user-0", "secret-0").await;
    vault.holds("user-0", "secret-0");
    let writer = Instance::start(vault.builder(&server)).await;
    let reader = Instance::start(vault.builder(&server)).await;
    let texts = RedisCache::<u64>::builder(&writer.bus, "texts", Duration::from_secs(60));
    let texts = texts.build().unwrap();
    texts.insert("a", 1).await.unwrap();
    let traffic = Traffic::start(&writer, &reader);
    for instance in [&writer, &reader] {
        instance.inline.clear();
    }
    for round in 1..=3 {
        let (old, user) = (format!("user-{}", round - 1), format!("user-{round}"));
        let password = format!("secret-{round}");
        allow(&admin, &user, &password).await;
        vault.holds(&user, &password);
        all_are(&admin, &user).await;
        admin.run::<()>(&["ACL", "DELUSER", &old]).await;
        texts.insert("a", round).await.unwrap();
    }
    // The same user with another password.
    let rotate = ["ACL", "SETUSER", "user-3", ">new", "<secret-3"];
    admin.run::<()>(&rotate).await;
    vault.holds("user-3", "new");
    Instance::start(vault.builder(&server)).await;

    traffic.goes_on().await;
    let counts = traffic.end().await;
    let asked = *vault.asked.lock().unwrap();
    println!("{counts:?}, asked {asked} times");
    assert_eq!(counts.failed, 0);
    for instance in [&writer, &reader] {
        let seen = instance.inline.seen();
        let lost = seen.iter().filter(|(event, _)| *event == UserEvent::All);
        assert_eq!(lost.count(), 0);
        assert!(instance.health.borrow().is_live());
    }
}

#[tokio::test]
async fn what_is_wrong_with_them_is_said_without_them() {
    let server = Server::builder().password("sesame").start().await;
    let vault = Vault::default();
    vault.holds("ada", "open");
    let builder = vault.builder(&server);
    assert!(!format!("{builder:?}").contains("open"));
    let error = builder.connect().await.unwrap_err();
    let text = format!("{error:?} {error:#}");
    assert!(matches!(error.cause(), Cause::Credentials(_)), "{text}");
    assert!(text.contains("user `ada`"), "{text}");
    assert!(text.contains("`BusBuilder::credentials`"), "{text}");
    assert!(!text.contains("open"), "{text}");
    assert!(!format!("{:?}", Credentials::new("ada", "open")).contains("open"));

    // The function is asked again, so the bus needs no replacement.
    let bus = vault.builder(&server).connect_lazy().unwrap();
    assert!(bus.check().await.is_err());
    vault.holds("", "sesame");
    let usable = async || bus.check().await;
    eventually("the bus to connect", usable, Result::is_ok)
        .await
        .unwrap();

    let fails = || async { Err::<Credentials, Box<dyn Error + Send + Sync>>("no token".into()) };
    let error = crate::fixture::builder(&server.url()).credentials(fails);
    let text = format!("{:#}", error.connect().await.unwrap_err());
    assert!(
        text.contains("`BusBuilder::credentials` failed: no token"),
        "{text}"
    );

    let both = crate::fixture::builder(&server.url_as("", "sesame")).credentials(fails);
    let text = format!("{:#}", both.connect().await.unwrap_err());
    assert!(text.contains("leave out one of them"), "{text}");
    assert!(!text.contains("sesame"), "{text}");
}
