//! `driftwood-relay token`: makes keys, and tokens with them.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{ensure, Context as _};

use super::say;
use crate::auth::{self, Claims, DocClaim, KeyKind};

/// A token that is good for longer than this was meant otherwise.
const EXPIRES_MAX: Duration = Duration::from_secs(3650 * 24 * 3600);

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["key", "new_key", "public"]))]
pub struct Args {
    /// Make a token with the key in this file
    #[arg(long, value_name = "FILE", requires = "sub")]
    key: Option<PathBuf>,

    /// Who it is for
    #[arg(long, value_name = "NAME")]
    sub: Option<String>,

    /// What it allows: read, write or admin, for one document or, with `*` at the end, for all whose
    /// names begin like this; can be given several times
    #[arg(long = "doc", value_name = "NAME:RIGHT")]
    docs: Vec<DocClaim>,

    /// It is for a relay, which may do everything
    #[arg(long, conflicts_with = "docs")]
    relay: bool,

    /// How long it is good: 45s, 20m, 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    expires: Duration,

    /// Make a key and put it into a new file
    #[arg(long, num_args = 2, value_names = ["hs256|eddsa", "FILE"])]
    new_key: Vec<String>,

    /// Print the public half of the key in this file, which is all that a relay needs
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<()> {
    if let [kind, path] = &args.new_key[..] {
        let kind = clap::ValueEnum::from_str(kind, true);
        let kind: KeyKind =
            kind.map_err(|it| anyhow::anyhow!("`{it}` is not a kind of key: hs256 or eddsa"))?;
        return Ok(auth::make_key(kind, path.as_ref())?);
    }
    if let Some(path) = args.public {
        return say(out, &auth::public_half(&path)?);
    }
    ensure!(
        args.relay || !args.docs.is_empty(),
        "a token without --doc NAME:RIGHT allows nothing; say what it is for"
    );
    let now = crate::now();
    let claims = Claims {
        sub: args.sub.context("--sub NAME says who it is for")?,
        exp: now.as_millis() / 1_000 + args.expires.as_secs(),
        nbf: None,
        role: args.relay.then(|| "relay".to_owned()),
        docs: if args.relay {
            vec![DocClaim::everything()]
        } else {
            args.docs
        },
    };
    let path = args.key.context("--key FILE says what to make it with")?;
    let token = auth::sign(&path, &claims)?;
    // What the relay would not take is not handed out.
    claims.rights(now)?;
    say(out, &token)
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time such as 45s, 20m, 12h or 30d");
    let number = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = match &text[number.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 24 * 3_600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let duration = Duration::from_secs(number.saturating_mul(unit));
    if duration.is_zero() || duration > EXPIRES_MAX {
        return Err("a token is good for a second to ten years".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_bounds() {
        assert_eq!(duration("45s"), Ok(Duration::from_secs(45)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(2_592_000)));
        for bad in [
            "",
            "s",
            "30",
            "0m",
            "4000d",
            "1w",
            "-1d",
            "1.5h",
            "18446744073709551615d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
