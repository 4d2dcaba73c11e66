import { type AppError, toAppError } from "@devmesh/models";
import { errorResponse, httpStatusOf } from "@devmesh/runtime";

/** What a route answers with: `data` in the envelope, or a whole response where the body is no JSON. */
export interface Answer {
  readonly status?: 200 | 201 | 202;
  readonly data: unknown;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Reasons whose status HTTP names itself; their code is `invalid_argument`. */
const statusByReason: Readonly<Record<string, number>> = { method_not_allowed: 405, unsupported_media_type: 415 };

/** The status of an error of this API: that of its code, but for a wrong method and a wrong content type. */
function statusOf(error: AppError): number {
  const status = error.reason === undefined ? undefined : statusByReason[error.reason];
  return status ?? httpStatusOf(error);
}

/** `{"data": …, "meta"?: …}`. */
export function dataResponse({ status = 200, data, meta, headers = {} }: Answer): Response {
  return Response.json(meta === undefined ? { data } : { data, meta }, { status, headers });
}

/** `{"error": …}` of anything caught, with the headers that belong to its code. */
export function failureResponse(caught: unknown, requestId: string): Response {
  const error = toAppError(caught);
  const response = errorResponse(error, requestId);
  const status = statusOf(error);
  return status === response.status ? response : new Response(response.body, { status, headers: response.headers });
}
