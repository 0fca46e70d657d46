/** Starts, kills and restarts real relays, each with a data folder and a port of its own. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { relayProgram } from "./paths";

const START_MS_MAX = 15_000;

/** How a relay is to be started. */
export interface RelayOptions {
  readonly peers?: readonly Relay[];
  /** Whether only those may come in who have a token of it. */
  readonly guarded?: boolean;
}

export class Relay {
  private process: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly options: RelayOptions,
  ) {}

  static async start(options: RelayOptions = {}): Promise<Relay> {
    const relay = new Relay(await freePort(), await mkdtemp(join(tmpdir(), "driftwood-relay-")), options);
    if (options.guarded) run("token", "--new-key", "hs256", relay.key);
    await relay.restart();
    return relay;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/sync`;
  }

  private get key(): string {
    return join(this.folder, "relay.key");
  }

  /** A token of a guarded relay that is good for an hour: `doc` says for what, as `name:right`. */
  token(sub: string, doc: string): string {
    return run("token", "--key", this.key, "--sub", sub, "--doc", doc, "--expires", "1h").trim();
  }

  /** Starts it on the port and the data it had before. */
  async restart(): Promise<void> {
    const links = (this.options.peers ?? []).flatMap((peer) => ["--peer", `ws://127.0.0.1:${peer.port}`]);
    const keys = this.options.guarded ? ["--auth-key", this.key] : [];
    const data = join(this.folder, "data");
    const args = ["--listen", `127.0.0.1:${this.port}`, "--data", data, ...links, ...keys];
    const child = spawn(relayProgram(), args, { stdio: ["ignore", "pipe", "pipe"] });
    this.process = child;
    await listening(child);
  }

  /** Ends it at once, as a power cut would: no goodbye, nothing flushed. */
  async kill(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function run(...args: string[]): string {
  return execFileSync(relayProgram(), args, { encoding: "utf8" });
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`The relay ${why}. It said:\n${said}`));
    };
    const timer = setTimeout(() => fail("did not start in time"), START_MS_MAX);
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      if (!said.includes("listening on ws://")) return;
      clearTimeout(timer);
      resolve();
    };
    // Both stay read for as long as it runs: a full pipe would stop it.
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    child.once("exit", (code) => fail(`ended with code ${code}`));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
