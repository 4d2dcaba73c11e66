import type { EnvReader } from "./env-reader.ts";

/** What the environment says of S3, typed. */
export interface ObjectsEnv {
  readonly contextsBucket: string | undefined;
  readonly objectsRegion: string;
  readonly objectsEndpoint: string | undefined;
  readonly publicObjectsEndpoint: string | undefined;
}

/** Where contexts and imports are kept. */
export interface ObjectsConfig {
  readonly bucket: string;
  readonly region: string;
  /** A stand-in's; the bucket is made there if need be. */
  readonly endpoint: string | undefined;
  /** Where those who get presigned URLs reach it, if not at `endpoint`. */
  readonly publicEndpoint: string | undefined;
}

/** The bucket's name at a stand-in, where none is given. */
const defaultBucket = "devmesh-contexts";
const http = { protocols: ["http", "https"] };

/** Reads the variables of S3. The caller calls {@link EnvReader.done}. */
export function readObjectsEnv(reader: EnvReader): ObjectsEnv {
  const raw = {
    contextsBucket: reader.string("DEVMESH_CONTEXTS_BUCKET", undefined, { minLength: 3, maxLength: 63 }),
    objectsRegion: reader.string("AWS_REGION", undefined) ?? reader.string("AWS_DEFAULT_REGION", "us-east-1"),
    objectsEndpoint: reader.url("DEVMESH_AWS_ENDPOINT", undefined, http),
    publicObjectsEndpoint: reader.url("DEVMESH_CONTEXTS_PUBLIC_ENDPOINT", undefined, http),
  };
  if (raw.contextsBucket !== undefined && !/^[a-z0-9][a-z0-9.-]*[a-z0-9]$/.test(raw.contextsBucket)) {
    reader.refuse("DEVMESH_CONTEXTS_BUCKET", `${JSON.stringify(raw.contextsBucket)} is no name of a bucket`);
  }
  return raw;
}

/** Undefined where neither a bucket nor a stand-in is named: there are no contexts then. */
export function toObjectsConfig(raw: ObjectsEnv): ObjectsConfig | undefined {
  const { contextsBucket, objectsRegion: region, objectsEndpoint: endpoint } = raw;
  if (contextsBucket === undefined && endpoint === undefined) return undefined;
  return { bucket: contextsBucket ?? defaultBucket, region, endpoint, publicEndpoint: raw.publicObjectsEndpoint };
}
