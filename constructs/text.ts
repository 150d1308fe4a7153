/** Text on its way into Terraform. */
import { createHash } from "node:crypto";

/**
 * Escapes Terraform's template markers in text that is meant literally. Not idempotent: apply it once, where the text
 * enters an attribute.
 */
export const literal = (text: string): string => text.replaceAll("${", "$${").replaceAll("%{", "%%{");

/** Lower-case hex SHA-256; triggers are made of these. */
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
