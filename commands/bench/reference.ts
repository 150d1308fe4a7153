/** What `npm run reference` makes of the form of `scripts/bench --json`. */
import { z } from "zod";
import { benchSchema } from "./json-schema.js";

export const benchReference = (): Record<string, string> => ({
  "docs/schemas/bench.schema.json": `${JSON.stringify(z.toJSONSchema(benchSchema), null, 2)}\n`,
});
