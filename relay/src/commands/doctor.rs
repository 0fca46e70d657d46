//! `driftwood-relay doctor`: what is wrong, and what to do about it.

mod web;

use std::io::Write;
use std::net::ToSocketAddrs as _;

use super::{say, upkeep};
use crate::auth::{self, Keys};
use crate::config::{Config, QUIC_OFF};
use crate::peers::Address;
use crate::store::{self, Kind};
use crate::tls::{Identity, Trust};

/// Less room than this on the disk is worth a word.
const FREE_BYTES_MIN: u64 = 1 << 30;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A certificate that should have been renewed: they are good for 90 days, or soon 47, and renewed at a third.
const EXPIRES_SOON: i64 = 7 * DAY_SECONDS;

/// What is found, and how bad it is.
struct Findings<'a> {
    out: &'a mut dyn Write,
    good: bool,
}

impl Findings<'_> {
    fn good(&mut self, what: &str) -> anyhow::Result<()> {
        say(self.out, &format!("ok     {what}"))
    }

    fn wrong(&mut self, what: &str) -> anyhow::Result<()> {
        self.good = false;
        say(self.out, &format!("WRONG  {what}"))
    }
}

pub(super) fn run(config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
    let mut findings = Findings { out, good: true };
    data(config, &mut findings)?;
    keys(config, &mut findings)?;
    web::webhook(config, &mut findings)?;
    web::collector(config, &mut findings)?;
    tls(config, &mut findings)?;
    peers(config, &mut findings)?;
    Ok(findings.good)
}

fn data(config: &Config, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    let path = config.data.display();
    if !config.data.exists() {
        return findings.good(&format!(
            "{path} is not there yet; the first start makes it"
        ));
    }
    let mut said = Vec::new();
    match upkeep::inspect(config, None, &mut said) {
        Ok(whole) => {
            let said = String::from_utf8_lossy(&said);
            let sum = said.lines().last().unwrap_or_default().trim();
            let kind = store::kind_of(&config.data)?.map_or("nothing", Kind::name);
            findings.good(&format!("{path}: {sum}, kept in `{kind}`"))?;
            let is_hurt = |line: &&str| line.ends_with("DAMAGED") || line.ends_with("HEALING");
            for line in said.lines().filter(is_hurt).filter(|_| !whole) {
                findings.wrong(&format!(
                    "{}: let a relay run on it; what other relays and clients have of it comes back from them",
                    line.trim()
                ))?;
            }
        }
        Err(error) => findings.wrong(&format!("{path}: {error:#}"))?,
    }
    match fs4::available_space(&config.data) {
        Ok(free) if free < FREE_BYTES_MIN => findings.wrong(&format!(
            "the disk of {path} has {} MiB left; below 64 MiB nothing more is stored",
            free >> 20
        )),
        Ok(free) => findings.good(&format!("the disk has {} MiB left", free >> 20)),
        Err(error) => findings.wrong(&format!("{path}: {error}")),
    }
}

fn keys(config: &Config, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    let keys = match Keys::read(&config.auth_keys, config.auth_keys_url.as_deref()) {
        Ok(keys) => keys,
        Err(error) => return findings.wrong(&format!("--auth-key {error}")),
    };
    let local = config.listen.to_socket_addrs();
    let local = local.map(|mut addresses| addresses.all(|it| it.ip().is_loopback()));
    match (&keys, local) {
        (_, Err(error)) => findings.wrong(&format!("--listen {}: {error}", config.listen))?,
        (Some(keys), Ok(_)) if keys.len() == 0 => {
            findings.good("no keys in files, those of --auth-keys-url alone; everybody has to log in")?;
        }
        (Some(keys), Ok(_)) => findings.good(&format!("{} keys; everybody has to log in", keys.len()))?,
        (None, Ok(true)) => findings.good("no keys; only this machine can reach it")?,
        (None, Ok(false)) => findings.wrong(&format!(
            "--listen {} can be reached from elsewhere and there is no --auth-key: whoever reaches it \
             may change everything",
            config.listen
        ))?,
    }
    if let Some(keys) = &keys {
        web::key_set(keys, config, findings)?;
    }
    let Some(path) = &config.peer_token else {
        return Ok(());
    };
    let path = path.display();
    let token = match std::fs::read(path.to_string()) {
        Ok(token) => token,
        Err(error) => return findings.wrong(&format!("--peer-token {path}: {error}")),
    };
    // A relay's own token need not be made with a key it believes; if it is, its end is known.
    let verified = keys.map(|keys| keys.verify(token.trim_ascii(), crate::now()));
    match verified {
        Some(Err(auth::TokenError::Expired)) => findings.wrong(&format!(
            "--peer-token {path} has expired; make a new one with `driftwood-relay token --relay`"
        )),
        Some(Ok(rights)) if !rights.relay => findings.wrong(&format!(
            "--peer-token {path} is not a relay's; make one with `driftwood-relay token --relay`"
        )),
        _ => findings.good(&format!("--peer-token {path}")),
    }
}

fn tls(config: &Config, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => match Identity::read(certificate, key) {
            Ok(identity) => {
                let path = certificate.display();
                valid(
                    &format!("--tls-cert {path}"),
                    identity.seconds_left(),
                    findings,
                )?;
            }
            Err(error) => findings.wrong(&format!("--tls-cert, --tls-key: {error}"))?,
        },
        (None, None) => {}
        _ => findings.wrong("--tls-cert and --tls-key go together")?,
    }
    match config.quic.as_deref() {
        None | Some(QUIC_OFF) => {}
        Some(_) if config.tls_cert.is_none() => {
            findings.wrong("--quic needs --tls-cert and --tls-key")?;
        }
        Some(listen) => match listen.to_socket_addrs() {
            Ok(_) => findings.good(&format!("--quic {listen}"))?,
            Err(error) => findings.wrong(&format!("--quic {listen}: {error}"))?,
        },
    }
    match config.peer_ca.as_deref().map(Trust::from_file) {
        Some(Err(error)) => findings.wrong(&format!("--peer-ca {error}")),
        _ => Ok(()),
    }
}

/// How long a certificate is good.
fn valid(what: &str, left: Option<(i64, i64)>, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    let Some((until, left)) = left else {
        return findings.wrong(&format!("{what}: it cannot be read until when it is good"));
    };
    let days = left / DAY_SECONDS;
    if until > 0 {
        findings.wrong(&format!(
            "{what} is not good yet: look at the clock of this machine"
        ))
    } else if left <= 0 {
        findings.wrong(&format!(
            "{what} has expired, and nobody who dials believes it; put a new one in its place, which a relay that \
             runs takes at once"
        ))
    } else if left < EXPIRES_SOON {
        findings.wrong(&format!("{what} expires in {days} days; renew it"))
    } else {
        findings.good(&format!("{what}, good for {days} days, with its key"))
    }
}

fn peers(config: &Config, findings: &mut Findings<'_>) -> anyhow::Result<()> {
    for peer in &config.peers {
        match Address::parse(peer) {
            Ok(_) => findings.good(&format!("--peer {peer}"))?,
            Err(error) => findings.wrong(&format!("--peer {error}"))?,
        }
    }
    if !config.peers.is_empty() && !config.auth_keys.is_empty() && config.peer_token.is_none() {
        findings.wrong("--peer needs --peer-token where there is an --auth-key")?;
    }
    Ok(())
}
