/** Runs the real `driftwood` command with a data folder of its own. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cliProgram } from "./paths";

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export class Cli {
  private readonly ending = new AbortController();

  private constructor(private readonly folder: string) {}

  static async create(): Promise<Cli> {
    return new Cli(await mkdtemp(join(tmpdir(), "driftwood-cli-")));
  }

  /** Runs one command and returns what it printed; fails when the command fails. */
  async run(...args: string[]): Promise<string> {
    const options = { maxBuffer: OUTPUT_BYTES_MAX, signal: this.ending.signal };
    const { stdout } = await run(cliProgram(), ["--data", this.folder, ...args], options);
    return stdout;
  }

  async dispose(): Promise<void> {
    this.ending.abort();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
