import type { Principal } from "@devmesh/auth";
import type { RateLimitState } from "@devmesh/runtime";

/** What the middleware of a request leaves for those that follow. */
export interface AppEnv {
  Variables: {
    requestId: string | undefined;
    principal: Principal | undefined;
    rateLimit: RateLimitState | undefined;
    /** The pattern of the route that answered, for log and metrics: few-valued. */
    route: string | undefined;
  };
}
