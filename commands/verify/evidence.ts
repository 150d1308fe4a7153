/** All that checks look at. */
import type { Inventory } from "../../cluster/inventory.js";
import type { OperatorCertificate } from "../shared/certificates.js";
import type { EventBusResult } from "./event-bus-test.js";
import type { NetworkResult } from "./network-result.js";
import type { Views } from "./sections.js";

export interface Evidence {
  readonly inventory: Inventory;
  readonly views: Views;
  /** When the hosts were asked, by this machine's clock. */
  readonly time: Date;
  /** With `security.dockerTls`: this machine's own certificate, where it has one. */
  readonly operator?: OperatorCertificate | undefined;
  /** Absent until the containers' network has been tested, and when it cannot be. */
  readonly network?: NetworkResult;
  /** Absent without `--vertx`. */
  readonly eventBus?: EventBusResult;
}
