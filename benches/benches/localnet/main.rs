//! The local venues under load: requests per second over 127.0.0.1 beside a server that only answers, and memory over a
//! million requests. Run with `cargo bench -p evenkeel-benches --bench localnet`; it ends with an error when memory grows.
//! `EVENKEEL_QUICK=1` is a tenth of it.
//!
//! One run on two quiet cores: 19 900 to 23 500 reads and 3 900 to 10 400 writes a second, beside 50 000 of a server that only
//! answers (Hyperliquid's writes are the slow ones: the client signs and the server recovers the signer, on the same cores).
//! 178 MiB for the four venues together from the 400 000th request to the millionth, 110 to 230 µs for an answer throughout.
mod clients;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use evenkeel_localnet::{AccountSpec, Blueprint, Clock, Localnet, Venue, binance, bingx, bybit, hyperliquid};
use evenkeel_types::Timestamp;
use http::Request;

use clients::{Client, MIX, VENUES, What, client};

const START: Timestamp = Timestamp(1_772_360_400_000);
/// How much later each request comes, by the venue's clock: no rate limit is in the way.
const STEP: u64 = 600;
const CONNECTIONS: u32 = 4;
const TRIES: u32 = 5;
const CASH: &str = "100000000";
const READS: [What; 1] = [What::Read];
const WRITES: [What; 2] = [What::Place, What::Cancel];

#[allow(clippy::print_stdout, reason = "a benchmark reports there")]
fn main() -> ExitCode {
    let quick = std::env::var_os("EVENKEEL_QUICK").is_some();
    let (measured, requests) =
        if quick { (Duration::from_millis(200), 100_000) } else { (Duration::from_secs(2), 1_000_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime of two threads");
    let _inside = runtime.enter();
    println!("requests per second over {CONNECTIONS} connections, clients and server on the same cores");
    println!("{:<12} {:>9} {:>9} {:>9} {:>9}", "", "read", "x floor", "write", "x floor");
    let floor = runtime.block_on(constant());
    let floor = [
        load(&floor, "Binance", ("key", "secret"), &clock(), measured, &READS),
        load(&floor, "Binance", ("key", "secret"), &clock(), measured, &WRITES),
    ];
    show("floor", floor, floor);
    for venue in VENUES {
        let rates = match venue {
            "Hyperliquid" => runtime.block_on(start(hyperliquid())).rates(venue, measured),
            "Binance" => runtime.block_on(start(binance())).rates(venue, measured),
            "Bybit" => runtime.block_on(start(bybit())).rates(venue, measured),
            _ => runtime.block_on(start(bingx())).rates(venue, measured),
        };
        show(venue, rates, floor);
    }
    if memory(requests) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[allow(clippy::print_stdout, clippy::float_arithmetic, reason = "a benchmark reports there, for reading")]
fn show(name: &str, [reads, writes]: [f64; 2], floor: [f64; 2]) {
    println!("{name:<12} {reads:>9.0} {:>9.2} {writes:>9.0} {:>9.2}", floor[0] / reads, floor[1] / writes);
}

fn hyperliquid() -> hyperliquid::Builder {
    let account = hyperliquid::AccountSpec::named("main").cash(CASH).traded(CASH);
    hyperliquid::Server::builder().account(account)
}

fn binance() -> binance::Builder {
    binance::Server::builder().account(AccountSpec::named("main").cash(CASH))
}

fn bybit() -> bybit::Builder {
    bybit::Server::builder().account(AccountSpec::named("main").cash(CASH))
}

fn bingx() -> bingx::Builder {
    bingx::Server::builder().account(AccountSpec::named("main").cash(CASH))
}

/// What the first account of a venue is reached with.
fn key(venue: &impl Venue) -> (String, String) {
    let access = venue.accounts().remove(0);
    let get = |field: &str| access.get(field).map(str::to_owned);
    match (get("address"), get("key"), get("secret")) {
        (Some(address), Some(key), _) => (address, key),
        (None, Some(key), Some(secret)) => (key, secret),
        _ => panic!("an account has a key"),
    }
}

// -- over the socket ---------------------------------------------------------------------------------------------------

/// The time of a venue: each look at it is [`STEP`] later.
#[derive(Debug)]
struct Steps(Arc<AtomicU64>);

impl Clock for Steps {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(STEP, Ordering::SeqCst))
    }
}

fn clock() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(START.0))
}

struct Net<V: Venue> {
    net: Localnet<V>,
    clock: Arc<AtomicU64>,
    key: (String, String),
}

async fn start<B: Blueprint>(blueprint: B) -> Net<B::Venue> {
    let clock = clock();
    let steps = Arc::new(Steps(Arc::clone(&clock)));
    let net = Localnet::start_with(blueprint, steps, 0, 0).await.expect("a local venue");
    let key = net.with(|venue| key(venue));
    Net { net, clock, key }
}

impl<V: Venue> Net<V> {
    fn rates(&self, venue: &str, measured: Duration) -> [f64; 2] {
        let key = (self.key.0.as_str(), self.key.1.as_str());
        let url = self.net.base_url();
        [&READS[..], &WRITES[..]].map(|mix| load(&url, venue, key, &self.clock, measured, mix))
    }
}

