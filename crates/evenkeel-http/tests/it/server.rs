//! A local server that says exactly what it is told to, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_http::{Bytes, ReqwestTransport, Transport, TransportError, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Stands for a signature: must turn up in no error.
pub(crate) const CANARY: &str = "c4n4ry5ignature";

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the next reply on the same connection.
    Say(String),
    /// These bytes, then the end.
    Close(String),
    /// The connection is reset.
    Reset,
    /// Nothing, for ever.
    Hang,
    /// A body that never ends.
    Flood,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Head and body of each request, or whatever else came.
    pub(crate) requests: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) host: String,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// The replies are given in order, over all connections.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::<Mutex<Seen>>::default();
        let replies = Arc::new(Mutex::new(replies.into_iter()));
        let inside = seen.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                inside.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, inside.clone(), replies.clone()));
            }
        });
        Self { host, seen }
    }

    pub(crate) fn transport(&self) -> ReqwestTransport {
        ReqwestTransport::allowing_http([self.host.clone()]).unwrap()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// A signed POST, as a venue crate would send it.
    pub(crate) async fn post(
        &self,
        transport: &ReqwestTransport,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        transport.send(request("http", &self.host), timeout).await
    }
}

/// With the canary in its URL, in a header and in its body.
pub(crate) fn request(scheme: &str, host: &str) -> http::Request<Bytes> {
    http::Request::post(format!("{scheme}://{host}/order?symbol=SOL&signature={CANARY}"))
        .header("x-key", CANARY)
        .body(Bytes::from_static(CANARY.as_bytes()))
        .unwrap()
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Seen>>,
    replies: Arc<Mutex<std::vec::IntoIter<Reply>>>,
) {
    loop {
        let Some(request) = read(&mut stream).await else { return };
        seen.lock().unwrap().requests.push(request);
        let reply = replies.lock().unwrap().next();
        match reply {
            Some(Reply::Say(text)) => stream.write_all(text.as_bytes()).await.unwrap(),
            Some(Reply::Close(text)) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Some(Reply::Reset) | None => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Some(Reply::Hang) => std::future::pending().await,
            Some(Reply::Flood) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
                let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
                // Until the other side hangs up.
                while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                return;
            }
        }
    }
}

/// One request with its body; what is no HTTP (a TLS greeting) as it comes.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = vec![0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if !text.starts_with("POST") && !text.starts_with("GET") {
            return Some(text);
        }
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
    }
}
