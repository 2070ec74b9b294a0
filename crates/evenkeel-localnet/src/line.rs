//! Connections that became sockets: frames are copied, nothing is decided.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use futures_util::future::select;
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Method, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Wire};

use crate::shell::{Shared, wait};
use crate::stream::{Frame, Sent, SocketId};
use crate::venue::Venue;

/// Frames that wait for a reader. Who reads more slowly than that is cut off, as at the venues.
const MAX_WAITING: usize = 1024;
/// The largest message that is read: far more than a signed batch of orders.
const MAX_HEARD: usize = 1 << 20;
/// How often time passes at a venue while a socket is open and nothing else happens: executions that come later than their
/// orders, funding, prices that somebody sets behind the venue's door.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// A request that asks to go on as a WebSocket.
pub(crate) struct Upgrade {
    ready: OnUpgrade,
    accept: HeaderValue,
}

impl Upgrade {
    /// Whether a request is one.
    pub(crate) fn of(request: &mut Request) -> Option<Self> {
        let wanted = request.headers().get(UPGRADE)?.to_str().ok()?;
        if request.method() != Method::GET || !wanted.eq_ignore_ascii_case("websocket") {
            return None;
        }
        let accept = derive_accept_key(request.headers().get(SEC_WEBSOCKET_KEY)?.as_bytes());
        let accept = HeaderValue::from_str(&accept).ok()?;
        Some(Self { ready: hyper::upgrade::on(request), accept })
    }

    pub(crate) fn answer(&self) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        answer
    }
}

/// A frame, and when it may go.
struct Due {
    frame: Frame,
    at: Option<Instant>,
}

/// The open lines of a venue.
#[derive(Default)]
pub(crate) struct Lines(Mutex<BTreeMap<SocketId, Line>>);

struct Line {
    frames: mpsc::Sender<Due>,
    task: AbortHandle,
}

/// What a line is to send.
pub(crate) struct Frames(mpsc::Receiver<Due>);

impl Lines {
    fn all(&self) -> MutexGuard<'_, BTreeMap<SocketId, Line>> {
        // Entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the task of a new line.
    pub(crate) fn add<F>(&self, socket: SocketId, converse: impl FnOnce(Frames) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (frames, waiting) = mpsc::channel(MAX_WAITING);
        let task = tokio::spawn(converse(Frames(waiting))).abort_handle();
        self.all().insert(socket, Line { frames, task });
    }

    pub(crate) fn remove(&self, socket: SocketId) {
        self.all().remove(&socket);
    }

    /// Whether the line goes on after it.
    pub(crate) fn send(&self, sent: Sent) -> bool {
        let mut lines = self.all();
        let Some(line) = lines.get(&sent.socket) else { return false };
        let at = (!sent.late.is_zero()).then(|| Instant::now().checked_add(sent.late)).flatten();
        let last = sent.frame == Frame::Close;
        let taken = line.frames.try_send(Due { frame: sent.frame, at }).is_ok();
        if !taken {
            line.task.abort();
        }
        if !taken || last {
            lines.remove(&sent.socket);
        }
        taken && !last
    }

    pub(crate) fn cut_all(&self) {
        for (_, line) in std::mem::take(&mut *self.all()) {
            line.task.abort();
        }
    }
}

/// Copies frames in both directions until either ends.
pub(crate) async fn converse<V: Venue>(
    shared: Arc<Shared<V>>,
    socket: SocketId,
    upgrade: Upgrade,
    frames: Frames,
) {
    if let Ok(connection) = upgrade.ready.await {
        let config = WebSocketConfig::default().max_message_size(Some(MAX_HEARD));
        let io = TokioIo::new(connection);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (mut sink, source) = stream.split();
        let speak = async {
            let mut frames = frames.0;
            loop {
                let due = match timeout(TICK, frames.recv()).await {
                    Err(_) => {
                        shared.tick();
                        continue;
                    }
                    Ok(None) => return,
                    Ok(Some(due)) => due,
                };
                if let Some(at) = due.at {
                    wait(at.saturating_duration_since(Instant::now())).await;
                }
                let sent = match due.frame {
                    Frame::Text(text) => sink.send(Wire::text(text)).await,
                    Frame::Binary(bytes) => sink.send(Wire::Binary(bytes)).await,
                    Frame::Ping => sink.send(Wire::Ping(Bytes::new())).await,
                    Frame::Close => return,
                };
                if sent.is_err() {
                    return;
                }
            }
        };
        let listen = listen(&shared, socket, source);
        let _first = select(pin!(speak), pin!(listen)).await;
    }
    shared.hang_up(socket);
}

async fn listen<V: Venue>(
    shared: &Shared<V>,
    socket: SocketId,
    mut source: impl Stream<Item = Result<Wire, Error>> + Unpin,
) {
    // Pings of the protocol, and its good-bye, are answered below.
    while let Some(Ok(heard)) = source.next().await {
        if let Wire::Text(text) = heard {
            shared.hear(socket, text.as_str());
        }
    }
}
