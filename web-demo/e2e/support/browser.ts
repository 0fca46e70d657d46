/** The browser of the tests: Debian's Chromium, or the one that CHROMIUM_PATH names. */
import { execFileSync } from "node:child_process";
import type { LaunchOptions } from "@playwright/test";

function findChromium(): string {
  const named = process.env["CHROMIUM_PATH"];
  if (named) return named;
  try {
    return execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
  } catch {
    throw new Error("No Chromium found: install the Debian package chromium, or set CHROMIUM_PATH.");
  }
}

export const launchOptions: LaunchOptions = {
  executablePath: findChromium(),
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};
