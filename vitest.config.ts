import { defineConfig } from "vitest/config";

// Tests in Chromium share two cores with a mesh: they wait long and run one after another.
const patient = { testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["assets/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { ...patient, name: "picture", include: ["ui/e2e/{picture,stage}.spec.ts"] } },
      {
        test: {
          ...patient,
          name: "e2e",
          include: ["ui/e2e/*.spec.ts"],
          exclude: ["ui/e2e/{picture,stage}.spec.ts"],
          globalSetup: ["ui/e2e/setup.ts", "ui/e2e/preview.ts"],
        },
      },
      {
        test: {
          ...patient,
          name: "shots",
          include: ["ui/e2e/shots.ts"],
          globalSetup: ["ui/e2e/setup.ts", "ui/e2e/preview.ts"],
          testTimeout: 1_800_000,
        },
      },
    ],
  },
});
