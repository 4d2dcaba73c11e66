import { z } from "zod";
import { type Faults, faultSchema } from "./faults.ts";
import { parseBody, parseJson } from "./parse-body.ts";
import { refusal } from "./refusal.ts";
import type { Tally } from "./tally.ts";

/** What the stand-in is told beside calls of models, by whoever tests against it. Nothing of it is signed. */
export const controlPrefix = "/_stand-in/";

const faultsSchema = z.strictObject({ faults: z.array(faultSchema).max(100) });

/** Answers `GET health`, `GET|DELETE calls`, and `GET|POST|DELETE faults`. @throws AppError for anything else. */
export function control(
  { method, path, body }: { readonly method: string; readonly path: string; readonly body: Uint8Array },
  { faults, tally }: { readonly faults: Faults; readonly tally: Tally },
): unknown {
  switch (`${method} ${path.slice(controlPrefix.length)}`) {
    case "GET health":
      return { status: "ok" };
    case "GET calls":
      return { models: tally.all() };
    case "DELETE calls":
      tally.reset();
      return {};
    case "GET faults":
      return { faults: faults.list() };
    case "POST faults":
      for (const fault of parseBody(faultsSchema, parseJson(body)).faults) faults.add(fault);
      return { faults: faults.list() };
    case "DELETE faults":
      faults.clear();
      return {};
    default:
      throw refusal("UnknownOperationException", `there is no ${method} ${path}`);
  }
}