/// The floor: the same shell with one answer for everything.
async fn constant() -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = || async { ([("content-type", "application/json")], r#"{"code":0,"data":[]}"#) };
    let router = axum::Router::new().fallback(answer);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        stream.set_nodelay(true).expect("a socket");
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Requests per second that were answered and done.
#[allow(clippy::float_arithmetic, reason = "a rate for reading")]
#[allow(clippy::disallowed_methods, reason = "measuring real time is what this is for")]
fn load(
    url: &str,
    venue: &str,
    (key, secret): (&str, &str),
    clock: &Arc<AtomicU64>,
    measured: Duration,
    mix: &[What],
) -> f64 {
    let address = url.strip_prefix("http://").expect("an address");
    let began = Instant::now();
    let count: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let mut client =
                    client(venue, key, secret, number + if mix == WRITES { CONNECTIONS } else { 0 });
                scope.spawn(move || {
                    let mut line = Line::to(address);
                    let mut count = 0;
                    while began.elapsed() < measured {
                        for what in mix {
                            line.insist(client.as_mut(), *what, clock);
                            count += 1;
                        }
                    }
                    count
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a client")).sum()
    });
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// One connection that is kept: as little of a client as there can be, so that what is measured is the server.
struct Line {
    stream: TcpStream,
    out: Vec<u8>,
    answer: Vec<u8>,
}

impl Line {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, out: Vec::new(), answer: Vec::new() }
    }

    /// Asks until it is done: while a thread did not run others were served, and its request came too late.
    fn insist(&mut self, client: &mut dyn Client, what: What, clock: &AtomicU64) {
        for _ in 0..TRIES {
            let now = Timestamp(clock.load(Ordering::SeqCst));
            let request = client.request(what, now);
            if client.is_done(self.ask(&request)) {
                return;
            }
        }
        panic!("{what:?}: {}", String::from_utf8_lossy(&self.answer));
    }

    /// The body of the answer.
    fn ask(&mut self, request: &Request<Bytes>) -> &[u8] {
        self.out.clear();
        let out = &mut self.out;
        write!(out, "{} {} HTTP/1.1\r\nhost: localhost\r\n", request.method(), request.uri())
            .expect("memory");
        for (name, value) in request.headers() {
            write!(out, "{name}: ").expect("memory");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        write!(out, "content-length: {}\r\n\r\n", request.body().len()).expect("memory");
        out.extend_from_slice(request.body());
        self.stream.write_all(out).expect("the server listens");
        self.answer.clear();
        let mut chunk = [0; 16_384];
        loop {
            let read = self.stream.read(&mut chunk).expect("an answer");
            assert_ne!(read, 0, "the connection was closed");
            self.answer.extend_from_slice(&chunk[..read]);
            if let Some((head, length)) = parsed(&self.answer)
                && self.answer.len() >= head + length
            {
                return &self.answer[head..head + length];
            }
        }
    }
}

/// Where the body begins, and how long it is, once the whole head is there.
fn parsed(answer: &[u8]) -> Option<(usize, usize)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).expect("text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    Some((end + 4, length.parse().expect("a number")))
}

// -- without a socket --------------------------------------------------------------------------------------------------

/// A venue, somebody who trades there, and how long its answers took.
struct Desk<V> {
    venue: V,
    client: Box<dyn Client>,
    now: Timestamp,
    asked: usize,
    spent: Duration,
}

impl<V: Venue> Desk<V> {
    fn open(name: &str, blueprint: impl Blueprint<Venue = V>) -> Self {
        let venue = blueprint.build_at(START).expect("a local venue");
        let (key, secret) = key(&venue);
        let client = client(name, &key, &secret, 0);
        Self { venue, client, now: START, asked: 0, spent: Duration::ZERO }
    }
}

/// What a [`Desk`] does, whatever its venue.
trait Turn {
    fn turn(&mut self);

    /// Microseconds of an answer since this was asked last.
    fn pace(&mut self, requests: u32) -> u128;
}

impl<V: Venue> Turn for Desk<V> {
    #[allow(clippy::disallowed_methods, reason = "measuring real time is what this is for")]
    fn turn(&mut self) {
        self.now = Timestamp(self.now.0 + STEP);
        let what = MIX[self.asked % MIX.len()];
        self.asked += 1;
        let request = self.client.request(what, self.now);
        let began = Instant::now();
        let answer = self.venue.handle(self.now, request);
        self.spent += began.elapsed();
        assert!(
            self.client.is_done(answer.body()),
            "{what:?} ({}): {}",
            self.asked,
            String::from_utf8_lossy(answer.body())
        );
    }

    fn pace(&mut self, requests: u32) -> u128 {
        (std::mem::take(&mut self.spent) / requests.max(1)).as_micros()
    }
}

/// Whether memory stays flat over so many requests, to all venues in turn.
#[allow(clippy::print_stdout, reason = "a benchmark reports there")]
fn memory(requests: u32) -> bool {
    let mut desks: [Box<dyn Turn>; 4] = [
        Box::new(Desk::open(VENUES[0], hyperliquid())),
        Box::new(Desk::open(VENUES[1], binance())),
        Box::new(Desk::open(VENUES[2], bybit())),
        Box::new(Desk::open(VENUES[3], bingx())),
    ];
    println!("\n{requests} requests without a socket, two reads to four writes: memory, and µs of an answer");
    print!("{:>10} {:>9}", "requests", "MiB");
    VENUES.iter().for_each(|venue| print!(" {venue:>12}"));
    println!();
    let part = requests / 10;
    let mut resident = Vec::new();
    for number in 1..=10 {
        for _ in 0..part / 4 {
            desks.iter_mut().for_each(|desk| desk.turn());
        }
        let mebibytes = resident_kib() / 1024;
        print!("{:>10} {mebibytes:>9}", number * part);
        desks.iter_mut().for_each(|desk| print!(" {:>12}", desk.pace(part / 4)));
        println!();
        resident.push(mebibytes);
    }
    // The histories are full by then, and have been halved.
    let (half, end) = (resident[4], resident[9]);
    let flat = end <= half + half / 10 + 4;
    println!(
        "from the middle to the end: {half} MiB to {end} MiB, {}",
        if flat { "flat" } else { "growing" }
    );
    flat
}

/// What of this process is in memory.
fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
    pages * 4
}
