//! What a relay pays for a WebSocket with TLS and for QUIC. Not a test: prints figures, on request.

use crate::support::{until, Guest, Program};
use crate::tls::Authority;

const MESSAGES: usize = 10_000;

/// As many are under way at a time.
const BATCH: usize = 10;

const IDLE: u64 = 200;

fn relay(authority: &Authority, data: &std::path::Path) -> Program {
    let config = authority.config();
    let [cert, key] = [config.tls_cert, config.tls_key].map(|path| path.expect("given"));
    let flags = [
        format!("--tls-cert={}", cert.display()),
        format!("--tls-key={}", key.display()),
    ];
    Program::start_with(data, "127.0.0.1:0", &flags.each_ref().map(String::as_str))
}

fn guest(authority: &Authority, replica: u64, url: &str) -> Guest {
    let mut guest = Guest::new(replica);
    guest.client.set_trust(authority.trust());
    guest.open("trip");
    guest.client.dial(url).expect("an address");
    guest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn what_a_relay_pays() {
    for scheme in ["wss", "quic", "wss", "quic"] {
        let authority = Authority::new();
        let data = tempfile::tempdir().expect("temporary folder");
        let relay = relay(&authority, data.path());
        let url = format!("{scheme}://localhost:{}", relay.address.port());
        let mut ann = guest(&authority, 1, &url);
        let mut bob = guest(&authority, 2, &url);
        let before = relay.cpu();
        for _ in 0..MESSAGES / BATCH {
            for _ in 0..BATCH {
                ann.write("trip", "x");
            }
            until("bob has it", [&mut ann, &mut bob], |[ann, bob]| {
                ann.version("trip") == bob.version("trip")
            })
            .await;
        }
        let exchange = relay.cpu().saturating_sub(before);

        let before = relay.memory("VmRSS");
        let mut idle = Vec::new();
        for number in 0..IDLE {
            let mut guest = Guest::new(10 + number);
            guest.client.set_trust(authority.trust());
            guest.client.dial(&url).expect("an address");
            until("there", [&mut guest], |[guest]| {
                guest.client.node().links().any(|it| it.node.is_some())
            })
            .await;
            idle.push(guest);
        }
        let grown = relay.memory("VmRSS").saturating_sub(before) / IDLE;
        println!(
            "{scheme}: {MESSAGES} messages, {} ms of CPU; {} KiB an idle connection",
            exchange.as_millis(),
            grown >> 10
        );
    }
}
