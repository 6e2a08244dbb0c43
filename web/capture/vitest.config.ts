import { defineConfig } from "vitest/config";

export default defineConfig({
  define: { EXPLAIN: "true" },
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"] },
});
