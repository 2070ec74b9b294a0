//! A typed order to `r`, `s`, `v`, for one order and for fifty, beside floors measured in the same run. Run with
//! `cargo bench -p evenkeel-benches --bench signing`; the table of ratios comes first. Only ratios travel from one
//! machine to another. Client ids double what is hashed of an order; peers are measured without.

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use evenkeel_benches::{medians, run};
use evenkeel_hyperliquid::sign::{
    Action, AgentAddress, AgentKey, Grouping, Network, OrderWire, SignError, Signature, Signer, Tif,
    connection_id, l1_digest, msgpack, sign_action, sign_l1,
};
use evenkeel_types::Decimal;
use k256::ecdsa::SigningKey;
use secp256k1::{Message, Secp256k1, SecretKey, SignOnly};
use sha3::{Digest, Keccak256};

const SIZES: [u32; 2] = [1, 50];
const NONCE: u64 = 1_755_863_118_217;
/// A published test key.
const KEY: [u8; 32] = *b"\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23";

fn main() {
    ratios();
    divan::main();
}

/// Everything that is measured signs with the same key.
struct Bench {
    agent: AgentKey,
    k256: SigningKey,
    c: CLibrary,
}

impl Bench {
    fn new() -> Self {
        let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        let agent = AgentKey::from_hex(&hex).expect("a key");
        let c = CLibrary {
            context: Secp256k1::signing_only(),
            key: SecretKey::from_byte_array(KEY).expect("a key"),
            address: agent.address(),
        };
        Self { agent, k256: SigningKey::from_slice(&KEY).expect("a key"), c }
    }
}

/// What a [`Signer`] with the C library looks like outside of the crate.
struct CLibrary {
    context: Secp256k1<SignOnly>,
    key: SecretKey,
    address: AgentAddress,
}

impl std::fmt::Debug for CLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CLibrary({})", self.address)
    }
}

impl Signer for CLibrary {
    fn address(&self) -> AgentAddress {
        self.address
    }

    fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, SignError> {
        let signature = self.context.sign_ecdsa_recoverable(Message::from_digest(*digest), &self.key);
        let (recovery, bytes) = signature.serialize_compact();
        let half = |at: usize| std::array::from_fn(|i| bytes[at + i]);
        let id = u8::try_from(i32::from(recovery)).map_err(|error| SignError::Signer(error.to_string()))?;
        Ok(Signature { r: half(0), s: half(32), v: 27 + id })
    }
}

fn action(orders: u32, client_ids: bool) -> Action {
    let order = |i: u32| {
        let (price, size) =
            (Decimal::new(1_100_005 + i64::from(i), 1), Decimal::new(1_234 + i64::from(i), 4));
        let order = OrderWire::limit(i, i.is_multiple_of(2), &price, &size, false, Tif::Ioc)
            .expect("numbers that fit");
        OrderWire { cloid: client_ids.then(|| format!("0x{:032x}", u128::from(i) << 64)), ..order }
    };
    Action::Order { orders: (0..orders).map(order).collect(), grouping: Grouping::Na }
}

fn digest(action: &Action) -> [u8; 32] {
    let id = connection_id(&action.msgpack().expect("orders"), NONCE, None, None);
    l1_digest(&id, Network::Mainnet)
}

fn sign(signer: &dyn Signer, action: &Action) -> Signature {
    sign_action(signer, Network::Mainnet, action, NONCE, None, None).expect("a signature")
}

fn sign_generic(signer: &dyn Signer, action: &Action) -> Signature {
    sign_l1(signer, Network::Mainnet, action, NONCE, None, None).expect("a signature")
}

#[allow(clippy::print_stdout, reason = "a benchmark reports there")]
fn ratios() {
    let bench = Bench::new();
    let sizes =
        [("1 order", action(1, false)), ("50 orders", action(50, false)), ("50 with ids", action(50, true))];
    let tables = sizes.each_ref().map(|(_, action)| column(&bench, action));
    let titles = sizes.map(|(title, _)| format!("{title:>12} × floor"));
    println!("{:>36} {}", "", titles.join(" "));
    for (row, (name, _)) in tables[0].iter().enumerate() {
        let cells = tables.each_ref().map(|table| {
            let (time, floor) = (table[row].1, table[0].1);
            format!("{time:>12.2?} {:>7.2}", time.as_secs_f64() / floor.as_secs_f64())
        });
        println!("{name:>36} {}", cells.join(" "));
    }
    println!();
}

fn column(bench: &Bench, action: &Action) -> [(&'static str, Duration); 8] {
    let (bytes, digest) = (action.msgpack().expect("orders"), digest(action));
    assert_eq!(sign(&bench.agent, action), sign(&bench.c, action), "both libraries make the same signature");
    assert_eq!(
        sign(&bench.agent, action),
        sign_generic(&bench.c, action),
        "and both encoders the same bytes"
    );
    medians(
        101,
        40,
        &[
            ("floor: libsecp256k1, digest alone", run(|| bench.c.sign_digest(black_box(&digest)))),
            ("k256, digest alone", run(|| bench.k256.sign_prehash_recoverable(black_box(&digest)))),
            ("ours", run(|| sign(&bench.agent, black_box(action)))),
            ("ours, any serialisable action", run(|| sign_generic(&bench.agent, black_box(action)))),
            ("ours with a Signer on libsecp256k1", run(|| sign(&bench.c, black_box(action)))),
            ("part: MessagePack by hand", run(|| black_box(action).msgpack())),
            ("part: MessagePack by serde, checked", run(|| msgpack(black_box(action)))),
            ("part: Keccak of the bytes", run(|| Keccak256::digest(black_box(&bytes)))),
        ],
    )
}

/// Goal: 1.45 times the floor for one order, 1.9 times for fifty.
#[divan::bench(args = SIZES)]
fn sign_orders(bencher: Bencher<'_, '_>, orders: u32) {
    let (bench, action) = (Bench::new(), action(orders, false));
    bencher.counter(ItemsCount::new(orders)).bench(|| sign(&bench.agent, black_box(&action)));
}

#[divan::bench(args = SIZES)]
fn sign_any_action(bencher: Bencher<'_, '_>, orders: u32) {
    let (bench, action) = (Bench::new(), action(orders, false));
    bencher.counter(ItemsCount::new(orders)).bench(|| sign_generic(&bench.agent, black_box(&action)));
}

#[divan::bench]
fn floor_libsecp256k1(bencher: Bencher<'_, '_>) {
    let (bench, digest) = (Bench::new(), digest(&action(1, false)));
    bencher.bench(|| bench.c.sign_digest(black_box(&digest)));
}

#[divan::bench]
fn floor_k256(bencher: Bencher<'_, '_>) {
    let (bench, digest) = (Bench::new(), digest(&action(1, false)));
    bencher.bench(|| bench.k256.sign_prehash_recoverable(black_box(&digest)));
}

#[divan::bench(args = SIZES)]
fn part_msgpack_by_hand(bencher: Bencher<'_, '_>, orders: u32) {
    let action = action(orders, false);
    bencher.bench(|| black_box(&action).msgpack());
}

#[divan::bench(args = SIZES)]
fn part_rmp_serde_alone(bencher: Bencher<'_, '_>, orders: u32) {
    let action = action(orders, false);
    bencher.bench(|| rmp_serde::to_vec_named(black_box(&action)));
}

#[divan::bench(args = SIZES)]
fn part_keccak_of_the_bytes(bencher: Bencher<'_, '_>, orders: u32) {
    let bytes = action(orders, false).msgpack().expect("orders");
    bencher.bench(|| Keccak256::digest(black_box(&bytes)));
}
