import { AppError } from "@devmesh/models";
import { cohereEnglishV3 } from "./cohere-english-v3.ts";
import { cohereMultilingualV3 } from "./cohere-multilingual-v3.ts";
import { cohereV4 } from "./cohere-v4.ts";
import type { EmbeddingModel } from "./embedding-model.ts";
import { localFeatureHashing } from "./local-feature-hashing.ts";
import { nova2Multimodal } from "./nova-2-multimodal.ts";
import { titanV1 } from "./titan-v1.ts";
import { titanV2 } from "./titan-v2.ts";

/** The catalogue. A new model is a file beside this one, and its line here. */
export const allModels: readonly EmbeddingModel[] = [
  titanV1,
  titanV2,
  cohereEnglishV3,
  cohereMultilingualV3,
  cohereV4,
  nova2Multimodal,
  localFeatureHashing,
];

/** @throws AppError `invalid_argument` for an id that is not of the catalogue */
export function findModel(id: string): EmbeddingModel {
  const model = allModels.find((one) => one.id === id);
  if (model !== undefined) return model;
  const ids = allModels.map((one) => one.id).join(", ");
  throw new AppError("invalid_argument", `model ${JSON.stringify(id.slice(0, 128))} is unknown: there are ${ids}`);
}
