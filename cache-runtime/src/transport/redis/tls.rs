//! Certificates for TLS, and what is wrong with those of a server.

use redis::{ConnectionAddr, RedisError};

/// Certificates beside those of the system, in PEM.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// Of authorities that are trusted instead of the system's.
    pub(crate) authority: Option<Vec<u8>>,
    /// The client's certificate and its key.
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// An address at which these certificates are used.
    pub(super) fn at(&self, address: ConnectionAddr) -> Result<ConnectionAddr, String> {
        if self.authority.is_none() && self.identity.is_none() {
            return Ok(address);
        }
        if !matches!(address, ConnectionAddr::TcpTls { .. }) {
            return Err(
                "certificates are given, and the address is without TLS; expected `rediss://…` or \
                 `rediss-sentinel://…`"
                    .to_owned(),
            );
        }
        #[cfg(any(feature = "tls-rustls", feature = "tls-native-tls"))]
        let address = self.with_certificates(address)?;
        Ok(address)
    }

    #[cfg(any(feature = "tls-rustls", feature = "tls-native-tls"))]
    fn with_certificates(&self, address: ConnectionAddr) -> Result<ConnectionAddr, String> {
        use redis::{Client, ClientTlsConfig, TlsCertificates};

        let has = |pem: &[u8], what: &str| {
            let begins = [b"-----BEGIN ", what.as_bytes()].concat();
            pem.windows(begins.len()).any(|part| part == begins)
        };
        if let Some(authority) = &self.authority
            && !has(authority, "CERTIFICATE")
        {
            return Err(
                "`tls_authority` is no certificate in PEM; expected text that begins with \
                        `-----BEGIN CERTIFICATE-----`"
                    .to_owned(),
            );
        }
        if let Some((certificate, _)) = &self.identity
            && !has(certificate, "CERTIFICATE")
        {
            return Err(
                "the first argument of `tls_identity` is no certificate in PEM; expected text that \
                 begins with `-----BEGIN CERTIFICATE-----`"
                    .to_owned(),
            );
        }
        let identity = self.identity.as_ref();
        let certificates = TlsCertificates {
            client_tls: identity.map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.clone(),
                client_key: key.clone(),
            }),
            root_cert: self.authority.clone(),
        };
        // The errors tell which of them cannot be read, and quote nothing.
        let client = Client::build_with_tls(address, certificates);
        let client = client.map_err(|error| format!("certificates: {error}"))?;
        Ok(client.get_connection_info().addr().clone())
    }
}

/// What is wrong with a certificate, in the words of rustls or OpenSSL, and in ours.
const FAULTS: [(&[&str], &str); 6] = [
    (
        &["certificate expired", "certificate has expired"],
        "the server's certificate has expired",
    ),
    (
        &["not valid yet", "not yet valid"],
        "the server's certificate is not valid yet",
    ),
    (
        &[
            "not valid for name",
            "hostname mismatch",
            "ip address mismatch",
        ],
        "the server's certificate is for another host than that of the address",
    ),
    (
        &[
            "unknownissuer",
            "issuer certificate",
            "self-signed",
            "self signed",
        ],
        "the server's certificate is from an authority that is not trusted; \
         `BusBuilder::tls_authority` takes the certificate of a private one",
    ),
    (
        &["certificaterequired", "certificate required"],
        "the server wants a certificate of the client; `BusBuilder::tls_identity` takes it",
    ),
    (
        &[
            "invalidcontenttype",
            "wrong version number",
            "packet length too long",
        ],
        "the server does not speak TLS there; expected the port for TLS, or `redis://`",
    ),
];

/// What an error of TLS means, if it is one.
pub(super) fn explained(error: &RedisError) -> Option<&'static str> {
    let said = error.to_string().to_lowercase();
    let is_said = |words: &&[&str]| words.iter().any(|words| said.contains(words));
    let known = FAULTS.iter().find(|(words, _)| is_said(words));
    known.map(|(_, meaning)| *meaning)
}
