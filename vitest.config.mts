import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Many tests wait for programs that they run, and leave a processor to others meanwhile.
    maxWorkers: availableParallelism() + 1,
    projects: [
      { test: { name: "fast", include: ["__tests__/**/*.test.ts"], exclude: ["__tests__/{lab,plans}/**"], testTimeout: 60_000 } },
      // Real plans: they need Terraform and its providers, which the lab builds, but no host.
      { test: { name: "plans", include: ["__tests__/plans/*.test.ts"], testTimeout: 300_000, hookTimeout: 300_000 } },
      {
        // Real hosts. Each worker has a lab of its own; `npm run test:lab` says how many.
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
