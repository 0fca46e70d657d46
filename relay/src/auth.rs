//! Who somebody is and what they may do: JSON Web Tokens (RFC 7519), signed with HS256 or `EdDSA`.
//!
//! What is permitted follows from [`Rights`] and is `driftwood-sync`'s business; here a token becomes
//! rights, or is refused. No error and no log says anything of a token or of a key.

mod claims;
mod crypto;
mod key;
mod set;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use driftwood_sync::{Rights, Time};
use jsonwebtoken::{EncodingKey, Header, Validation};

pub(crate) use self::claims::{is_everything, Claims, DocClaim};
use self::key::Key;
pub use self::key::KeyError;
pub(crate) use self::key::{make as make_key, public_half, KeyKind};
use self::set::KeySet;
use crate::fetch::Url;

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("it is no token, or none of an algorithm that is used here")]
    Malformed,
    #[error("it was not made with a key of this relay")]
    Unknown,
    #[error("its signature is wrong")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("it is not good yet")]
    Early,
    #[error("its claims are wrong: {0}")]
    Claims(&'static str),
}

/// The keys that a relay believes, and where they came from.
pub(crate) struct Keys {
    paths: Vec<PathBuf>,
    from_files: RwLock<Vec<Key>>,
    published: Option<KeySet>,
}

impl Keys {
    /// Reads the keys of all files; those behind an address come with [`follow`](Self::follow). None at all
    /// means that nobody has to log in.
    pub(crate) fn read(paths: &[PathBuf], url: Option<&str>) -> Result<Option<Self>, KeyError> {
        crypto::install();
        let keys = read_all(paths)?;
        let set = url.map(|url| {
            let what = "is not an address such as https://login.example/jwks.json";
            let url = Url::parse(url).ok_or_else(|| KeyError::new(Path::new(url), what));
            url.map(KeySet::new)
        });
        let set = set.transpose()?;
        let guarded = !keys.is_empty() || set.is_some();
        Ok(guarded.then(|| Self {
            paths: paths.to_vec(),
            from_files: RwLock::new(keys),
            published: set,
        }))
    }

    /// Keeps the keys behind the address up to date, if there is one.
    pub(crate) async fn follow(&self) {
        if let Some(set) = &self.published {
            set.follow().await;
        }
    }

    /// Reads the files again. Nothing changes if one of them cannot be used. Who is in already stays,
    /// until their token expires.
    pub(crate) fn reload(&self) {
        match read_all(&self.paths) {
            Ok(new) => {
                tracing::info!(keys = new.len(), "the keys were read anew");
                *self
                    .from_files
                    .write()
                    .unwrap_or_else(PoisonError::into_inner) = new;
            }
            Err(error) => tracing::warn!(%error, "the old keys stay"),
        }
    }

    /// What to look at for changes.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    /// Asks for the key set of the login service; how many keys of it can be used.
    pub(crate) async fn count_published(
        &self,
    ) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        match &self.published {
            Some(set) => Ok(set.fetch().await?.len()),
            None => Ok(0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys().len()
    }

    fn keys(&self) -> RwLockReadGuard<'_, Vec<Key>> {
        self.from_files
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What a token allows. About 50 µs.
    pub(crate) fn verify(&self, token: &[u8], now: Time) -> Result<Rights, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        let (keys, set) = (self.keys(), self.published.as_ref());
        let fetched = set.map(KeySet::keys);
        let all = keys
            .iter()
            .chain(fetched.iter().flat_map(|keys| keys.iter()));
        let key = chosen(all, &header).inspect_err(|_| {
            if let Some(set) = set {
                set.want();
            }
        })?;
        if header.alg != key.algorithm {
            return Err(TokenError::Unknown);
        }
        let mut validation = Validation::new(key.algorithm);
        // Times are held against the relay's own clock, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.checks, &validation);
        let decoded = decoded.map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => {
                TokenError::Claims("it needs `sub`, `exp` and `docs` as the README has them")
            }
            _ => TokenError::Signature,
        })?;
        decoded.claims.rights(now)
    }
}

/// The key that a token names. One that names none is for the only key there is.
fn chosen<'a>(
    mut keys: impl Iterator<Item = &'a Key>,
    header: &Header,
) -> Result<&'a Key, TokenError> {
    let found = match &header.kid {
        Some(id) => keys.find(|key| key.id.as_ref() == Some(id)),
        None => keys.next().filter(|_| keys.next().is_none()),
    };
    found.ok_or(TokenError::Unknown)
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    for path in paths {
        keys.extend(key::read(path)?);
    }
    Ok(keys)
}

/// The first key of a file that has what it takes to sign.
pub(crate) struct Signer {
    key: Key,
    signs: EncodingKey,
}

impl Signer {
    /// # Errors
    /// When the file cannot be used, or has only public keys.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyError> {
        crypto::install();
        let keys = key::read(path)?.into_iter();
        let mut usable = keys.filter_map(|key| Some((key.signs.clone()?, key)));
        let (signs, key) = usable.next().ok_or_else(|| {
            KeyError::new(
                path,
                "has only a public key: it takes the private half to sign",
            )
        })?;
        Ok(Self { key, signs })
    }

    /// A signature in base64url.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        let signed = jsonwebtoken::crypto::sign(message, &self.signs, self.key.algorithm);
        signed.expect("the key is for this algorithm")
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Claims) -> anyhow::Result<String> {
        let mut header = Header::new(self.key.algorithm);
        header.kid.clone_from(&self.key.id);
        Ok(jsonwebtoken::encode(&header, claims, &self.signs)?)
    }
}

/// Makes a token with the first key of a file.
pub(crate) fn sign(path: &Path, claims: &Claims) -> anyhow::Result<String> {
    Signer::read(path)?.token(claims)
}
