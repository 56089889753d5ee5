// A self-signed certificate for servers on loopback. Browsers accept it with --ignore-certificate-errors.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
// A certificate of a server, not of an authority: some verifiers refuse one that is both.
const SERVER = ["-addext", "basicConstraints=critical,CA:FALSE"];
const NAMES = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", ...SERVER];

let made = null;

/** The certificate of this process, `{ key, cert }`, created at the first call. */
export const certificate = () => (made ??= make());

function make() {
  const folder = mkdtempSync(join(tmpdir(), "kelp-certificate-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
  try {
    execFileSync("openssl", ["req", "-x509", ...CURVE, ...NAMES, "-keyout", key, "-out", cert], { stdio: ["ignore", "ignore", "pipe"] });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    throw new Error("HTTP/2 needs a certificate, and openssl is not installed: apt-get install openssl, or brew install openssl", { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
