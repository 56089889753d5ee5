//! Opens connections, with TLS for https.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use http::{Uri, uri::Scheme};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use tokio::{net::TcpStream, task::spawn_blocking};
use tower_service::Service;

use super::error::BoxError;

/// Connects to the host of the URL. Proxies named by environment variables are not used.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<Tls>,
}

impl Connector {
    pub(super) fn new(trusted: Vec<CertificateDer<'static>>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self { tcp, tls: Arc::new(Tls { trusted, config: OnceLock::new() }) }
    }
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        if url.scheme() != Some(&Scheme::HTTPS) {
            let connecting = self.tcp.call(url);
            return Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        }
        let (tcp, tls) = (self.tcp.clone(), Arc::clone(&self.tls));
        Box::pin(async move {
            let config = spawn_blocking(move || tls.config()).await??;
            HttpsConnector::from((tcp, config)).call(url).await
        })
    }
}

/// The configuration of TLS. The system's certificates can be more than a hundred files, so they are read for the
/// first https URL only; a program without such URLs does not need them.
#[derive(Debug)]
struct Tls {
    trusted: Vec<CertificateDer<'static>>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| self.read()).clone()
    }

    fn read(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        // Systems have certificates that rustls cannot parse; these are left out.
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(self.trusted.iter().cloned());
        if roots.is_empty() {
            return Err(
                "no certificate authority is trusted: the system has none, and none was added".to_owned()
            );
        }
        // Named, because rustls does not choose one if the program contains several.
        let provider = Arc::new(ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let trusting = versions.map_err(|error| error.to_string())?.with_root_certificates(roots);
        let mut config = trusting.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
