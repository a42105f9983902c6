//! TLS with a private authority and client certificates, and what is wrong with certificates.
//!
//! The certificates are made by `tls/make.sh`.

use cache_runtime::bus::{BusBuilder, Cause};
use support::Server;

use crate::fixture::{Instance, builder};
use crate::front::{AUTHORITY, EXPIRED, Front, SERVER};

const CLIENT: [&str; 2] = [
    include_str!("tls/client.crt"),
    include_str!("tls/client.key"),
];

async fn in_front_of(server: &Server, own: [&'static str; 2], wants_client: bool) -> u16 {
    let front = Front {
        own,
        wants_client,
        takes_plain: false,
    };
    front.of(server.port()).await.port
}

fn at(port: u16) -> BusBuilder {
    builder(&format!("rediss://localhost:{port}")).tls_authority(AUTHORITY)
}

async fn error(builder: BusBuilder) -> String {
    let error = builder.connect().await.unwrap_err();
    format!("{error:#}")
}

#[tokio::test]
async fn a_private_authority_and_a_certificate_of_the_client_are_used() {
    let server = Server::start().await;
    let port = in_front_of(&server, SERVER, true).await;
    let [certificate, key] = CLIENT;
    let builder = at(port).tls_identity(certificate, key);
    let shown = format!("{builder:?}");
    assert!(!shown.contains("PRIVATE"), "{shown}");
    let instance = Instance::start(builder).await;
    instance.users.invalidate_user(1).await.unwrap();

    let text = error(at(port)).await;
    assert!(text.contains("wants a certificate of the client"), "{text}");
    assert!(text.contains("`BusBuilder::tls_identity`"), "{text}");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let server = Server::start().await;
    let port = in_front_of(&server, SERVER, false).await;
    Instance::start(at(port)).await;

    let text = error(builder(&format!("rediss://localhost:{port}"))).await;
    assert!(text.contains("authority that is not trusted"), "{text}");
    assert!(text.contains("`BusBuilder::tls_authority`"), "{text}");

    let by_number = builder(&format!("rediss://127.0.0.1:{port}")).tls_authority(AUTHORITY);
    let text = error(by_number).await;
    assert!(text.contains("is for another host"), "{text}");

    let expired = in_front_of(&server, EXPIRED, false).await;
    let text = error(at(expired)).await;
    assert!(text.contains("certificate has expired"), "{text}");
}

#[tokio::test]
async fn tls_on_one_side_only_is_said() {
    let server = Server::start().await;
    let text = error(at(server.port())).await;
    assert!(
        text.contains("a server without TLS does not answer"),
        "{text}"
    );

    let port = in_front_of(&server, SERVER, false).await;
    let text = error(builder(&format!("redis://localhost:{port}"))).await;
    assert!(text.contains("`rediss://`"), "{text}");
}

#[tokio::test]
async fn unusable_certificates_are_refused_before_anything_is_connected() {
    let [certificate, key] = CLIENT;
    let cases = [
        (
            at(1).tls_authority("secret"),
            "`tls_authority` is no certificate",
        ),
        (
            at(1).tls_identity("secret", key),
            "the first argument of `tls_identity`",
        ),
        (at(1).tls_identity(certificate, "secret"), "private key"),
        (
            builder("redis://localhost").tls_authority(AUTHORITY),
            "expected `rediss://…`",
        ),
    ];
    for (builder, expected) in cases {
        let error = builder.connect_lazy().unwrap_err();
        assert!(matches!(error.cause(), Cause::Settings(_)), "{error:?}");
        let text = format!("{error:#}");
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
