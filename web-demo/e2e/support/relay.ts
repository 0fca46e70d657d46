/** Starts, kills and restarts real relays, each with a data folder and a port of its own. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { relayProgram } from "./paths";

const START_MS_MAX = 15_000;

export class Relay {
  private process: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly peers: readonly Relay[],
  ) {}

  static async start(peers: readonly Relay[] = []): Promise<Relay> {
    const relay = new Relay(await freePort(), await mkdtemp(join(tmpdir(), "driftwood-relay-")), peers);
    await relay.restart();
    return relay;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/sync`;
  }

  /** Starts it on the port and the data it had before. */
  async restart(): Promise<void> {
    const links = this.peers.flatMap((peer) => ["--peer", `ws://127.0.0.1:${peer.port}`]);
    const args = ["--listen", `127.0.0.1:${this.port}`, "--data", this.folder, ...links];
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
