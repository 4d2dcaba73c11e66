import { z } from "zod";
import { refusalNames } from "./refusal.ts";

const order = {
  /** Of all models where absent. */
  modelId: z.string().max(200).optional(),
  /** How many calls it befalls; all, until it is taken back, where absent. */
  times: z.number().int().min(1).max(1_000_000).optional(),
  /** The share of calls that it befalls, evenly spread. */
  rate: z.number().gt(0).max(1).default(1),
};

/** What can be ordered to go wrong. */
export const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("throttle"),
    ...order,
    retryAfterMs: z.number().int().min(0).max(60_000).optional(),
    /** Lets so many calls through in each second, and throttles the others alone. */
    perSecond: z.number().int().min(0).max(100_000).optional(),
  }),
  z.strictObject({
    kind: z.literal("fail"),
    ...order,
    error: z.enum(refusalNames).default("ServiceUnavailableException"),
  }),
  /** Answers late. */
  z.strictObject({ kind: z.literal("stall"), ...order, ms: z.number().int().min(1).max(600_000) }),
  /** Breaks the answer off in its middle. */
  z.strictObject({ kind: z.literal("cut"), ...order }),
]);

/** A fault as it is ordered: what has a default may be left out. */
export type Fault = z.input<typeof faultSchema>;
/** A fault as it befalls a call. */
export type OrderedFault = z.output<typeof faultSchema>;

/** The list of what is ordered to go wrong. */
export interface Faults {
  /** Adds one to those in force; of several for a call the first befalls it. At most 100. */
  add(fault: Fault): void;
  clear(): void;
  list(): readonly OrderedFault[];
  /** What befalls this call; it is counted. */
  next(modelId: string): OrderedFault | undefined;
}

interface Standing {
  readonly fault: OrderedFault;
  left: number;
  calls: number;
  second: number;
  inSecond: number;
}

const maxFaults = 100;

/** Makes an empty list. */
export function createFaults(now: () => number): Faults {
  let standing: Standing[] = [];

  function befalls(one: Standing, modelId: string): boolean {
    const { fault } = one;
    if (fault.modelId !== undefined && fault.modelId !== modelId) return false;
    if (fault.kind === "throttle" && fault.perSecond !== undefined && isLetThrough(one, fault.perSecond)) return false;
    one.calls += 1;
    return Math.floor(one.calls * fault.rate) > Math.floor((one.calls - 1) * fault.rate);
  }

  function isLetThrough(one: Standing, perSecond: number): boolean {
    const second = Math.floor(now() / 1_000);
    if (second !== one.second) one.inSecond = 0;
    one.second = second;
    one.inSecond += 1;
    return one.inSecond <= perSecond;
  }

  return {
    add: (ordered) => {
      const fault = faultSchema.parse(ordered);
      if (standing.length >= maxFaults) standing.shift();
      standing.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY, calls: 0, second: 0, inSecond: 0 });
    },
    clear: () => {
      standing = [];
    },
    list: () => standing.map(({ fault }) => fault),
    next: (modelId) => {
      const found = standing.find((one) => befalls(one, modelId));
      if (found === undefined) return undefined;
      found.left -= 1;
      if (found.left <= 0) standing = standing.filter((one) => one !== found);
      return found.fault;
    },
  };
}
