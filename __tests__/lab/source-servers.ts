/**
 * What artifacts come from in a datacenter, in one process: an HTTPS file server that redirects, and the tokens of a
 * registry. Arguments: the folder with certificates, the folder that is served, the address, NAME:PASSWORD of the login.
 */
import { createHash, sign } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import { join, normalize } from "node:path";

const [certificates = "", files = "", address = "", login = ""] = process.argv.slice(2);
const of = (name: string) => readFileSync(join(certificates, name), "utf8");
const serve = (port: number, listener: RequestListener) =>
  createServer({ cert: of("server.crt"), key: of("server.key") }, listener).listen(port, address, () =>
    console.log(`listens on ${port}`),
  );
const base64url = (text: string) => Buffer.from(text).toString("base64url");

/** https://distribution.github.io/distribution/spec/auth/jwt/ */
function token(service: string, scopes: readonly string[]): string {
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: "JWT", alg: "RS256", x5c: [of("token.crt").replace(/-----.*-----|\n/g, "")] };
  const access = scopes.map((scope) => {
    const [type, name, actions = ""] = scope.split(":");
    return { type, name, actions: actions.split(",") };
  });
  const jti = createHash("sha256").update(`${now} ${scopes}`).digest("hex");
  const claims = { iss: "lab", sub: "", aud: service, exp: now + 300, nbf: now - 10, iat: now, jti, access };
  const signed = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), of("token.key")).toString("base64url")}`;
}

serve(8443, ({ method, url = "", headers: { authorization } }, response) => {
  const { pathname, searchParams } = new URL(url, "https://here");
  if (pathname !== "/token") {
    response.writeHead(302, { location: `https://${address}:8444${pathname}` }).end();
    return;
  }
  // Newer engines first try OAuth 2, and are content with what every registry has.
  if (method !== "GET") {
    response.writeHead(405).end();
    return;
  }
  const scopes = searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
  const known = authorization === `Basic ${Buffer.from(login).toString("base64")}`;
  // Everybody may pull what is public; a login that is wrong is nobody's.
  const open =
    authorization === undefined &&
    scopes.length > 0 &&
    scopes.every((scope) => /^repository:public\/.*:pull$/.test(scope));
  if (!known && !open) {
    response.writeHead(401).end("{}");
    return;
  }
  response.end(JSON.stringify({ token: token(searchParams.get("service") ?? "", scopes) }));
});

serve(8444, ({ url = "" }, response) => {
  const path = join(files, normalize(decodeURIComponent(url)).replace(/^\/mirror/, ""));
  try {
    response.writeHead(200, { "content-length": statSync(path).size });
    createReadStream(path).pipe(response);
  } catch {
    response.writeHead(404).end();
  }
});
