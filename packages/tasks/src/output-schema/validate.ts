import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** What the validator says of one place in a value or a schema. */
export interface SchemaProblem {
  readonly path: string;
  readonly message: string;
}

/** More problems than these tell an agent nothing new. */
const maxProblems = 20;

/**
 * Holds a value against a JSON Schema (2020-12). Gives the problems, none where it fits. Without `value` only the schema
 * is looked at. A remote `$ref` is a problem of the schema: nothing is fetched.
 */
export function findSchemaProblems(schema: unknown, value?: { readonly value: unknown }): readonly SchemaProblem[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
  addFormats.default(ajv);
  try {
    const validate = ajv.compile(schema as object | boolean);
    // Ajv's own word, not JSON Schema's: such a validator gives a promise, which would pass for anything
    if ("$async" in validate) return [{ path: "outputSchema", message: "$async is not supported" }];
    if (value === undefined || validate(value.value) === true) return [];
    return (validate.errors ?? []).slice(0, maxProblems).map((error) => ({
      path: error.instancePath,
      message: `${error.message ?? error.keyword}${describeParams(error.params)}`,
    }));
  } catch (error) {
    return [{ path: "outputSchema", message: error instanceof Error ? error.message : String(error) }];
  }
}

function describeParams(params: Readonly<Record<string, unknown>>): string {
  const extra = params["additionalProperty"] ?? params["allowedValues"];
  return extra === undefined ? "" : `: ${JSON.stringify(extra)}`;
}
