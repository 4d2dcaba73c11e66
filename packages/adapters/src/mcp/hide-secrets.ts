import type { ToolSecrets } from "@devmesh/models";

/** A text without the secrets in it. */
export type HideSecrets = (text: string) => string;

/** Shorter ones stand in any text by chance. */
const minSecretLength = 4;
/** Of a secret of several words, such as `Bearer …`, also the words that are no everyday ones. */
const minWordLength = 8;

/** Makes what takes secrets out of texts of a server, for logs and errors: a program may print what it was started with. */
export function hideSecrets(secrets: ToolSecrets): HideSecrets {
  const values = [...secrets.values()].filter((value) => value.length >= minSecretLength);
  const words = values.flatMap((value) => value.split(/\s+/)).filter((word) => word.length >= minWordLength);
  // the longest first: a part would leave the rest of it
  const hidden = [...new Set([...values, ...words])].sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}
