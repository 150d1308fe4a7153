/** What is equal on many hosts stands in the stack once: the JSON is read by people, and grows with every host. */
import { TerraformLocal, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import { Unnamed } from "./plain-stack.js";

/** A stack's own values. */
class WrittenOnce extends Unnamed {
  private readonly values = new Map<string, string>();

  public add(id: string, value: string): void {
    const known = this.values.get(id);
    if (known === undefined) {
      new TerraformLocal(this, id, value);
      this.values.set(id, value);
    } else if (known !== value) {
      throw new Error(`local.${id} is ${known} already, not ${value}`);
    }
  }
}

/** No host, and nothing that an app adds, has an id with an underscore. */
const scopeId = "written_once";

/** A local value of the stack's, declared when it is first asked for; what refers to it. `id` holds an underscore. */
export function once(scope: Construct, id: string, value: string): string {
  const stack = TerraformStack.of(scope);
  const values = (stack.node.tryFindChild(scopeId) as WrittenOnce | undefined) ?? new WrittenOnce(stack, scopeId);
  values.add(id, value);
  return `\${local.${id}}`;
}
