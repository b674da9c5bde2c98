import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["assets/**/*.test.ts"] } },
      {
        test: {
          name: "e2e",
          include: ["ui/e2e/*.spec.ts"],
          globalSetup: ["ui/e2e/setup.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      { test: { name: "shots", include: ["ui/e2e/shots.ts"], globalSetup: ["ui/e2e/setup.ts"], testTimeout: 900_000 } },
    ],
  },
});
