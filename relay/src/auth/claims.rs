//! What a token says, and the rights that follow from it.

use std::str::FromStr;

use driftwood_sync::{Grant, Right, Rights, Scope, Time};
use serde::{Deserialize, Serialize};

use super::TokenError;

/// How far ahead another machine's clock may be when it says from when on a token is good.
const SKEW_MS: u64 = 60_000;

/// The longest name of a principal, in bytes: it is stored beside every replica it writes under.
const PRINCIPAL_BYTES_MAX: usize = 256;

/// The claims of a token that mean something here; all others are left alone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Who it is.
    pub(crate) sub: String,
    /// When it ends, in seconds since 1970.
    pub(crate) exp: u64,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<u64>,
    /// `relay`, for another relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    /// What they may do.
    #[serde(default)]
    pub(crate) docs: Vec<DocClaim>,
}

/// A right to a document, or to all whose names begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocClaim {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    right: RightClaim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RightClaim {
    Read,
    Write,
    Admin,
}

impl Claims {
    /// What they allow at this time.
    pub(crate) fn rights(self, now: Time) -> Result<Rights, TokenError> {
        let expires = Time::from_millis(self.exp.saturating_mul(1_000));
        if now >= expires {
            return Err(TokenError::Expired);
        }
        let begins = self.nbf.unwrap_or(0).saturating_mul(1_000);
        if begins > now.as_millis().saturating_add(SKEW_MS) {
            return Err(TokenError::Early);
        }
        if self.sub.is_empty() || self.sub.len() > PRINCIPAL_BYTES_MAX {
            return Err(TokenError::Claims("`sub` has 1 to 256 bytes"));
        }
        let grants = self.docs.into_iter().map(DocClaim::grant);
        let grants: Vec<Grant> = grants.collect::<Result<_, _>>()?;
        let relay = match self.role.as_deref() {
            None => false,
            Some("relay") => true,
            Some(_) => return Err(TokenError::Claims("`role` is `relay` or is not there")),
        };
        let rights = Rights {
            principal: self.sub.into(),
            relay,
            grants,
            expires: Some(expires),
        };
        if relay && !is_everything(&rights) {
            let what = "a relay's token needs `admin` for the prefix \"\"";
            return Err(TokenError::Claims(what));
        }
        Ok(rights)
    }
}

/// Whether they may administer every document there is and will be.
pub(crate) fn is_everything(rights: &Rights) -> bool {
    let all = |grant: &Grant| matches!(&grant.scope, Scope::Prefix(prefix) if prefix.is_empty());
    let mut grants = rights.grants.iter();
    grants.any(|grant| grant.right == Right::Admin && all(grant))
}

impl DocClaim {
    /// Everything, for a relay.
    pub(crate) fn everything() -> Self {
        Self {
            name: None,
            prefix: Some(String::new()),
            right: RightClaim::Admin,
        }
    }

    fn grant(self) -> Result<Grant, TokenError> {
        let scope = match (self.name, self.prefix) {
            (Some(name), None) => Scope::Name(name.into()),
            (None, Some(prefix)) => Scope::Prefix(prefix.into()),
            _ => {
                let what = "each of `docs` has either `name` or `prefix`";
                return Err(TokenError::Claims(what));
            }
        };
        let right = match self.right {
            RightClaim::Read => Right::Read,
            RightClaim::Write => Right::Write,
            RightClaim::Admin => Right::Admin,
        };
        Ok(Grant { scope, right })
    }
}

/// `NAME:RIGHT` on a command line; a name that ends with `*` is a prefix.
impl FromStr for DocClaim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not NAME:RIGHT, such as `notes/*:write`");
        let (name, right) = text.rsplit_once(':').ok_or_else(wrong)?;
        let right = match right {
            "read" => RightClaim::Read,
            "write" => RightClaim::Write,
            "admin" => RightClaim::Admin,
            other => return Err(format!("`{other}` is not a right: read, write or admin")),
        };
        let (name, prefix) = match name.strip_suffix('*') {
            Some(prefix) => (None, Some(prefix.to_owned())),
            None if name.is_empty() => return Err(wrong()),
            None => (Some(name.to_owned()), None),
        };
        Ok(Self {
            name,
            prefix,
            right,
        })
    }
}
