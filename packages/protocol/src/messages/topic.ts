import { z } from "zod";

const segment = "[A-Za-z0-9_:/-]+";

/** A topic: segments of letters, digits and `_ : / -`, joined by dots; at most 256 characters. */
export const topicSchema = z
  .string()
  .max(256)
  .regex(new RegExp(`^${segment}(\\.${segment})*$`), "must be segments of letters, digits and _ : / - joined by dots");

/** A topic in which a segment may be `*` (any one) and the last may be `>` (the rest). */
export const topicPatternSchema = z
  .string()
  .max(256)
  .regex(
    new RegExp(`^(>|(${segment}|\\*)(\\.(${segment}|\\*))*(\\.>)?)$`),
    "must be segments joined by dots, * for one segment, > for the rest",
  );
