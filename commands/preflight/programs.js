// The texts of what runs on hosts, taken in by esbuild: the deploy's preflight is one file.
import facts from "../../scripts/host/probes/preflight-facts.sh" with { type: "text" };
import links from "../../scripts/host/probes/port-probe.pl" with { type: "text" };
import host from "../../scripts/host/probes/preflight.sh" with { type: "text" };

export default { host: `${facts}\n${host}`, links };
