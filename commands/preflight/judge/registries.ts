/** Do the registries that images come from give them to the host? */
import type { Judgement } from "../checks.js";
import type { Facts } from "../facts.js";

export function judgeRegistries(host: string, facts: Facts): Judgement[] {
  const { "registry-refuses": refuses, "registry-silent": silent, "registry-login": unknown } = facts;
  return [
    ...answers(refuses, (registry, image, said) => ({
      check: "registry",
      found: `${registry} does not give root's docker ${image} (${said})`,
      needed: "the images of artifacts.lock.json, for the login that root has on the host",
      fix: `docker login ${registry} as root on ${host}; if that is done, the registry has lost the image: scripts/lock`,
    })),
    ...answers(silent, (registry, image, said) => ({
      check: "registry",
      found: `could not ask ${registry} for ${image} (${said})`,
      needed:
        "a host that reaches the registry, and trusts its certificate, unless the engine does so by a proxy of its own",
      fix: `let ${host} reach ${registry}, and see docs/sources.md for certificates`,
      warning: true,
    })),
    ...answers(unknown, (registry) => ({
      check: "registry",
      found: `${registry} asks who ${host} is, and root's docker has no login for it; there is no docker yet to ask for more`,
      needed: "a login of root's, unless the registry gives the images to everybody",
      fix: `put what docker login ${registry} writes to .docker/config.json in the home of root, or install docker and docker login ${registry} as root on ${host}`,
      warning: true,
    })),
  ];
}

function answers(fact: string | undefined, judge: (registry: string, image: string, said: string) => Judgement) {
  const [, registry, image = "", said = ""] = /^([^/ ]+)(?:\/(\S+) (.*))?$/.exec(fact ?? "") ?? [];
  return registry === undefined ? [] : [judge(registry, image, said.trim())];
}
