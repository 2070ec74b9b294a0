use evenkeel_http::{HmacKey, ReqwestTransport, Secret, sensitive_header};

const CANARY: &str = "c4n4ry5ecret";

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

#[test]
fn no_debug_shows_a_secret() {
    let key = HmacKey::new(&secret(CANARY));
    let header = sensitive_header(&secret(CANARY)).unwrap();
    let mut request = evenkeel_http::http::Request::new(());
    request.headers_mut().insert("x-key", header.clone());
    let shown = [
        format!("{:?}", secret(CANARY)),
        format!("{:#?}", Some(secret(CANARY).clone())),
        format!("{key:?}"),
        format!("{:#?}", key.clone()),
        format!("{header:?}"),
        format!("{request:?}"),
        format!("{:?}", sensitive_header(&secret("c4n4ry5ecret\n"))),
        format!("{:?}", ReqwestTransport::new().unwrap()),
    ];
    for text in shown {
        assert!(!text.contains(CANARY), "{text}");
    }
    assert_eq!(header.to_str().unwrap(), CANARY, "but it is there");
    assert!(header.is_sensitive());
    assert_eq!(secret(CANARY).expose(), CANARY);
}

#[test]
fn a_secret_that_no_header_can_carry_is_refused() {
    for text in ["line\n", "\0", "\r\nx-evil: 1"] {
        assert!(sensitive_header(&secret(text)).is_err());
    }
    assert!(sensitive_header(&secret("")).is_ok());
}
