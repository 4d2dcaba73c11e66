import { type AgentId, AppError } from "@devmesh/models";

/**
 * Where a connection stands.
 *
 * | state | from | meaning |
 * |---|---|---|
 * | new | – | no HELLO yet |
 * | greeting | new | HELLO is being answered |
 * | greeted | greeting | WELCOME was sent, and no agent of this name is registered yet |
 * | registered | greeting, greeted | it is the connection of this agent |
 * | closed | any | nothing more is handled |
 */
export type ConnectionState =
  | { readonly kind: "new" }
  | { readonly kind: "greeting" }
  | { readonly kind: "greeted"; readonly agentName: string }
  | { readonly kind: "registered"; readonly agentName: string; readonly agentId: AgentId }
  | { readonly kind: "closed" };

export type WelcomedState = Extract<ConnectionState, { kind: "greeted" | "registered" }>;

/** True from WELCOME until the end. */
export function isWelcomed(state: ConnectionState): state is WelcomedState {
  return state.kind === "greeted" || state.kind === "registered";
}

/** @throws AppError `failed_precondition` for HELLO a second time. */
export function assertMayGreet(state: ConnectionState): void {
  if (state.kind === "new") return;
  throw new AppError("failed_precondition", "HELLO was said already");
}

/** @throws AppError `failed_precondition` before WELCOME. */
export function assertWelcomed(state: ConnectionState): WelcomedState {
  if (isWelcomed(state)) return state;
  throw new AppError("failed_precondition", "HELLO comes first");
}

/** The agent that speaks. @throws AppError `failed_precondition` before it is registered. */
export function assertRegistered(state: ConnectionState): Extract<ConnectionState, { kind: "registered" }> {
  if (state.kind === "registered") return state;
  throw new AppError("failed_precondition", "AGENT_REGISTER comes first: no agent of this name is registered");
}
