//! The plumbing of the venue crates: encodings that can be undone, signatures that are those of RFC 2104, and limiters
//! that keep their quota whatever is asked of them, in whatever order, by a clock that is set back meanwhile.

use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::Clock;
use evenkeel_http::{
    HmacKey, Limiter, Quota, RateLimited, Secret, Urgency, acquire_all, hex, percent_encode,
    sensitive_header, write_hex,
};
use evenkeel_types::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::assert_one_line;
use crate::input::Input;

/// One input of the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.choice(4) {
        0 => encodings(&mut input),
        1 => signatures(&mut input),
        2 => World::new(&mut input).run(&mut input),
        _ => any_limiter(&mut input),
    }
}

// -- encodings and signatures ------------------------------------------------------------------------------------------

fn encodings(input: &mut Input<'_>) {
    let before = input.text();
    let bytes = std::mem::replace(input, Input::new(&[])).rest();
    let text = String::from_utf8_lossy(bytes);

    let mut out = before.clone();
    percent_encode(&mut out, &text);
    let encoded = out.strip_prefix(&before).expect("what was there stays");
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let mut decoded = Vec::new();
    let mut rest = encoded.as_bytes();
    while let [first, after @ ..] = rest {
        rest = if *first == b'%' {
            let (digits, after) = after.split_at(2);
            assert!(digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')), "{encoded}");
            let digits = std::str::from_utf8(digits).expect("ASCII");
            let byte = u8::from_str_radix(digits, 16).expect("two digits");
            assert!(!unreserved(byte), "{encoded}");
            decoded.push(byte);
            after
        } else {
            assert!(unreserved(*first), "{encoded}");
            decoded.push(*first);
            after
        };
    }
    assert_eq!(decoded, text.as_bytes());
    assert_eq!(evenkeel_http::is_unreserved(&text), encoded == text);

    let mut out = before.clone();
    write_hex(&mut out, bytes);
    let digits = out.strip_prefix(&before).expect("what was there stays");
    assert_eq!(digits, hex(bytes));
    let mut wanted = String::new();
    for byte in bytes {
        write!(wanted, "{byte:02x}").expect("a text can be written to");
    }
    assert_eq!(digits, wanted);
}

fn signatures(input: &mut Input<'_>) {
    // Around the block of 64 bytes, and far beyond it.
    let mut key = input.bytes().to_vec();
    if input.byte() == b'*' {
        key = key.repeat(4);
    }
    let message = std::mem::replace(input, Input::new(&[])).rest();
    let signer = HmacKey::from_bytes(&key);
    assert_eq!(signer.sign(message), hmac(&key, message));
    assert_eq!(signer.sign_hex(message), hex(&hmac(&key, message)));
    assert_eq!(format!("{signer:?}"), "HmacKey(***)");

    if let Ok(text) = String::from_utf8(key) {
        let secret = Secret::from(text.clone());
        assert_eq!(secret.expose(), text);
        assert_eq!(HmacKey::new(&secret).sign(message), signer.sign(message));
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        match sensitive_header(&secret) {
            Ok(header) => assert!(header.is_sensitive() && header.as_bytes() == text.as_bytes()),
            Err(error) => {
                assert_one_line(&error.to_string());
                assert!(text.chars().any(|c| c.is_ascii_control()), "refused: {text:?}");
            }
        }
    }
}

/// RFC 2104 by its definition.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

// -- limiters ----------------------------------------------------------------------------------------------------------

/// How late a limiter may take a time for one that was only seen out of order; documented beside `REORDERING`.
const REORDERING: u64 = 250;
/// The longest patience of a call here; a second or two is what connectors have.
const PATIENCE: u64 = 2_000;
/// What one input may do.
const STEPS: usize = 96;
const CALLS: usize = 6;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("short waits")
}

fn urgency(urgent: bool) -> Urgency {
    if urgent { Urgency::ReducesRisk } else { Urgency::Ordinary }
}

