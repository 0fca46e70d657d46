//! Keys in files: JSON Web Keys (RFC 7517, 8037), one or a set of them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine as _;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

/// A shared secret may not be shorter than what it makes (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;

const SEED_BYTES: usize = 32;

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyKind {
    /// One secret that makes tokens and checks them.
    Hs256,
    /// A pair: the private half makes tokens, and the public half is all that a relay needs.
    Eddsa,
}

/// A key that cannot be used. Says what to do, and nothing of the key.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", .path.display())]
pub struct KeyError {
    path: PathBuf,
    problem: String,
}

impl KeyError {
    pub(super) fn new(path: &Path, problem: &str) -> Self {
        Self {
            path: path.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

/// A key that checks tokens, and makes them if it has the means.
pub(crate) struct Key {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) checks: DecodingKey,
    pub(super) signs: Option<EncodingKey>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Set { keys: Vec<Jwk> },
    One(Jwk),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kty")]
enum Jwk {
    #[serde(rename = "oct")]
    Secret {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kid: Option<String>,
        alg: String,
        k: String,
    },
    #[serde(rename = "OKP")]
    Pair {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kid: Option<String>,
        crv: String,
        x: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        d: Option<String>,
    },
}

/// Reads the keys of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Key>, KeyError> {
    let wrong = |problem: String| KeyError {
        path: path.to_owned(),
        problem,
    };
    let text =
        fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    warn_if_open(path);
    let jwks = match serde_json::from_str(&text) {
        Ok(File::Set { keys }) => keys,
        Ok(File::One(jwk)) => vec![jwk],
        // What serde says may quote the file.
        Err(_) => {
            let what = "is no JSON Web Key of type `oct` or `OKP`; make one with \
                        `driftwood-relay token --new-key eddsa FILE`";
            return Err(wrong(what.into()));
        }
    };
    if jwks.is_empty() {
        return Err(wrong("has no keys".into()));
    }
    let keys = jwks
        .iter()
        .map(|jwk| jwk.key().map_err(|it| wrong(it.into())));
    keys.collect()
}

/// The public keys of a set that are of a kind used here. A secret that somebody publishes is none.
pub(super) fn public_set(text: &[u8]) -> Result<Vec<Key>, &'static str> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    // What serde says may quote it.
    let set: Set = serde_json::from_slice(text).map_err(|_| "it is no JSON Web Key Set")?;
    let jwks = set.keys.into_iter().filter_map(|key| {
        let jwk = serde_json::from_value(key).ok()?;
        matches!(jwk, Jwk::Pair { .. }).then_some(jwk)
    });
    let keys: Vec<Key> = jwks.filter_map(|jwk| jwk.key().ok()).collect();
    if keys.is_empty() {
        return Err("it has no Ed25519 key (`kty` OKP, `crv` Ed25519)");
    }
    Ok(keys)
}

/// Makes a key and puts it into a new file that only its owner can read.
pub(crate) fn make(kind: KeyKind, path: &Path) -> Result<(), KeyError> {
    let id = Some(format!("{:016x}", crate::peers::random()));
    let mut bytes = [0; SEED_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let jwk = match kind {
        KeyKind::Hs256 => Jwk::Secret {
            kid: id,
            alg: "HS256".into(),
            k: secret,
        },
        KeyKind::Eddsa => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&bytes).expect("32 bytes are a seed");
            Jwk::Pair {
                kid: id,
                crv: "Ed25519".into(),
                x: URL_SAFE_NO_PAD.encode(pair.public_key()),
                d: Some(secret),
            }
        }
    };
    write(path, &jwk).map_err(|error| KeyError {
        path: path.to_owned(),
        problem: format!("cannot be made: {error}"),
    })
}

/// The public half of the first key of a file, as JSON.
pub(crate) fn public_half(path: &Path) -> Result<String, KeyError> {
    let keys = read(path)?;
    let public = keys.iter().find(|key| key.algorithm == Algorithm::EdDSA);
    let public = public.ok_or_else(|| KeyError {
        path: path.to_owned(),
        problem: "a shared secret has no public half; make a key with --new-key eddsa".into(),
    })?;
    let jsonwebtoken::DecodingKeyKind::SecretOrDer(bytes) = public.checks.kind() else {
        unreachable!("it was made from bytes");
    };
    let jwk = Jwk::Pair {
        kid: public.id.clone(),
        crv: "Ed25519".into(),
        x: URL_SAFE_NO_PAD.encode(bytes),
        d: None,
    };
    Ok(serde_json::to_string(&jwk).expect("texts are JSON"))
}

fn write(path: &Path, jwk: &Jwk) -> std::io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    serde_json::to_writer(&mut file, jwk)?;
    writeln!(file)?;
    file.sync_all()
}

#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map(|meta| meta.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        tracing::warn!(path = %path.display(), "others can read this key; `chmod 600` keeps it secret");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}

impl Jwk {
    fn key(&self) -> Result<Key, &'static str> {
        match self {
            Self::Secret { kid, alg, k } => {
                if alg != "HS256" {
                    return Err("a key of type `oct` needs \"alg\": \"HS256\"");
                }
                let secret = decode(k)?;
                if secret.len() < SECRET_BYTES_MIN {
                    return Err("a secret needs 32 bytes or more");
                }
                Ok(Key {
                    id: kid.clone(),
                    algorithm: Algorithm::HS256,
                    checks: DecodingKey::from_secret(&secret),
                    signs: Some(EncodingKey::from_secret(&secret)),
                })
            }
            Self::Pair { kid, crv, x, d } => {
                if crv != "Ed25519" {
                    return Err("a key of type `OKP` needs \"crv\": \"Ed25519\"");
                }
                let public = decode(x)?;
                let seed = d.as_ref().map(|d| decode(d)).transpose()?;
                let halves = "the halves of the key do not belong together";
                if let Some(seed) = &seed {
                    Ed25519KeyPair::from_seed_and_public_key(seed, &public).map_err(|_| halves)?;
                } else if public.len() != SEED_BYTES {
                    return Err("an Ed25519 key has 32 bytes");
                }
                Ok(Key {
                    id: kid.clone(),
                    algorithm: Algorithm::EdDSA,
                    checks: DecodingKey::from_ed_der(&public),
                    signs: seed.map(|seed| EncodingKey::from_ed_der(&seed)),
                })
            }
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| "a number of the key is not base64url")
}
