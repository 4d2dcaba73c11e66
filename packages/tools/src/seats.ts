import { AppError, type TenantId, type ToolServerId } from "@devmesh/models";
import { createQueue } from "./queue.ts";

/** How many servers may be in use at once. */
export interface SeatsOptions {
  readonly max: number;
  /** However few others there are. */
  readonly maxOfTenant: number;
  /** Calls of one tenant that wait. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
}

/** A server that somebody wants to use. */
export interface SeatWanted {
  readonly tenantId: TenantId;
  readonly serverId: ToolServerId;
}

/**
 * A bound on the servers that are in use at once. The fuller it is, the fewer one tenant may have: fewer than are free. So
 * four tenants who take all they can leave room for others, and so do eight.
 */
export interface Seats {
  /**
   * Waits for a seat, which all calls of one server share; whoever has it gives it back, once, by calling what this gave. Of
   * those who wait the tenant with the fewest seats comes first, and then who came first.
   *
   * @throws AppError `resource_exhausted`, reason `busy`, where too many of the tenant wait, or this one did so for too long;
   * `cancelled`.
   */
  take(wanted: SeatWanted, signal: AbortSignal): Promise<() => void>;
}

/** Judgement: calls end, and seats with them. */
const retryAfterMs = 1_000;

interface Seat {
  readonly tenantId: TenantId;
  users: number;
}

/** Makes the seats of one process. */
export function createSeats({ max, maxOfTenant, maxWaiting, maxWaitMs }: SeatsOptions): Seats {
  const taken = new Map<ToolServerId, Seat>();
  const queue = createQueue<SeatWanted>();

  function countOf(tenantId: TenantId): number {
    return [...taken.values()].filter((seat) => seat.tenantId === tenantId).length;
  }

  function isFree({ tenantId, serverId }: SeatWanted): boolean {
    return taken.has(serverId) || countOf(tenantId) < Math.min(maxOfTenant, max - taken.size);
  }

  function sit({ tenantId, serverId }: SeatWanted): void {
    const seat = taken.get(serverId) ?? { tenantId, users: 0 };
    seat.users += 1;
    taken.set(serverId, seat);
  }

  function leave({ serverId }: SeatWanted): void {
    const seat = taken.get(serverId);
    if (seat === undefined) return;
    seat.users -= 1;
    if (seat.users > 0) return;
    taken.delete(serverId);
    for (let next = findNext(); next !== undefined; next = findNext()) {
      sit(next.wanted);
      next.enter();
    }
  }

  function findNext() {
    const [first, ...rest] = [...queue.waiters].filter(({ wanted }) => isFree(wanted));
    const seatsOf = (one: typeof first): number => (one === undefined ? 0 : countOf(one.wanted.tenantId));
    return rest.reduce((best, one) => (seatsOf(one) < seatsOf(best) ? one : best), first);
  }

  function busy({ tenantId }: SeatWanted): AppError {
    const message = `${countOf(tenantId)} tool servers of the tenant are in use and ${taken.size} of all, of at most ${maxOfTenant} and ${max}`;
    return new AppError("resource_exhausted", message, { reason: "busy", retryAfterMs });
  }

  async function wait(wanted: SeatWanted, signal: AbortSignal): Promise<void> {
    const own = [...queue.waiters].filter((one) => one.wanted.tenantId === wanted.tenantId);
    if (own.length >= maxWaiting) throw busy(wanted);
    // whoever lets this one in has it seated
    await queue.wait(wanted, { what: "a tool server", maxWaitMs, signal, tooLong: () => busy(wanted) });
  }

  async function take(wanted: SeatWanted, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw new AppError("cancelled", "the call was cancelled before it began");
    if (isFree(wanted)) sit(wanted);
    else await wait(wanted, signal);
    return () => leave(wanted);
  }

  return { take };
}
