import { hasScope, type Principal } from "@devmesh/auth";
import { AppError, type DeadLetter, nobodysTenant, parseId, type TenantId } from "@devmesh/models";
import type { DeadMessage } from "@devmesh/repositories";
import type { RouteDeps } from "../route-deps.ts";

/** Whose dead letters a caller sees: those of its tenant, and with `admin` the messages that belong to nobody. */
export function tenantsOf(principal: Principal): readonly TenantId[] {
  return hasScope(principal, "admin") ? [principal.tenantId, nobodysTenant] : [principal.tenantId];
}

/** The dead letter that a path names. @throws AppError `not_found` for what is no id. */
export function deadLetterIdOf(params: Readonly<Record<string, string>>): string {
  return parseId(params["id"] ?? "", "dead letter");
}

/** @throws AppError `not_found` for one that the caller does not see, and for a purged one. */
export async function findDeadLetter(
  { deadLetters }: Pick<RouteDeps, "deadLetters">,
  principal: Principal,
  id: string,
): Promise<{ readonly letter: DeadLetter; readonly payload: DeadMessage | undefined }> {
  const found = await deadLetters.find(tenantsOf(principal), id);
  if (found === undefined) throw new AppError("not_found", `no dead letter ${id}`);
  return found;
}
