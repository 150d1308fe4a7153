import type { Programs } from "./preflight.js";

declare const programs: Programs;
export default programs;