/// True time, and a wall clock that was set back by `lag` since.
#[derive(Debug, Default)]
struct Time {
    now: u64,
    lag: u64,
    /// When somebody wants to be woken.
    deadlines: Vec<u64>,
}

/// Sleeps by true time and tells the time by the wall clock, as an operating system does.
#[derive(Debug, Default)]
struct Virtual(Mutex<Time>);

impl Virtual {
    fn with<T>(&self, change: impl FnOnce(&mut Time) -> T) -> T {
        change(&mut self.0.lock().expect("one thread"))
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        self.with(|time| Timestamp(1_700_000_000_000 + time.now - time.lag))
    }

    async fn sleep(&self, wait: Duration) {
        let until = self.with(|time| {
            let until = time.now + milliseconds(wait);
            time.deadlines.push(until);
            until
        });
        let ready = |_: &mut Context<'_>| {
            if self.with(|time| time.now >= until) { Poll::Ready(()) } else { Poll::Pending }
        };
        std::future::poll_fn(ready).await;
    }
}

/// What a limiter must keep to, by true time.
#[derive(Debug, Default)]
struct Model {
    window: u64,
    quota: u64,
    reserved: u64,
    /// When how much was granted or charged.
    sent: Vec<(u64, u64)>,
    blocked_until: u64,
}

impl Model {
    fn new(quota: u32, window: u64, percent: u32) -> Self {
        let quota = u64::from(quota);
        let reserved = (quota * u64::from(percent.min(100))).div_ceil(100);
        Self { window, quota, reserved, ..Self::default() }
    }

    fn limit(&self, urgency: Urgency) -> u64 {
        if urgency == Urgency::ReducesRisk { self.quota } else { self.quota - self.reserved }
    }

    /// What was sent less than `span` ago.
    fn within(&self, now: u64, span: u64) -> u64 {
        self.sent.iter().filter(|(time, _)| time + span > now).map(|(_, weight)| weight).sum()
    }

    fn granted(&mut self, now: u64, weight: u32, urgency: Urgency) {
        let (used, limit) = (self.within(now, self.window), self.limit(urgency));
        assert!(used + u64::from(weight) <= limit, "{used} and {weight} of {limit} at {now}: {self:?}");
        assert!(now >= self.blocked_until, "granted at {now}, blocked until {}", self.blocked_until);
        self.sent.push((now, weight.into()));
    }

    fn refused(&self, weight: u32, urgency: Urgency, refused: &RateLimited) {
        assert_one_line(&refused.to_string());
        assert_eq!(refused.scope(), "fuzz");
        match refused.retry_after() {
            None => assert!(u64::from(weight) > self.limit(urgency), "{refused}"),
            Some(wait) => assert!(wait >= Duration::from_millis(1), "{refused}"),
        }
    }
}

/// A call that waits for one limiter or for both.
struct Call<'a> {
    future: Pin<Box<dyn Future<Output = Result<(), RateLimited>> + Send + 'a>>,
    weights: [Option<u32>; 2],
    urgency: Urgency,
}

