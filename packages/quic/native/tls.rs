//! Certificates: what is presented, and how the peer's is judged.
use std::sync::{Arc, OnceLock};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, Error, PeerIncompatible, RootCertStore, SupportedCipherSuite};

use crate::failure::Failure;
use crate::verifiers::{AnyClient, ServerVerifier};

const INVALID: &str = "certificate-invalid";

/// A certificate chain with its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, Failure> {
        let chain = certificates(certificate, "certificatePem")?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| {
            Failure::new(
                INVALID,
                format!("privateKeyPem holds no private key in PEM: {error}"),
            )
        })?;
        Ok(Self { chain, key })
    }
}

fn certificates(pem: &str, field: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(INVALID, format!("{field} is not valid PEM: {error}")))?;
    if chain.is_empty() {
        return Err(Failure::new(
            INVALID,
            format!("{field} holds no certificate, expected at least one in PEM"),
        ));
    }
    Ok(chain)
}

fn roots(pem: &str, field: &str, lenient: bool) -> Result<Arc<RootCertStore>, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, field)? {
        match roots.add(certificate) {
            // A system's store may hold certificates that webpki does not read; they vouch for nobody then.
            Err(error) if !lenient => {
                return Err(Failure::new(
                    INVALID,
                    format!("{field} holds an unusable certificate: {error}"),
                ));
            }
            _ => {}
        }
    }
    if roots.is_empty() {
        return Err(Failure::new(
            INVALID,
            format!("{field} holds no usable certificate"),
        ));
    }
    Ok(Arc::new(roots))
}

/// ring, with AES-128 preferred: it costs least per packet.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| {
            let mut provider = rustls::crypto::ring::default_provider();
            provider.cipher_suites.sort_by_key(|suite| {
                suite.suite() != rustls::CipherSuite::TLS13_AES_128_GCM_SHA256
            });
            Arc::new(provider)
        })
        .clone()
}

pub fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

/// SHA-256 as the TLS library has it.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    let suite = provider()
        .cipher_suites
        .iter()
        .find_map(|suite| match suite {
            SupportedCipherSuite::Tls13(suite)
                if suite.common.suite == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256 =>
            {
                Some(*suite)
            }
            _ => None,
        });
    suite
        .map(|suite| suite.common.hash_provider.hash(bytes).as_ref().to_vec())
        .unwrap_or_default()
}

/// How the certificate of the other side is judged once the handshake is done.
#[derive(Debug)]
pub enum Judge {
    Clients(Option<Arc<dyn ClientCertVerifier>>),
    Server(Arc<ServerVerifier>),
}

impl Judge {
    /// None if the chain is verified; else why it is not.
    pub fn error(&self, chain: &[CertificateDer<'_>]) -> Option<String> {
        let Some((leaf, intermediates)) = chain.split_first() else {
            return Some("no certificate".into());
        };
        match self {
            Self::Clients(None) => Some("no authority is configured".into()),
            Self::Clients(Some(verifier)) => verifier
                .verify_client_cert(leaf, intermediates, UnixTime::now())
                .err()
                .map(|error| reason(&error)),
            Self::Server(verifier) if verifier.insecure => Some("not verified".into()),
            Self::Server(verifier) => verifier
                .has_hash(leaf)
                .then(|| "accepted by its hash".into()),
        }
    }
}

/// The words that users see for a certificate that was not accepted.
pub fn reason(error: &Error) -> String {
    use CertificateError::*;
    match error {
        Error::InvalidCertificate(Expired | ExpiredContext { .. }) => "expired".into(),
        Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
            "not valid yet".into()
        }
        Error::InvalidCertificate(UnknownIssuer) => "unknown authority".into(),
        Error::InvalidCertificate(Revoked) => "revoked".into(),
        Error::InvalidCertificate(BadSignature) => "bad signature".into(),
        Error::InvalidCertificate(BadEncoding) => "bad encoding".into(),
        Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "wrong name".into()
        }
        Error::InvalidCertificate(InvalidPurpose | InvalidPurposeContext { .. }) => {
            "wrong purpose".into()
        }
        Error::InvalidCertificate(other) => other.to_string(),
        Error::PeerIncompatible(PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon) => {
            "no signature scheme in common".into()
        }
        other => other.to_string(),
    }
}

/// TLS of a listener; `protocols` is its ALPN list.
pub fn server(
    identity: Identity,
    authorities: Option<&str>,
    protocols: &[String],
) -> Result<(rustls::ServerConfig, Judge), Failure> {
    let verifier = match authorities {
        None => None,
        Some(pem) => {
            let roots = roots(pem, "clientAuthoritiesPem", false)?;
            Some(
                WebPkiClientVerifier::builder_with_provider(roots, provider())
                    .build()
                    .map_err(|error| {
                        Failure::new(
                            INVALID,
                            format!("clientAuthoritiesPem is unusable: {error}"),
                        )
                    })?,
            )
        }
    };
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(Arc::new(AnyClient))
        .with_single_cert(identity.chain, identity.key)
        .map_err(unusable)?;
    config.alpn_protocols = protocols
        .iter()
        .map(|protocol| protocol.clone().into_bytes())
        .collect();
    // A resumed session would carry an old judgement of the client's certificate.
    config.send_tls13_tickets = 0;
    Ok((config, Judge::Clients(verifier)))
}

fn unusable(error: Error) -> Failure {
    let message = match error {
        Error::InconsistentKeys(_) => "privateKeyPem does not belong to certificatePem".into(),
        other => format!("certificatePem and privateKeyPem cannot be used: {other}"),
    };
    Failure::new(INVALID, message)
}

/// TLS of a connection that we ask for.
pub struct ClientTls {
    pub authorities: Option<String>,
    pub system_authorities: bool,
    pub hashes: Vec<Vec<u8>>,
    pub insecure: bool,
    pub identity: Option<Identity>,
    pub protocols: Vec<String>,
}

pub fn client(options: ClientTls) -> Result<(rustls::ClientConfig, Judge), Failure> {
    let inner = match &options.authorities {
        None => None,
        Some(pem) => {
            let roots = roots(pem, "authoritiesPem", options.system_authorities)?;
            Some(
                WebPkiServerVerifier::builder_with_provider(roots, provider())
                    .build()
                    .map_err(|error| {
                        Failure::new(INVALID, format!("authoritiesPem is unusable: {error}"))
                    })?,
            )
        }
    };
    let verifier = Arc::new(ServerVerifier {
        inner,
        hashes: options.hashes,
        insecure: options.insecure,
    });
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone());
    let mut config = match options.identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain, identity.key)
            .map_err(unusable)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = options
        .protocols
        .into_iter()
        .map(String::into_bytes)
        .collect();
    config.resumption = Resumption::disabled();
    Ok((config, Judge::Server(verifier)))
}
