import { defineConfig } from "@playwright/test";
import { launchOptions } from "./e2e/support/browser";

export default defineConfig({
  testDir: "e2e",
  // Pictures are made on request only: npm run screenshots.
  testIgnore: process.env["DRIFTWOOD_SCREENSHOTS"] === undefined ? "screenshots.spec.ts" : [],
  globalSetup: "./e2e/support/serve-page.ts",
  outputDir: "test-results",
  fullyParallel: true,
  forbidOnly: process.env["CI"] !== undefined,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 800 },
    launchOptions,
  },
});
