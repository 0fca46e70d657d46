import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    // The tests run the built package, as users do: `cargo xtask build` comes first.
    testTimeout: 20_000,
  },
});
