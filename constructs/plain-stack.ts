/**
 * A stack in which every value is known when it is declared, but for those of an app that adds elements of its own.
 * cdktf's own stack is made for values of other stacks, or of a later time: it searches everything for them three times,
 * which takes most of the time that a large cluster needs.
 */
import {
  DefaultTokenResolver,
  StringConcat,
  TerraformBackend,
  TerraformElement,
  TerraformOutput,
  TerraformStack,
  Tokenization,
} from "cdktf";
import { Construct, Node } from "constructs";

export type Json = Record<string, unknown>;

/** What Terraform has and cdktf has no construct for. */
export class Block extends TerraformElement {
  public constructor(
    scope: Construct,
    id: string,
    private readonly content: Json,
  ) {
    super(scope, id);
  }

  public override toTerraform(): Json {
    return this.content;
  }
}

/** A scope that its elements' addresses do not name: for things that are called as a user likes. */
export class Unnamed extends Construct {}

export class PlainStack extends TerraformStack {
  /**
   * Addresses that an operator can read: `null_resource.h1_consul_start`. No two elements can get the same one, since
   * host names and ids hold no underscore.
   */
  protected override allocateLogicalId(element: TerraformElement | Node): string {
    const node = element instanceof Node ? element : element.node;
    return node.scopes
      .slice(this.node.scopes.length)
      .filter((scope) => !(scope instanceof Unnamed))
      .map(({ node: { id } }) => id)
      .join("_");
  }

  /** Values of other stacks become outputs there, where there are other stacks. */
  public override prepareStack(): void {
    if (this.node.root.node.findAll().filter(TerraformStack.isStack).length > 1) {
      super.prepareStack();
    }
  }

  /** What the elements say, put together as it stands. */
  public override toTerraform(): Json {
    const elements = this.node.findAll().filter(TerraformElement.isTerraformElement);
    const stack = this.description(elements);
    for (const element of elements) {
      merge(stack, element.toTerraform());
    }
    for (const resources of Object.values((stack.resource ?? {}) as Record<string, Record<string, Json>>)) {
      for (const resource of Object.values(resources)) {
        // The construct's path: the resource's address says the same.
        delete resource["//"];
        const { provisioner } = resource;
        if (Array.isArray(provisioner) && provisioner.length === 1) {
          resource.provisioner = provisioner[0];
        }
      }
    }
    return hasTokens(stack) ? resolved(this, stack) : stack;
  }

  /** What cdktf's command line reads. */
  private description(elements: readonly TerraformElement[]): Json {
    const outputs = elements.filter(TerraformOutput.isTerraformOutput).map(({ node: { id } }) => [id, id]);
    return {
      "//": {
        metadata: {
          backend: elements.find(TerraformBackend.isBackend)?.toMetadata().backend,
          stackName: this.node.id,
          version: this.node.tryGetContext("cdktfVersion"),
        },
        outputs: { [this.node.id]: Object.fromEntries(outputs) },
      },
    };
  }
}

/** cdktf's forms of values that are not known yet: in a text, instead of a number, and as an object. */
const hasTokens = (stack: Json): boolean =>
  /TfToken\[|-1\.88815\d+e\+289|<unresolved-token>/.test(JSON.stringify(stack));

const resolved = (scope: Construct, stack: Json): Json =>
  Tokenization.resolve(stack, { scope, preparing: false, resolver: new DefaultTokenResolver(new StringConcat()) });

const isMapping = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Mappings become one, lists are joined, and of other values the last one counts. */
function merge(into: Json, from: Json): void {
  for (const [key, value] of Object.entries(from)) {
    const known = into[key];
    if (isMapping(known) && isMapping(value)) {
      merge(known, value);
    } else if (Array.isArray(known) && Array.isArray(value)) {
      into[key] = [...known, ...value];
    } else {
      into[key] = value;
    }
  }
}
