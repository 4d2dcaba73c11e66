import { cohereV3, cohereV4 } from "./cohere.ts";
import { nova2 } from "./nova.ts";
import type { StandInModel } from "./stand-in-model.ts";
import { titanV1, titanV2 } from "./titan.ts";

/** All models that the stand-in embeds with, by id. */
export const standInModels: ReadonlyMap<string, StandInModel> = new Map(
  [titanV1, titanV2, ...cohereV3, cohereV4, nova2].map((model) => [model.id, model]),
);
