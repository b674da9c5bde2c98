import { defineConfig } from "vitest/config";

// Tests in Chromium share two cores with a mesh: they wait long and run one after another.
const patient = { testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false };

// What looks at worlds that were made up for it needs no running mesh, and goes first: beside a mesh, two cores are too few.
const made = "ui/e2e/{palette,picture,signin,stage,states}.spec.ts";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["assets/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { ...patient, name: "worlds", include: [made], globalSetup: ["ui/e2e/preview.ts"] } },
      {
        test: {
          ...patient,
          name: "mesh",
          include: ["ui/e2e/*.spec.ts"],
          exclude: [made],
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
