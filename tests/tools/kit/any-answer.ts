import fc from "fast-check";

const block = fc.record(
  {
    type: fc.constantFrom("text", "image", "resource", "resource_link", "video"),
    text: fc.jsonValue(),
    data: fc.jsonValue(),
    resource: fc.jsonValue(),
  },
  { requiredKeys: ["type"] },
);
const anyResult = fc.record(
  {
    resultType: fc.constantFrom("complete", "input_required", "task", 7),
    content: fc.oneof(fc.array(block), fc.jsonValue()),
    structuredContent: fc.jsonValue(),
    isError: fc.oneof(fc.boolean(), fc.jsonValue()),
    inputRequests: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const anyError = fc.record(
  { code: fc.oneof(fc.integer(), fc.jsonValue()), message: fc.jsonValue(), data: fc.jsonValue() },
  { requiredKeys: [] },
);
/** What a server may say under the id of a request, which is put in place of "$id". */
export const answerWithId: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({ jsonrpc: fc.constant("2.0"), id: fc.constant("$id"), result: fc.oneof(anyResult, fc.jsonValue()) }),
  fc.record({ jsonrpc: fc.constant("2.0"), id: fc.constant("$id"), error: fc.oneof(anyError, fc.jsonValue()) }),
  fc.record({ jsonrpc: fc.jsonValue(), id: fc.constant("$id"), result: fc.jsonValue(), error: fc.jsonValue() }),
);

/** The same, or anything else. */
export const anyAnswer: fc.Arbitrary<unknown> = fc.oneof(fc.jsonValue(), answerWithId);
