// A certificate for a server on loopback. It is signed by itself: browsers take it with --ignore-certificate-errors.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
// A server's, and no authority's: a verifier that knows the difference refuses one that is both.
const SERVER = ["-addext", "basicConstraints=critical,CA:FALSE"];
const NAMES = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", ...SERVER];

let made = null;

/** The certificate of this process, `{ key, cert }`, made when it is first asked for. */
export const certificate = () => (made ??= make());

function make() {
  const folder = mkdtempSync(join(tmpdir(), "kelp-certificate-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
  try {
    execFileSync("openssl", ["req", "-x509", ...CURVE, ...NAMES, "-keyout", key, "-out", cert], { stdio: ["ignore", "ignore", "pipe"] });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    throw new Error("there is no openssl, which HTTP/2 needs for a certificate: apt-get install openssl, or brew install openssl", { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
