import { openSecretBox } from "@devmesh/gateway";
import { openPostgres, sealedSecrets } from "@devmesh/repositories";
import { resealSecrets } from "@devmesh/tools";
import { readResealEnv } from "./config.ts";

// usage: node dist/reseal-secrets.js
//   (DEVMESH_DATABASE_URL and DEVMESH_TOOL_SECRETS_KEY as the services have them)
// Seals with the first key every secret of a tool server that another one has sealed, and says how many. Ends with 1 where
// some could not be opened: those stay as they are.
try {
  const { databaseUrl, tools } = readResealEnv(process.env);
  await using database = openPostgres({ url: databaseUrl.reveal(), applicationName: "devmesh-reseal-secrets" });
  const box = await openSecretBox(tools);
  const { keyId, resealed, left, reasons } = await resealSecrets({ secrets: sealedSecrets(database), box });
  console.log(
    `${resealed} secrets were sealed anew with the key ${JSON.stringify(keyId)}, ${left} could not be opened`,
  );
  for (const reason of reasons) console.error(reason);
  if (left > 0) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
