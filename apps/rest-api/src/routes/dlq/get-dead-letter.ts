import type { TaskId, TenantId } from "@devmesh/models";
import { getTask } from "@devmesh/tasks";
import { cutPage } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  auditExample,
  deadLetterDetailSchema,
  deadLetterExample,
  deadLetterParams,
} from "../../schemas/dead-letter-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { deadLetterIdOf, findDeadLetter, tenantsOf } from "./dead-letter-view.ts";

const maxEvents = 1_000;
const maxAudit = 200;

/** `GET /dlq/{id}` */
export function getDeadLetter(deps: Pick<RouteDeps, "deadLetters" | "reads">): Route {
  return defineRoute({
    method: "get",
    path: "/dlq/{id}",
    operationId: "getDeadLetter",
    tag: "Dead letters",
    summary: "One dead letter with its payload and its whole history",
    description:
      "Of a task: the task with its input, its events and all its tries. Of a message: body and attributes. A redriven one is " +
      "answered too, a purged one is not.",
    scope: "dlq:read",
    params: deadLetterParams,
    success: {
      status: 200,
      description: "The dead letter.",
      data: deadLetterDetailSchema,
      example: { ...deadLetterExample, audit: [auditExample] },
    },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = deadLetterIdOf(params);
      const { letter, payload } = await findDeadLetter(deps, principal, id);
      const audit = await deps.deadLetters.audit(tenantsOf(principal), id, { limit: maxAudit, after: undefined });
      const history = letter.kind === "task" ? await findHistory(deps, principal.tenantId, id as TaskId) : payload;
      return { data: { ...letter, ...history, audit } };
    },
  });
}

async function findHistory(
  { deadLetters, reads }: Pick<RouteDeps, "deadLetters" | "reads">,
  tenantId: TenantId,
  taskId: TaskId,
): Promise<Readonly<Record<string, unknown>>> {
  const [task, found, assignments] = await Promise.all([
    getTask(reads, { tenantId, taskId }),
    reads.events(tenantId, taskId, 0, maxEvents + 1),
    deadLetters.assignments(tenantId, taskId),
  ]);
  const { items: events, nextCursor } = cutPage(found, { limit: maxEvents, cursorOf: ({ seq }) => String(seq) });
  return { task, events, hasMoreEvents: nextCursor !== undefined, assignments };
}
