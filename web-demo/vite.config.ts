import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // React and the editor are most of it; one file that is kept for offline use serves better than several.
  build: { target: "es2022", sourcemap: true, chunkSizeWarningLimit: 700 },
});
