/** Where the tests find the programs and the recorded sessions. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));

function program(variable: string, name: string): string {
  const path = resolve(repository, process.env[variable] ?? `target/debug/${name}`);
  if (!existsSync(path)) throw new Error(`${path} is missing: build it with cargo build, or set ${variable}.`);
  return path;
}

export const relayProgram = (): string => program("DRIFTWOOD_RELAY_BIN", "driftwood-relay");
export const cliProgram = (): string => program("DRIFTWOOD_CLI_BIN", "driftwood");

/** A large recorded session, which a clone may lack, or null. */
export function largeTrace(name: string): string | null {
  const path = resolve(repository, process.env["DRIFTWOOD_TRACES"] ?? "../shared/traces", name);
  return existsSync(path) ? path : null;
}

/** A small recorded session of our own. */
export const smallTrace = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

export const images = resolve(repository, "docs/images");
