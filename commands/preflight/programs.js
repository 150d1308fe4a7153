// The texts of what runs on hosts, taken in by esbuild: the deploy's preflight is one file.
import portProbe from "../../scripts/host/probes/port-probe.pl" with { type: "text" };
import host from "../../scripts/host/probes/preflight.sh" with { type: "text" };
import facts from "../../scripts/host/probes/preflight-facts.sh" with { type: "text" };
import names from "../../scripts/host/steps/names.sh" with { type: "text" };
import tls from "../../scripts/host/steps/tls.sh" with { type: "text" };

export default { host: [names, tls, facts, host].join("\n"), portProbe };
