import { assert } from "@devmesh/models";

/** Postgres: a payload is shorter than 8,000 bytes. */
const maxPayloadBytes = 7999;

/** Fails on a channel that is no plain name (it stands in statement text) or a payload that Postgres would refuse. */
export function assertNotification(channel: string, payload: string): void {
  assert(/^[a-z_][a-z0-9_]{0,62}$/.test(channel), `channel ${JSON.stringify(channel)} is no plain name`);
  const bytes = Buffer.byteLength(payload);
  assert(bytes <= maxPayloadBytes, `notification of ${bytes} bytes exceeds the limit of ${maxPayloadBytes}`);
}
