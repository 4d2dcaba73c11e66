export { createFakeClock, type FakeClock } from "./fake-clock.ts";
export { findFreePort } from "./free-port.ts";
export { type GivenServices, givenServices } from "./given-services.ts";
export { checkLeaks } from "./leak-check.ts";
export { findProgramsDir } from "./native-programs.ts";
export { type NativeServices, type NativeServicesOptions, startServices } from "./native-services.ts";
export { type DatabaseKit, openTestDatabase, openTestPglite, openTestPostgres } from "./open-test-database.ts";
export {
  type ProcessExit,
  type ProcessOptions,
  type ServiceProcess,
  type StopOptions,
  startProcess,
} from "./start-process.ts";
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions } from "./test-database.ts";
export { type WaitOptions, waitFor } from "./wait-for.ts";
