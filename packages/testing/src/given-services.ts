import { inject } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    readonly databaseUrl: string | undefined;
    readonly redisUrl: string | undefined;
    readonly scratchDir: string;
  }
}

/** The services of this run of the integration or end-to-end tests. */
export interface GivenServices {
  /** The test server's superuser, for `createTestDatabase`; `undefined` where there is no Postgres: then only PGlite is tested. */
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** An empty folder for what the files of this run share. It goes with the run. */
  readonly scratchDir: string;
}

/** For test files: what the run's set-up (`vitest-services.ts`) has found or started. */
export function givenServices(): GivenServices {
  return { databaseUrl: inject("databaseUrl"), redisUrl: inject("redisUrl"), scratchDir: inject("scratchDir") };
}
