//! The way to a venue, on which requests and answers get lost.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_paper::{Fault as PaperFault, FaultRule as PaperRule};
use evenkeel_types::{Symbol, Timestamp};
use http::{Request, Response, StatusCode};

use crate::answer;
use crate::fault::{Fault, FaultRule, Heard};
use crate::stream::{Frame, Push, Sent, SocketId};
use crate::venue::{Call, Venue};

/// How many earlier states of the venue are kept while a rule asks for stale readings. Each is a copy of everything.
const MAX_PAST: usize = 16;

/// A venue behind an unreliable line. Without rules the line is perfect.
///
/// Use it instead of a socket where a client can be given its transport: [`Gate::judge`] first, then let the delay pass,
/// then [`Gate::deliver`]; no answer is a closed connection. For a socket [`Gate::open`] takes the place of the delivery; then
/// [`Gate::hear`] what the client says, and after everything that happens send what [`Gate::pushes`] tells.
#[derive(Debug, Clone)]
pub struct Gate<V> {
    venue: V,
    rules: Vec<FaultRule>,
    past: VecDeque<V>,
    rng: u64,
    requests: u64,
    struck: u64,
    /// The paths on which open sockets were asked for.
    sockets: BTreeMap<SocketId, String>,
    next_socket: u64,
}

/// What is going to happen to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// How long until it arrives.
    pub arrives_after: Duration,
    /// How long its answer takes after that.
    pub answered_after: Duration,
    fate: Fate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Normal,
    Lost,
    Unanswered,
    Status(StatusCode, bool),
    Words(StatusCode, &'static str, bool),
    TooMany,
    Maintained,
    /// With these rules behind the venue's door.
    Behind(Vec<PaperRule>),
    Twice(Heard),
    Stale(usize),
}

impl<V: Venue> Gate<V> {
    /// A perfect line to a venue. All randomness of the rules comes from the seed.
    pub fn new(venue: V, seed: u64) -> Self {
        Self {
            venue,
            rules: Vec::new(),
            past: VecDeque::new(),
            rng: seed,
            requests: 0,
            struck: 0,
            sockets: BTreeMap::new(),
            next_socket: 1,
        }
    }

    /// The venue.
    #[must_use]
    pub fn venue(&self) -> &V {
        &self.venue
    }

    /// The venue, in the tester's hand.
    pub fn venue_mut(&mut self) -> &mut V {
        &mut self.venue
    }

    /// The rules, and how often each struck.
    #[must_use]
    pub fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    /// How many requests there were.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// How often a fault struck.
    #[must_use]
    pub fn struck(&self) -> u64 {
        self.struck
    }

    /// How many sockets are open.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// From now on these strike too. Of several that strike the first one decides, delays apart.
    pub fn inject(&mut self, rules: impl IntoIterator<Item = FaultRule>) {
        self.rules.extend(rules);
    }

