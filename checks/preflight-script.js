// The text of the hosts' script, taken in by esbuild: the deploy's preflight is one file.
export { default } from "../scripts/host/preflight.sh" with { type: "text" };
