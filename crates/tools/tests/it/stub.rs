//! A service on 127.0.0.1 that answers what a test says and remembers what it was
//! asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::Value;

type Asked = Arc<Mutex<Vec<String>>>;

/// See the module.
pub struct Stub {
    address: SocketAddr,
    asked: Asked,
    server: tokio::task::JoinHandle<()>,
}

impl Stub {
    /// Answers JSON; the closure gets method, path with query, and body.
    pub async fn start(answer: impl Fn(&str, &str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self::raw(move |method, path, body| {
            let body = serde_json::from_slice(body).unwrap_or_default();
            let (status, answer) = answer(method, path, &body);
            Response::builder().status(status).body(Body::from(answer.to_string())).unwrap()
        })
        .await
    }

    /// Answers anything.
    pub async fn raw(answer: impl Fn(&str, &str, &Bytes) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Asked::default();
        let (answer, seen) = (Arc::new(answer), asked.clone());
        let router = Router::new().fallback(move |request: Request| async move {
            let method = request.method().to_string();
            let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.unwrap_or_default();
            seen.lock().unwrap().push(format!("{method} {path} {}", String::from_utf8_lossy(&body)));
            answer(&method, &path, &body)
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked, server }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Requests so far that begin like this.
    pub fn asked(&self, start: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|line| line.starts_with(start)).cloned().collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}
