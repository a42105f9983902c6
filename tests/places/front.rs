//! TLS in front of a server, because many servers are built without it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

pub(crate) const AUTHORITY: &str = include_str!("tls/authority.crt");

/// For `localhost`.
pub(crate) const SERVER: [&str; 2] = [
    include_str!("tls/server.crt"),
    include_str!("tls/server.key"),
];

/// For `127.0.0.1`.
pub(crate) const NODE: [&str; 2] = [include_str!("tls/node.crt"), include_str!("tls/node.key")];

pub(crate) const EXPIRED: [&str; 2] = [
    include_str!("tls/expired.crt"),
    include_str!("tls/expired.key"),
];

/// The first byte of a connection with TLS.
const HANDSHAKE: u8 = 0x16;

/// How a server is to be reached.
pub(crate) struct Front {
    /// The certificate, and its key.
    pub(crate) own: [&'static str; 2],
    pub(crate) wants_client: bool,
    /// Whether connections without TLS pass, as of servers among each other.
    pub(crate) takes_plain: bool,
}

/// What leads to a server.
pub(crate) struct Led {
    pub(crate) port: u16,
    /// How many connections have used TLS.
    with_tls: Arc<AtomicUsize>,
}

impl Led {
    pub(crate) fn with_tls(&self) -> usize {
        self.with_tls.load(Ordering::Relaxed)
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

impl Front {
    /// Begins to lead to this port.
    pub(crate) async fn of(self, to: u16) -> Led {
        let acceptor = self.acceptor();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let led = Led {
            port: listener.local_addr().unwrap().port(),
            with_tls: Arc::default(),
        };
        let with_tls = Arc::clone(&led.with_tls);
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let (acceptor, with_tls) = (acceptor.clone(), Arc::clone(&with_tls));
                connections.spawn(async move {
                    let mut first = [HANDSHAKE];
                    if self.takes_plain {
                        client.peek(&mut first).await?;
                    }
                    if first != [HANDSHAKE] {
                        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
                        return copy_bidirectional(&mut client, &mut server).await;
                    }
                    let mut client = acceptor.accept(client).await?;
                    with_tls.fetch_add(1, Ordering::Relaxed);
                    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        led
    }

    fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = if self.wants_client {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(AUTHORITY)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let [own, key] = self.own;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = config.with_single_cert(vec![certificate(own)], key);
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}