    /// From now on the line is perfect.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.past.clear();
    }

    /// What is going to happen to this request. Counts it.
    pub fn judge(&mut self, request: &Request<Bytes>) -> Verdict {
        self.requests = self.requests.saturating_add(1);
        let call = V::call(request);
        // Whose request it is takes a signature to find out: only where somebody wants to know.
        let about = self.rules.iter().any(|rule| rule.account.is_some());
        let account = if about { self.venue.account_of(request) } else { None };
        let mut verdict =
            Verdict { arrives_after: Duration::ZERO, answered_after: Duration::ZERO, fate: Fate::Normal };
        let mut rules = std::mem::take(&mut self.rules);
        for rule in rules.iter_mut().filter(|rule| !rule.fault.is_of_sockets()) {
            let draw = self.draw();
            if !rule.strikes(&call, account.as_deref(), draw) {
                continue;
            }
            self.struck = self.struck.saturating_add(1);
            let fate = match rule.fault {
                Fault::DelayRequest(by) => {
                    verdict.arrives_after = verdict.arrives_after.saturating_add(by);
                    continue;
                }
                Fault::DelayAnswer(by) => {
                    verdict.answered_after = verdict.answered_after.saturating_add(by);
                    continue;
                }
                Fault::LoseRequest => Fate::Lost,
                Fault::LoseAnswer => Fate::Unanswered,
                Fault::ServerError { status, applied } => Fate::Status(status, applied),
                Fault::InWords { status, body, applied } => Fate::Words(status, body, applied),
                Fault::TooManyRequests => Fate::TooMany,
                Fault::Maintenance => Fate::Maintained,
                Fault::PartialFill { permille } => {
                    let in_part = PaperRule::new(PaperFault::PartialFill { permille });
                    Fate::Behind(for_symbol([in_part], rule.symbol.as_ref()))
                }
                Fault::RefuseOrders => {
                    Fate::Behind(for_symbol(PaperRule::refusing_orders(), rule.symbol.as_ref()))
                }
                Fault::Duplicate(heard) => Fate::Twice(heard),
                Fault::StaleRead { writes } => Fate::Stale(writes),
                Fault::CutSocket | Fault::LosePush | Fault::DelayPush(_) => continue,
            };
            if verdict.fate == Fate::Normal {
                verdict.fate = fate;
            }
        }
        self.rules = rules;
        verdict
    }

    /// The request arrives now, with what was decided about it. `None` is a closed connection.
    pub fn deliver(
        &mut self,
        now: Timestamp,
        request: Request<Bytes>,
        verdict: Verdict,
    ) -> Option<Response<Bytes>> {
        match verdict.fate {
            Fate::Normal => Some(self.handle(now, request)),
            Fate::Lost => None,
            Fate::Unanswered => {
                let _unheard = self.handle(now, request);
                None
            }
            Fate::Status(status, applied) => {
                if applied {
                    let _unheard = self.handle(now, request);
                }
                Some(V::failure(now, status))
            }
            Fate::Words(status, body, applied) => {
                if applied {
                    let _unheard = self.handle(now, request);
                }
                Some(answer::json_text(status, body))
            }
            Fate::TooMany => Some(V::too_many_requests(now)),
            Fate::Maintained => Some(V::maintenance(now)),
            Fate::Behind(rules) => Some(self.handle_behind(now, request, &rules)),
            Fate::Twice(heard) => {
                let first = self.handle(now, request.clone());
                let second = self.handle(now, request);
                Some(if heard == Heard::First { first } else { second })
            }
            Fate::Stale(writes) => {
                let old = self.past.get(writes.saturating_sub(1)).filter(|_| writes > 0);
                match old.or(self.past.back()).cloned() {
                    Some(mut old) => Some(old.handle(now, request)),
                    None => Some(self.handle(now, request)),
                }
            }
        }
    }

    /// The request for a socket arrives now. `None` is a closed connection; an `Err` is the answer of a venue that opens
    /// none.
    pub fn open(
        &mut self,
        now: Timestamp,
        request: Request<Bytes>,
        verdict: Verdict,
    ) -> Option<Result<SocketId, Response<Bytes>>> {
        if !matches!(verdict.fate, Fate::Normal | Fate::Behind(_) | Fate::Twice(_) | Fate::Stale(_)) {
            return self.deliver(now, request, verdict).map(Err);
        }
        let (socket, path) = (SocketId(self.next_socket), request.uri().path().to_owned());
        self.next_socket = self.next_socket.saturating_add(1);
        if let Some(refusal) = self.venue.open(now, socket, request) {
            return Some(Err(refusal));
        }
        self.sockets.insert(socket, path);
        Some(Ok(socket))
    }

    /// A client says something on its socket.
    pub fn hear(&mut self, now: Timestamp, socket: SocketId, text: &str) {
        if self.sockets.contains_key(&socket) {
            self.venue.hear(now, socket, text);
        }
    }

    /// A socket is gone.
    pub fn close(&mut self, socket: SocketId) {
        if self.sockets.remove(&socket).is_some() {
            self.venue.close(socket);
        }
    }

    /// What is to be sent since the last time; without open sockets nothing is even looked for.
    pub fn pushes(&mut self) -> Vec<Sent> {
        if self.sockets.is_empty() {
            return Vec::new();
        }
        let mut sent = Vec::new();
        for push in self.venue.pushes() {
            let Some(path) = self.sockets.get(&push.socket).cloned() else { continue };
            let mut late = Duration::ZERO;
            let mut frame = Some(push.frame.clone());
            for fault in self.faults_of(&push, path) {
                match fault {
                    Fault::DelayPush(by) => late = late.saturating_add(by),
                    Fault::CutSocket => frame = Some(Frame::Close),
                    _ => frame = None,
                }
            }
            let Some(frame) = frame else { continue };
            if frame == Frame::Close {
                self.close(push.socket);
            }
            sent.push(Sent { socket: push.socket, frame, late });
        }
        sent
    }

    /// The faults that strike a push.
    fn faults_of(&mut self, push: &Push, path: String) -> Vec<Fault> {
        let Some(topic) = &push.topic else { return Vec::new() };
        let call = Call { path, name: topic.clone(), is_write: false };
        let mut rules = std::mem::take(&mut self.rules);
        let mut faults = Vec::new();
        for rule in rules.iter_mut().filter(|rule| rule.fault.is_of_sockets()) {
            let draw = self.draw();
            if rule.strikes(&call, push.account.as_deref(), draw) {
                self.struck = self.struck.saturating_add(1);
                faults.push(rule.fault);
            }
        }
        self.rules = rules;
        faults
    }

    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        let remembers = self.rules.iter().any(|rule| matches!(rule.fault, Fault::StaleRead { .. }));
        if remembers && V::call(&request).is_write {
            self.past.push_front(self.venue.clone());
            self.past.truncate(MAX_PAST);
        }
        self.venue.handle(now, request)
    }

    /// The paper exchange itself does what rules say with what this request asks for.
    fn handle_behind(
        &mut self,
        now: Timestamp,
        request: Request<Bytes>,
        rules: &[PaperRule],
    ) -> Response<Bytes> {
        let meant = self.venue.account_of(&request);
        let is_meant = |name: &str| meant.as_deref().is_none_or(|meant| meant == name);
        let mut own = Vec::new();
        for (name, world) in self.venue.worlds() {
            if is_meant(&name) {
                own.push((name, world.faults().len()));
                world.inject(rules.iter().cloned());
            }
        }
        let answer = self.handle(now, request);
        // The tester's own rules stay, with what they counted.
        for (name, world) in self.venue.worlds() {
            if let Some((_, before)) = own.iter().find(|(meant, _)| *meant == name) {
                let kept = world.faults().get(..*before).unwrap_or_default().to_vec();
                world.clear_faults();
                world.inject(kept);
            }
        }
        answer
    }

    /// Below 1000. SplitMix64 (Steele, Lea and Flood 2014): a counter and a hash of it, so any seed is a good one.
    fn draw(&mut self) -> u32 {
        self.rng = self.rng.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.rng;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (z ^ (z >> 31)).checked_rem(1000).unwrap_or(0);
        u32::try_from(drawn).unwrap_or(0)
    }
}

fn for_symbol(rules: impl IntoIterator<Item = PaperRule>, symbol: Option<&Symbol>) -> Vec<PaperRule> {
    rules.into_iter().map(|rule| symbol.cloned().into_iter().fold(rule, PaperRule::symbol)).collect()
}
