import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "fast", include: ["__tests__/**/*.test.ts"], exclude: ["__tests__/lab/**"], testTimeout: 60_000 } },
      {
        // Real hosts. The lab is one, so these files run with --no-file-parallelism.
        test: {
          name: "lab",
          include: ["__tests__/lab/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
