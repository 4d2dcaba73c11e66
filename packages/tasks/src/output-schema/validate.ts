import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** What the validator says of one place in a value or a schema. */
export interface SchemaProblem {
  readonly path: string;
  readonly message: string;
}

/** More problems than these tell an agent nothing new. */
const maxProblems = 20;

/** A schema made ready: says what is wrong with a value, or, without one, with the schema. */
type Check = (value?: { readonly value: unknown }) => readonly SchemaProblem[];

/**
 * Holds values against JSON Schemas (2020-12), given as JSON text: the problems, none where it fits. Without `value` only
 * the schema is looked at. A remote `$ref` is a problem of the schema: nothing is fetched. The schemas used last stay
 * compiled, at most `maxCompiled`: tasks of one kind have the same.
 */
export function createSchemaValidator(
  maxCompiled: number,
): (schema: string, value?: { readonly value: unknown }) => readonly SchemaProblem[] {
  const compiled = new Map<string, Check>();
  return (schema, value) => {
    const check = compiled.get(schema) ?? compile(JSON.parse(schema));
    compiled.delete(schema);
    compiled.set(schema, check);
    const [oldest] = compiled.keys();
    if (compiled.size > maxCompiled && oldest !== undefined) compiled.delete(oldest);
    return check(value);
  };
}

function compile(schema: unknown): Check {
  // of its own alone: every object inherits a `constructor`, which no text has given it
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true, ownProperties: true });
  addFormats.default(ajv);
  try {
    const validate = ajv.compile(schema as object | boolean);
    // Ajv's own word, not JSON Schema's: such a validator gives a promise, which would pass for anything
    if ("$async" in validate) return () => [{ path: "", message: "$async is not supported" }];
    return (value) => (value === undefined || validate(value.value) === true ? [] : toProblems(validate.errors ?? []));
  } catch (error) {
    const problem = { path: "", message: error instanceof Error ? error.message : String(error) };
    return () => [problem];
  }
}

function toProblems(errors: readonly ErrorObject[]): readonly SchemaProblem[] {
  return errors.slice(0, maxProblems).map((error) => ({
    path: error.instancePath,
    message: `${error.message ?? error.keyword}${describeParams(error.params)}`,
  }));
}

function describeParams(params: Readonly<Record<string, unknown>>): string {
  const extra = params["additionalProperty"] ?? params["allowedValues"];
  return extra === undefined ? "" : `: ${JSON.stringify(extra)}`;
}
