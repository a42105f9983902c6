//! TLS with a private authority and client certificates, and what is wrong with certificates.
//!
//! The test ends TLS in front of the server, because many servers are built without it. The
//! certificates are made by `tls/make.sh`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cache_runtime::bus::{BusBuilder, Cause};
use support::Server;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::fixture::{Instance, builder};

const AUTHORITY: &str = include_str!("tls/authority.crt");
const SERVER: [&str; 2] = [
    include_str!("tls/server.crt"),
    include_str!("tls/server.key"),
];
const EXPIRED: [&str; 2] = [
    include_str!("tls/expired.crt"),
    include_str!("tls/expired.key"),
];
const CLIENT: [&str; 2] = [
    include_str!("tls/client.crt"),
    include_str!("tls/client.key"),
];

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Speaks TLS with this certificate in front of a server; returns the port.
async fn in_front_of(server: &Server, [own, key]: [&str; 2], wants_client: bool) -> u16 {
    let provider = Arc::new(default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(AUTHORITY)).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = config.with_single_cert(vec![certificate(own)], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (port, to) = (listener.local_addr().unwrap().port(), server.port());
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    port
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
