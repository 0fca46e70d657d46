//! Every rule for keys, tokens and claims.

use std::path::PathBuf;

use driftwood_sync::{DocumentName, Right};
use serde_json::{json, Value};
use tempfile::TempDir;

use super::*;

const NOW: Time = Time::from_millis(1_700_000_000_000);

struct Ring {
    folder: TempDir,
}

impl Ring {
    fn new() -> Self {
        let folder = TempDir::new().expect("temporary folder");
        Self { folder }
    }

    fn key(&self, kind: KeyKind, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        make_key(kind, &path).expect("a key");
        path
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

fn keys(paths: &[PathBuf]) -> Keys {
    Keys::read(paths, None).expect("keys").expect("some")
}

fn claims(value: Value) -> Claims {
    serde_json::from_value(value).expect("claims")
}

fn good() -> Value {
    json!({"sub": "ada", "exp": 1_700_000_100, "docs": [{"prefix": "notes/", "right": "write"}]})
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = good();
    change(&mut claims);
    claims
}

/// What becomes of claims that were signed well.
fn outcome(value: &Value) -> Result<Rights, TokenError> {
    let ring = Ring::new();
    let path = ring.key(KeyKind::Hs256, "key");
    crypto::install();
    let key = key::read(&path).expect("a key").remove(0);
    let mut header = Header::new(key.algorithm);
    header.kid.clone_from(&key.id);
    let signs = key.signs.expect("private");
    let token = jsonwebtoken::encode(&header, value, &signs).expect("signed");
    keys(&[path]).verify(token.as_bytes(), NOW)
}

#[test]
fn a_good_token_of_either_kind_gives_its_rights() {
    let ring = Ring::new();
    for kind in [KeyKind::Hs256, KeyKind::Eddsa] {
        let path = ring.key(kind, &format!("{kind:?}"));
        let token = sign(&path, &claims(good())).expect("signed");
        let rights = keys(&[path]).verify(token.as_bytes(), NOW).expect("good");
        assert_eq!((&*rights.principal, rights.relay), ("ada", false));
        assert_eq!(rights.expires, Some(Time::from_millis(1_700_000_100_000)));
        let to = |name: &str| rights.to(&DocumentName::new(name).expect("a name"));
        assert_eq!(to("notes/a"), Some(Right::Write));
        assert_eq!(to("plans"), None);
    }
}

#[test]
fn the_key_id_chooses_and_a_strangers_key_is_unknown() {
    let ring = Ring::new();
    let paths = [
        ring.key(KeyKind::Hs256, "a"),
        ring.key(KeyKind::Eddsa, "b"),
        ring.key(KeyKind::Eddsa, "c"),
    ];
    let all = keys(&paths);
    for path in &paths {
        let token = sign(path, &claims(good())).expect("signed");
        assert!(all.verify(token.as_bytes(), NOW).is_ok());
    }
    let stranger = ring.key(KeyKind::Eddsa, "d");
    let token = sign(&stranger, &claims(good())).expect("signed");
    assert_eq!(all.verify(token.as_bytes(), NOW), Err(TokenError::Unknown));
}

#[test]
fn without_a_key_id_there_has_to_be_one_key() {
    let ring = Ring::new();
    let nameless = format!(
        "{{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"{}\"}}",
        "A".repeat(43)
    );
    let nameless = ring.file("nameless", &nameless);
    let token = sign(&nameless, &claims(good())).expect("signed");
    let one = keys(std::slice::from_ref(&nameless));
    assert!(one.verify(token.as_bytes(), NOW).is_ok());
    let two = keys(&[nameless, ring.key(KeyKind::Hs256, "a")]);
    assert_eq!(two.verify(token.as_bytes(), NOW), Err(TokenError::Unknown));
}

#[test]
fn keys_are_read_anew_and_a_broken_file_changes_nothing() {
    let ring = Ring::new();
    let (path, other) = (ring.key(KeyKind::Eddsa, "a"), ring.key(KeyKind::Hs256, "b"));
    let old = sign(&path, &claims(good())).expect("signed");
    let new = sign(&other, &claims(good())).expect("signed");
    let keys = keys(std::slice::from_ref(&path));
    let known = |token: &str| keys.verify(token.as_bytes(), NOW).is_ok();
    ring.file("a", "{\"kty\":");
    keys.reload();
    assert!(known(&old) && !known(&new));
    std::fs::copy(&other, &path).expect("copied");
    keys.reload();
    assert!(!known(&old) && known(&new));
}

#[test]
fn a_relay_needs_only_the_public_half() {
    let ring = Ring::new();
    let private = ring.key(KeyKind::Eddsa, "private");
    crypto::install();
    let public = ring.file("public", &public_half(&private).expect("it has one"));
    let token = sign(&private, &claims(good())).expect("signed");
    let relay = keys(std::slice::from_ref(&public));
    assert!(relay.verify(token.as_bytes(), NOW).is_ok());
    let error = sign(&public, &claims(good())).expect_err("no private half");
    assert!(error.to_string().contains("private half"), "{error}");
    assert!(public_half(&ring.key(KeyKind::Hs256, "secret")).is_err());
}

#[test]
fn every_changed_character_of_a_token_is_noticed() {
    let ring = Ring::new();
    for kind in [KeyKind::Hs256, KeyKind::Eddsa] {
        let path = ring.key(kind, &format!("{kind:?}"));
        let token = sign(&path, &claims(good())).expect("signed");
        let keys = keys(&[path]);
        // The very last character has bits that mean nothing.
        for at in 0..token.len() - 1 {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(keys.verify(&changed, NOW).is_err(), "{kind:?} at {at}");
        }
    }
}

#[test]
fn unsigned_tokens_and_garbage_are_refused() {
    let ring = Ring::new();
    let keys = keys(&[ring.key(KeyKind::Eddsa, "a")]);
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZGEifQ.";
    for token in [none, "", "a.b.c", "....", "\u{fffd}"] {
        assert_eq!(
            keys.verify(token.as_bytes(), NOW),
            Err(TokenError::Malformed),
            "{token}"
        );
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // The oldest trick: HS256 with the public key as the secret.
    let ring = Ring::new();
    let path = ring.key(KeyKind::Eddsa, "a");
    crypto::install();
    let key = key::read(&path).expect("a key").remove(0);
    let jsonwebtoken::DecodingKeyKind::SecretOrDer(public) = key.checks.kind() else {
        unreachable!("it was made from bytes");
    };
    let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid.clone_from(&key.id);
    let secret = jsonwebtoken::EncodingKey::from_secret(public);
    let token = jsonwebtoken::encode(&header, &good(), &secret).expect("signed");
    assert_eq!(
        keys(&[path]).verify(token.as_bytes(), NOW),
        Err(TokenError::Unknown)
    );
}

#[test]
fn a_token_is_good_for_its_time() {
    let at = |exp: u64, nbf: Option<u64>| {
        outcome(&with(|claims| {
            claims["exp"] = exp.into();
            claims["nbf"] = nbf.into();
        }))
        .map(drop)
    };
    assert_eq!(at(1_700_000_001, None), Ok(()));
    assert_eq!(at(1_700_000_000, None), Err(TokenError::Expired));
    assert_eq!(at(u64::MAX, None), Ok(()));
    assert_eq!(
        at(1_700_000_100, Some(1_700_000_060)),
        Ok(()),
        "a clock that is ahead"
    );
    assert_eq!(
        at(1_700_000_100, Some(1_700_000_061)),
        Err(TokenError::Early)
    );
}

#[test]
fn claims_that_say_too_little_or_nonsense_are_refused() {
    let refused = |value: Value| matches!(outcome(&value), Err(TokenError::Claims(_)));
    assert!(!refused(good()));
    for missing in ["sub", "exp"] {
        let claims =
            with(|claims| drop(claims.as_object_mut().expect("an object").remove(missing)));
        assert!(refused(claims), "{missing}");
    }
    assert!(refused(with(|claims| claims["sub"] = "".into())));
    assert!(refused(with(
        |claims| claims["sub"] = "x".repeat(257).into()
    )));
    assert!(refused(with(|claims| claims["exp"] = "soon".into())));
    assert!(refused(with(|claims| claims["role"] = "king".into())));
    for doc in [
        json!({"right": "read"}),
        json!({"name": "a", "prefix": "b", "right": "read"}),
        json!({"name": "a", "right": "own"}),
        json!({"name": "a"}),
        json!({"name": "a", "right": "read", "rihgt": "write"}),
    ] {
        let claims = with(|claims| claims["docs"] = json!([doc.clone()]));
        assert!(refused(claims), "{doc}");
    }
    // Other claims are none of our business.
    assert!(!refused(with(|claims| claims["aud"] = "everybody".into())));
}

#[test]
fn the_most_that_any_claim_gives_counts() {
    let docs = json!([
        {"prefix": "notes/", "right": "read"},
        {"name": "notes/mine", "right": "admin"},
        {"name": "notes/m", "right": "write"},
    ]);
    let rights = outcome(&with(|claims| claims["docs"] = docs)).expect("good");
    let to = |name: &str| rights.to(&DocumentName::new(name).expect("a name"));
    assert_eq!(to("notes/mine"), Some(Right::Admin));
    assert_eq!(to("notes/m"), Some(Right::Write));
    assert_eq!(to("notes/mine2"), Some(Right::Read));
    assert_eq!(to("other"), None);
    let rights = outcome(&with(|claims| claims["docs"] = json!([]))).expect("good for nothing");
    assert_eq!(rights.to(&DocumentName::new("a").expect("a name")), None);
}

#[test]
fn a_relay_stands_for_everybody() {
    let relay = |docs: Value| {
        outcome(&with(|claims| {
            claims["role"] = "relay".into();
            claims["docs"] = docs;
        }))
    };
    let all = json!([{"prefix": "", "right": "admin"}]);
    assert!(relay(all).expect("good").relay);
    for less in [
        json!([]),
        json!([{"prefix": "", "right": "write"}]),
        json!([{"prefix": "a", "right": "admin"}]),
    ] {
        assert!(matches!(relay(less), Err(TokenError::Claims(_))));
    }
}

#[test]
fn rights_are_written_as_name_and_right() {
    let parsed = |text: &str| text.parse::<DocClaim>().map(|claim| json!(claim));
    assert_eq!(
        parsed("notes/*:write"),
        Ok(json!({"prefix": "notes/", "right": "write"}))
    );
    assert_eq!(parsed("*:read"), Ok(json!({"prefix": "", "right": "read"})));
    assert_eq!(
        parsed("a:b:admin"),
        Ok(json!({"name": "a:b", "right": "admin"}))
    );
    for bad in ["notes", ":read", "notes:", "notes:own", ""] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_said_to_be_so_and_not_shown() {
    let ring = Ring::new();
    let short = "{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"c2VzYW1l\"}";
    for (text, wanted) in [
        ("sesame", "no JSON Web Key"),
        ("{\"kty\":\"RSA\",\"n\":\"sesame\"}", "no JSON Web Key"),
        ("{\"keys\":[]}", "no keys"),
        (short, "32 bytes"),
        (
            "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"c2VzYW1l\"}",
            "HS256",
        ),
        (
            "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"c2VzYW1l\"}",
            "Ed25519",
        ),
        (
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"c2VzYW1l\"}",
            "32 bytes",
        ),
        (
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"c2Vz\",\"d\":\"c2Vz\"}",
            "belong together",
        ),
    ] {
        let path = ring.file("key", text);
        let error = Keys::read(&[path], None)
            .err()
            .expect("an error")
            .to_string();
        assert!(error.contains(wanted), "{text}: {error}");
        assert!(
            !error.contains("sesame") && !error.contains("c2Vz"),
            "{error}"
        );
    }
    let missing = Keys::read(&[ring.folder.path().join("none")], None);
    let error = missing.err().expect("an error").to_string();
    assert!(error.contains("none"), "{error}");
}

#[test]
fn of_a_published_set_only_public_keys_of_our_kind_are_taken() {
    let ring = Ring::new();
    let public = public_half(&ring.key(KeyKind::Eddsa, "a")).expect("a pair");
    let secret = std::fs::read_to_string(ring.key(KeyKind::Hs256, "b")).expect("a secret");
    let rsa = "{\"kty\":\"RSA\",\"n\":\"c2VzYW1l\",\"e\":\"AQAB\"}";
    let set = format!("{{\"keys\":[{rsa},{secret},{public}]}}");
    let keys = super::key::public_set(set.as_bytes()).expect("one is of use");
    assert_eq!(keys.len(), 1);
    for (text, wanted) in [
        (format!("{{\"keys\":[{rsa},{secret}]}}"), "no Ed25519 key"),
        ("<html>sesame</html>".into(), "no JSON Web Key Set"),
    ] {
        let error = super::key::public_set(text.as_bytes()).err();
        assert!(error.is_some_and(|error| error.contains(wanted)), "{text}");
    }
    let error = Keys::read(&[], Some("login.example"))
        .err()
        .expect("no address");
    assert!(error.to_string().contains("https://"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_new_key_is_for_its_owner_only_and_never_takes_the_place_of_another() {
    use std::os::unix::fs::PermissionsExt as _;
    let ring = Ring::new();
    let path = ring.key(KeyKind::Eddsa, "a");
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(make_key(KeyKind::Eddsa, &path).is_err());
}
