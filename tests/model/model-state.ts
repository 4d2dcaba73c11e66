/** A task as the model knows it. */
export interface ModelTask {
  readonly state: "queued" | "scheduled" | "assigned" | "running" | "completed" | "failed" | "cancelled";
  readonly fence: number;
  readonly counted: number;
  readonly uncounted: number;
  readonly rejectedBy: readonly number[];
  /** Agents that let it lie, with the time that is left until they may have it again; gone when the sweep has seen it. */
  readonly passedOver: Readonly<Record<number, number>>;
  /** Of a scheduled task: what is left until it is due. */
  readonly dueInMs: number;
  /** The fence of the try whose result is recorded; 0 without one. */
  readonly result: number;
}

/** One assignment. Its place in the list is its name in the model. */
export interface ModelTry {
  readonly task: number;
  readonly agent: number;
  readonly fence: number;
  readonly state: string;
  readonly wasAccepted: boolean;
  /** Taken by a claim; else it was pushed. */
  readonly wasClaimed: boolean;
  /** Of the accept window or the lease. */
  readonly leftMs: number;
}

/**
 * How an agent stands. Pushed to: `connected`, or `away` without a connection. Claiming: `present`, or `lapsed` when its
 * presence has ended. `gone`: deregistered, for good; what it held is released by a deed of its own.
 */
export type Standing = "connected" | "away" | "present" | "lapsed" | "gone";

/** Everything that the model knows. */
export interface ModelState {
  readonly tasks: readonly ModelTask[];
  readonly tries: readonly ModelTry[];
  readonly agents: readonly Standing[];
}

/** What can happen next. */
export type Deed =
  | { readonly kind: "assign" }
  | { readonly kind: "sweep" }
  | { readonly kind: "age" | "cancel"; readonly task: number }
  | { readonly kind: "disconnect" | "lapse" | "release"; readonly agent: number }
  | { readonly kind: Move | "claim"; readonly agent: number }
  | { readonly kind: "reclaim"; readonly try: number }
  | { readonly kind: "word"; readonly word: Word; readonly try: number; readonly fenceOff: number };

/** What an agent does about itself, or whoever ends it. To register is to claim from now on, to connect to be pushed to. */
export type Move = "connect" | "register" | "heartbeat" | "deregister";

/** Deeds that are answered. `reclaim` is the claim that made a try, with its key, once more. */
export type Asked = Extract<Deed, { kind: Move | "claim" | "reclaim" | "word" }>;

/** Deeds that are not. */
export type Happening = Exclude<Deed, Asked | { kind: "assign" }>;

/** What an agent may say of a try, at any time, again and too late. */
export type Word = "accept" | "progress" | "complete" | "fail" | "give_up" | "reject";

export const words: readonly Word[] = ["accept", "progress", "complete", "fail", "give_up", "reject"];
/** Of the engine under test; growing older by `ageMs` lets all of the others run out. */
export const times = { acceptMs: 10_000, leaseMs: 30_000, passOverMs: 30_000, retryMs: 10_000, ageMs: 40_000 };
export const maxAttempts = 2;
