/** What `npm run reference` makes of the form of `scripts/plan --json`. */
import { z } from "zod";
import { planSchema } from "./json-schema.js";

export const planReference = (): Record<string, string> => ({
  "docs/schemas/plan.schema.json": `${JSON.stringify(z.toJSONSchema(planSchema), null, 2)}\n`,
});