/// Two limiters and their models.
struct World {
    limiters: [Limiter; 2],
    models: [Model; 2],
    clock: Virtual,
}

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let [one, two] = [0, 1].map(|_| {
            // Windows from a millisecond to a minute; none can be empty.
            let (quota, window, percent) =
                (input.byte().into(), u64::from(input.u16()).max(1), input.byte().into());
            let limiter = Limiter::new("fuzz", Quota::new(quota, Duration::from_millis(window), percent));
            (limiter, Model::new(quota, window, percent))
        });
        Self { limiters: [one.0, two.0], models: [one.1, two.1], clock: Virtual::default() }
    }

    fn run(self, input: &mut Input<'_>) {
        let Self { limiters, mut models, clock } = self;
        let (limiters, clock) = (&limiters, &clock);
        let mut calls: Vec<Call<'_>> = Vec::new();
        for _ in 0..STEPS {
            if input.is_empty() {
                break;
            }
            let what = input.choice(10);
            let at = usize::from(input.bool());
            let (limiter, model) = (&limiters[at], &mut models[at]);
            let (time, now, lag) = (clock.now(), clock.with(|time| time.now), clock.with(|time| time.lag));
            match what {
                0 => advance(clock, input.byte().into(), &mut calls, &mut models),
                1 => advance(clock, input.u16().into(), &mut calls, &mut models),
                2 => {
                    let (weight, urgency) = (input.byte().into(), urgency(input.bool()));
                    match limiter.reserve(time, weight, urgency) {
                        Ok(()) => model.granted(now, weight, urgency),
                        Err(refused) => model.refused(weight, urgency, &refused),
                    }
                }
                3 | 4 if calls.len() < CALLS => {
                    let (one, two) = (u32::from(input.byte()), u32::from(input.byte()));
                    let patience = u64::from(input.u16()) % (PATIENCE + 1);
                    let urgency = urgency(input.bool());
                    let mut weights = [None, None];
                    weights[at] = Some(one);
                    if what == 4 {
                        weights[1 - at] = Some(two);
                    }
                    let scopes: Vec<_> = limiters
                        .iter()
                        .zip(weights)
                        .filter_map(|(limiter, weight)| Some((limiter, weight?)))
                        .collect();
                    let patience = Duration::from_millis(patience);
                    let future =
                        Box::pin(async move { acquire_all(&scopes, clock, urgency, patience).await });
                    calls.push(Call { future, weights, urgency });
                    poll(now, &mut calls, &mut models);
                }
                // Somebody gives up: what the call had is given back, its place in the queue as well.
                5 if !calls.is_empty() => drop(calls.remove(usize::from(input.byte()) % calls.len())),
                6 => {
                    let weight = input.byte().into();
                    limiter.charge(time, weight);
                    model.sent.push((now, weight.into()));
                }
                7 => {
                    let reported = u64::from(input.byte());
                    limiter.report_used(time, u32::try_from(reported).expect("a byte"));
                    let (used, own) = (limiter.usage(time).used, model.within(now, model.window));
                    assert!(used >= own.max(reported), "{used} used, {own} sent, {reported} reported");
                    let most = model.within(now, model.window + model.window.div_ceil(60));
                    assert!(
                        lag > 0 || used <= most.max(reported),
                        "{used} used, {most} sent, {reported} reported"
                    );
                }
                8 => {
                    let wait = u64::from(input.u16());
                    limiter.block_until(time, time.after(Duration::from_millis(wait)));
                    // Times that only seem to be out of order shorten a block by that much.
                    let wait = if lag > 0 { wait.saturating_sub(REORDERING) } else { wait };
                    model.blocked_until = model.blocked_until.max(now + wait);
                }
                _ => clock.with(|time| time.lag = (time.lag + u64::from(input.u16())).min(time.now)),
            }
            for (limiter, model) in limiters.iter().zip(&models) {
                let usage = limiter.usage(clock.now());
                let own = model.within(clock.with(|time| time.now), model.window);
                assert!(usage.used >= own, "{} used, {own} sent", usage.used);
                assert!(usage.waiting <= calls.len(), "{usage:?}");
            }
        }
        all_end(clock, &mut calls, &mut models);
        for limiter in limiters {
            assert_eq!(limiter.usage(clock.now()).waiting, 0);
        }
    }
}

/// Lets time pass, waking everybody at their time.
fn advance(clock: &Virtual, by: u64, calls: &mut Vec<Call<'_>>, models: &mut [Model; 2]) {
    let end = clock.with(|time| time.now) + by;
    loop {
        let next = next_deadline(clock).filter(|next| *next <= end);
        let now = next.unwrap_or(end);
        clock.with(|time| time.now = now);
        if next.is_none() {
            break;
        }
        poll(now, calls, models);
    }
}

