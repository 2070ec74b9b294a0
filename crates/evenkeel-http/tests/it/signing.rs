use evenkeel_http::{HmacKey, Secret, hex, percent_encode, write_hex};
use proptest::prelude::*;

#[test]
fn the_vectors_of_rfc_4231() {
    let long = [0xaa; 131];
    let counting: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 6] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (
            &long,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &long,
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be \
              hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (key, message, expected) in cases {
        let key = HmacKey::from_bytes(key);
        assert_eq!(key.sign_hex(message), expected);
        assert_eq!(hex(&key.sign(message)), expected, "a key can be used again");
    }
}

proptest! {
    #[test]
    fn keys_of_every_length_are_those_of_the_hmac_crate(
        key in prop::collection::vec(any::<u8>(), 0..200), message in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        use hmac::{KeyInit as _, Mac as _};
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        mac.update(&message);
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        prop_assert_eq!(HmacKey::from_bytes(&key).sign(&message), expected);
        if let Ok(text) = String::from_utf8(key) {
            prop_assert_eq!(HmacKey::new(&Secret::from(text)).sign(&message), expected);
        }
    }

    #[test]
    fn encoded_values_hold_unreserved_characters_only_and_decode_to_themselves(text in any::<String>()) {
        let mut query = String::from("a=");
        percent_encode(&mut query, &text);
        let encoded = query.strip_prefix("a=").unwrap();
        let mut decoded = Vec::new();
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                prop_assert!(digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')));
                decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            } else {
                prop_assert!(byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
                decoded.push(byte);
            }
        }
        prop_assert_eq!(decoded, text.into_bytes());
    }

    #[test]
    fn hexadecimal_is_that_of_the_formatter(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut text = String::from("0x");
        write_hex(&mut text, &bytes);
        let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(&text, &format!("0x{expected}"));
        prop_assert_eq!(hex(&bytes), expected);
    }
}