fn next_deadline(clock: &Virtual) -> Option<u64> {
    clock.with(|time| {
        let now = time.now;
        time.deadlines.retain(|deadline| *deadline > now);
        time.deadlines.iter().copied().min()
    })
}

fn poll(now: u64, calls: &mut Vec<Call<'_>>, models: &mut [Model; 2]) {
    let mut context = Context::from_waker(Waker::noop());
    calls.retain_mut(|call| {
        let Poll::Ready(result) = call.future.as_mut().poll(&mut context) else { return true };
        let of = models.iter_mut().zip(call.weights).filter_map(|(model, weight)| Some((model, weight?)));
        match result {
            Ok(()) => of.for_each(|(model, weight)| model.granted(now, weight, call.urgency)),
            Err(refused) => assert_one_line(&refused.to_string()),
        }
        false
    });
}

/// No call waits longer than it is willing to.
fn all_end(clock: &Virtual, calls: &mut Vec<Call<'_>>, models: &mut [Model; 2]) {
    let began = clock.with(|time| time.now);
    while !calls.is_empty() {
        let next = next_deadline(clock).expect("a call that waits sleeps");
        assert!(next <= began + PATIENCE, "a call waits until {next}, {began} was the last step");
        clock.with(|time| time.now = next);
        poll(next, calls, models);
    }
}

/// Any numbers at all: no panic, and a limiter never grants more than fits at once, unless at the very end of time,
/// where nothing can be later than anything else.
fn any_limiter(input: &mut Input<'_>) {
    let (quota, window) = (input.u32(), Duration::new(input.u64(), input.u32() % 1_000_000_000));
    let limiter = Limiter::new("fuzz", Quota::new(quota, window, input.u32()));
    assert!(limiter.quota().reserved() <= quota);
    let mut granted = 0_u64;
    let at = Timestamp(input.u64().min(u64::MAX - 1));
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        let (weight, urgency) = (input.u32(), urgency(input.bool()));
        match input.choice(5) {
            // Always at one time: nothing can leave the window.
            0 | 1 => {
                if limiter.reserve(at, weight, urgency).is_ok() {
                    granted += u64::from(weight);
                    assert!(granted <= u64::from(quota), "{granted} of {quota} at once");
                }
            }
            2 => limiter.report_used(at, weight),
            3 => limiter.block_until(at, Timestamp(input.u64())),
            _ => {
                // From here on times go anywhere.
                let time = Timestamp(input.u64());
                drop(limiter.reserve(time, weight, urgency));
                limiter.charge(time, weight);
                assert_eq!(limiter.usage(time).quota, limiter.quota());
                break;
            }
        }
        let usage = limiter.usage(at);
        assert!(usage.used >= granted, "{usage:?}");
    }
    while !input.is_empty() {
        let (time, weight, urgency) = (Timestamp(input.u64()), input.u32(), urgency(input.bool()));
        drop(limiter.reserve(time, weight, urgency));
        limiter.report_used(time, weight);
        let _ = limiter.usage(Timestamp(input.u64()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_rfc() {
        let signature = hex(&hmac(b"Jefe", b"what do ya want for nothing?"));
        assert_eq!(signature, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    #[should_panic(expected = "6 and 5 of 10")]
    fn a_grant_above_the_quota_is_found() {
        let mut model = Model::new(10, 1_000, 0);
        model.granted(100, 6, Urgency::ReducesRisk);
        model.granted(1_100, 6, Urgency::ReducesRisk);
        model.granted(2_099, 5, Urgency::ReducesRisk);
    }

    #[test]
    #[should_panic(expected = "0 and 8 of 7")]
    fn a_grant_from_the_reserve_is_found() {
        Model::new(10, 1_000, 30).granted(0, 8, Urgency::Ordinary);
    }
}
